import { expect, test } from "vitest";
import { OpCode } from "../../../protocol/opcodes.ts";
import { makeZxid } from "../../../protocol/zxid.ts";
import { TreeStreams } from "../../../server/storage/tree-stream.ts";
import { FakeLink } from "../storage/fake-link.ts";
import { MadeDirectory, zxidOf } from "../storage/made-directory.ts";
import { txnBytes } from "../tree/history.ts";
import { dumpTree } from "../tree/tree-dump.ts";
import { ReplicaBench } from "./replica-bench.ts";

const E1 = makeZxid(1, 0);
const E2 = makeZxid(2, 0);

/** A server that has a history of `count` txns of epoch 1, all of them settled. */
function withHistory(count: number, seed = 1): ReplicaBench {
  const bench = new ReplicaBench(new MadeDirectory(seed));
  bench.open();
  bench.await((done) => bench.replica.saveAcceptedEpoch(1, done));
  bench.live(1, count);
  bench.await((done) => bench.replica.saveCurrentEpoch(1, done));
  return bench;
}

/** What memory holds is the history up to `zxid`, and so is what the disk holds. */
function expectHistory(bench: ReplicaBench, zxid: number): void {
  const expected = dumpTree(bench.made.tree(zxid));
  for (const how of ["memory", "disk"]) {
    if (how === "disk") bench.restart();
    const { replica } = bench;
    expect([how, replica.lastZxid, replica.window.lastZxid]).toEqual([how, zxid, zxid]);
    expect(dumpTree(replica.tree)).toEqual(expected);
  }
}

// quorum-protocol P-2
// storage ST-25, WP-9
test("a first start leaves snapshot.0 and both epochs, and is empty until it adopts a history", () => {
  const bench = new ReplicaBench();
  bench.open();
  expect(bench.made.names()).toEqual(["acceptedEpoch", "currentEpoch", "snapshot.0"]);
  bench.restart();
  const { replica } = bench;
  expect([replica.lastZxid, replica.acceptedEpoch, replica.currentEpoch]).toEqual([0, 0, 0]);
  expect(replica.isEmpty).toBe(true);
  // A promise is made before the first txn comes.
  bench.await((done) => replica.saveAcceptedEpoch(1, done));
  expect(replica.isEmpty).toBe(true);
  bench.await((done) => replica.saveCurrentEpoch(1, done));
  expect(replica.isEmpty).toBe(false);
});

// storage ST-25; operations 1.4/<dataDir>/initialize
test("the initialize marker makes an empty server a founder, until it has adopted a history", () => {
  const made = new MadeDirectory();
  made.host.disk.openNow("/data/initialize", "create").closeNow();
  made.host.disk.syncDirectoryNow("/data");
  const bench = new ReplicaBench(made);
  bench.open();
  expect(bench.replica.isEmpty).toBe(false);
  bench.restart();
  expect(bench.replica.isEmpty).toBe(false);
  bench.await((done) => bench.replica.saveAcceptedEpoch(1, done));
  bench.await((done) => bench.replica.saveCurrentEpoch(1, done));
  expect(made.host.disk.names("/data")).not.toContain("initialize");
});

// quorum-protocol B-8, I-10
test("txns are acknowledged once the disk has them, however much there is to apply meanwhile", () => {
  const bench = withHistory(3);
  bench.told.length = 0;
  const [first = 0, ...others] = bench.receive(1, 400);
  const last = others.at(-1) ?? 0;
  bench.replica.logTo(first);
  expect(bench.tries((done) => bench.replica.whenLogged(done))).toBe(true);
  expect(bench.told).toEqual([first]);
  bench.replica.logTo(last);
  bench.replica.window.commitTo(last);
  bench.replica.deliver();
  while (bench.told.length < 2) {
    expect(bench.replica.log.durableZxid).toBe(first);
    bench.made.world.step();
  }
  expect(bench.told).toEqual([first, last]);
  bench.rest();
  expectHistory(bench, last);
});

// quorum-protocol B-10
test("what is settled is applied without waiting for the disk here, and never inside the call", () => {
  const bench = withHistory(3);
  const last = bench.receive(1, 5).at(-1) ?? 0;
  bench.made.host.disk.slow(1_000_000);
  bench.replica.logTo(last);
  bench.replica.window.commitTo(last);
  bench.replica.deliver();
  expect(bench.replica.lastZxid).toBe(E1 + 3);
  bench.await((done) => bench.replica.whenDelivered(done));
  expect(bench.replica.lastZxid).toBe(last);
  expect(bench.replica.log.durableZxid).toBe(E1 + 3);
});

