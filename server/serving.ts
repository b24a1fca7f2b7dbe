/**
 * What serves clients for one term: of a leader, of a learner, without a quorum, or of a server
 * that stands alone, whose only term is its life.
 *
 *     made ──start──▶ serving: the port has it ──stop──▶ over: every connection is closed
 *                                      └──rest──▶ serves on, makes no txns unasked (on the way out)
 *
 * The port, the tree, the log and the links live longer and are brought in from around it.
 */
import type { Clock, Random } from "../protocol/host.ts";
import {
  bigIntHighWord,
  bigIntLowWord,
  makeZxid,
  type Zxid,
  zxidCounter,
  zxidEpoch,
} from "../protocol/zxid.ts";
import type { ServerMode } from "./admin/source.ts";
import type { ServerConfig } from "./config/config.ts";
import type { Logger } from "./log.ts";
import type { ClientPort } from "./net/client-port.ts";
import { BroadcastLog, type ProposalSizes } from "./pipeline/broadcast-log.ts";
import { ForwardingProposer } from "./pipeline/forwarding-proposer.ts";
import { LeaderDesk } from "./pipeline/leader-desk.ts";
import { type DurableLog, LocalProposer } from "./pipeline/local-proposer.ts";
import { Pipeline, type PipelineOptions } from "./pipeline/pipeline.ts";
import type { DurableBatch, Proposer } from "./pipeline/proposer.ts";
import { QuotaOverseer } from "./pipeline/quota-overseer.ts";
import { ReadOnlyProposer } from "./pipeline/read-only-proposer.ts";
import { Reaper } from "./pipeline/reaper.ts";
import { RequestThrottle } from "./pipeline/request-throttle.ts";
import type { Requester } from "./pipeline/requester.ts";
import { SequenceWarning } from "./pipeline/sequence-warning.ts";
import type { Adding, PipelineStats } from "./pipeline/stats.ts";
import { LearnerSessions } from "./session/learner-sessions.ts";
import { LocalSessions } from "./session/local-sessions.ts";
import type { SessionIds } from "./session/session-ids.ts";
import { type SessionRoom, Sessions } from "./session/sessions.ts";
import type { DataTree } from "./tree/data-tree.ts";
import type { LeaderAccess, LeaderOffice, LeaderService, LearnerService } from "./zab/effects.ts";
import type { TxnWindow } from "./zab/txn-window.ts";

/** What lives longer than a term. */
export interface ServingParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly config: ServerConfig;
  readonly log: Logger;
  /** As it is when the term begins; a term does not outlive it. */
  readonly tree: DataTree;
  readonly port: ClientPort;
  readonly stats: PipelineStats<Adding>;
  readonly sessionIds: SessionIds;
}

/** Where a term's txns come from. */
export type ServingRole =
  | { readonly kind: "standalone"; readonly txnLog: DurableLog }
  | {
      readonly kind: "leader";
      /** This server's. */
      readonly sid: number;
      readonly txnLog: DurableLog;
      readonly office: LeaderOffice;
    }
  | {
      readonly kind: "follower" | "observer";
      readonly access: LeaderAccess;
      readonly window: TxnWindow;
      /** The tree here is not what the leader's txn says. */
      readonly onDigestMismatch: (zxid: Zxid) => void;
      /** The leader made no txn of a request: the term has to end (pipeline/in-flight.ts). */
      readonly onRequestLost: () => void;
    }
  | { readonly kind: "read-only" };

/** A standalone server's number among owners of sessions. */
const STANDALONE_ID = 1;
/** Of sessions that no server but this one speaks for. */
const LOCAL_OWNER = 0;
const CXIDS = 0x1_0000_0000;
/** What a session's id carries of its server's number. */
const SID_MASK = 0xff;
/** A forwarded record is at most a frame, and what frames are read into has room for two. */
const RECORDS_PER_FRAME = 2;

