// A leader that goes in good order (operations.md 9.4).

import { expect, test } from "vitest";
import { OpCode } from "../../../protocol/opcodes.ts";
import { type FakeLearner, LeaderBench, z } from "./leader-bench.ts";

const GONE = "it is to stop, and all is settled";

function established(voters = 3): [LeaderBench, ...FakeLearner[]] {
  const sids = Array.from({ length: voters }, (_, i) => i + 1);
  const bench = new LeaderBench({ voters: sids });
  return [bench, ...bench.establish(...sids.slice(1))];
}

test("what is outstanding is settled first, then the most advanced follower is named to all", () => {
  const [bench, first, second] = established();
  bench.propose(2).logged(z(1, 2)).lines();
  first?.ack(z(1, 1));
  bench.lines();
  bench.handOver();
  expect(bench.lines()).toEqual([]);
  second?.ack(z(1, 2));
  expect(bench.lines()).toEqual([
    "deliver 100000002",
    "2 ← COMMIT 100000002",
    "2 ← HANDOVER 3",
    "3 ← COMMIT 100000002",
    "3 ← HANDOVER 3",
  ]);
  bench.releaseAll();
  expect(bench.lines()).toEqual([`2 closed: ${GONE}`, `3 closed: ${GONE}`, `step down: ${GONE}`]);
});

// A txn that only the leader has would make its return a TRUNC or a SNAP.
test("requests that come meanwhile become no txns", () => {
  const [bench, first] = established();
  bench.propose();
  bench.handOver();
  first?.request(7, 3, OpCode.create, "record");
  expect(bench.requests).toEqual([]);
  expect(bench.leader.phase).toBe("broadcasting");
});

// quorum-protocol 5
test("servers of others are told nothing, and without a quorum of ours nobody is", () => {
  const mixed = new LeaderBench();
  mixed.establish(2);
  mixed.joinWhole(3, { isOurs: false });
  mixed.lines();
  mixed.handOver().releaseAll();
  expect(mixed.lines().join()).not.toContain("HANDOVER");
  expect(mixed.leader.phase).toBe("closed");

  const five = new LeaderBench({ voters: [1, 2, 3, 4, 5] });
  five.establish(2, 3, 4);
  five.joinWhole(5, { isOurs: false });
  five.lines();
  five.handOver();
  expect(five.lines()).toEqual(["2 ← HANDOVER 2", "3 ← HANDOVER 2", "4 ← HANDOVER 2"]);
});

test("who has not got it all does not lead, and an observer never does", () => {
  const bench = new LeaderBench({ observers: [4] });
  const [, second] = bench.establish(2, 3);
  bench.joinWhole(4, { isObserver: true, isOurs: true });
  bench.propose().logged(z(1, 1));
  second?.ack(z(1, 1));
  bench.lines();
  bench.handOver();
  const told = bench.lines().filter((line) => line.includes("HANDOVER"));
  expect(told).toEqual(["2 ← HANDOVER 3", "3 ← HANDOVER 3", "4 ← HANDOVER 3"]);
});

test("a link that takes nothing, and a quorum that does not answer, are waited for a tick", () => {
  const [bench, first] = established();
  if (first === undefined) throw new Error("three servers");
  first.isBlocked = true;
  bench.handOver().releaseAll();
  expect(bench.leader.phase).toBe("broadcasting");
  first.cut();
  bench.releaseAll();
  expect(bench.leader.phase).toBe("closed");

  const [other] = established();
  other.propose().handOver().ticks(2);
  expect(other.leader.phase).toBe("broadcasting");
  expect(other.ticks(1).lines().at(-1)).toBe(
    "step down: it is to stop, and could not hand over in time",
  );
});

test("a leader that is not in office yet just goes", () => {
  const bench = new LeaderBench();
  bench.join(2);
  bench.lines();
  bench.handOver();
  expect(bench.lines()).toEqual(["2 closed: it is to stop", "step down: it is to stop"]);
});
