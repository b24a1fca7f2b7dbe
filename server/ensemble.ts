/**
 * A server of an ensemble: introduces the rooms to one another and holds them through its life.
 *
 *     recovering ─▶ running: terms come and go (zab/peer.ts) ─▶ stopping ─▶ stopped
 *          └─────────────────────┴───────────────────────────────┴─▶ failed
 *
 * Ports, replica and peer live as long as the process; what serves clients lives for a term
 * (serving.ts). While nobody leads, clients wait a while, and those who asked for it may read.
 */

import { ensembleText, type Member } from "../protocol/ensemble.ts";
import type { Host, HostError, ListenAddress, Timer } from "../protocol/host.ts";
import { makeZxid, type Zxid, zxidHex } from "../protocol/zxid.ts";
import { Summary } from "./admin/summary.ts";
import { introduceClientPort } from "./client-side.ts";
import type { ServerConfig } from "./config/config.ts";
import type { EnsembleSettings } from "./config/ensemble.ts";
import { EnsembleStatus } from "./ensemble-status.ts";
import type { Logger } from "./log.ts";
import type { ClientPort } from "./net/client-port.ts";
import { ElectionPort } from "./net/election-port.ts";
import { listenAddresses } from "./net/listening.ts";
import { QuorumPort } from "./net/quorum-port.ts";
import { openReplica } from "./open-replica.ts";
import { PipelineStats } from "./pipeline/stats.ts";
import type { StoredReplica } from "./replica/replica.ts";
import {
  type AnyServer,
  ExitCode,
  logSnapshot,
  refusalOf,
  type ServerEvents,
} from "./server-face.ts";
import { ServerView } from "./server-view.ts";
import { Serving, type ServingRole } from "./serving.ts";
import { SessionIds } from "./session/session-ids.ts";
import { DirectorySizes } from "./storage/directory-sizes.ts";
import type { SnapshotReport } from "./storage/snapshot-writer.ts";
import type { DataTree } from "./tree/data-tree.ts";
import type { LeaderService, LearnerService } from "./zab/effects.ts";
import { Peer, type Role } from "./zab/peer.ts";
import { QuorumVerifier } from "./zab/quorum-verifier.ts";

/** Who has had no leader for so long is cut off, not between two (quorum-protocol 11.3). */
const READ_ONLY_AFTER_MS = 2000;
const REQUEST_LOST = "the leader has left out a request that this server forwarded";

type State = "starting" | "running" | "stopping" | "stopped" | "failed";

export class EnsembleServer implements AnyServer {
  readonly #host: Host;
  readonly #config: ServerConfig;
  readonly #settings: EnsembleSettings;
  readonly #log: Logger;
  readonly #events: ServerEvents;
  #state: State = "starting";
  #parts: Parts | undefined;
  /** Of the term that is served. */
  #serving: Serving | undefined;
  /** For the peer's next moment, and when that is. */
  #timer: Timer | undefined;
  #armedForMs = Number.POSITIVE_INFINITY;
  #readOnlyTimer: Timer | undefined;
  /** It was told to stop, and its clients have been answered. */
  #isDismissed = false;

