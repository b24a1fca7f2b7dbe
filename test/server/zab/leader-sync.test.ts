// How a learner's history becomes the leader's, and when the leader takes office.

import { expect, test } from "vitest";
import { LeaderBench, range, z } from "./leader-bench.ts";

/** A leader of epoch 2 with 1:1 to 1:4 and a follower, sid 2. */
function established(options = {}): LeaderBench {
  const bench = new LeaderBench({ history: range(1, 1, 4), ...options });
  bench.establish(2);
  return bench;
}

/** A learner that joins an established leader with this history, up to LEADERINFO. */
function joining(bench: LeaderBench, kind = {}): ReturnType<LeaderBench["join"]> {
  const learner = bench.join(3, 1, kind);
  bench.lines();
  return learner;
}

// quorum-protocol S-15, S-16, 5/12 UPTODATE, 16/790
test("office is taken once a quorum has adopted the history, in this order", () => {
  const bench = new LeaderBench({ history: range(1, 1, 4) });
  const follower = bench.join(2, 1);
  const late = bench.join(3, 1);
  bench.releaseAll();
  follower.ackEpoch(z(1, 4), 1);
  late.ackEpoch(z(1, 4), 1);
  bench.releaseAll().lines();
  expect(bench.replica.window.lastZxid).toBe(z(1, 4));
  follower.ack(z(2, 0));
  expect(bench.lines()).toEqual(["lead 2", "2 ← UPTODATE -1"]);
  expect(bench.replica.window.committedZxid).toBe(z(2, 0));
  late.ack(z(2, 0));
  expect(bench.lines()).toEqual(["3 ← UPTODATE -1"]);
});

// quorum-protocol 16/1270
test("a quorum that is there before the leader's own disk is ready is noticed afterwards", () => {
  const bench = new LeaderBench();
  const followers = [bench.join(2), bench.join(3)];
  bench.release("acceptedEpoch");
  for (const follower of followers) follower.ackEpoch(0, 0);
  bench.release("logged").lines();
  bench.release("currentEpoch");
  for (const follower of followers) follower.ack(z(1, 0));
  expect(bench.lines().filter((line) => /lead|UPTODATE/.test(line))).toEqual([
    "lead 1",
    "2 ← UPTODATE -1",
    "3 ← UPTODATE -1",
  ]);
});

// quorum-protocol S-3, S-4, S-12, 7.2/3 min ≤ P ≤ max, 5/13 DIFF, 5/10 NEWLEADER, S-13
test("what a follower or an observer lacks comes as proposals with their commits", () => {
  for (const isObserver of [false, true]) {
    const bench = established();
    joining(bench, { isObserver }).ackEpoch(z(1, 2), 1);
    expect(bench.lines()).toEqual([
      "3 ← DIFF 100000004",
      "3 ← PROPOSAL 100000003",
      "3 ← COMMIT 100000003",
      "3 ← PROPOSAL 100000004",
      "3 ← COMMIT 100000004",
      "3 ← NEWLEADER 200000000 config",
    ]);
  }
});

// quorum-protocol 7.2/2 P > max and low32(P) ≠ 0, 5/14 TRUNC
test("what was never settled is truncated", () => {
  const bench = established();
  joining(bench).ackEpoch(z(1, 6), 1);
  expect(bench.lines()).toEqual(["3 ← TRUNC 100000004", "3 ← NEWLEADER 200000000 config"]);
});

// quorum-protocol S-7, S-8, S-11, 5/15 SNAP, 16/3104, 16/962
test("behind a tree come all txns since its walk began, and only then NEWLEADER", () => {
  const bench = established();
  const learner = joining(bench);
  learner.room = 3;
  learner.isBlocked = true;
  learner.ackEpoch(0, 0);
  learner.room = 1_000;
  bench.propose(2);
  learner.drain();
  expect(bench.lines()).toEqual([
    "2 ← PROPOSAL 200000001",
    "2 ← PROPOSAL 200000002",
    "3 ← SNAP 200000000",
    "3 ← tree",
  ]);
  // The walk has seen 2:1, which is settled meanwhile; 2:2 is not.
  bench.logged(z(2, 1));
  expect(bench.lines()).toEqual([]);
  bench.replica.applyAll();
  bench.release("tree");
  expect(bench.lines()).toEqual([
    "3 ← NEWLEADER 200000000 config",
    "3 ← PROPOSAL 200000001",
    "3 ← PROPOSAL 200000002",
  ]);
});

// quorum-protocol 7.2/0 testing flag forceSnapshotSync
test("a tree is sent whatever the learner has, if that is asked for", () => {
  const bench = established({ forceSnapshotSync: true });
  joining(bench).ackEpoch(z(2, 0), -1);
  bench.releaseAll();
  expect(bench.lines()).toEqual([
    "3 ← SNAP 200000000",
    "3 ← tree",
    "3 ← NEWLEADER 200000000 config",
  ]);
});

