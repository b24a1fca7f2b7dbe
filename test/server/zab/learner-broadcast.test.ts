// A learner that is in step: what it logs, acknowledges and applies, and what it says for its
// clients.

import { expect, test } from "vitest";
import {
  bare,
  commit,
  inform,
  LearnerBench,
  newLeader,
  pairs,
  proposal,
  truncatedTxn,
  txn,
  withData,
  z,
} from "./learner-bench.ts";

const upToDate = bare("UPTODATE", -1);

// Follower

// quorum-protocol B-8, 5/2 PROPOSAL, 5/3 ACK
test("a proposal is acknowledged once it is durable, one by one and in order", () => {
  const bench = new LearnerBench().follow(1);
  bench.receive(proposal(z(1, 1)), proposal(z(1, 2)), proposal(z(1, 3)));
  expect(bench.lines()).toEqual([
    "disk: log 100000001",
    "disk: log 100000002",
    "disk: log 100000003",
  ]);
  bench.learner.logged(z(1, 1));
  expect(bench.lines()).toEqual(["→ ACK 100000001"]);
  bench.release("logged");
  expect(bench.lines()).toEqual(["→ ACK 100000002", "→ ACK 100000003"]);
  bench.learner.logged(z(1, 2));
  expect(bench.lines()).toEqual([]);
});

test("ACKs that a turn has no room for leave in the next ones", () => {
  const bench = new LearnerBench().follow(1);
  bench.room = 40;
  bench.receive(...[1, 2, 3, 4, 5].map((i) => proposal(z(1, i)))).lines();
  bench.release("logged");
  expect(bench.lines()).toEqual([1, 2, 3, 4].map((i) => `→ ACK 10000000${i}`));
  expect(bench.lines()).toEqual(["→ ACK 100000005"]);
  expect(bench.lines()).toEqual([]);
});

// quorum-protocol B-10, Trap 11, 5/4 COMMIT
test("a txn is applied when it is settled, durable here or not, and acknowledged all the same", () => {
  const bench = new LearnerBench().follow(1);
  bench.receive(pairs(z(1, 1), z(1, 2)));
  expect(bench.lines()).toEqual([
    "disk: log 100000001",
    "tree: deliver 100000001",
    "disk: log 100000002",
    "tree: deliver 100000002",
  ]);
  bench.replica.applyAll();
  expect(bench.replica.applied).toEqual([z(1, 1), z(1, 2)]);
  bench.release("logged");
  expect(bench.lines()).toEqual(["→ ACK 100000001", "→ ACK 100000002"]);
});

// quorum-protocol B-8, S-25
test("txns that were forgotten since, for they were applied long ago, are acknowledged too", () => {
  const bench = new LearnerBench().follow(1);
  const zxids = Array.from({ length: 2000 }, (_, i) => z(1, i + 1));
  bench.receive(pairs(...zxids));
  bench.replica.applyAll();
  expect(bench.replica.window.count).toBeLessThan(600);
  bench.lines();
  bench.release("logged");
  expect(bench.lines()).toEqual(zxids.map((zxid) => `→ ACK ${zxid.toString(16)}`));
});

// quorum-protocol B-9
test("a proposal that is here already is dropped", () => {
  const bench = new LearnerBench().follow(1);
  bench.receive(proposal(z(1, 1)), proposal(z(1, 1)));
  expect(bench.lines()).toEqual(["disk: log 100000001"]);
});

// quorum-protocol B-9, T-6
test("a proposal that leaves a gap, or is of another epoch, ends the term", () => {
  for (const zxid of [z(1, 3), z(2, 1), z(2, 0)]) {
    const bench = new LearnerBench().follow(1).receive(proposal(z(1, 1)), proposal(zxid));
    const reason = `txn 0x${zxid.toString(16)} does not follow 0x100000001 in epoch 1`;
    expect(bench.lines().slice(1)).toEqual(["link closed", `step down: ${reason}`]);
  }
});

test("a proposal without its txn ends the term", () => {
  const other = withData(2, z(1, 1), txn(z(1, 2)));
  for (const packet of [truncatedTxn("PROPOSAL", z(1, 1)), bare("PROPOSAL", z(1, 1)), other]) {
    const bench = new LearnerBench().follow(1).receive(packet);
    expect(bench.lines().at(-1)).toBe("step down: no txn 0x100000001 in its packet");
  }
});