export class Serving {
  readonly mode: ServerMode;
  readonly pipeline: Pipeline;
  /** Of a leader: what its learners ask of it. */
  readonly leaderService: LeaderService | undefined;
  /** Of a learner: what its leader answers. */
  readonly learnerService: LearnerService | undefined;
  /** Where sessions expire: a leader, or who stands alone. */
  readonly tracker: Sessions<Requester> | undefined;
  /** Sessions that this server alone knows, where there may be such. */
  localTracker: Sessions<Requester> | undefined;
  /** Of a leader. */
  proposalSizes: ProposalSizes | undefined;
  readonly #parts: ServingParts;
  readonly #proposer: Proposer;
  readonly #quotas: QuotaOverseer;
  readonly #reaper: Reaper | undefined;
  #isOver = false;

  constructor(parts: ServingParts, role: ServingRole) {
    this.#parts = parts;
    this.mode = role.kind;
    const { clock, tree, config, log } = parts;
    let sessions: SessionRoom<Requester>;
    switch (role.kind) {
      case "standalone":
      case "leader": {
        const local = this.#localProposer(role);
        const tracker = this.#tracker(role.kind === "leader" ? role.sid : STANDALONE_ID, local);
        const isLocalEnabled = config.ensemble?.localSessionsEnabled === true;
        const localSessionsOf =
          role.kind === "leader" && isLocalEnabled ? role.sid & SID_MASK : undefined;
        const recordBytesMax = config.maxBufferBytes * RECORDS_PER_FRAME;
        this.#proposer = local;
        this.#reaper = this.#introduceReaper(local);
        this.tracker = tracker;
        this.leaderService =
          role.kind === "leader"
            ? new LeaderDesk(local, tracker, parts.stats, recordBytesMax, localSessionsOf)
            : undefined;
        sessions = role.kind === "leader" ? this.#withLocal(tracker) : tracker;
        break;
      }
      case "follower":
      case "observer": {
        const local = this.#learnerSessions();
        this.#proposer = new ForwardingProposer(
          role.access,
          Math.floor(parts.random.fraction() * CXIDS),
        );
        this.learnerService = {
          revalidated: (high, low, isValid) => this.pipeline.revalidated(high, low, isValid),
          synced: () => this.pipeline.synced(role.window.committedZxid),
          takeTouched: (out) => local.takeTouched(out),
        };
        sessions = this.#withLocal(local);
        break;
      }
      case "read-only":
        this.#proposer = new ReadOnlyProposer();
        this.localTracker = this.#introduceLocalTracker();
        sessions = new LocalSessions(this.localTracker, this.#learnerSessions());
    }
    const localSessionsUpgrading = config.ensemble?.localSessionsUpgradingEnabled === true;
    const options = {
      ...config,
      ...("onDigestMismatch" in role ? faultsOf(role) : {}),
      localSessionsUpgrading,
    };
    this.pipeline = new Pipeline(clock, tree, sessions, this.#proposer, parts.stats, options);
    if (this.#proposer instanceof LocalProposer) {
      const { pipeline } = this;
      this.#proposer.onSynced = () => pipeline.synced(0);
    }
    this.#quotas = new QuotaOverseer(clock, tree.quotas, log.warn.bind(log));
  }

  /** False: a leader leaves them to the others (`leaderServes=no`). */
  get servesClients(): boolean {
    return this.mode !== "leader" || this.#parts.config.ensemble?.leaderServes !== false;
  }

  /** Clients are served from now on, those first who came before. */
  start(): void {
    const { port, clock, config } = this.#parts;
    const { pipeline } = this;
    if (this.#proposer instanceof LocalProposer) this.#proposer.closeOrphans();
    this.tracker?.start();
    this.localTracker?.start();
    this.#reaper?.start();
    this.#quotas.counting();
    if (!this.servesClients) {
      port.decline();
      return;
    }
    const hasThrottle = config.requestThrottleMax > 0;
    port.serve({
      pipeline,
      requests: hasThrottle ? new RequestThrottle(pipeline, clock, config) : pipeline,
      newSession: this.localTracker === undefined ? "new" : "local",
    });
  }

  /** Txns are settled: durable here alone, or with a quorum. */
  committed(batch: DurableBatch): void {
    const before = this.pipeline.lastZxid;
    this.pipeline.committed(batch);
    if (this.mode === "standalone") return;
    const after = this.pipeline.lastZxid;
    // The zxids of an epoch have no holes.
    const isSameEpoch = zxidEpoch(before) === zxidEpoch(after);
    const settled = isSameEpoch ? after - before : zxidCounter(after);
    if (this.mode === "leader") this.#parts.stats.commits += settled;
    else this.#parts.stats.learnerCommits += settled;
  }

  /** Ends a session as if its deadline had passed. False: it is unknown here, or ending already. */
  expireSession(id: bigint): boolean {
    return this.tracker?.expireNow(bigIntHighWord(id), bigIntLowWord(id)) === true;
  }

  /** Makes no txns unasked any more, and serves on. */
  rest(): void {
    this.tracker?.stop();
    this.localTracker?.stop();
    this.#reaper?.stop();
    this.#quotas.stop();
  }

  /** The term is over: its connections are closed (quorum-protocol T-9, T-10). */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.rest();
    this.#parts.port.suspend();
    this.pipeline.stop();
  }

  #localProposer(role: ServingRole & { readonly kind: "standalone" | "leader" }): LocalProposer {
    const { clock, tree, config, log } = this.#parts;
    const options = { ...config, sequences: new SequenceWarning(clock, log.warn.bind(log)) };
    if (role.kind === "standalone") {
      return new LocalProposer(clock, tree, role.txnLog, options, STANDALONE_ID);
    }
    const { office, sid } = role;
    const broadcast = new BroadcastLog(role.txnLog, office, this.#parts.stats);
    this.proposalSizes = broadcast.sizes;
    return new LocalProposer(clock, tree, broadcast, options, sid, {
      firstZxid: makeZxid(office.epoch, 1),
      sync: (done) => office.sync(done),
    });
  }

  #tracker(serverId: number, proposer: LocalProposer): Sessions<Requester> {
    const { clock, tree, config, log, sessionIds } = this.#parts;
    const tracker = new Sessions<Requester>(clock, config.tickTimeMs, serverId, sessionIds, {
      mayExpire: () => proposer.mayExpire(),
      expired: (session) => {
        log.info({ session: session.key, timeoutMs: session.timeoutMs }, "session expired");
        this.#parts.stats.expiredSessions++;
        proposer.expire(session);
      },
    });
    tree.sessions.forEach((high, low, timeoutMs) => tracker.restore(high, low, timeoutMs));
    return tracker;
  }