// quorum-protocol S-11, S-26, 16/4394, 16/962
test("what is outstanding follows behind NEWLEADER, without a hole", () => {
  const bench = established();
  bench.propose(3).logged(z(2, 3));
  const follower = joining(bench);
  follower.isBlocked = true;
  follower.ackEpoch(z(1, 4), 1);
  bench.propose().lines();
  follower.drain();
  expect(bench.lines()).toEqual([
    "3 ← DIFF 100000004",
    "3 ← NEWLEADER 200000000 config",
    "3 ← PROPOSAL 200000001",
    "3 ← PROPOSAL 200000002",
    "3 ← PROPOSAL 200000003",
    "3 ← PROPOSAL 200000004",
  ]);
});

// quorum-protocol S-11, 16/4925, 16/962
test("what is settled while a history is sent is part of it", () => {
  const bench = new LeaderBench({ history: range(1, 1, 4) });
  const [follower] = bench.establish(2);
  const learner = joining(bench);
  learner.isBlocked = true;
  learner.ackEpoch(z(1, 4), 1);
  bench.propose(3).logged(z(2, 2));
  follower?.ack(z(2, 2));
  bench.replica.applyAll();
  bench.lines();
  learner.drain();
  expect(bench.lines()).toEqual([
    "3 ← DIFF 100000004",
    "3 ← PROPOSAL 200000001",
    "3 ← COMMIT 200000001",
    "3 ← PROPOSAL 200000002",
    "3 ← COMMIT 200000002",
    "3 ← NEWLEADER 200000000 config",
    "3 ← PROPOSAL 200000003",
  ]);
});

// quorum-protocol S-11, S-1
test("the window keeps what a learner still has to be sent, and no longer", () => {
  const bench = new LeaderBench({ history: range(1, 1, 4), keep: 1 });
  const [follower] = bench.establish(2);
  const learner = joining(bench);
  learner.isBlocked = true;
  learner.ackEpoch(z(1, 4), 1);
  bench.propose(5).logged(z(2, 5));
  follower?.ack(z(2, 5));
  bench.replica.applyAll();
  expect(bench.replica.window.firstZxid).toBe(z(2, 1));
  bench.lines();
  learner.drain();
  expect(bench.lines()).toHaveLength(12);
  bench.replica.applyAll();
  expect(bench.replica.window.firstZxid).toBe(z(2, 5));
  learner.cut();
  expect(bench.replica.window.retainAfter).toBe(z(2, 5));
});

// quorum-protocol S-11
test("the window keeps it from the moment when a learner is registered", () => {
  const bench = new LeaderBench({ voters: [1], observers: [4], keep: 1 });
  bench.releaseAll();
  bench.propose(2).logged(z(1, 2));
  bench.replica.applyAll();
  const observer = bench.join(4, 0, { isObserver: true });
  observer.isBlocked = true;
  observer.ackEpoch(z(1, 2), -1);
  bench.propose(5).logged(z(1, 7));
  bench.replica.applyAll();
  bench.lines();
  observer.drain();
  expect(bench.lines().filter((line) => line.includes("PROPOSAL"))).toHaveLength(5);
  bench.leader.resign("enough");
  expect(bench.replica.window.retainAfter).toBe(Number.POSITIVE_INFINITY);
});

// quorum-protocol S-12
test("a history that does not fit one turn goes on in the next, whole and in order", () => {
  for (const isObserver of [false, true]) {
    const bench = established({ history: range(1, 1, 40) });
    const learner = joining(bench, { isObserver });
    learner.room = 100;
    learner.ackEpoch(z(1, 1), 1);
    const packets = bench.lines();
    const pair = (zxid: string): string[] => [`3 ← PROPOSAL ${zxid}`, `3 ← COMMIT ${zxid}`];
    const pairs = range(1, 2, 40).flatMap((zxid) => pair(zxid.toString(16)));
    expect(packets).toEqual(["3 ← DIFF 100000028", ...pairs, "3 ← NEWLEADER 200000000 config"]);
  }
});

// quorum-protocol 7.2/4
test("what is before the window comes from the log", () => {
  const bench = established({ base: z(1, 5), history: range(1, 6, 7) });
  bench.replica.log = range(1, 2, 5);
  const learner = joining(bench);
  learner.room = 100;
  learner.ackEpoch(z(1, 3), 1);
  expect(bench.lines()).toEqual([
    "3 ← DIFF 100000007",
    ...range(1, 4, 7).flatMap((x) => [
      `3 ← PROPOSAL ${x.toString(16)}`,
      `3 ← COMMIT ${x.toString(16)}`,
    ]),
    "3 ← NEWLEADER 200000000 config",
  ]);
  expect(bench.replica.openRanges).toBe(0);
});

