// How a leader's term begins: whose epochs it hears, what it makes durable before it says anything,
// and whom it does not let in.

import { expect, test } from "vitest";
import { EPOCH_LEAP_MAX, EPOCH_MAX } from "../../../protocol/zxid.ts";
import { LeaderBench, range, z } from "./leader-bench.ts";

// quorum-protocol D-3, D-8, 5/17 LEADERINFO, 16/335/1081/1082
test("a new epoch is beyond all that a quorum has accepted, and durable before anybody hears of it", () => {
  const bench = new LeaderBench({ acceptedEpoch: 4, currentEpoch: 4 });
  bench.join(2, 6);
  expect(bench.lines()).toEqual(["disk: acceptedEpoch 7"]);
  bench.release("acceptedEpoch");
  expect(bench.lines()).toEqual(["2 ← LEADERINFO 700000000"]);
  expect(bench.replica.acceptedEpoch).toBe(7);
});

// quorum-protocol D-3
test("who comes once the epoch is fixed is told the same one, even if it promised more", () => {
  const bench = new LeaderBench();
  bench.join(2, 1);
  bench.join(3, 8);
  expect(bench.lines()).toEqual([
    "disk: acceptedEpoch 2",
    "warning: a learner has promised an epoch far beyond this one, and cannot join before that. " +
      "If its data is another ensemble's, it must not join at all",
  ]);
  bench.release("acceptedEpoch");
  expect(bench.lines()).toEqual(["2 ← LEADERINFO 200000000", "3 ← LEADERINFO 200000000"]);
});

// quorum-protocol V-2, D-3, D-6
test("a term ends for a voter that has promised one of the next epochs, and could never join else", () => {
  const bench = new LeaderBench({ observers: [4] });
  bench.establish(2);
  // Nobody is disturbed by an observer, or by who comes from far beyond.
  bench.join(4, 2, { isObserver: true });
  bench.join(3, 6).cut();
  expect(bench.leader.phase).toBe("broadcasting");
  bench.join(3, 5);
  expect(bench.lines().at(-1)).toBe(
    "step down: server 3 has promised epoch 5, which is later than this one",
  );
  const early = new LeaderBench();
  early.join(2);
  early.join(3, 3);
  early.releaseAll();
  expect(early.lines()).toContain("3 ← LEADERINFO 100000000");
});

// Found by hand: a member of another ensemble, on the address of one that was down, ended the term.
test("no term ends for a voter whose history is of an epoch that this ensemble has not had", () => {
  const bench = new LeaderBench();
  bench.establish(2);
  bench.claimedEpochs.set(3, 2);
  bench.join(3, 2);
  expect(bench.leader.phase).toBe("broadcasting");
  expect(bench.lines().at(-2)).toMatch(
    /^warning: a learner's history is of a later epoch than this ensemble has had, so it is another/,
  );
  bench.claimedEpochs.set(3, 1);
  bench.join(3, 2);
  expect(bench.leader.phase).toBe("closed");
});

// quorum-protocol D-3, D-7, 11.1, 16/2959
test("who comes as an observer raises the epoch, but is no part of any quorum, even with a voter's sid", () => {
  const bench = new LeaderBench({ observers: [4] });
  const observer = bench.join(4, 5, { isObserver: true });
  const empty = bench.join(2, 0, { isObserver: true });
  expect(bench.lines()).toEqual([]);
  const follower = bench.join(3, 1);
  expect(bench.lines()).toEqual(["disk: acceptedEpoch 6"]);
  bench.releaseAll().lines();
  observer.ackEpoch(0, 0);
  empty.ackEpoch(0, 0);
  expect(bench.lines()).toEqual([]);
  follower.ackEpoch(0, 0);
  bench.releaseAll().lines();
  for (const learner of [observer, empty]) learner.ack(z(6, 0));
  expect(bench.lines()).toEqual([]);
  follower.ack(z(6, 0));
  expect(bench.lines()[0]).toBe("lead 6");
});

// quorum-protocol D-7, P-1, S-23
test("the leader's history, then its epoch, are durable before anybody is sent NEWLEADER", () => {
  const bench = new LeaderBench({ history: range(1, 1, 3) });
  const follower = bench.join(2, 1);
  bench.release("acceptedEpoch").lines();
  follower.ackEpoch(z(1, 3), 1);
  expect(bench.lines()).toEqual([]);
  expect(bench.replica.waiting.map(({ work }) => work)).toEqual(["logged"]);
  bench.release("logged");
  expect(bench.lines()).toEqual(["disk: currentEpoch 2"]);
  bench.release("currentEpoch");
  expect(bench.lines()).toEqual(["2 ← DIFF 100000003", "2 ← NEWLEADER 200000000 config"]);
});

