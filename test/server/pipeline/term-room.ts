// A leader and its learners, as far as clients are concerned: each with its port, its tree and what
// serves a term, wired to each other by hand in place of consensus. What is proposed reaches every
// learner, and is settled, after a moment; a test may hold back either, and syncs.

import { Writer } from "../../../protocol/jute.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import { makeZxid, type Zxid } from "../../../protocol/zxid.ts";
import { Summary } from "../../../server/admin/summary.ts";
import { defaultConfig, type ServerConfig } from "../../../server/config/config.ts";
import { ClientPort } from "../../../server/net/client-port.ts";
import { ConnectionThrottle } from "../../../server/net/connection-throttle.ts";
import type { DurableLog } from "../../../server/pipeline/local-proposer.ts";
import { PipelineStats } from "../../../server/pipeline/stats.ts";
import { WaitingFrames } from "../../../server/pipeline/waiting.ts";
import { Delivery } from "../../../server/replica/delivery.ts";
import { Serving, type ServingRole } from "../../../server/serving.ts";
import { ExpiryQueue } from "../../../server/session/expiry.ts";
import { SessionIds } from "../../../server/session/session-ids.ts";
import { EventKind, type SimHost, World } from "../../../server/testing/index.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import type { LeaderAccess, LeaderOffice } from "../../../server/zab/effects.ts";
import { TxnWindow } from "../../../server/zab/txn-window.ts";
import { Peer, SILENT } from "./server-room.ts";

const PORT = 2181;
const TICK_MS = 500;
/** Longer than anything that a test waits for. */
const LIMIT_US = 60_000_000;
const LINK_US = 1000;
const SETTLE_US = 3000;

/** A packet to the leader, or back. */
interface Letter {
  readonly to: TermServer;
  readonly open: () => void;
}

export class TermRoom {
  readonly world: World;
  readonly leader: TermServer;
  readonly learners: readonly TermServer[];
  /** What was forwarded, oldest first. */
  readonly forwarded: { readonly sid: number; readonly type: number; readonly cxid: number }[] = [];
  /** Nothing is settled before it is false again. */
  holdsCommits = false;
  /** No sync is confirmed before it is false again. */
  holdsSyncs = false;
  /** The leader makes no txn of what it is sent, and says nothing. */
  losesRequests = false;
  #epoch = 1;
  #heldSyncs: (() => void)[] = [];
  #peers = 0;

  constructor(learners: number, config: Partial<ServerConfig> = {}, seed = 1) {
    this.world = new World(seed);
    const settings = { ...defaultConfig("/data", PORT, TICK_MS), ...config };
    this.leader = new TermServer(this.world, 1, settings);
    this.learners = Array.from(
      { length: learners },
      (_, i) => new TermServer(this.world, i + 2, settings),
    );
    this.begin();
  }

  get servers(): readonly TermServer[] {
    return [this.leader, ...this.learners];
  }

  learner(i: number): TermServer {
    const learner = this.learners[i];
    if (learner === undefined) throw new Error(`there is no learner ${i}`);
    return learner;
  }

  /** A term of the same leader begins. */
  begin(): void {
    const { leader } = this;
    for (const { window, tree } of this.servers) {
      window.beginEpoch(this.#epoch);
      tree.lastZxid = makeZxid(this.#epoch, 0);
    }
    leader.serve({ kind: "leader", sid: leader.sid, txnLog: new NoLog(), office: this.#office() });
    for (const learner of this.learners) {
      learner.serve({
        kind: "follower",
        access: this.#access(learner),
        window: learner.window,
        onDigestMismatch: (zxid) => {
          learner.divergedAt = zxid;
        },
        onRequestLost: () => {
          learner.hasLost = true;
        },
      });
      this.#pingLater(learner);
    }
  }

  /** Every server's term is over; what was proposed is settled first. */
  end(): void {
    this.#epoch++;
    for (const server of this.servers) server.serving?.stop();
    this.settle();
    this.runMs(100);
    for (const server of this.servers) server.serving = undefined;
  }

  /** Settles what was proposed so far. */
  settle(): void {
    const { window } = this.leader;
    const zxid = window.lastZxid;
    if (window.committedZxid === zxid) return;
    for (const server of this.servers) {
      const commit = (): void => {
        server.window.commitTo(zxid);
        server.delivery.start();
      };
      this.#post({ to: server, open: commit });
    }
  }

  /** Confirms the syncs that were held back. */
  confirmSyncs(): void {
    this.holdsSyncs = false;
    for (const confirm of this.#heldSyncs.splice(0)) confirm();
  }

  until(condition: () => boolean): void {
    const limitUs = this.world.nowUs + LIMIT_US;
    while (!condition()) {
      if (this.world.nowUs > limitUs || !this.world.step()) {
        throw new Error("what the test waits for does not come");
      }
    }
  }

  runMs(ms: number): void {
    this.world.runUntil(this.world.nowUs + ms * 1000);
  }

  dial(server: TermServer, address = `peer-${++this.#peers}`): Peer {
    const peer = new Peer(this, this.world.host(address), server.host.name);
    this.until(() => peer.isConnected || peer.closed);
    return peer;
  }

  open(server: TermServer, request: Parameters<Peer["greet"]>[0] = {}, address?: string): Peer {
    const peer = this.dial(server, address);
    peer.greet(request);
    this.until(() => peer.response !== undefined || peer.closed);
    return peer;
  }

  /** A learner is asked what it heard of. */
  ping(learner: TermServer): void {
    this.#post({
      to: learner,
      open: () => {
        const { learnerService } = learner.serving ?? {};
        if (learnerService === undefined) return;
        const writer = new Writer();
        learnerService.takeTouched(writer);
        const table = Buffer.from(writer.written());
        this.#post({ to: this.leader, open: () => this.#reported(learner, table) });
      },
    });
  }

  #reported(learner: TermServer, table: Buffer): void {
    const { leaderService } = this.leader.serving ?? {};
    for (let at = 0; at < table.length; at += 12) {
      leaderService?.touch(
        table.readInt32BE(at),
        table.readInt32BE(at + 4),
        table.readInt32BE(at + 8),
      );
    }
    leaderService?.reported(learner.sid);
  }

  #pingLater(learner: TermServer): void {
    const term = this.leader.serving;
    this.leader.host.clock.after(TICK_MS / 2, () => {
      if (this.leader.serving !== term) return;
      if (!learner.isCutOff) this.ping(learner);
      this.#pingLater(learner);
    });
  }

  #office(): LeaderOffice {
    const { leader } = this;
    return {
      epoch: this.#epoch,
      propose: (bytes, start, end, zxid) => {
        leader.window.append(bytes, start, end, zxid);
        const copy = Buffer.from(bytes.subarray(start, end));
        for (const learner of this.learners) {
          const append = (): void => learner.window.append(copy, 0, copy.length, zxid);
          this.#post({ to: learner, open: append });
        }
        if (this.holdsCommits) return;
        this.world.schedule(undefined, SETTLE_US, EventKind.script, () => {
          if (!this.holdsCommits) this.settle();
        });
      },
      sync: (done) => this.#confirm(() => leader.delivery.whenDone(done)),
    };
  }