// quorum-protocol B-10, 14; operations 1.2/12
test("a COMMIT of another txn than the one that is due ends the term", () => {
  const bench = new LearnerBench().follow(1);
  bench.receive(proposal(z(1, 1)), proposal(z(1, 2)), commit(z(1, 2)));
  expect(bench.lines().slice(2)).toEqual([
    "link closed",
    "step down: COMMIT of 0x100000002 where 0x100000001 is due",
  ]);
  bench.receive(commit(z(1, 1))).ticks(30);
  expect(bench.lines()).toEqual([]);
});

// quorum-protocol B-10
test("a COMMIT that nothing waits for is ignored, with one warning a tick", () => {
  const bench = new LearnerBench().follow(1);
  bench.receive(commit(z(1, 1)), commit(z(1, 2)));
  const warning = "warning: a COMMIT came and nothing waits for one: ignored";
  expect(bench.lines()).toEqual([warning]);
  bench.ticks(1).receive(commit(z(1, 3)));
  expect(bench.lines()).toEqual([warning]);
});

// quorum-protocol B-12
test("what is for observers, or nobody knows, is ignored, and a second UPTODATE silently", () => {
  const bench = new LearnerBench().follow(1);
  bench.receive(upToDate, inform(z(1, 1)), withData(77, 0, Buffer.alloc(9)));
  expect(bench.lines()).toEqual(["warning: a packet that a learner has no use for: ignored"]);
  expect(bench.replica.window.lastZxid).toBe(0);
});

// quorum-protocol B-11, 5/9 COMMITANDACTIVATE
test("COMMITANDACTIVATE settles its txn; there is nothing to activate without reconfiguration", () => {
  const bench = new LearnerBench().follow(1);
  bench.receive(proposal(z(1, 1)), withData(9, z(1, 1), Buffer.alloc(8)));
  expect(bench.lines()).toEqual(["disk: log 100000001", "tree: deliver 100000001"]);
});

// Observer

// quorum-protocol B-13, 11.1, 5/8 INFORM, 5/19 INFORMANDACTIVATE
test("an observer logs and applies what it is informed of, and acknowledges nothing", () => {
  const bench = new LearnerBench({ role: "observer" }).follow(1);
  bench.receive(inform(z(1, 1)));
  bench.receive(withData(19, z(1, 2), Buffer.concat([Buffer.alloc(8), txn(z(1, 2))])));
  expect(bench.lines()).toEqual([
    "disk: log 100000001",
    "tree: deliver 100000001",
    "disk: log 100000002",
    "tree: deliver 100000002",
  ]);
  bench.release("logged");
  expect(bench.lines()).toEqual([]);
});

// quorum-protocol B-13, Trap 20
test("an observer has nothing to do with proposals and commits", () => {
  const bench = new LearnerBench({ role: "observer" }).follow(1);
  bench.receive(pairs(z(1, 1)));
  expect(bench.lines()).toEqual([]);
  expect(bench.replica.window.count).toBe(0);
});

// quorum-protocol Trap 20
test("what an observer was sent unsettled during its sync never gets into its log", () => {
  const bench = new LearnerBench({ role: "observer", lastZxid: z(1, 3), acceptedEpoch: 1 });
  bench
    .discover(1)
    .receive(bare("DIFF", z(1, 4)), pairs(z(1, 4)), newLeader(1))
    .releaseAll();
  bench.lines();
  bench.receive(proposal(z(1, 5)), upToDate);
  expect(bench.lines()).toEqual(["→ ACK 100000000", "serve 1"]);
  bench.receive(inform(z(1, 5)));
  expect(bench.lines()).toEqual(["disk: log 100000005", "tree: deliver 100000005"]);
});

test("an observer that is informed with a gap ends the term", () => {
  const bench = new LearnerBench({ role: "observer" }).follow(1).receive(inform(z(1, 2)));
  expect(bench.lines().at(-1)).toMatch(/^step down: txn 0x100000002 does not follow/);
});

// Sessions and requests

