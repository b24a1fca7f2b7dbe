// How a term as a learner begins and ends: what it promises, and what it tells of itself.

import { expect, test } from "vitest";
import { EPOCH_LEAP_MAX } from "../../../protocol/zxid.ts";
import {
  bare,
  LearnerBench,
  newLeader,
  snap,
  TICK_MS,
  TREE,
  withData,
  z,
} from "./learner-bench.ts";

const joined = "→ FOLLOWERINFO 0 sid 1 config 0 ours true";

// quorum-protocol D-6, C-3, 5/11 FOLLOWERINFO, 5/17 LEADERINFO, 5/18 ACKEPOCH
test("an epoch is promised on disk before the leader hears of it", () => {
  const bench = new LearnerBench({ lastZxid: z(3, 7), acceptedEpoch: 3 }).connect();
  expect(bench.lines()).toEqual(["→ FOLLOWERINFO 300000000 sid 1 config 0 ours true"]);
  bench.receive(bench.leaderInfo(4));
  expect(bench.lines()).toEqual(["disk: acceptedEpoch 4"]);
  expect(bench.isPaused).toBe(true);
  bench.release("acceptedEpoch");
  expect(bench.lines()).toEqual(["→ ACKEPOCH 300000007 epoch 3"]);
  expect(bench.isPaused).toBe(false);
});

// quorum-protocol D-6, Trap 5, 16/335/1081/1082
test("an epoch that was promised before is promised to nobody again", () => {
  const bench = new LearnerBench({ lastZxid: z(3, 7), acceptedEpoch: 4, currentEpoch: 3 });
  bench.connect().lines();
  bench.receive(bench.leaderInfo(4));
  expect(bench.lines()).toEqual(["→ ACKEPOCH 300000007 epoch -1"]);
});

// quorum-protocol D-6, T-11
test("a leader of an epoch before the promised one is left", () => {
  const bench = new LearnerBench({ acceptedEpoch: 5 }).connect();
  bench.lines();
  bench.receive(bench.leaderInfo(4));
  expect(bench.lines()).toEqual([
    "link closed",
    "step down: the leader's epoch 4 is before 5, which was promised",
  ]);
});

// quorum-protocol D-5
test("a leader that speaks no LEADERINFO of today is left", () => {
  const old = withData(17, z(1, 0), Buffer.from("00000001", "hex"));
  for (const first of [bare("NEWLEADER", z(1, 0)), bare("LEADERINFO", z(1, 0)), old]) {
    const bench = new LearnerBench().connect().receive(first);
    expect(bench.lines().at(-1)).toMatch(/^step down: packet type 1[07] where LEADERINFO/);
    expect(bench.replica.durableAcceptedEpoch).toBe(0);
  }
});

// quorum-protocol 11.1, 5/16 OBSERVERINFO
test("an observer says that it is one", () => {
  const bench = new LearnerBench({ role: "observer", sid: 9, configVersion: z(1, 4) }).connect();
  const config = z(1, 4);
  expect(bench.lines()).toEqual([`→ OBSERVERINFO 0 sid 9 config ${config} ours true`]);
});

// quorum-protocol C-2
test("a leader that cannot be reached ends the term", () => {
  const bench = new LearnerBench();
  bench.learner.connectFailed("refused");
  expect(bench.lines()).toEqual(["step down: no way to the leader: refused"]);
  bench.learner.connectFailed("refused");
  bench.connect();
  expect(bench.lines()).toEqual(["link closed"]);
});

test("a term that ends while the promise is on its way to disk waits for it", () => {
  const bench = new LearnerBench().connect();
  bench.receive(bench.leaderInfo(1)).cut();
  expect(bench.lines()).toEqual([joined, "disk: acceptedEpoch 1", "link closed"]);
  bench.release("acceptedEpoch");
  expect(bench.lines()).toEqual(["step down: the link to the leader is gone: reset"]);
});