// quorum-protocol 16/2418, 7.2/4
test("a log with a hole sends its learner away, and the next time it is sent the tree", () => {
  const holes = [
    { log: [z(1, 3), z(1, 5)], reason: "the log on disk has a gap" },
    { log: range(1, 3, 4), reason: "the log on disk does not reach the window" },
  ];
  for (const { log, reason } of holes) {
    const bench = established({ base: z(1, 5), history: range(1, 6, 7) });
    bench.replica.log = log;
    joining(bench).ackEpoch(z(1, 3), 1);
    const lines = bench.lines();
    expect(lines).toContain(
      "error: the log could not be sent to a learner: it is sent the tree next",
    );
    expect(lines.slice(-2)).toEqual([`3 closed: ${reason}`, "left 3"]);
    expect(lines.join()).not.toContain("NEWLEADER");
    expect(bench.replica.openRanges).toBe(0);
    joining(bench).ackEpoch(z(1, 3), -1);
    expect(bench.lines()[0]).toBe("3 ← SNAP 200000000");
  }
});

// quorum-protocol 7.2/4
test("a log that cannot be read to its end sends its learner away", () => {
  const bench = established({ base: z(1, 5), history: range(1, 6, 7) });
  bench.replica.log = range(1, 3, 5);
  bench.replica.logProblem = "a checksum is wrong";
  joining(bench).ackEpoch(z(1, 3), 1);
  expect(bench.lines()).toContain("3 closed: a checksum is wrong");
});

// quorum-protocol S-10
test("observers beyond a limit have to come again, followers never", () => {
  const options = { maxConcurrentSnapSyncs: 1, maxConcurrentDiffSyncs: 0, observers: [4, 5] };
  const bench = established(options);
  joining(bench).ackEpoch(0, 0);
  const crowded = "too many learners are being synchronized; it is to come again";
  const observer = bench.join(4, 0, { isObserver: true });
  bench.lines();
  observer.ackEpoch(0, 0);
  expect(bench.lines()[0]).toBe(`4 closed: ${crowded}`);
  const another = bench.join(5, 0, { isObserver: true });
  bench.lines();
  another.ackEpoch(z(1, 4), 1);
  expect(bench.lines()[0]).toBe(`5 closed: ${crowded}`);
  bench.releaseAll();
  bench.join(4, 0, { isObserver: true }).ackEpoch(0, 0);
  expect(bench.lines()).toContain("4 ← SNAP 200000000");
});

// quorum-protocol S-14, T-11
test("what is no ACK of this NEWLEADER closes the link, and counts for nothing", () => {
  for (const wrong of [z(1, 0), z(3, 0), z(2, 1)]) {
    const bench = new LeaderBench({ acceptedEpoch: 1 });
    const follower = bench.join(2, 1);
    bench.releaseAll();
    follower.ackEpoch(0, 0);
    bench.releaseAll().lines();
    follower.ack(wrong);
    expect(bench.lines()).toEqual(["2 closed: its ACK is not of this epoch's NEWLEADER"]);
  }
  const bench = established();
  joining(bench).ackEpoch(z(1, 4), 1).packet(5, 0, undefined);
  expect(bench.lines()).toContain("3 closed: a packet of type 5 instead of ACK");
});

// quorum-protocol 16/4685, S-25
test("the ACK of a txn of the DIFF that comes before that of NEWLEADER is waited out", () => {
  const bench = new LeaderBench({ history: range(1, 1, 4) });
  const follower = bench.join(2, 1);
  bench.releaseAll();
  follower.ackEpoch(z(1, 2), 1);
  bench.releaseAll().lines();
  follower.ack(z(1, 3), z(2, 0), z(1, 4));
  expect(bench.lines()).toEqual(["lead 2", "2 ← UPTODATE -1"]);
});

// quorum-protocol 16/4685, S-24
test("the ACK of a proposal must not come before that of NEWLEADER: it would be lost", () => {
  const bench = established();
  bench.propose();
  const learner = joining(bench).ackEpoch(z(1, 4), 1);
  expect(bench.lines()).toContain("3 ← PROPOSAL 200000001");
  learner.ack(z(2, 1));
  expect(bench.lines()[0]).toBe("3 closed: its ACK is not of this epoch's NEWLEADER");
});

// quorum-protocol S-12, T-5
test("a packet while the history is on its way closes the link", () => {
  const bench = established();
  const learner = joining(bench);
  learner.ackEpoch(0, 0).pong();
  expect(bench.lines()).toEqual([
    "3 ← SNAP 200000000",
    "3 ← tree",
    "3 closed: a packet of type 5 where none is due",
    "left 3",
  ]);
  expect(bench.replica.openTrees).toBe(0);
});

// quorum-protocol 16/2959, S-15
test("an observer's ACK of NEWLEADER takes no leader to office, even with a voter's sid", () => {
  const bench = new LeaderBench();
  const follower = bench.join(2);
  const observer = bench.join(3, 0, { isObserver: true });
  bench.releaseAll();
  follower.ackEpoch(0, 0);
  observer.ackEpoch(0, 0);
  bench.releaseAll().lines();
  observer.ack(z(1, 0));
  expect(bench.lines()).toEqual([]);
  follower.ack(z(1, 0));
  expect(bench.lines()).toEqual(["lead 1", "2 ← UPTODATE -1", "3 ← UPTODATE -1"]);
});
