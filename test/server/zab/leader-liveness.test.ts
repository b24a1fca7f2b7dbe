// Who is taken for dead, when a leader without its quorum goes, and two servers of one number.

import { expect, test, vi } from "vitest";
import { type FakeLearner, LeaderBench, range, z } from "./leader-bench.ts";

function established(voters = 3, options = {}): [LeaderBench, ...FakeLearner[]] {
  const sids = Array.from({ length: voters }, (_, i) => i + 1);
  const bench = new LeaderBench({ voters: sids, ...options });
  return [bench, ...bench.establish(...sids.slice(1))];
}

const SILENT = "nothing was heard of it for too long";

/** Half ticks in which these learners answer their pings. */
function alive(bench: LeaderBench, halfTicks: number, ...learners: readonly FakeLearner[]): void {
  for (let i = 0; i < halfTicks; i++) {
    bench.ticks(1);
    for (const learner of learners) learner.pong();
  }
}

function closed(bench: LeaderBench): string[] {
  return bench.lines().filter((line) => /closed|step down/.test(line));
}

// quorum-protocol T-1, T-2, T-5, C-4
test("a learner that says nothing for syncLimit is sent away", () => {
  const [bench, first, second] = established();
  if (first === undefined || second === undefined) throw new Error("three servers");
  alive(bench, 10, first);
  expect(closed(bench)).toEqual([]);
  alive(bench, 1, first);
  expect(closed(bench)).toEqual([`3 closed: ${SILENT}`]);
});

// quorum-protocol T-5, C-4
test("who is synchronized has initLimit to say that it has adopted the history", () => {
  const [bench, first, second] = established();
  if (first === undefined || second === undefined) throw new Error("three servers");
  second.cut();
  bench.accept("mute");
  bench.join(3).ackEpoch(z(1, 0), -1);
  bench.lines();
  alive(bench, 20, first);
  expect(closed(bench)).toEqual([]);
  alive(bench, 1, first);
  expect(closed(bench)).toEqual([`mute closed: ${SILENT}`, `3 closed: ${SILENT}`]);
});

// quorum-protocol T-5
test("a learner that takes nothing of its history for initLimit is sent away, a slow one is not", () => {
  const [bench, first, second] = established(3, { history: range(1, 1, 9) });
  if (first === undefined || second === undefined) throw new Error("three servers");
  second.cut();
  const learner = bench.join(3);
  learner.room = 100;
  learner.isBlocked = true;
  learner.ackEpoch(z(1, 1), -1);
  bench.lines();
  for (let i = 0; i < 5; i++) {
    alive(bench, 15, first);
    expect(closed(bench)).toEqual([]);
    learner.isBlocked = false;
    learner.handlers?.fill(100);
    learner.isBlocked = true;
  }
  alive(bench, 21, first);
  expect(closed(bench)).toEqual([`3 closed: ${SILENT}`]);
});

// quorum-protocol T-2, Trap 8
test("who waits for the others to adopt the history is not taken for dead", () => {
  const bench = new LeaderBench({ voters: [1, 2, 3, 4, 5] });
  const fast = bench.join(2);
  const slow = bench.join(3);
  bench.releaseAll();
  for (const learner of [fast, slow]) learner.ackEpoch(0, 0);
  bench.releaseAll();
  fast.ack(z(1, 0));
  bench.ticks(19);
  slow.ack(z(1, 0));
  expect(closed(bench)).toEqual([]);
  expect(bench.leader.phase).toBe("broadcasting");
});

// quorum-protocol T-3, T-10, V-3
test("a leader without a quorum of followers goes at the end of the tick", () => {
  const [bench, ...followers] = established(5);
  for (const follower of followers.slice(0, 2)) follower.cut();
  expect(closed(bench.ticks(2))).toEqual([]);
  followers[2]?.cut();
  bench.lines();
  const reason = "no quorum of followers is in step with this leader any more";
  expect(closed(bench.ticks(1))).toEqual([]);
  expect(closed(bench.ticks(1))).toEqual([`5 closed: ${reason}`, `step down: ${reason}`]);
});

// quorum-protocol V-3, T-3
test("a leader that hears nobody goes within syncLimit and two ticks", () => {
  const [bench] = established();
  const lines = closed(bench.ticks(14));
  expect(lines.at(-1)).toMatch(/^step down: no quorum/);
});

// quorum-protocol T-3, T-2
test("followers on their way to be in step keep a leader, observers do not", () => {
  const [bench, first, second] = established(3, { observers: [4] });
  bench.joinWhole(4, { isObserver: true });
  first?.cut();
  const returning = bench.join(2);
  returning.ackEpoch(0, -1);
  second?.cut();
  expect(closed(bench.ticks(2))).toEqual([]);
  returning.cut();
  bench.join(2, 0, { isObserver: true }).ackEpoch(0, 0);
  expect(closed(bench.ticks(2)).at(-1)).toMatch(/^step down/);
});