  /** Where it is so set, sessions begin as this server's own. */
  #withLocal(global: SessionRoom<Requester>): SessionRoom<Requester> {
    if (this.#parts.config.ensemble?.localSessionsEnabled !== true) return global;
    this.localTracker = this.#introduceLocalTracker();
    return new LocalSessions(this.localTracker, global);
  }

  #introduceLocalTracker(): Sessions<Requester> {
    const { clock, config, sessionIds } = this.#parts;
    return new Sessions<Requester>(clock, config.tickTimeMs, LOCAL_OWNER, sessionIds, {
      mayExpire: () => true,
      expired: (session) => {
        this.#parts.stats.expiredSessions++;
        this.pipeline.ended(session);
      },
    });
  }

  #learnerSessions(): LearnerSessions<Requester> {
    const { clock, config, tree, sessionIds } = this.#parts;
    return new LearnerSessions<Requester>(clock, config.tickTimeMs, sessionIds, (high, low) =>
      tree.sessions.has(high, low),
    );
  }

  #introduceReaper(proposer: LocalProposer): Reaper {
    const { clock, tree, config } = this.#parts;
    return new Reaper(
      clock,
      tree,
      {
        checkIntervalMs: config.containerCheckIntervalMs,
        maxPerMinute: config.containerMaxPerMinute,
        maxNeverUsedMs: config.containerMaxNeverUsedMs,
      },
      (path, czxid) => proposer.reap(path, czxid),
    );
  }
}

/** What a pipeline tells when it is not as the leader says. */
function faultsOf({
  onDigestMismatch,
  onRequestLost,
}: ServingRole & { readonly kind: "follower" | "observer" }): Pick<
  PipelineOptions,
  "onDigestMismatch" | "onRequestLost"
> {
  return { onDigestMismatch, onRequestLost };
}