// quorum-protocol T-6
test("a term is over once, whatever comes after it", () => {
  const bench = new LearnerBench().follow(1);
  bench.learner.leave("shutdown");
  expect(bench.lines()).toEqual(["link closed", "step down: shutdown"]);
  bench.cut().ticks(30);
  bench.learner.leave("again");
  bench.learner.logged(z(1, 1));
  bench.access?.forward(0, 1, 1, 1, Buffer.alloc(4), 0, 4, []);
  bench.access?.revalidate(0, 1, 8000);
  expect(bench.lines()).toEqual([]);
});

// Silence

// quorum-protocol C-4, T-6
test("a leader that is silent for initLimit before the sync is left", () => {
  const bench = new LearnerBench({ initLimitTicks: 10 }).discover(1);
  bench.ticks(20);
  expect(bench.lines()).toEqual([]);
  bench.ticks(1);
  const reason = "nothing was heard of the leader for 10000 ms";
  expect(bench.lines()).toEqual(["link closed", `step down: ${reason}`]);
});

test("a leader that is never reached is left after initLimit", () => {
  const bench = new LearnerBench().ticks(20);
  expect(bench.lines()).toEqual(["step down: nothing was heard of the leader for 10000 ms"]);
});

// quorum-protocol Trap 8, C-4
test("between its ACK of NEWLEADER and UPTODATE a learner is as patient as before", () => {
  const bench = new LearnerBench({ initLimitTicks: 10, syncLimitTicks: 5 }).discover(1);
  bench.receive(bare("DIFF", 0), newLeader(1)).releaseAll().ticks(20);
  expect(bench.lines().at(-1)).toBe("→ ACK 100000000");
  bench.receive(bare("UPTODATE", -1)).ticks(10);
  expect(bench.lines()).toEqual(["→ ACK 100000000", "serve 1"]);
  bench.ticks(1);
  expect(bench.lines().at(-1)).toBe("step down: nothing was heard of the leader for 5000 ms");
});

// quorum-protocol T-6
test("a leader that pings is not left", () => {
  const bench = new LearnerBench({ syncLimitTicks: 2 }).follow(1);
  for (let i = 0; i < 20; i++) bench.receive(bare("PING", z(1, 0))).ticks(3);
  expect(bench.learner.phase).toBe("broadcast");
});

test("the bytes of a tree that is long on its way are signs of life", () => {
  const bench = new LearnerBench({ lastZxid: z(1, 3), acceptedEpoch: 1, initLimitTicks: 2 });
  bench.discover(2).receive(bare("SNAP", z(1, 9)));
  for (const byte of TREE) bench.ticks(4).receive(Buffer.of(byte));
  expect(bench.lines()).toEqual(["tree: install 100000009", "tree: adopt 100000009"]);
  bench.ticks(5);
  expect(bench.learner.phase).toBe("closing");
});

test("while the disk works nothing is read, and the silence is not the leader's", () => {
  const bench = new LearnerBench({ lastZxid: z(1, 3), acceptedEpoch: 1 }).discover(2);
  bench
    .receive(snap(z(1, 9)), newLeader(2))
    .release("delivered")
    .ticks(100);
  expect(bench.learner.phase).toBe("synchronization");
  bench.release("saveTree").ticks(100);
  bench.releaseAll();
  expect(bench.lines().at(-1)).toBe("→ ACK 200000000");
});

test("a server that was stopped for a minute reads what waits before it misses anything", () => {
  const bench = new LearnerBench({ syncLimitTicks: 3 }).follow(1);
  bench
    .ticks(1)
    .tickAt(60_000)
    .receive(bare("PING", z(1, 0)));
  expect(bench.lines()).toEqual(["→ PING 100000000 []"]);
  bench.ticks(6);
  expect(bench.learner.phase).toBe("broadcast");
  bench.ticks(1);
  expect(bench.lines().at(-1)).toBe(
    `step down: nothing was heard of the leader for ${3 * TICK_MS} ms`,
  );
});

// An empty voter

