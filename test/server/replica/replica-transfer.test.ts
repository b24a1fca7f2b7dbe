import { expect, test } from "vitest";
import { makeZxid } from "../../../protocol/zxid.ts";
import { SimRandom } from "../../../server/testing/index.ts";
import type { Installation, LogRange } from "../../../server/zab/effects.ts";
import { FakeLink } from "../storage/fake-link.ts";
import { MadeDirectory, zxidOf } from "../storage/made-directory.ts";
import { dumpTree } from "../tree/tree-dump.ts";
import { ReplicaBench } from "./replica-bench.ts";

/** A leader in epoch 2 with `count` txns of it, behind some of epoch 1. */
function leading(count: number): ReplicaBench {
  const bench = new ReplicaBench(new MadeDirectory(7), { snapshotSizeFactor: 0 });
  bench.open();
  bench.await((done) => bench.replica.saveAcceptedEpoch(2, done));
  bench.live(1, 20);
  bench.replica.beginEpoch(2);
  if (count > 0) bench.live(2, count);
  bench.await((done) => bench.replica.saveCurrentEpoch(2, done));
  return bench;
}

/**
 * A server whose history nobody knows, the seed makes it another one than the leader's; it has
 * promised itself to the leader's epoch.
 */
function dirty(count: number): ReplicaBench {
  const bench = new ReplicaBench(new MadeDirectory(99), { snapshotSizeFactor: 0 });
  bench.open();
  bench.live(1, count);
  bench.await((done) => bench.replica.saveAcceptedEpoch(2, done));
  bench.await((done) => bench.replica.saveCurrentEpoch(1, done));
  return bench;
}

interface Sent {
  readonly zxid: number;
  readonly bytes: Buffer;
}

/** The leader's tree, with txns applied while it is sent. */
function send(leader: ReplicaBench, during: number): Sent {
  const link = new FakeLink();
  let isDone = false;
  let left = during;
  const stream = leader.replica.streamTree(link, () => {
    isDone = true;
  });
  link.mark();
  while (!isDone) {
    if (link.isMarked) {
      link.turn((room) => stream.fill(room), 300);
      if (left-- > 0) leader.live(2, 1);
    }
    leader.made.world.step();
  }
  return { zxid: stream.zxid, bytes: Buffer.concat(link.sent) };
}

function takeIn(learner: ReplicaBench, { zxid, bytes }: Sent): Installation {
  const installation = learner.replica.install(zxid);
  for (let at = 0; at < bytes.length; at += 100) {
    const end = Math.min(at + 100, bytes.length);
    expect(installation.take(bytes, at, end)).toBe(end - at);
  }
  expect(installation.isComplete).toBe(true);
  return installation;
}

/** Takes the leader's tree and the txns that follow it, up to where the leader is. */
function follow(leader: ReplicaBench, learner: ReplicaBench, sent: Sent): void {
  const { replica } = learner;
  replica.adopt(takeIn(learner, sent));
  for (const txn of leader.made.txns) if (zxidOf(txn) > sent.zxid) learner.take(txn);
  replica.window.commitTo(replica.window.lastZxid);
  replica.deliver();
}

function expectSame(leader: ReplicaBench, learner: ReplicaBench): void {
  expect(learner.replica.lastZxid).toBe(leader.replica.lastZxid);
  expect(dumpTree(learner.replica.tree)).toEqual(dumpTree(leader.replica.tree));
}

// quorum-protocol S-7, S-8, S-21, 7.8, 16/1264/1319
// storage F-11, ST-31, ST-32
test("a tree that is taken over is the server's own, in memory, on disk, and with what follows", () => {
  const leader = leading(100);
  const learner = dirty(60);
  follow(leader, learner, send(leader, 30));
  learner.await((done) => learner.replica.saveTree(done));
  expectSame(leader, learner);
  learner.await((done) => learner.replica.saveCurrentEpoch(2, done));
  learner.restart();
  expectSame(leader, learner);
  const last = leader.replica.lastZxid;
  leader.live(2, 10);
  for (const txn of leader.made.txns) if (zxidOf(txn) > last) learner.take(txn);
  learner.replica.logTo(leader.replica.lastZxid);
  learner.deliver(leader.replica.lastZxid);
  learner.await((done) => learner.replica.whenLogged(done));
  learner.restart();
  expectSame(leader, learner);
  expect(learner.made.names().filter((name) => /^(log|snapshot)\./.test(name))).toEqual([
    `log.${(last + 1).toString(16)}`,
    `snapshot.${last.toString(16)}`,
  ]);
  expect([learner.failures, learner.replica.isDiverged]).toEqual([[], false]);
});