  constructor(
    host: Host,
    config: ServerConfig,
    settings: EnsembleSettings,
    log: Logger,
    events: ServerEvents,
  ) {
    this.#host = host;
    this.#config = config;
    this.#settings = settings;
    this.#log = log;
    this.#events = events;
    let replica: StoredReplica;
    try {
      replica = openReplica(host, config, settings, log, {
        logged: (zxid) => this.#logged(zxid),
        diverged: () => {
          this.#parts?.view.digestMismatched();
          this.#parts?.peer.diverged();
        },
        snapshotTaken: (report) => this.#snapshotTaken(report),
        failed: (exitCode, message) => this.#fail(exitCode, message),
      });
    } catch (error) {
      const { exitCode, message } = refusalOf(error);
      this.#fail(exitCode, message);
      return;
    }
    const parts = this.#introduce(replica);
    this.#parts = parts;
    replica.open(() => this.#open(parts));
  }

  get tree(): DataTree | undefined {
    return this.#parts?.replica.tree;
  }

  get view(): ServerView | undefined {
    return this.#parts?.view;
  }

  get role(): Role {
    return this.#parts?.peer.role ?? "looking";
  }

  get isServing(): boolean {
    return this.#state === "running" && this.#serving !== undefined && this.role !== "looking";
  }

  takeSnapshot(): boolean {
    return this.#state === "running" && this.#parts?.replica.takeSnapshot() === true;
  }

  expireSession(sessionId: bigint): boolean {
    return this.isServing && this.#serving?.expireSession(sessionId) === true;
  }

  stop(): void {
    const parts = this.#parts;
    if (parts === undefined || (this.#state !== "starting" && this.#state !== "running")) return;
    this.#state = "stopping";
    const serving = this.#serving;
    serving?.rest();
    parts.port.stopAccepting(() => {
      parts.port.hold();
      if (serving === undefined || this.#serving !== serving) this.#dismiss(parts);
      else serving.pipeline.whenIdle(() => this.#dismiss(parts));
    });
  }

  /** Its clients have their answers: the term may end, or no other begins. */
  #dismiss(parts: Parts): void {
    if (this.#isDismissed) return;
    this.#isDismissed = true;
    parts.peer.stop(() => {
      parts.port.close();
      parts.election.close();
      // The replies leave at the end of this turn, and the connections with them.
      this.#host.clock.endOfTurn(() => {
        parts.replica.close(() => {
          if (this.#state !== "stopping") return;
          this.#state = "stopped";
          this.#events.stopped();
        });
      });
    });
  }

  #introduce(replica: StoredReplica): Parts {
    const host = this.#host;
    const config = this.#config;
    const settings = this.#settings;
    const { clock, network } = host;
    const stats = new PipelineStats(() => new Summary());
    const fsyncTime = new Summary();
    const snapshotTime = new Summary();
    const { tickTimeMs } = config;
    const { sid, initLimitTicks, syncLimitTicks } = settings;
    const port = introduceClientPort(host, config, this.#log, stats, {
      heldTimeoutMs: (syncLimitTicks + 2) * tickTimeMs,
      view: () => view,
    });
    const status: EnsembleStatus = new EnsembleStatus({
      clock,
      settings,
      stats,
      peer: () => peer,
      serving: () => this.#serving,
    });
    const view: ServerView = new ServerView(host, config, {
      get tree() {
        return replica.tree;
      },
      port,
      stats,
      fsyncTime,
      snapshotTime,
      digestMismatches: replica.report.digestMismatches.length,
      directorySizes: new DirectorySizes(host.disk, clock, replica.directories),
      serverId: sid,
      ensemble: status,
    });
    const quorumPort = new QuorumPort(
      clock,
      network,
      {
        listenAt: this.#listenAt(({ quorumPort: number }) => number),
        dataMax: config.maxBufferBytes + config.maxBufferExtraBytes,
        firstPacketMs: initLimitTicks * tickTimeMs,
        dialPauseMs: settings.leaderRetryDelayMs,
      },
      (reason, details) => this.#log.warn(details, `quorum port: ${reason}`),
    );
    const members = [...settings.config.members.values()];
    const addresses = new Map(
      members.map((member) => [
        member.sid,
        member.addresses.map(({ host: name, electionPort }) => ({
          host: name,
          port: electionPort,
        })),
      ]),
    );
    const election = new ElectionPort(
      clock,
      network,
      {
        sid,
        listenAt: this.#listenAt(({ electionPort }) => electionPort),
        listenTriesMax: settings.electionBindRetries || Number.POSITIVE_INFINITY,
        ownAddresses: addresses.get(sid) ?? [],
        members: addresses,
        connectTimeoutMs: settings.electionConnectTimeoutMs,
        handshakeTimeoutMs: settings.electionReadTimeoutMs ?? syncLimitTicks * tickTimeMs,
        keepAlive: settings.tcpKeepAlive,
      },
      {
        received: (from, notification) => peer.heard(from, notification),
        answerTo: (to) => peer.election.answerTo(to),
        changed: () => peer.linksChanged(),
        report: (reason, details) => this.#log.warn(details, `election port: ${reason}`),
      },
    );
    const peer: Peer = new Peer(
      {
        sid,
        verifier: new QuorumVerifier(settings.config),
        configText: ensembleText(settings.config),
        tickMs: tickTimeMs,
        initLimitTicks,
        syncLimitTicks,
        epochLimitTicks: (settings.epochLimitMs ?? initLimitTicks * tickTimeMs) / tickTimeMs,
        connectLimitMs: (settings.connectLimitTicks ?? initLimitTicks) * tickTimeMs,
        minNotificationMs: settings.minNotificationMs,
        maxNotificationMs: settings.maxNotificationMs,
        observerDelayMs: settings.observerElectionDelayMs + settings.observerReconnectDelayMs,
        forceSnapshotSync: settings.forceSnapSync,
        maxConcurrentSnapSyncs: settings.maxSnapSyncs,
        maxConcurrentDiffSyncs: settings.maxDiffSyncs,
        allowUnlistedObservers: settings.allowUnlistedObservers,
      },
      {
        replica,
        links: election,
        log: this.#log,
        nowMs: () => clock.nowMs(),
        fraction: () => host.random.fraction(),
        openPort: (accept) => {
          quorumPort.open(accept, (error) => this.#quorumPortOpened(error));
        },
        closePort: () => quorumPort.close(),
        dial: (to, limitMs, opened, failed) => {
          const targets = settings.config.members.get(to)?.addresses ?? [];
          const at = targets.map(({ host: name, quorumPort: number }) => ({
            host: name,
            port: number,
          }));
          quorumPort.dial(at, limitMs, opened, failed);
        },
        hangUp: () => quorumPort.hangUp(),
        lead: (office) => this.#lead({ kind: "leader", sid, txnLog: replica.log, office }),
        follow: (access, epoch) => {
          replica.tree.epochZxid = makeZxid(epoch, 0);
          return this.#follow({
            kind: peer.role === "observing" ? "observer" : "follower",
            access,
            window: replica.window,
            onDigestMismatch: (zxid: Zxid) => replica.digestMismatch(zxid),
            // Whoever notices is in the midst of applying what is settled.
            onRequestLost: () => clock.endOfTurn(() => peer.learner?.leave(REQUEST_LOST)),
          });
        },
        endService: () => this.#endService(),
        changed: () => this.#changed(),
        fail: (exitCode, message) => this.#fail(exitCode, message),
      },
    );
    const sessionIds = new SessionIds(clock, sid);
    return {
      replica,
      port,
      view,
      stats,
      quorumPort,
      election,
      peer,
      sessionIds,
      status,
      fsyncTime,
      snapshotTime,
    };
  }

  #listenAt(portOf: (address: Member["addresses"][number]) => number): readonly ListenAddress[] {
    const { sid, config, listenOnAllAddresses } = this.#settings;
    const own = config.members.get(sid)?.addresses ?? [];
    const addresses = own.map((address) => ({ host: address.host, port: portOf(address) }));
    return listenAddresses(addresses, listenOnAllAddresses);
  }