// quorum-protocol W-1, Trap 1, 5/5 PING, 5/PING leader / reply, 5/PING reply 1 session 8000 ms
test("a ping is answered with the sessions that were heard of, and with none of them as empty", () => {
  const bench = new LearnerBench().follow(1);
  bench.receive(bare("PING", z(1, 4)));
  expect(bench.lines()).toEqual(["→ PING 100000004 []"]);
  bench.touched = [
    [7, 8000],
    [8, 4000],
  ];
  bench.receive(bare("PING", z(1, 4)), bare("PING", z(1, 5)));
  expect(bench.lines()).toEqual([
    "→ PING 100000004 [000000000000000700001f40000000000000000800000fa0]",
    "→ PING 100000005 []",
  ]);
});

// quorum-protocol W-3, 5/6 REVALIDATE, 5/REVALIDATE req / rsp
test("a session from another server is asked for, and answered behind all that came before", () => {
  const bench = new LearnerBench().follow(1);
  bench.access?.revalidate(0x0300_0019, 0x1d5d_0000, 8000);
  expect(bench.lines()).toEqual([`→ REVALIDATE ${"f".repeat(16)} [030000191d5d000000001f40]`]);
  const yes = Buffer.from("000000000000000701", "hex");
  const no = Buffer.from("000000000000000800", "hex");
  // All that came before it is applied first: its client looks what became of its requests.
  bench.receive(pairs(z(1, 1)), withData(6, -1, yes), withData(6, -1, no)).lines();
  expect(bench.replica.applied).toEqual([]);
  bench.release("delivered");
  expect(bench.replica.applied).toEqual([z(1, 1)]);
  bench.release("delivered");
  expect(bench.lines()).toEqual(["session 7 is true", "session 8 is false"]);
  bench.receive(withData(6, -1, yes.subarray(1)));
  expect(bench.lines()).toEqual(["link closed", "step down: REVALIDATE is too short"]);
});

// quorum-protocol B-14, B-15, 5/1 REQUEST, 5/REQUEST createSession
test("a request leaves as the client sent it, behind session, cxid and type", () => {
  const bench = new LearnerBench().follow(1);
  const request = Buffer.from("xx/aXX");
  const ids = [{ scheme: "ip", id: "127.0.0.1" }];
  bench.access?.forward(0x0100_0012, 0x0279_0000, 8, 9, request, 2, 4, ids);
  bench.access?.forward(0x0100_0012, 0x0279_0000, 0, -11, request, 0, 0, []);
  const session = "0100001202790000";
  expect(bench.lines()).toEqual([
    `→ REQUEST ${"f".repeat(16)} [${session}00000008000000092f61]`,
    `→ REQUEST ${"f".repeat(16)} [${session}00000000fffffff5]`,
  ]);
});

// quorum-protocol B-18, 5/7 SYNC
test("the answer to a sync comes behind the commits before it", () => {
  const bench = new LearnerBench().follow(1);
  bench.receive(pairs(z(1, 1)), bare("SYNC", 0));
  expect(bench.lines().slice(-2)).toEqual(["tree: deliver 100000001", "synced"]);
});

// Handing over

// operations 9.4/2
test("a leader of ours may hand over to another server, any other may not", () => {
  const handover = withData(64, z(1, 0), Buffer.from("0000000000000003", "hex"));
  const bench = new LearnerBench({ isLeaderOurs: true }).follow(1).receive(handover);
  expect(bench.lines()).toEqual([
    "hand over to 3",
    "link closed",
    "step down: the leader hands over to server 3",
  ]);
  const broken = withData(64, z(1, 0), Buffer.from("00000003", "hex"));
  const warning = "warning: a packet that a learner has no use for: ignored";
  const ours = new LearnerBench({ isLeaderOurs: true }).follow(1);
  expect(ours.receive(broken).lines()).toEqual([warning]);
  expect(new LearnerBench().follow(1).receive(handover).lines()).toEqual([warning]);
});

// quorum-protocol T-6, B-20
test("when the link breaks, what was proposed is on its way into the log: the next vote has it", () => {
  const bench = new LearnerBench().follow(1);
  bench.receive(pairs(z(1, 1)), proposal(z(1, 2))).cut();
  expect(bench.lines().slice(-2)).toEqual([
    "link closed",
    "step down: the link to the leader is gone: reset",
  ]);
  expect(bench.replica.window.lastZxid).toBe(z(1, 2));
  bench.release("logged");
  expect(bench.replica.durableLog).toEqual([z(1, 1), z(1, 2)]);
  expect(bench.lines()).toEqual([]);
});