// quorum-protocol D-7
test("a learner whose history is ahead of the leader's is sent away", () => {
  const bench = new LeaderBench({ history: range(2, 1, 3) });
  const ahead = bench.join(2, 2);
  const later = bench.join(3, 2);
  bench.releaseAll().lines();
  ahead.ackEpoch(z(2, 4), 2);
  later.ackEpoch(z(1, 1), 3);
  expect(bench.lines()).toEqual([
    "2 closed: its history, epoch 2 zxid 200000004, is ahead of this leader's, epoch 2 zxid 200000003",
    "3 closed: its history, epoch 3 zxid 100000001, is ahead of this leader's, epoch 2 zxid 200000003",
  ]);
  bench.join(2, 2).ackEpoch(z(2, 3), 2);
  bench.releaseAll();
  expect(bench.lines()).toContain("disk: currentEpoch 3");
});

// quorum-protocol D-6, D-7, Trap 5
test("who promised this epoch before is synchronized, but its promise does not count again", () => {
  const bench = new LeaderBench({ voters: [1, 2, 3] });
  const again = bench.join(2, 0);
  bench.releaseAll().lines();
  again.ackEpoch(0, -1);
  expect(bench.replica.waiting).toEqual([]);
  const other = bench.join(3, 0);
  other.ackEpoch(0, 0);
  bench.releaseAll();
  expect(bench.lines()).toContain("2 ← NEWLEADER 100000000 config");
});

// quorum-protocol D-7
test("the promise of a learner whose last zxid is -1 does not count", () => {
  const bench = new LeaderBench();
  bench.join(2).ackEpoch(0, 0);
  const learner = bench.join(3);
  bench.release("acceptedEpoch");
  learner.ackEpoch(-1, 0);
  expect(bench.replica.waiting).toEqual([]);
});

// quorum-protocol D-1, D-5, T-6
test("a link that does not begin as it must is closed", () => {
  const bench = new LeaderBench();
  bench.accept("ping").pong();
  bench.accept("old").packet(11, 0, Buffer.from("0000000000000002", "hex"));
  bench.accept("older").packet(11, 0, undefined);
  bench.accept("short").packet(11, 0, Buffer.from("0002", "hex"));
  const info = Buffer.from("0000000000000002000100000000000000000000", "hex");
  bench.accept("below").packet(11, -1, info);
  bench.accept("beyond").hello(2, EPOCH_MAX);
  expect(bench.lines()).toEqual([
    "ping closed: a packet of type 5 instead of FOLLOWERINFO",
    "old closed: a server older than ZooKeeper 3.4",
    "older closed: a server older than ZooKeeper 3.4",
    "short closed: FOLLOWERINFO says nothing that can be read",
    "below closed: an accepted epoch below zero",
    "beyond closed: it says that it has promised epoch 2097151, where this leader knows of 1: its " +
      "data must be another ensemble's. If it belongs here, empty its directories and start it " +
      "again; if not, take it off this ensemble's addresses",
  ]);
});

// quorum-protocol D-7, D-1
test("a packet out of turn closes its link", () => {
  const bench = new LeaderBench();
  bench.join(2).ackEpoch(0, 0);
  const learner = bench.join(3);
  bench.release("acceptedEpoch").lines();
  learner.ack(0);
  expect(bench.lines()).toEqual(["3 closed: a packet of type 3 instead of ACKEPOCH"]);
  bench.join(3).packet(18, 0, undefined);
  expect(bench.lines()).toEqual([
    "3 ← LEADERINFO 100000000",
    "3 closed: ACKEPOCH without an epoch",
  ]);
});

// quorum-protocol D-2
test("a learner whose configuration is newer is sent away", () => {
  const bench = new LeaderBench({ configVersion: z(1, 5) });
  bench.join(2, 0, { configVersion: z(1, 5) });
  bench.join(3, 0, { configVersion: z(1, 6) });
  expect(bench.lines()).toEqual([
    "disk: acceptedEpoch 1",
    "3 closed: its configuration is ahead of this leader's: version 100000006",
  ]);
});