test("an empty voter joins as an observer that counts for nothing, and comes back as a voter", () => {
  const bench = new LearnerBench({ isEmpty: true, isVoter: false }).connect();
  expect(bench.lines()).toEqual(["→ OBSERVERINFO 0 sid 1 config 0 ours true"]);
  bench.receive(bench.leaderInfo(4)).release("acceptedEpoch");
  expect(bench.lines()).toEqual(["disk: acceptedEpoch 4", "→ ACKEPOCH 0 epoch -1"]);
  bench
    .receive(snap(z(3, 9)), newLeader(4))
    .releaseAll()
    .lines();
  bench.receive(bare("UPTODATE", -1));
  expect(bench.lines()).toEqual([
    "link closed",
    "redial: it holds a history now, and comes back as a voter",
  ]);
  expect([bench.replica.durableZxid, bench.replica.durableCurrentEpoch]).toEqual([z(3, 9), 4]);
  bench.connect();
  expect(bench.lines()).toEqual(["→ FOLLOWERINFO 400000000 sid 1 config 0 ours true"]);
  bench.receive(bench.leaderInfo(4));
  expect(bench.lines()).toEqual(["→ ACKEPOCH 300000009 epoch -1"]);
  bench
    .receive(bare("DIFF", z(3, 9)), newLeader(4))
    .releaseAll()
    .receive(bare("UPTODATE", -1));
  expect(bench.lines()).toEqual(["→ ACK 400000000", "→ ACK 400000000", "serve 4"]);
});

test("an empty voter that had to ask for the tree does not ask again when it comes back", () => {
  const bench = new LearnerBench({ isEmpty: true, isVoter: false }).discover(4);
  bench
    .receive(bare("TRUNC", z(3, 1)))
    .release("truncate", "unreachable")
    .connect();
  bench.receive(bench.leaderInfo(4), snap(z(3, 9)), newLeader(4)).releaseAll();
  bench.receive(bare("UPTODATE", -1)).connect().receive(bench.leaderInfo(4));
  expect(bench.lines().at(-1)).toBe("→ ACKEPOCH 300000009 epoch -1");
});

test("an empty voter that promised an epoch and lost its leader is as empty as before", () => {
  const bench = new LearnerBench({ isEmpty: true, isVoter: false, acceptedEpoch: 4 });
  bench.replica.currentEpoch = 0;
  bench.connect();
  expect(bench.lines()).toEqual(["→ OBSERVERINFO 400000000 sid 1 config 0 ours true"]);
  bench.receive(bench.leaderInfo(4));
  expect(bench.lines()).toEqual(["→ ACKEPOCH 0 epoch -1"]);
});

test("an empty server is counted from the beginning where all of them are empty", () => {
  const bench = new LearnerBench({ isEmpty: true, isVoter: true }).connect();
  bench.receive(bench.leaderInfo(1)).release("acceptedEpoch");
  const acks = ["disk: acceptedEpoch 1", "→ ACKEPOCH 0 epoch 0"];
  expect(bench.lines()).toEqual([joined, ...acks]);
});

// A tree that is not the leader's

test("a server whose tree has diverged asks for the whole tree, and is not counted meanwhile", () => {
  const bench = new LearnerBench({ lastZxid: z(2, 5), acceptedEpoch: 2 });
  bench.replica.isDiverged = true;
  bench.connect().receive(bench.leaderInfo(2));
  expect(bench.lines().at(-1)).toBe("→ ACKEPOCH 0 epoch -1");
  bench
    .receive(snap(z(2, 8)), newLeader(2))
    .releaseAll()
    .receive(bare("UPTODATE", -1));
  expect(bench.lines().at(-1)).toBe("serve 2");
});