// quorum-protocol S-27, 16/2355, 16/2872/3642, 16/5094
test("what was not saved is forgotten: memory is again what the disk says", () => {
  const leader = leading(50);
  const sent = send(leader, 0);
  const learner = dirty(60);
  const before = dumpTree(learner.replica.tree);
  const last = learner.replica.lastZxid;
  const expectBefore = (): void => {
    expect([learner.replica.lastZxid, learner.replica.window.lastZxid]).toEqual([last, last]);
    expect(dumpTree(learner.replica.tree)).toEqual(before);
  };
  // The link breaks within the tree, or the tree is bad.
  const torn = learner.replica.install(sent.zxid);
  torn.take(sent.bytes, 0, sent.bytes.length - 5);
  expect(torn.isComplete).toBe(false);
  expectBefore();
  // It breaks behind it.
  follow(leader, learner, sent);
  expect(learner.replica.lastZxid).not.toBe(last);
  learner.await((done) => learner.replica.reload(done));
  expectBefore();
  // The term ends and nobody asks for it.
  follow(leader, learner, sent);
  learner.settle();
  expectBefore();
  // The server dies.
  follow(leader, learner, sent);
  learner.rest();
  learner.restart();
  expectBefore();
});

// quorum-protocol S-21, 16/2872/3642, I-13
// storage ST-31
test("power that fails while the tree is saved leaves the old history or the new, and both go on", () => {
  const seen = { old: 0, new: 0 };
  const leader = leading(50);
  const sent = send(leader, 10);
  for (let run = 0; run < 40; run++) {
    const learner = dirty(40);
    const before = dumpTree(learner.replica.tree);
    const draw = new SimRandom(run);
    follow(leader, learner, sent);
    let isSaved = false;
    learner.replica.saveTree(() => {
      isSaved = true;
    });
    for (let steps = draw.below(25); steps > 0 && !isSaved; steps--) learner.made.world.step();
    learner.restart(draw.chance(0.8) ? "power" : "kill");
    const isNew = learner.replica.lastZxid === leader.replica.lastZxid;
    if (isNew) seen.new++;
    else seen.old++;
    if (isSaved) expect(isNew).toBe(true);
    if (isNew) {
      expectSame(leader, learner);
      continue;
    }
    expect(dumpTree(learner.replica.tree)).toEqual(before);
    // It comes again, and is sent it again.
    follow(leader, learner, sent);
    learner.await((done) => learner.replica.saveTree(done));
    learner.restart();
    expectSame(leader, learner);
  }
  expect(seen.old).toBeGreaterThan(3);
  expect(seen.new).toBeGreaterThan(3);
}, 60_000);

function zxidsOf(range: LogRange | undefined): number[] | undefined {
  if (range === undefined) return undefined;
  const zxids: number[] = [];
  while (range.next()) zxids.push(range.zxid);
  expect(range.problem).toBeUndefined();
  range.close();
  return zxids;
}

// quorum-protocol 7.4, S-6
test("a learner is read the log as far back as this process knows it, restarts included", () => {
  const bench = leading(100);
  const expected = bench.made.txns.map(zxidOf);
  const upTo = bench.replica.lastZxid;
  const read = (): number[] | undefined => zxidsOf(bench.replica.readLog(makeZxid(1, 5), upTo));
  expect(read()).toEqual(expected.slice(5));
  bench.restart();
  expect(read()).toEqual(expected.slice(5));
  // A snapshot changes nothing while the server runs; after a start it is where history begins.
  bench.replica.takeSnapshot();
  bench.rest();
  bench.live(2, 5);
  expect(read()).toEqual(expected.slice(5));
  bench.restart();
  expect(read()).toBeUndefined();
  expect(zxidsOf(bench.replica.readLog(upTo, upTo + 5))).toHaveLength(5);
});

// quorum-protocol 7.4
test("the log is sent as far as it is a part of what the tree would take", () => {
  for (const [snapshotSizeFactor, isSent] of [
    [0, true],
    [-1, false],
    [0.01, false],
    [1000, true],
  ] as const) {
    const bench = new ReplicaBench(new MadeDirectory(3), { snapshotSizeFactor });
    bench.open();
    bench.live(1, 60);
    const range = bench.replica.readLog(makeZxid(1, 2), makeZxid(1, 60));
    expect(zxidsOf(range)?.length).toBe(isSent ? 58 : undefined);
  }
});

// quorum-protocol S-6, 16/2846, I-13
test("txns that nobody knows are not served by the server that was sent a tree over them", () => {
  // With 0 the tree is that of the epoch's marker: its first txn would follow the dead ones too.
  for (const count of [50, 0]) {
    const leader = leading(count);
    const learner = dirty(60);
    follow(leader, learner, send(leader, 0));
    learner.await((done) => learner.replica.saveTree(done));
    const base = leader.replica.lastZxid;
    leader.live(2, 20);
    for (const txn of leader.made.txns) if (zxidOf(txn) > base) learner.take(txn);
    const upTo = leader.replica.lastZxid;
    learner.replica.logTo(upTo);
    learner.deliver(upTo);
    learner.await((done) => learner.replica.whenLogged(done));
    for (const how of ["running", "restarted"]) {
      if (how === "restarted") learner.restart();
      const { replica } = learner;
      for (let counter = 0; counter <= 60; counter++) {
        expect(replica.readLog(makeZxid(1, counter), upTo)).toBeUndefined();
      }
      expect(zxidsOf(replica.readLog(base, upTo))).toHaveLength(20);
    }
  }
});