// quorum-protocol T-4
test("a follower that answers pings but acknowledges no proposal is sent away", () => {
  const [bench, first, second] = established();
  if (first === undefined || second === undefined) throw new Error("three servers");
  bench.propose();
  alive(bench, 6, first, second);
  // A later proposal has its own time.
  bench.propose();
  first.ack(z(1, 1));
  second.ack(z(1, 2));
  bench.lines();
  alive(bench, 10, first, second);
  expect(closed(bench)).toEqual([]);
  alive(bench, 1, first, second);
  expect(closed(bench)).toEqual(["2 closed: a proposal was not acknowledged for too long"]);
  alive(bench, 20, second);
  expect(closed(bench)).toEqual([]);
});

// quorum-protocol T-4, 11.1
test("an observer owes no acknowledgement", () => {
  const [bench, first, second] = established(3, { observers: [4] });
  const observer = bench.joinWhole(4, { isObserver: true });
  if (first === undefined || second === undefined) throw new Error("three servers");
  bench.propose().logged(z(1, 1));
  for (const follower of [first, second]) follower.ack(z(1, 1));
  bench.lines();
  alive(bench, 30, first, second, observer);
  expect(closed(bench)).toEqual([]);
});

// operations 7.9/30 Clock jump suspended VM
test("time that passed without half ticks counts for nothing", () => {
  const [bench, first, second] = established();
  bench.ticks(1);
  // A minute of SIGSTOP: one tick comes late, then what waited in the sockets.
  bench.ticks(1);
  first?.pong().pong();
  second?.pong().pong();
  expect(closed(bench.ticks(8))).toEqual([]);
});

// quorum-protocol S-11
test("a learner for which memory would not suffice is sent away", () => {
  const [bench, first, second] = established(3, { keep: 1 });
  if (first === undefined || second === undefined) throw new Error("three servers");
  second.isBlocked = true;
  bench.propose(9).logged(z(1, 9));
  first.ack(z(1, 9));
  bench.replica.applyAll();
  const { window } = bench.replica;
  const bytes = vi.spyOn(window, "byteCount", "get").mockReturnValue(256 * 1024 * 1024);
  expect(closed(bench.ticks(1))).toEqual([]);
  bytes.mockReturnValue(256 * 1024 * 1024 + 1);
  expect(closed(bench.ticks(1))).toEqual([
    "3 closed: it lags so far behind that memory does not suffice: it is to come again",
  ]);
  bench.replica.applyAll();
  expect(window.count).toBe(1);
});

// quorum-protocol T-2
test("a server that comes again takes the place of its old link once that has closed", () => {
  const [bench, first] = established();
  bench.join(2, 1);
  expect(bench.lines()).toEqual([]);
  first?.cut();
  expect(bench.lines()).toEqual(["left 2", "2 ← LEADERINFO 100000000"]);
});

// quorum-protocol T-2
test("a server that comes again takes the place of its old link once that was silent for a tick", () => {
  const [bench, first, second] = established();
  if (first === undefined || second === undefined) throw new Error("three servers");
  alive(bench, 1, first, second);
  bench.join(2, 1);
  alive(bench, 2, second);
  expect(closed(bench)).toEqual([]);
  alive(bench, 1, second);
  const lines = bench.lines().filter((line) => /closed|LEADERINFO/.test(line));
  expect(lines).toEqual([
    "2 closed: the same server has connected again",
    "2 ← LEADERINFO 100000000",
  ]);
});

// operations 7.9/22
test("of two servers with one number the one that answers stays", () => {
  const [bench, first, second] = established();
  if (first === undefined || second === undefined) throw new Error("three servers");
  bench.join(2, 1);
  alive(bench, 2, first, second);
  expect(closed(bench)).toEqual([
    "2 closed: server 2 is connected already, from host of 2: two servers have the same number " +
      "in their myid files, or this one runs twice",
  ]);
  expect(first.isClosed).toBe(false);
});

test("of two newcomers with one number the later one is heard", () => {
  const [bench, first] = established();
  bench.join(2, 1);
  bench.join(2, 1);
  expect(closed(bench)).toEqual(["2 closed: the same server has connected again"]);
  first?.cut();
  expect(bench.lines()).toEqual(["left 2", "2 ← LEADERINFO 100000000"]);
});

test("before it is served, a server that comes again is believed at once", () => {
  const bench = new LeaderBench();
  bench.join(2, 1);
  bench.join(2, 1);
  bench.releaseAll();
  expect(bench.lines()).toEqual([
    "disk: acceptedEpoch 2",
    "2 closed: the same server has connected again",
    "2 ← LEADERINFO 200000000",
  ]);
});