  #open(parts: Parts): void {
    if (this.#state === "stopping") {
      // Told to stop meanwhile: the peer ends once it has settled.
      parts.peer.start();
      return;
    }
    if (this.#state !== "starting") return;
    parts.election.open((error) => {
      if (error === undefined || this.#state === "stopped") return;
      this.#fail(ExitCode.electionPort, `cannot listen on the election port: ${error.message}`);
    });
    parts.port.open((error, port) => {
      if (error !== undefined) {
        const { clientPort } = this.#config;
        this.#fail(ExitCode.unexpected, `cannot listen on port ${clientPort}: ${error.message}`);
        return;
      }
      parts.view.listensOn(port);
      this.#events.ready(port);
    });
    this.#state = "running";
    parts.peer.start();
  }

  #quorumPortOpened(error: HostError | undefined): void {
    if (error === undefined) return;
    this.#log.error({}, `cannot listen on the quorum port: ${error.message}`);
    this.#parts?.peer.leader?.resign("its quorum port cannot be opened");
  }

  // Terms

  #lead(role: ServingRole): LeaderService {
    const { leaderService } = this.#serve(role);
    if (leaderService === undefined) throw new Error("a leader serves its learners");
    return leaderService;
  }

  #follow(role: ServingRole): LearnerService {
    const { learnerService } = this.#serve(role);
    if (learnerService === undefined) throw new Error("a learner hears its leader");
    return learnerService;
  }

  #serve(role: ServingRole): Serving {
    const parts = this.#parts;
    if (parts === undefined) throw new Error("nobody serves before there is anything to serve");
    this.#endService();
    const { clock, random } = this.#host;
    const { replica, port, stats, sessionIds, view } = parts;
    const serving = new Serving(
      {
        clock,
        random,
        config: this.#config,
        log: this.#log,
        tree: replica.tree,
        port,
        stats,
        sessionIds,
      },
      role,
    );
    this.#serving = serving;
    if (role.kind !== "read-only") replica.applier = serving;
    // In a turn of its own: whoever is called here has just taken office.
    clock.endOfTurn(() => {
      if (this.#serving !== serving || this.#state !== "running") return;
      if (serving.servesClients) view.startServing(serving);
      serving.start();
      this.#log.info({ role: role.kind, zxid: zxidHex(replica.lastZxid) }, "serving clients");
    });
    return serving;
  }

  #endService(): void {
    const parts = this.#parts;
    const serving = this.#serving;
    if (parts === undefined || serving === undefined) return;
    this.#serving = undefined;
    parts.view.stopServing();
    parts.replica.applier = undefined;
    serving.stop();
    if (this.#state === "stopping") this.#dismiss(parts);
  }

  /** Without a leader for a while: who asked for it may read what is here. */
  #considerReadOnly(parts: Parts): void {
    if (!this.#settings.readOnlyModeEnabled || this.#state !== "running") return;
    if (parts.peer.role !== "looking") {
      this.#readOnlyTimer?.cancel();
      this.#readOnlyTimer = undefined;
      if (this.#serving?.mode === "read-only") this.#endService();
      return;
    }
    if (this.#readOnlyTimer !== undefined || this.#serving !== undefined) return;
    const waitMs = Math.max(READ_ONLY_AFTER_MS, this.#config.tickTimeMs);
    this.#readOnlyTimer = this.#host.clock.after(waitMs, () => {
      this.#readOnlyTimer = undefined;
      if (this.#state !== "running" || !parts.peer.isLooking) return;
      this.#log.warn({}, "no leader: clients that asked for it may read what is here");
      this.#serve({ kind: "read-only" });
    });
  }

  #logged(zxid: Zxid): void {
    const parts = this.#parts;
    if (parts === undefined) return;
    parts.fsyncTime.add(parts.replica.log.lastSyncMs);
    parts.peer.logged(zxid);
  }

  #snapshotTaken(report: SnapshotReport): void {
    this.#parts?.snapshotTime.add(report.elapsedMs);
    logSnapshot(this.#log, report);
    this.#events.snapshotTaken?.(report);
  }

  // The peer's moments

  #changed(): void {
    const parts = this.#parts;
    if (parts === undefined) return;
    parts.status.look();
    this.#considerReadOnly(parts);
    this.#arm(parts);
  }

  #arm({ peer }: Parts): void {
    const atMs = peer.wakeAtMs;
    if (atMs === this.#armedForMs && this.#timer !== undefined) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armedForMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY || this.#state === "failed") return;
    const { clock } = this.#host;
    const waitMs = Math.max(0, Math.ceil(atMs - clock.nowMs()));
    // A process that stood still finds its moment passed and words waiting in its sockets: those
    // are heard first.
    this.#timer = clock.after(waitMs, () => clock.endOfTurn(this.#tick));
  }

  readonly #tick = (): void => {
    this.#timer = undefined;
    const parts = this.#parts;
    if (parts === undefined || this.#state === "failed" || this.#state === "stopped") return;
    parts.peer.tick();
    this.#arm(parts);
  };

  #fail(exitCode: number, message: string): void {
    if (this.#state === "failed" || this.#state === "stopped") return;
    this.#state = "failed";
    this.#timer?.cancel();
    this.#readOnlyTimer?.cancel();
    const parts = this.#parts;
    if (parts !== undefined) {
      this.#serving?.rest();
      parts.quorumPort.close();
      parts.election.close();
      parts.port.stopAccepting(() => parts.port.abort());
    }
    this.#events.failed({ exitCode, message });
  }
}

/** What a server of an ensemble consists of, whatever its role. */
interface Parts {
  readonly replica: StoredReplica;
  readonly port: ClientPort;
  readonly view: ServerView;
  readonly stats: PipelineStats<Summary>;
  readonly quorumPort: QuorumPort;
  readonly election: ElectionPort;
  readonly peer: Peer;
  readonly sessionIds: SessionIds;
  readonly status: EnsembleStatus;
  readonly fsyncTime: Summary;
  readonly snapshotTime: Summary;
}
