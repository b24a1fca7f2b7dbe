// From a proposal to its commit, and what the leader does with what learners say meanwhile.

import { expect, test } from "vitest";
import { OpCode } from "../../../protocol/opcodes.ts";
import { type FakeLearner, LeaderBench, range, z } from "./leader-bench.ts";

/** A leader of epoch 1 with followers 2 to the number of voters. */
function established(voters = 3, options = {}): [LeaderBench, ...FakeLearner[]] {
  const sids = Array.from({ length: voters }, (_, i) => i + 1);
  const bench = new LeaderBench({ voters: sids, ...options });
  return [bench, ...bench.establish(...sids.slice(1))];
}

function packets(sid: number, type: string, zxids: readonly number[]): string[] {
  return zxids.map((zxid) => `${sid} ← ${type} ${zxid.toString(16)}`);
}

// quorum-protocol B-3, B-4, B-6, B-7, P-5, 5/2 PROPOSAL, 5/4 COMMIT
test("a proposal goes to all at once, and is settled when a quorum has it on disk", () => {
  const [bench, first, second] = established();
  bench.propose();
  expect(bench.lines()).toEqual([
    ...packets(2, "PROPOSAL", [z(1, 1)]),
    ...packets(3, "PROPOSAL", [z(1, 1)]),
  ]);
  bench.logged(z(1, 1));
  expect(bench.lines()).toEqual([]);
  first?.ack(z(1, 1));
  const commits = [...packets(2, "COMMIT", [z(1, 1)]), ...packets(3, "COMMIT", [z(1, 1)])];
  expect(bench.lines()).toEqual(["deliver 100000001", ...commits]);
  second?.ack(z(1, 1));
  expect(bench.lines()).toEqual([]);
});

// quorum-protocol B-4, B-6
test("a txn is settled without the leader's own disk if enough others have it", () => {
  const [bench, first, second] = established();
  bench.propose();
  first?.ack(z(1, 1));
  expect(bench.replica.window.committedZxid).toBe(z(1, 0));
  second?.ack(z(1, 1));
  expect(bench.replica.window.committedZxid).toBe(z(1, 1));
});

// quorum-protocol B-6, 4.5/majority
test("what is settled is what a majority of five has, in order", () => {
  const [bench, ...followers] = established(5);
  bench.propose(9);
  const [a, b, c, d] = followers;
  bench.logged(z(1, 9));
  a?.ack(z(1, 7));
  expect(bench.replica.window.committedZxid).toBe(z(1, 0));
  b?.ack(z(1, 4));
  expect(bench.replica.window.committedZxid).toBe(z(1, 4));
  c?.ack(z(1, 8));
  expect(bench.replica.window.committedZxid).toBe(z(1, 7));
  d?.ack(z(1, 2), z(1, 9));
  expect(bench.replica.window.committedZxid).toBe(z(1, 8));
});

// quorum-protocol B-5, Trap 9, S-25
test("ACKs that say nothing new are swallowed", () => {
  const [bench, first] = established();
  bench.propose(2).logged(z(1, 2));
  first?.ack(z(1, 2));
  bench.lines();
  // Of UPTODATE; of what is settled already; of an earlier epoch.
  first?.ack(z(1, 0), z(1, 1), z(1, 2), z(0, 7));
  expect(bench.lines()).toEqual([]);
  expect(first?.isClosed).toBe(false);
});

// quorum-protocol B-5
test("an ACK of what was not sent closes its link and counts for nothing", () => {
  const [bench, first] = established();
  bench.propose().logged(z(1, 1)).lines();
  first?.ack(z(1, 2));
  expect(bench.lines()).toEqual(["2 closed: an ACK of what it was not sent", "left 2"]);
  expect(bench.replica.window.committedZxid).toBe(z(1, 0));
});

// quorum-protocol B-5, I-11
test("what a follower had acknowledged counts no more when it has gone", () => {
  const [bench, first] = established();
  bench.propose();
  first?.ack(z(1, 1)).cut();
  bench.logged(z(1, 1));
  expect(bench.replica.window.committedZxid).toBe(z(1, 0));
  // It comes back, is told to truncate, and is sent it again.
  const again = bench.joinWhole(2);
  again.ack(z(1, 1));
  expect(bench.replica.window.committedZxid).toBe(z(1, 1));
});