test("a burst of commits is applied in slices, each in a turn of its own", () => {
  const bench = withHistory(1);
  const last = bench.receive(1, 1200).at(-1) ?? 0;
  const { window } = bench.replica;
  expect(window.byteCount).toBeGreaterThan(3 * 128 * 1024);
  const slices: number[] = [];
  bench.replica.applier = {
    committed(from) {
      while (from.next());
      slices.push(from.appliedZxid);
    },
  };
  bench.replica.window.commitTo(last);
  bench.replica.deliver();
  bench.await((done) => bench.replica.whenDelivered(done));
  expect(slices.length).toBeGreaterThan(3);
  expect(slices.at(-1)).toBe(last);
});

// quorum-protocol P-7, S-3, B-20, I-16, 16/2845
test("between terms memory holds the whole log, what was never settled too", () => {
  const bench = withHistory(4);
  const logged = bench.receive(1, 3).at(-1) ?? 0;
  bench.replica.logTo(logged);
  // Received, and not logged when the term ended.
  bench.receive(1, 2);
  bench.settle();
  expect(bench.replica.window.committedZxid).toBe(logged);
  expectHistory(bench, logged);
});

// quorum-protocol B-20, 16/4541/4712
test("a log that is stuck holds up the election, not the truth", () => {
  const bench = withHistory(4);
  const last = bench.receive(1, 3).at(-1) ?? 0;
  bench.made.host.disk.slow(1000);
  bench.replica.logTo(last);
  bench.replica.window.commitTo(last);
  let isSettled = false;
  bench.replica.settle(() => {
    isSettled = true;
  });
  while (!isSettled) {
    expect(bench.replica.log.durableZxid).toBe(E1 + 4);
    bench.made.world.step();
    if (bench.replica.log.durableZxid === last) break;
  }
  bench.rest();
  expect(isSettled).toBe(true);
  expectHistory(bench, last);
});

// quorum-protocol B-20
test("a txn that was logged and never proposed is found when the term is over", () => {
  const bench = withHistory(4);
  bench.made.grow(1, 1);
  const txn = bench.made.txns.at(-1) ?? Buffer.alloc(0);
  bench.replica.log.append(txn, 0, txn.length, zxidOf(txn));
  bench.settle();
  expectHistory(bench, E1 + 5);
});

// quorum-protocol S-16, P-5, P-7
test("an epoch begins with its marker, which no log has", () => {
  const bench = withHistory(4);
  bench.replica.beginEpoch(2);
  expect([bench.replica.lastZxid, bench.replica.window.lastZxid]).toEqual([E2, E2]);
  bench.settle();
  expect(bench.replica.lastZxid).toBe(E2);
  bench.await((done) => bench.replica.saveAcceptedEpoch(2, done));
  bench.await((done) => bench.replica.saveCurrentEpoch(2, done));
  bench.live(2, 3);
  expectHistory(bench, E2 + 3);
});

// quorum-protocol S-2, S-3
test("the window is filled with the newest of what is recovered, and says what it goes on from", () => {
  const bench = withHistory(20);
  bench.restart();
  const { window } = bench.replica;
  expect([window.count, window.baseZxid, window.firstZxid]).toEqual([20, 0, E1 + 1]);
  expect([window.committedZxid, window.appliedZxid]).toEqual([E1 + 20, E1 + 20]);
  const short = new ReplicaBench(bench.made, { commitLogCount: 8 });
  expect([short.replica.window.count, short.replica.window.baseZxid]).toEqual([8, E1 + 12]);
});

// quorum-protocol S-18, S-2, 16/1154
test("a tail that the leader does not know is gone from tree, window and disk", () => {
  const bench = withHistory(9);
  let outcome = "";
  bench.await((done) => {
    bench.replica.truncate(E1 + 6, (result) => {
      outcome = result;
      done();
    });
  });
  expect(outcome).toBe("done");
  const { window } = bench.replica;
  expect([window.lastZxid, window.count, window.has(E1 + 7)]).toEqual([E1 + 6, 6, false]);
  expect(dumpTree(bench.replica.tree)).toEqual(dumpTree(bench.made.tree(E1 + 6)));
  bench.made.forgetAfter(E1 + 6);
  bench.await((done) => bench.replica.saveTree(done));
  expect(bench.made.names()).toContain("snapshot.100000006");
  // The next epoch goes on behind it, in a file of its own.
  bench.await((done) => bench.replica.saveAcceptedEpoch(2, done));
  bench.live(2, 2);
  expect(bench.made.names()).toContain("log.200000001");
  expectHistory(bench, E2 + 2);
});

