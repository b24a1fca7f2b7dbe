import { expect, test } from "vitest";
import { makeZxid, zxidEpoch } from "../../../protocol/zxid.ts";
import { TreeStreams } from "../../../server/storage/tree-stream.ts";
import { SimRandom } from "../../../server/testing/index.ts";
import { FakeLink } from "../storage/fake-link.ts";
import { MadeDirectory, zxidOf } from "../storage/made-directory.ts";
import { dumpTree } from "../tree/tree-dump.ts";
import { ReplicaBench } from "./replica-bench.ts";

const SEEDS = 30;
const TERMS = 8;

/** What the seeds came across. */
class Reached {
  truncated = 0;
  unreachable = 0;
  installed = 0;
  brokenOff = 0;
  crashed = 0;
  lost = 0;
  tails = 0;
  snapshots = 0;
}

/** A replica under random leaders, of whom each has all that was settled, and a disk that crashes. */
class Run {
  readonly bench: ReplicaBench;
  readonly #draw: SimRandom;
  readonly #reached: Reached;
  #epoch = 0;
  /** Nobody may lose what is up to here: it is settled, and this replica said that it has it. */
  #settled = 0;
  /** This replica said that the disk has it. */
  #durable = 0;
  /** The sync broke off, and the server goes on. */
  #isLinkLost = false;
  /** What the disk may still have instead, where a leader's tree was on its way. */
  #old: Buffer[] | undefined;

