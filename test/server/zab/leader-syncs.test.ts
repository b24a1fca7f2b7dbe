// A sync is answered only by a leader that surely still led when it came (design.md).

import { expect, test } from "vitest";
import { OpCode } from "../../../protocol/opcodes.ts";
import { type FakeLearner, LeaderBench, z } from "./leader-bench.ts";

function established(voters = 3, options = {}): [LeaderBench, ...FakeLearner[]] {
  const sids = Array.from({ length: voters }, (_, i) => i + 1);
  const bench = new LeaderBench({ voters: sids, ...options });
  return [bench, ...bench.establish(...sids.slice(1))];
}

const SYNC = "2 ← SYNC 0";

/** Without what the pipeline hears of pings. */
function lines(bench: LeaderBench): string[] {
  return bench.lines().filter((line) => !line.startsWith("reported"));
}

// quorum-protocol B-18, I-19
test("a local sync waits for a quorum's answers to pings that were sent since", () => {
  const [bench, first] = established();
  bench.ticks(1).lines();
  bench.sync("a");
  expect(lines(bench)).toEqual(["2 ← PING 100000000", "3 ← PING 100000000"]);
  // This answers the ping before.
  first?.pong();
  bench.releaseAll();
  expect(lines(bench)).toEqual([]);
  first?.pong();
  bench.releaseAll();
  expect(lines(bench)).toEqual(["synced a"]);
});

// quorum-protocol B-18, 5/7 SYNC
test("a learner's sync waits for the same, and goes behind the commits", () => {
  const [bench, first, second] = established();
  bench.propose().lines();
  first?.request(7, 1, OpCode.sync, "/a");
  expect(lines(bench)).toEqual(["2 ← PING 100000001", "3 ← PING 100000001"]);
  second?.pong();
  expect(lines(bench)).toEqual([]);
  bench.logged(z(1, 1));
  second?.ack(z(1, 1));
  expect(lines(bench)).toEqual([
    "deliver 100000001",
    "2 ← COMMIT 100000001",
    SYNC,
    "3 ← COMMIT 100000001",
  ]);
  expect(bench.requests).toEqual([]);
  expect(bench.asked).toEqual(["7 at 2"]);
});

// quorum-protocol B-18
test("syncs of one turn share a round, and one ping at a time stands for a round", () => {
  const [bench, first] = established();
  bench.office?.sync(() => bench.say("synced a"));
  bench.office?.sync(() => bench.say("synced b"));
  bench.endTurn();
  expect(lines(bench)).toHaveLength(2);
  bench.sync("c").sync("d");
  expect(lines(bench)).toEqual([]);
  first?.pong();
  bench.releaseAll();
  expect(lines(bench)).toEqual(["2 ← PING 100000000", "synced a", "synced b"]);
  first?.pong();
  bench.releaseAll();
  expect(lines(bench)).toEqual(["synced c", "synced d"]);
});

// quorum-protocol B-18
test("a link that was blocked answers for all syncs that came meanwhile", () => {
  const [bench, first, second] = established();
  if (second === undefined) throw new Error("three servers");
  second.isBlocked = true;
  bench.sync("a").sync("b");
  first?.cut();
  second.drain().pong();
  bench.releaseAll();
  expect(lines(bench).slice(-3)).toEqual(["3 ← PING 100000000", "synced a", "synced b"]);
});

// quorum-protocol B-18, V-3; server-semantics 8/sync strength
test("a leader cut off from its quorum answers no sync", () => {
  const [bench, first, second] = established(5);
  bench.sync("a").ticks(4);
  first?.pong().pong().pong().pong().pong();
  bench.releaseAll();
  expect(bench.lines()).not.toContain("synced a");
  second?.pong();
  bench.releaseAll();
  expect(bench.lines()).toContain("synced a");
});

// quorum-protocol B-18, 11.1
test("what observers, and links that are gone, have answered counts for nothing", () => {
  const [bench, first] = established(3, { observers: [4] });
  const observer = bench.joinWhole(4, { isObserver: true });
  bench.lines();
  bench.sync("a");
  observer.pong();
  first?.cut();
  bench.releaseAll();
  expect(bench.lines()).not.toContain("synced a");
  const again = bench.joinWhole(2);
  again.pong();
  bench.releaseAll();
  expect(bench.lines()).not.toContain("synced a");
});

// quorum-protocol B-18, 16/2959
test("an empty voter, which comes as an observer, answers for nobody", () => {
  const bench = new LeaderBench();
  bench.establish(3);
  const empty = bench.joinWhole(2, { isObserver: true });
  bench.sync("a").lines();
  empty.pong();
  bench.releaseAll();
  expect(bench.lines()).not.toContain("synced a");
});

// quorum-protocol B-18
test("the answer to a sync goes behind all commits, in however many pieces they leave", () => {
  const [bench, first, second] = established();
  if (first === undefined) throw new Error("three servers");
  first.isBlocked = true;
  first.room = 100;
  bench.propose(9).logged(z(1, 9));
  second?.ack(z(1, 9));
  first.request(7, 1, OpCode.sync, "/a");
  second?.pong();
  bench.lines();
  first.drain();
  const to2 = lines(bench).filter((line) => line.startsWith("2"));
  expect(to2).toContain("2 ← SYNC 0");
  expect(to2.indexOf("2 ← SYNC 0")).toBeGreaterThan(to2.indexOf("2 ← COMMIT 100000009"));
});

// quorum-protocol B-18
test("a link that comes while syncs wait is asked as well", () => {
  const [bench, first, second] = established();
  first?.cut();
  bench.sync("a").lines();
  const again = bench.joinWhole(2);
  second?.cut();
  bench.ticks(1);
  expect(bench.lines()).toContain("2 ← PING 100000000");
  again.pong();
  bench.releaseAll();
  expect(bench.lines()).toContain("synced a");
});

// quorum-protocol B-18
test("a single voter answers at once, behind what is outstanding", () => {
  const bench = new LeaderBench({ voters: [1] }).releaseAll();
  bench.propose().sync("a").releaseAll();
  expect(bench.lines()).not.toContain("synced a");
  bench.logged(z(1, 1)).releaseAll();
  expect(bench.lines()).toEqual(["deliver 100000001", "synced a"]);
});