// quorum-protocol S-18
test("a zxid that is not in the history leaves everything as it was", () => {
  const bench = withHistory(9);
  const names = bench.made.names();
  let outcome = "";
  bench.await((done) => {
    bench.replica.truncate(E1 + 12, (result) => {
      outcome = result;
      done();
    });
  });
  expect([outcome, bench.made.names()]).toEqual(["unreachable", names]);
  expect(bench.replica.window.count).toBe(9);
  expectHistory(bench, E1 + 9);
});

// quorum-protocol 16/3701
// storage ST-30; operations 1.2/13
test("a truncation that the disk refuses stops the server", () => {
  for (let operations = 0; operations < 14; operations++) {
    const bench = withHistory(9);
    bench.made.host.disk.failAfter(operations, "EIO");
    const isDone = bench.tries((done) => bench.replica.truncate(E1 + 6, done));
    expect([isDone, bench.failures.map(({ exitCode }) => exitCode)]).toEqual([false, [13]]);
  }
});

// quorum-protocol S-27, 16/5094
test("txns that were applied behind a TRUNC and not saved are not kept", () => {
  const bench = withHistory(9);
  bench.await((done) => bench.replica.truncate(E1 + 6, done));
  bench.made.forgetAfter(E1 + 6);
  const last = bench.receive(2, 3).at(-1) ?? 0;
  bench.deliver(last);
  expect(bench.replica.lastZxid).toBe(last);
  bench.settle();
  expectHistory(bench, E1 + 6);
});

/** A leader's tree, that goes on while it is copied: 12 txns of epoch 1, then 8 of epoch 2. */
class Leader {
  readonly made = new MadeDirectory(9);
  /** As a SNAP names it, and its bytes. */
  readonly zxid: number;
  readonly bytes: Buffer;

  constructor() {
    const { made } = this;
    made.grow(1, 12);
    made.grow(2, 8);
    const tree = made.tree(E1 + 12);
    tree.lastZxid = E2;
    const during = made.txns.slice(12, 17);
    const link = new FakeLink();
    const { clock } = made.host;
    const stream = new TreeStreams(clock).open(tree, link, () => {});
    this.zxid = stream.zxid;
    link.mark();
    do {
      if (!link.isMarked) continue;
      link.turn((room) => stream.fill(room), 150);
      const txn = during.shift();
      if (txn !== undefined) tree.apply(txn, 0, txn.length, "live");
    } while (made.world.step());
    this.bytes = Buffer.concat(link.sent);
    expect(during).toEqual([]);
  }

  /** The learner takes it in, and the txns since; what it holds then is this history. */
  send(bench: ReplicaBench): void {
    const { replica, made } = bench;
    const installation = replica.install(this.zxid);
    for (let at = 0; at < this.bytes.length; at += 100) {
      expect(replica.lastZxid).not.toBe(this.zxid);
      const end = Math.min(at + 100, this.bytes.length);
      expect(installation.take(this.bytes, at, end)).toBe(end - at);
    }
    expect(installation.isComplete).toBe(true);
    replica.adopt(installation);
    expect([replica.lastZxid, replica.window.lastZxid, replica.window.count]).toEqual([E2, E2, 0]);
    made.txns = [...this.made.txns];
    for (const txn of made.txns.slice(12)) bench.take(txn);
    bench.deliver(E2 + 8);
  }
}