// quorum-protocol 11.1, B-5, B-13, 5/8 INFORM
test("observers are informed of what is settled, and never counted", () => {
  const [bench, first] = established(3, { observers: [4] });
  const observer = bench.joinWhole(4, { isObserver: true });
  bench.lines();
  bench.propose(2);
  expect(bench.lines().join()).not.toContain("4 ←");
  observer.ack(z(1, 1));
  bench.logged(z(1, 1));
  expect(bench.replica.window.committedZxid).toBe(z(1, 0));
  first?.ack(z(1, 1));
  const lines = bench.lines().filter((line) => line.startsWith("4"));
  expect(lines).toEqual(packets(4, "INFORM", [z(1, 1)]));
});

// quorum-protocol R-15, D-3
test("a follower that the configuration calls an observer is sent everything and counts for nothing", () => {
  const [bench] = established(3, { observers: [4] });
  const follower = bench.joinWhole(4);
  bench.lines();
  bench.propose();
  expect(bench.lines()).toContain("4 ← PROPOSAL 100000001");
  follower.ack(z(1, 1));
  bench.logged(z(1, 1));
  expect(bench.replica.window.committedZxid).toBe(z(1, 0));
  expect(follower.isClosed).toBe(false);
});

// quorum-protocol S-12, B-3
test("a link that is blocked lags, and catches up in pieces without a hole", () => {
  const [bench, first, second] = established();
  if (second === undefined) throw new Error("three servers");
  second.isBlocked = true;
  bench.propose(30).logged(z(1, 30));
  first?.ack(z(1, 30));
  bench.lines();
  second.room = 200;
  second.drain();
  const lines = bench.lines();
  const all = range(1, 1, 30);
  expect(lines.filter((line) => line.includes("PROPOSAL"))).toEqual(packets(3, "PROPOSAL", all));
  expect(lines.filter((line) => line.includes("COMMIT"))).toEqual(packets(3, "COMMIT", all));
  for (const zxid of all) {
    const at = (type: string): number => lines.indexOf(packets(3, type, [zxid])[0] ?? "");
    expect(at("PROPOSAL")).toBeLessThan(at("COMMIT"));
  }
});

// quorum-protocol B-6
test("commits do not wait for proposals that are still to be sent", () => {
  const [bench, first, second] = established();
  if (second === undefined) throw new Error("three servers");
  bench.propose(2);
  second.isBlocked = true;
  bench.propose(30).logged(z(1, 2));
  first?.ack(z(1, 2));
  bench.lines();
  second.room = 200;
  second.drain();
  expect(bench.lines().slice(0, 3)).toEqual([
    ...packets(3, "COMMIT", [z(1, 1), z(1, 2)]),
    ...packets(3, "PROPOSAL", [z(1, 3)]),
  ]);
});

// quorum-protocol P-6, T-8, 16/1277; server-semantics 3.1
test("an epoch ends before its counter does", () => {
  const bench = new LeaderBench({ voters: [1] }).releaseAll();
  bench.replica.window.reset(z(1, 0xfff0_0000 - 2));
  bench.propose().ticks(1);
  expect(bench.lines().join()).not.toContain("step down");
  bench.propose().ticks(1);
  expect(bench.lines().at(-1)).toBe(
    "step down: the counter of this epoch is nearly used up: another epoch has to begin",
  );
  const last = new LeaderBench({ voters: [1] }).releaseAll();
  last.replica.window.reset(z(1, 0xffff_fffe));
  expect(() => last.propose()).toThrow("an epoch's counter is used up");
});

// quorum-protocol B-16, B-14, B-15, 5/1 REQUEST
test("requests of learners reach the pipeline as they were sent", () => {
  const [bench, first] = established();
  first?.request(7, 3, OpCode.create, "record").request(8, 0, OpCode.closeSession);
  expect(bench.requests).toEqual([
    {
      sid: 2,
      sessionHigh: 0,
      sessionLow: 7,
      cxid: 3,
      type: OpCode.create,
      bytes: Buffer.from("record"),
      start: 32,
      end: 38,
      ids: [{ scheme: "ip", id: "::1" }],
    },
    expect.objectContaining({ sessionLow: 8, type: OpCode.closeSession, bytes: Buffer.alloc(0) }),
  ]);
});