  #confirm(confirm: () => void): void {
    if (this.holdsSyncs) this.#heldSyncs.push(confirm);
    else this.world.schedule(undefined, SETTLE_US * 2, EventKind.script, confirm);
  }

  #access(learner: TermServer): LeaderAccess {
    const { leader } = this;
    return {
      forward: (sessionHigh, sessionLow, cxid, type, bytes, from, to, ids) => {
        const { sid } = learner;
        const copy = Buffer.from(bytes.subarray(from, to));
        const request = { sid, sessionHigh, sessionLow, cxid, type, bytes: copy, ids };
        const open = (): void => {
          this.forwarded.push({ sid, type, cxid });
          if (this.losesRequests) return;
          if (type === OpCode.sync) {
            const synced = (): void => learner.serving?.learnerService?.synced();
            this.#confirm(() => this.#post({ to: learner, open: synced }));
          } else {
            const service = leader.serving?.leaderService;
            service?.request({ ...request, start: 0, end: copy.length });
          }
        };
        this.#post({ to: leader, open });
      },
      revalidate: (high, low, timeoutMs) => {
        this.#post({
          to: leader,
          open: () => {
            const service = leader.serving?.leaderService;
            const isValid = service?.revalidate(learner.sid, high, low, timeoutMs) ?? false;
            const answer = (): void =>
              learner.serving?.learnerService?.revalidated(high, low, isValid);
            this.#post({ to: learner, open: answer });
          },
        });
      },
    };
  }

  /** Order is kept, since every letter takes as long. */
  #post({ to, open }: Letter): void {
    this.world.schedule(to.host, LINK_US, EventKind.script, open);
  }
}

export class TermServer {
  readonly sid: number;
  readonly host: SimHost;
  readonly tree: DataTree;
  readonly window: TxnWindow;
  readonly delivery: Delivery;
  readonly port: ClientPort;
  readonly stats: PipelineStats<Summary> = new PipelineStats(() => new Summary());
  serving: Serving | undefined;
  divergedAt: Zxid | undefined;
  hasLost = false;
  /** It is not pinged. */
  isCutOff = false;
  readonly #config: ServerConfig;
  readonly #ids: SessionIds;

  constructor(world: World, sid: number, config: ServerConfig) {
    this.sid = sid;
    this.host = world.host(`server-${sid}`);
    this.#config = config;
    const { clock, random, network } = this.host;
    this.tree = new DataTree({ hashSeed: sid });
    this.window = new TxnWindow(500, 0);
    this.delivery = new Delivery(clock, this.window, { committed: () => undefined });
    this.#ids = new SessionIds(clock, sid);
    this.port = new ClientPort(
      clock,
      network,
      {
        host: undefined,
        port: PORT,
        backlog: 511,
        maxBufferBytes: config.maxBufferBytes,
        maxClientConnections: 0,
        maxConnections: 0,
        sessionlessTimeoutMs: config.sessionlessTimeoutMs,
        heldTimeoutMs: TICK_MS * 7,
        auth: config,
      },
      {
        stats: this.stats,
        words: {
          ask: () => false,
          heard: () => undefined,
          taken: () => undefined,
          gone: () => undefined,
        },
        report: () => undefined,
      },
      {
        waiting: () => new WaitingFrames(),
        deadlines: new ExpiryQueue(TICK_MS, clock.nowMs()),
        throttle: new ConnectionThrottle(clock, random, config),
      },
    );
    this.port.open((error) => {
      if (error !== undefined) throw new Error(error.message);
    });
  }

  /** A term begins here. */
  serve(role: ServingRole): void {
    const { clock, random } = this.host;
    const parts = {
      clock,
      random,
      config: this.#config,
      log: SILENT,
      tree: this.tree,
      port: this.port,
      stats: this.stats,
      sessionIds: this.#ids,
    };
    this.serving = new Serving(parts, role);
    this.delivery.applier = this.serving;
    this.serving.start();
  }
}

/** The disk is not what these tests are about. */
class NoLog implements DurableLog {
  readonly isFull = false;
  readonly #writer = new Writer();

  begin(): Writer {
    this.#writer.clear();
    return this.#writer;
  }

  commit(): void {}

  flush(): void {}
}