// quorum-protocol S-7, S-21, 16/1264/1319
// storage F-11, ST-31, ST-32, Trap 16
test("a leader's tree and the txns behind it are one snapshot, and nothing else is left of before", () => {
  const leader = new Leader();
  const bench = withHistory(9);
  leader.send(bench);
  bench.await((done) => bench.replica.saveTree(done));
  const names = bench.made.names().filter((name) => /^(log|snapshot)/.test(name));
  expect(names).toEqual(["snapshot.200000008"]);
  bench.await((done) => bench.replica.saveAcceptedEpoch(2, done));
  // The log goes on behind it, and digests are compared again.
  leader.made.grow(2, 4);
  bench.made.txns = [...leader.made.txns];
  for (const txn of bench.made.txns.slice(20)) bench.take(txn);
  bench.replica.logTo(E2 + 12);
  bench.await((done) => bench.replica.whenLogged(done));
  bench.deliver(E2 + 12);
  expect(bench.made.names()).toContain("log.200000009");
  expect(bench.replica.isDiverged).toBe(false);
  expectHistory(bench, E2 + 12);
});

// quorum-protocol S-27, 16/2355, 16/2872/3642
test("a leader's tree that was not saved when the sync broke off is forgotten", () => {
  for (const end of ["settle", "reload", "restart"] as const) {
    const bench = withHistory(9);
    const before = bench.made.txns;
    new Leader().send(bench);
    bench.made.txns = before;
    if (end === "settle") bench.settle();
    else if (end === "reload") bench.await((done) => bench.replica.reload(done));
    else bench.restart();
    expect(bench.replica.window.count).toBe(9);
    expectHistory(bench, E1 + 9);
  }
});

// quorum-protocol S-21, V-5
// storage ST-31
test("a power cut while a leader's tree is saved leaves the old history or the new one", () => {
  const leader = new Leader();
  let isOld = 0;
  let isNew = 0;
  for (let steps = 0; steps < 36; steps++) {
    const bench = withHistory(9, 1 + steps);
    const before = bench.made.txns;
    bench.await((done) => bench.replica.saveAcceptedEpoch(2, done));
    leader.send(bench);
    let isSaved = false;
    bench.replica.saveTree(() => {
      isSaved = true;
    });
    for (let left = steps; left > 0; left--) bench.made.world.step();
    bench.restart();
    if (bench.replica.lastZxid === E2 + 8) {
      isNew++;
    } else {
      isOld++;
      expect(isSaved).toBe(false);
      bench.made.txns = before;
    }
    expectHistory(bench, bench.made.txns === before ? E1 + 9 : E2 + 8);
  }
  expect(Math.min(isOld, isNew)).toBeGreaterThan(4);
});

test("a tree that has diverged is believed again once it is the leader's", () => {
  const bench = withHistory(5);
  bench.replica.digestMismatch(E1 + 5);
  expect(bench.replica.isDiverged).toBe(true);
  new Leader().send(bench);
  expect(bench.replica.isDiverged).toBe(false);
});

// quorum-protocol 7.2/4
test("the log is read for a learner where that is less than the tree", () => {
  const bench = withHistory(60);
  const read = (snapshotSizeFactor: number): number | undefined => {
    const { replica } = new ReplicaBench(bench.made, { snapshotSizeFactor });
    const range = replica.readLog(E1 + 57, E1 + 60);
    let count = 0;
    while (range?.next() === true) count++;
    range?.close();
    return range === undefined ? undefined : count;
  };
  expect([0.01, 100, 0, -1].map(read)).toEqual([undefined, 3, 3, undefined]);
});

// storage Trap 6
test("a snapshot that is under way when a term ends is given up, and taken in the next", () => {
  const bench = withHistory(40);
  expect(bench.replica.takeSnapshot()).toBe(true);
  for (let steps = 0; steps < 2; steps++) bench.made.world.step();
  bench.settle();
  bench.rest();
  expect(bench.snapshots.map(({ zxid }) => zxid)).toEqual([0]);
  expect(bench.made.names().filter((name) => name.endsWith(".tmp"))).toEqual([]);
  bench.replica.applier = { committed: () => undefined };
  bench.rest();
  expect(bench.snapshots.map(({ zxid }) => zxid)).toEqual([0, E1 + 40]);
});

// storage F-1, F-10
test("a snapshot that is ahead of the log here is made whole by what the leader sends again", () => {
  const made = new MadeDirectory(5);
  made.putSnapshot(0);
  made.grow(1, 12);
  made.putLog(E1 + 1, E1 + 6);
  made.putFuzzySnapshot(E1 + 4, E1 + 9);
  const bench = new ReplicaBench(made);
  bench.open();
  expect(bench.replica.lastZxid).toBe(E1 + 6);
  for (const txn of made.txns.slice(6)) bench.take(txn);
  bench.replica.logTo(E1 + 12);
  bench.deliver(E1 + 12);
  expect(bench.replica.isDiverged).toBe(false);
  bench.await((done) => bench.replica.whenLogged(done));
  expectHistory(bench, E1 + 12);
});