test("where it counts, it tells its history as it is, and asks for the tree on another link", () => {
  const bench = new LearnerBench({ lastZxid: z(2, 5), acceptedEpoch: 2 });
  // The tree stopped at 4, the log has 5.
  bench.replica.isDiverged = true;
  bench.replica.lastZxid = z(2, 4);
  bench.connect().receive(bench.leaderInfo(3)).release("acceptedEpoch");
  expect(bench.lines().at(-1)).toBe("→ ACKEPOCH 200000005 epoch 2");
  bench.receive(bare("DIFF", z(2, 5)));
  const redial = "redial: was sent a DIFF, but needs the whole tree";
  expect(bench.lines()).toEqual(["link closed", redial]);
  bench.connect().receive(bench.leaderInfo(3));
  expect(bench.lines().at(-1)).toBe("→ ACKEPOCH 0 epoch -1");
  // Whoever sends no tree now will not at the next try either.
  bench.receive(bare("DIFF", z(2, 5)));
  expect(bench.lines()).toEqual([
    "link closed",
    "step down: was sent a DIFF, but needs the whole tree",
  ]);
});

test("a tree that diverges ends the term at once", () => {
  const bench = new LearnerBench().follow(1);
  bench.replica.isDiverged = true;
  bench.learner.leave("diverged");
  expect(bench.lines()).toEqual(["link closed", "step down: diverged"]);
});

test("a tree that has diverged by the end of a sync is not served", () => {
  const bench = new LearnerBench({ lastZxid: z(1, 1), acceptedEpoch: 1 }).discover(2);
  bench.receive(bare("DIFF", z(1, 1)), newLeader(2)).releaseAll();
  bench.replica.isDiverged = true;
  bench.receive(bare("UPTODATE", -1));
  expect(bench.lines().at(-1)).toMatch(/^step down: the tree here is not what/);
});

test("a tree that diverges with the last txn of a sync is not acknowledged", () => {
  const bench = new LearnerBench({ lastZxid: z(1, 1), acceptedEpoch: 1 }).discover(2);
  bench.receive(snap(z(1, 5)), newLeader(2));
  bench.replica.isDiverged = true;
  bench.release("delivered");
  expect(bench.lines().slice(-2)).toEqual(["link closed", "disk: reload"]);
  bench.release("reload");
  expect(bench.lines().at(-1)).toMatch(/^step down: the tree here is not what/);
});

test("a tree that diverges in a sync ends the term though it is never applied to the end", () => {
  const bench = new LearnerBench({ lastZxid: z(1, 1), acceptedEpoch: 1 }).discover(2);
  bench.receive(bare("DIFF", z(1, 1)), newLeader(2)).release("logged");
  bench.replica.isDiverged = true;
  bench.cut();
  expect(bench.lines().at(-1)).toMatch(/^step down/);
  bench.release("delivered");
  expect(bench.replica.waiting).toEqual([]);
});

test("a term that waits for a tree to be applied waits no longer once it diverges", () => {
  const bench = new LearnerBench({ lastZxid: z(1, 1), acceptedEpoch: 1 }).discover(2);
  bench.receive(snap(z(1, 9)), newLeader(2)).cut();
  expect(bench.lines().at(-1)).toBe("link closed");
  bench.replica.isDiverged = true;
  bench.learner.leave("diverged");
  expect(bench.lines()).toEqual(["disk: reload"]);
  bench.release("reload");
  expect(bench.lines()).toEqual(["step down: the link to the leader is gone: reset"]);
});

// quorum-protocol D-6
test("a leader's epoch that is too far to be believed is not promised, unless nothing was before", () => {
  const far = EPOCH_LEAP_MAX + 6;
  const bench = new LearnerBench({ lastZxid: z(5, 1), acceptedEpoch: 5 });
  bench.connect().receive(bench.leaderInfo(far));
  expect(bench.lines().at(-1)).toMatch(
    /^step down: the leader's epoch 65542 is not believed behind 5/,
  );
  expect(bench.replica.durableAcceptedEpoch).toBe(5);
  const fresh = new LearnerBench();
  fresh.discover(far);
  expect(fresh.replica.durableAcceptedEpoch).toBe(far);
});