// operations 7.9/22
test("strangers are told what is wrong, and observers that are not listed may be allowed", () => {
  const unknown = (sid: number): string =>
    `${sid} closed: server ${sid} is not in the configuration of this ensemble: it needs a line ` +
    `server.${sid} in every zoo.cfg, or its myid is wrong`;
  const bench = new LeaderBench();
  bench.join(9);
  bench.join(9, 0, { isObserver: true });
  bench.join(1);
  expect(bench.lines()).toEqual([
    unknown(9),
    unknown(9),
    "1 closed: it says that it is server 1, which is this one: two myid files are the same",
  ]);
  const open = new LeaderBench({ allowUnlistedObservers: true });
  open.establish(2);
  open.join(9);
  const nameless = open.join(-1, 0, { isObserver: true });
  const another = open.join(-1, 0, { isObserver: true });
  expect(open.lines()).toEqual([
    unknown(9),
    "-1 ← LEADERINFO 100000000",
    "-1 ← LEADERINFO 100000000",
  ]);
  for (const learner of [nameless, another]) learner.ackEpoch(z(1, 0), -1).ack(z(1, 0));
  const served = [...open.leader.learners()].filter(({ state }) => state === "serving");
  expect(served.filter(({ isObserver }) => isObserver).length).toBe(2);
});

// quorum-protocol D-4, T-7
test("a leader whom no quorum joins, promises to or adopts gives up after initLimit", () => {
  const alone = new LeaderBench().ticks(20);
  expect(alone.lines()).toEqual([]);
  expect(alone.ticks(1).lines()).toEqual([
    "step down: no quorum of learners came in time (collecting)",
  ]);
  const bench = new LeaderBench();
  const follower = bench.join(2);
  bench.ticks(19).releaseAll().ticks(19).lines();
  follower.ackEpoch(0, 0);
  bench.releaseAll().ticks(19).lines();
  follower.pong();
  expect(bench.ticks(2).lines().at(-1)).toBe(
    "step down: no quorum of learners came in time (synchronizing)",
  );
});

// operations 2.4/leader.maxTimeToWaitForEpoch leader.maxConcurrentSnapSyncs
test("a leader may be told to wait less for the epochs of a majority", () => {
  const bench = new LeaderBench({ epochLimitTicks: 2.5 });
  expect(bench.ticks(5).lines()).toEqual([]);
  expect(bench.ticks(1).lines()).toEqual([
    "step down: no quorum of learners came in time (collecting)",
  ]);
});

// quorum-protocol T-7
test("promises that do not come end the term too", () => {
  const bench = new LeaderBench();
  bench.join(2);
  bench.releaseAll().lines();
  expect(bench.ticks(21).lines()).toEqual([
    "2 closed: nothing was heard of it for too long",
    "step down: no quorum of learners came in time (electing)",
  ]);
});

// quorum-protocol D-3
test("a single voter leads without anybody", () => {
  const bench = new LeaderBench({ voters: [1], history: range(3, 1, 2) }).releaseAll();
  expect(bench.lines()).toEqual(["disk: acceptedEpoch 4", "disk: currentEpoch 4", "lead 4"]);
  bench.propose().logged(z(4, 1));
  expect(bench.lines()).toEqual(["deliver 400000001"]);
});

// quorum-protocol T-10, T-11
test("a term that is over closes its links, and ignores what still comes", () => {
  const bench = new LeaderBench();
  bench.join(2);
  bench.lines();
  bench.leader.resign("enough");
  expect(bench.lines()).toEqual(["2 closed: enough", "step down: enough"]);
  bench.releaseAll().ticks(50).logged(z(1, 1));
  bench.leader.resign("again");
  bench.join(3);
  expect(bench.lines()).toEqual(["3 closed: the leader's term is over"]);
});

// quorum-protocol D-3
test("an epoch that is too far to be believed raises nobody's", () => {
  const bench = new LeaderBench({ acceptedEpoch: 7 });
  bench.join(2, 8 + EPOCH_LEAP_MAX + 1);
  expect(bench.lines()[0]).toMatch(/^2 closed: it says that it has promised epoch 65545, where/);
  bench.join(3, 8 + EPOCH_LEAP_MAX);
  expect(bench.lines()).toEqual([`disk: acceptedEpoch ${8 + EPOCH_LEAP_MAX + 1}`]);
});