test("a tree that is not the leader's is told of with zxid and path, and takes no more txns", () => {
  const bench = withHistory(5);
  bench.made.grow(1, 4);
  const [good, bad, ...later] = bench.made.txns.slice(5).map((txn) => Buffer.from(txn));
  bad?.writeInt32BE(12345, bad.length - 4);
  for (const txn of [good, bad, ...later]) bench.take(txn ?? Buffer.alloc(0));
  bench.replica.logTo(E1 + 9);
  bench.replica.window.commitTo(E1 + 9);
  bench.replica.deliver();
  bench.rest();
  expect([bench.replica.isDiverged, bench.divergedAt]).toEqual([true, E1 + 7]);
  expect(bench.replica.lastZxid).toBe(E1 + 7);
  const errors = bench.lines.filter(({ level }) => level === "error");
  expect(errors).toHaveLength(1);
  expect(errors[0]?.details).toMatchObject({ zxid: "100000007", paths: [expect.any(String)] });
  bench.settle();
  expect(bench.replica.lastZxid).toBe(E1 + 7);
  // The disk says the same at the next start.
  bench.restart();
  expect(bench.replica.isDiverged).toBe(true);
});

// quorum-protocol B-20
test("one that diverges while the term before is settled holds up no election", () => {
  const bench = withHistory(5);
  bench.made.grow(1, 3);
  const [bad, ...later] = bench.made.txns.slice(5).map((txn) => Buffer.from(txn));
  bad?.writeInt32BE(12345, bad.length - 4);
  for (const txn of [bad, ...later]) bench.take(txn ?? Buffer.alloc(0));
  // Logged, and not settled when its leader fell.
  bench.replica.logTo(E1 + 8);
  bench.settle();
  expect([bench.replica.isDiverged, bench.divergedAt]).toEqual([true, E1 + 6]);
  // What it has of the history is not less for that.
  expect(bench.replica.window.lastZxid).toBe(E1 + 8);
  bench.settle();
});

test("so is one that a settled txn does not fit, where nobody compares digests", () => {
  const bench = withHistory(5);
  const base = { sessionHigh: 0, sessionLow: 1, cxid: 1, zxid: E1 + 6, timeMs: 1 };
  const body = { type: OpCode.delete, path: "/never/was" } as const;
  const txn = txnBytes({ header: { ...base, type: body.type }, body, digest: undefined });
  bench.take(txn);
  bench.replica.window.commitTo(E1 + 6);
  bench.replica.deliver();
  bench.rest();
  expect([bench.replica.isDiverged, bench.divergedAt]).toEqual([true, E1 + 6]);
  const error = bench.lines.find(({ level }) => level === "error");
  expect(error?.details).toMatchObject({ paths: ["/never/was"] });
});

// quorum-protocol B-1
test("a txn without a digest is applied like any other, and the next one is compared again", () => {
  const bench = withHistory(5);
  const { made } = bench;
  made.grow(1, 2);
  const [bare, next] = made.txns.slice(5).map((txn) => Buffer.from(txn));
  bench.deliver(bench.take(bare?.subarray(0, -12) ?? Buffer.alloc(0)));
  bench.deliver(bench.take(next ?? Buffer.alloc(0)));
  expect([bench.replica.lastZxid, bench.replica.isDiverged]).toEqual([E1 + 7, false]);
  made.grow(1, 1);
  const wrong = Buffer.from(made.txns[7] ?? Buffer.alloc(0));
  wrong.writeInt32BE(12345, wrong.length - 4);
  bench.deliver(bench.take(wrong));
  bench.rest();
  expect(bench.divergedAt).toBe(E1 + 8);
});

test("digests are not compared where they are disabled", () => {
  const bench = new ReplicaBench(new MadeDirectory(), { comparesDigests: false });
  bench.open();
  bench.made.grow(1, 1);
  const txn = Buffer.from(bench.made.txns[0] ?? Buffer.alloc(0));
  txn.writeInt32BE(12345, txn.length - 4);
  bench.deliver(bench.take(txn));
  expect([bench.replica.isDiverged, bench.divergedAt]).toEqual([false, undefined]);
});