// quorum-protocol W-1, T-2, 5/5 PING, 5/PING reply 1 session 8000 ms
test("learners are pinged every half tick, and what they answer keeps sessions alive", () => {
  const [bench, first, second] = established();
  bench.propose().lines();
  bench.ticks(1);
  expect(bench.lines()).toEqual([
    ...packets(2, "PING", [z(1, 1)]),
    ...packets(3, "PING", [z(1, 1)]),
  ]);
  first?.pong([7, 8000], [9, 4000]);
  second?.pong();
  expect(bench.lines()).toEqual(["touch 7 8000", "touch 9 4000", "reported 2", "reported 3"]);
});

// quorum-protocol S-12, Trap 8, Trap 10
test("nobody is pinged before UPTODATE", () => {
  const bench = new LeaderBench();
  const follower = bench.join(2);
  const late = bench.join(3);
  bench.releaseAll();
  follower.ackEpoch(0, 0);
  late.ackEpoch(0, 0);
  bench.releaseAll();
  follower.ack(z(1, 0));
  bench.lines();
  bench.ticks(2);
  expect(bench.lines()).toEqual([
    ...packets(2, "PING", [z(1, 0)]),
    ...packets(2, "PING", [z(1, 0)]),
  ]);
});

// quorum-protocol W-3, 5/6 REVALIDATE, 5/REVALIDATE req / rsp
test("a session is revalidated behind what was proposed before, settled or not", () => {
  const [bench, first] = established();
  if (first === undefined) throw new Error("three servers");
  bench.sessions.add(7);
  first.isBlocked = true;
  bench.propose().logged(z(1, 1));
  first.ack(z(1, 0)).revalidate(7, 4000).revalidate(8, 4000);
  bench.lines();
  first.drain();
  expect(bench.lines()).toEqual(packets(2, "PROPOSAL", [z(1, 1)]));
  first.ack(z(1, 1));
  expect(bench.lines().filter((line) => line.startsWith("2 "))).toEqual([
    ...packets(2, "COMMIT", [z(1, 1)]),
    "2 ← REVALIDATE 7 true",
    "2 ← REVALIDATE 8 false",
  ]);
});

// quorum-protocol W-3, V-4
test("sessions that come back while others write are revalidated as soon as each may be", () => {
  const [bench, first] = established();
  if (first === undefined) throw new Error("three servers");
  for (let i = 1; i <= 20; i++) {
    // There is always something that is not settled.
    bench.propose().logged(z(1, i));
    first.revalidate(i, 4000);
    bench.lines();
    if (i === 1) continue;
    first.ack(z(1, i - 1));
    expect(bench.lines().filter((line) => line.startsWith("2 "))).toEqual([
      ...packets(2, "COMMIT", [z(1, i - 1)]),
      `2 ← REVALIDATE ${i - 1} false`,
    ]);
  }
});

// quorum-protocol T-6, Trap 13
test("what a learner sends wrong closes its link, what nobody knows is passed over", () => {
  const short = Buffer.from("00", "hex");
  const [bench, first, second] = established();
  first?.packet(99, 0, undefined).packet(2, 0, short);
  expect(bench.lines()).toEqual([
    // Once in a while (learner-lines.ts).
    "warning: a learner sent a packet of no known type",
  ]);
  first?.packet(1, -1, short);
  second?.packet(6, -1, short);
  expect(bench.lines()).toEqual([
    "2 closed: a REQUEST without its head",
    "left 2",
    "3 closed: a REVALIDATE that ends early",
    "left 3",
  ]);
  for (const table of [Buffer.alloc(11), Buffer.alloc(13)]) {
    const [other, learner] = established();
    other.ticks(1).lines();
    learner?.packet(5, 0, table);
    expect(other.lines()[0]).toBe("2 closed: a touch table that ends early");
  }
  const [other, learner] = established();
  learner?.pong();
  expect(other.lines()[0]).toBe("2 closed: an answer to no ping");
});

// quorum-protocol T-10
test("what the pipeline still says to a term that is over is passed over", () => {
  const [bench] = established();
  bench.leader.resign("enough");
  bench.lines();
  bench.propose().sync("late").releaseAll();
  expect(bench.lines()).toEqual([]);
});