  constructor(seed: number, reached: Reached) {
    this.#draw = new SimRandom(seed);
    this.#reached = reached;
    const log = { ...LOG, snapCount: 10 + this.#draw.below(60) };
    this.bench = new ReplicaBench(new MadeDirectory(seed), { log });
    this.bench.open();
  }

  run(): void {
    for (let term = 0; term < TERMS; term++) {
      this.#epoch++;
      this.#isLinkLost = false;
      const isServing = this.#begin() && this.#serve();
      if (!this.#isLinkLost && (!isServing || this.#draw.chance(0.3))) this.#crash();
      this.#settle();
    }
    this.#reached.snapshots += this.bench.snapshots.length;
  }

  get #replica(): ReplicaBench["replica"] {
    return this.bench.replica;
  }

  /** The new leader's history becomes this replica's. False: it breaks off. */
  #begin(): boolean {
    const draw = this.#draw;
    if (!this.#does((done) => this.#replica.saveAcceptedEpoch(this.#epoch, done))) return false;
    const kind = draw.below(4);
    if (kind === 0 && !this.#truncate()) return false;
    if (kind === 1 && !this.#install()) return false;
    if (kind === 2) this.#replica.beginEpoch(this.#epoch);
    return this.#does((done) => this.#replica.saveCurrentEpoch(this.#epoch, done));
  }

  /** The leader lacks a part of the tail, and may have written since. */
  #truncate(): boolean {
    const { made } = this.bench;
    const zxids = made.txns.map(zxidOf).filter((zxid) => zxid >= this.#settled);
    const target = this.#draw.chance(0.2)
      ? this.#settled
      : this.#draw.pick([...zxids, this.#replica.lastZxid + 1]);
    if (target < this.#settled) return true;
    let outcome = "";
    // From the moment that it is asked for, what lies behind is nobody's any more.
    this.#durable = Math.min(this.#durable, target);
    const isDone = this.#does((done) => {
      this.#replica.truncate(target, (result) => {
        outcome = result;
        done();
      });
    });
    if (!isDone) return false;
    if (outcome === "unreachable") {
      this.#reached.unreachable++;
      return true;
    }
    this.#reached.truncated++;
    made.forgetAfter(target);
    expect([this.#replica.lastZxid, this.#replica.window.lastZxid]).toEqual([target, target]);
    return this.#direct();
  }

  /** The leader's tree comes, of a history that has in common what is settled. */
  #install(): boolean {
    const { made } = this.bench;
    const before = made.txns;
    made.forgetAfter(this.#settled);
    made.grow(this.#epoch - 1, this.#draw.below(6));
    const last = made.txns.length === 0 ? 0 : zxidOf(made.txns.at(-1) as Buffer);
    const zxid = Math.max(last, makeZxid(this.#epoch - 1, 0));
    const tree = made.tree(zxid);
    const link = new FakeLink();
    const stream = new TreeStreams(made.host.clock).open(tree, link, () => {});
    const installation = this.#replica.install(zxid);
    let isSent = false;
    const isReceived = this.#does((done) => {
      link.mark();
      const fill = (): void => {
        if (link.isMarked) link.turn((room) => stream.fill(room), 400);
        for (const chunk of link.sent.splice(0)) installation.take(chunk, 0, chunk.length);
        isSent = installation.isComplete;
        if (isSent) made.host.clock.endOfTurn(done);
        else made.host.clock.after(1, fill);
      };
      fill();
    });
    stream.abandon();
    if (!isReceived || !isSent) {
      made.txns = before;
      return false;
    }
    this.#replica.adopt(installation);
    const durable = this.#durable;
    this.#durable = 0;
    if (this.#direct(before)) {
      this.#reached.installed++;
      return true;
    }
    this.#durable = Math.min(durable, this.#durable);
    return false;
  }

  /** Txns behind a TRUNC or a SNAP, and the snapshot that makes all of it durable. */
  #direct(before?: Buffer[]): boolean {
    const last = this.bench.receive(this.#epoch, this.#draw.below(5)).at(-1);
    if (last !== undefined) {
      this.#replica.window.commitTo(last);
      this.#replica.deliver();
    }
    if (this.#draw.chance(0.3)) {
      // The leader is gone before the disk has it: what was there before is there again.
      this.bench.await((done) => this.#replica.whenDelivered(done));
      this.bench.made.txns = before ?? this.bench.made.txns;
      this.#isLinkLost = true;
      this.#reached.brokenOff++;
      return false;
    }
    const isDelivered = this.#does((done) => this.#replica.whenDelivered(done));
    if (isDelivered && this.#does((done) => this.#replica.saveTree(done))) {
      this.#durable = this.#replica.lastZxid;
      this.#settled = this.#durable;
      return true;
    }
    this.#old = before ?? this.#old;
    return false;
  }

  #serve(): boolean {
    const draw = this.#draw;
    for (let turns = draw.below(12); turns > 0; turns--) {
      const last = this.bench.receive(this.#epoch, draw.below(8)).at(-1);
      if (last !== undefined) this.#replica.logTo(last);
      if (draw.chance(0.3)) {
        if (!this.#does((done) => this.#replica.whenLogged(done))) return false;
        this.#durable = this.#replica.log.durableZxid;
      }
      const { window, log } = this.#replica;
      if (draw.chance(0.5) && log.durableZxid > window.committedZxid) {
        this.#durable = Math.max(this.#durable, log.durableZxid);
        window.commitTo(log.durableZxid);
        this.#settled = Math.max(this.#settled, log.durableZxid);
        this.#replica.deliver();
      }
      for (let steps = draw.below(20); steps > 0; steps--) this.bench.made.world.step();
    }
    return true;
  }

  /** The process or the machine ends; what comes up again is a prefix that has all it said it has. */
  #crash(): void {
    this.#reached.crashed++;
    const { made } = this.bench;
    this.bench.restart(this.#draw.chance(0.6) ? "power" : "kill");
    const { lastZxid } = this.#replica;
    const old = this.#old;
    if (old !== undefined && !this.#isHistory(made.txns, lastZxid)) made.txns = old;
    expect(lastZxid).toBeGreaterThanOrEqual(this.#settled);
    expect(lastZxid).toBeGreaterThanOrEqual(this.#durable);
    this.#reached.lost += made.txns.length - made.upTo(lastZxid).length;
    this.#epoch = Math.max(this.#epoch, zxidEpoch(lastZxid));
  }

  #isHistory(txns: readonly Buffer[], lastZxid: number): boolean {
    const { window } = this.#replica;
    if (lastZxid > 0 && window.count > 0) {
      return txns.some((txn) => {
        let isSame = false;
        window.forEach(lastZxid - 1, lastZxid, (bytes, start, end) => {
          isSame = txn.equals(bytes.subarray(start, end));
          return false;
        });
        return isSame;
      });
    }
    return txns.some((txn) => zxidOf(txn) === lastZxid);
  }

  /** Memory is the whole of the disk, and that a prefix of what came. */
  #settle(): void {
    const { made } = this.bench;
    const { window } = this.#replica;
    const { committedZxid } = window;
    this.bench.settle();
    const { lastZxid, log } = this.#replica;
    if (lastZxid > committedZxid) this.#reached.tails++;
    expect(log.durableZxid).toBe(log.lastZxid);
    expect(lastZxid).toBeGreaterThanOrEqual(this.#settled);
    expect([window.lastZxid, window.committedZxid]).toEqual([lastZxid, lastZxid]);
    made.forgetAfter(lastZxid);
    expect(dumpTree(this.#replica.tree)).toEqual(dumpTree(made.tree(lastZxid)));
    expect(this.#replica.isDiverged).toBe(false);
    expect(this.bench.failures).toEqual([]);
    this.#old = undefined;
    this.#durable = Math.max(this.#settled, Math.min(this.#durable, lastZxid));
  }

  /** Begins something and waits for it, or only for a part of it: false. */
  #does(begin: (done: () => void) => void): boolean {
    let isDone = false;
    begin(() => {
      isDone = true;
    });
    let left = this.#draw.chance(0.06) ? this.#draw.below(30) : Number.POSITIVE_INFINITY;
    while (!isDone && left-- > 0) expect(this.bench.made.world.step()).toBe(true);
    return isDone;
  }
}

const LOG = {
  preAllocBytes: 64 * 1024,
  logSizeLimitBytes: -1,
  snapCount: 40,
  snapSizeLimitBytes: 0,
  forceSync: true,
  syncWarningMs: 1_000_000,
};

// quorum-protocol P-7, S-2, S-21, S-27, B-20, I-10, I-14, I-16, I-21
// storage ST-29, ST-31, ST-32, WP-12, Trap 6
test("whatever leaders send and wherever it breaks off, memory is the disk, and nothing said is lost", () => {
  const reached = new Reached();
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      new Run(seed, reached).run();
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  for (const [name, times] of Object.entries(reached)) {
    expect(times, name).toBeGreaterThan(SEEDS / 20);
  }
}, 120_000);
