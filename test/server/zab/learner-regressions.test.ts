// What went wrong in ZooKeeper, from the learner's side, and what was seen on the wire of 3.8.0.
// Each story crashes or loses its leader at the worst moment, and looks at what the disk has.

import { expect, test } from "vitest";
import {
  bare,
  commit,
  LearnerBench,
  newLeader,
  pairs,
  proposal,
  snap,
  TREE,
  z,
} from "./learner-bench.ts";

const upToDate = bare("UPTODATE", -1);

/** Holds up to 0x100000003; the leader's epoch is 2. */
function learner(): LearnerBench {
  return new LearnerBench({ lastZxid: z(1, 3), acceptedEpoch: 1 });
}

/** How each bit of work of the disk stands when a packet leaves. */
function whatIsDurable(bench: LearnerBench): { at: string; zxid: number; epoch: number }[] {
  const seen: { at: string; zxid: number; epoch: number }[] = [];
  bench.onLine = (line) => {
    const { durableZxid: zxid, durableCurrentEpoch: epoch } = bench.replica;
    if (line.startsWith("→ ACK ")) seen.push({ at: line, zxid, epoch });
  };
  return seen;
}

// quorum-protocol 16/1264/1319, S-21, S-22
test("ZOOKEEPER-1264: what comes between SNAP and UPTODATE is on disk after a crash", () => {
  const bench = learner().discover(2);
  bench.receive(snap(z(1, 7)), pairs(z(1, 8)), proposal(z(2, 1)), newLeader(2)).releaseAll();
  bench.receive(commit(z(2, 1)), pairs(z(2, 2)), upToDate).release("logged");
  const { durableSnapshot, durableLog } = bench.replica;
  expect([durableSnapshot, durableLog]).toEqual([z(1, 8), [z(2, 1), z(2, 2)]]);
});

// quorum-protocol 16/2355
test("ZOOKEEPER-2355: a tree that came by half leaves the last zxid where it was", () => {
  const bench = learner()
    .discover(2)
    .receive(bare("SNAP", z(1, 9)), TREE.subarray(1))
    .cut();
  bench.releaseAll();
  expect([bench.replica.lastZxid, bench.replica.window.lastZxid]).toEqual([z(1, 3), z(1, 3)]);
});

// quorum-protocol 16/2678 family, 16/3911/3023/4646, S-22, S-24, I-10
test("ZOOKEEPER-3911: the ACK of NEWLEADER finds the DIFF's txns and the epoch on disk", () => {
  const bench = learner().discover(2);
  const seen = whatIsDurable(bench);
  bench.receive(bare("DIFF", z(1, 5)), pairs(z(1, 4), z(1, 5)), newLeader(2)).releaseAll();
  expect(seen).toEqual([{ at: "→ ACK 200000000", zxid: z(1, 5), epoch: 2 }]);
});

// quorum-protocol 16/2872/3642, S-21, S-27, I-16
test("ZOOKEEPER-3642: a tree that was not saved is not what the next leader is told of", () => {
  const bench = learner().discover(2);
  const seen = whatIsDurable(bench);
  bench
    .receive(snap(z(1, 9)), pairs(z(1, 10)))
    .cut()
    .release("reload");
  const { lastZxid, durableZxid, window } = bench.replica;
  expect([lastZxid, durableZxid, window.lastZxid]).toEqual([z(1, 3), z(1, 3), z(1, 3)]);
  expect(seen).toEqual([]);
});

// quorum-protocol 16/2872/3642, S-21, I-10
test("ZOOKEEPER-2872: the ACK of NEWLEADER finds the tree on disk", () => {
  const bench = learner().discover(2);
  const seen = whatIsDurable(bench);
  bench.receive(snap(z(1, 9)), pairs(z(1, 10)), newLeader(2)).releaseAll();
  expect(seen).toEqual([{ at: "→ ACK 200000000", zxid: z(1, 10), epoch: 2 }]);
});

// quorum-protocol 16/4643/4785, S-23
test("ZOOKEEPER-4643: the epoch is saved when the txns are durable, not before", () => {
  for (const packets of [
    [bare("DIFF", z(1, 5)), pairs(z(1, 4), z(1, 5))],
    [snap(z(1, 5))],
    [bare("TRUNC", z(1, 2)), pairs(z(2, 1))],
  ]) {
    const bench = learner().discover(2);
    const saved: number[] = [];
    bench.onLine = (line) => {
      if (line === "disk: currentEpoch 2") saved.push(bench.replica.durableZxid);
    };
    bench.receive(...packets, newLeader(2)).releaseAll();
    expect(saved).toEqual([bench.replica.window.lastZxid]);
  }
});

// quorum-protocol 16/4394, S-26
test("ZOOKEEPER-4394: a proposal before NEWLEADER whose COMMIT comes behind it is not lost", () => {
  const bench = learner().discover(2);
  bench.receive(bare("DIFF", z(1, 4)), pairs(z(1, 4)), proposal(z(2, 1)), newLeader(2));
  bench
    .releaseAll()
    .receive(commit(z(2, 1)), upToDate)
    .release("logged");
  bench.replica.applyAll();
  expect(bench.replica.applied).toEqual([z(1, 4), z(2, 1)]);
  expect(bench.replica.durableLog).toEqual([z(1, 4), z(2, 1)]);
  expect(bench.lines().at(-1)).toBe("→ ACK 200000001");
});

// quorum-protocol 16/4685, S-24
test("ZOOKEEPER-4685: no ACK of a txn overtakes the one of NEWLEADER", () => {
  const bench = learner().discover(2);
  bench.receive(bare("DIFF", z(1, 4)), pairs(z(1, 4)), proposal(z(2, 1)), newLeader(2));
  bench.release("logged");
  bench.learner.logged(z(2, 1));
  bench.releaseAll().receive(upToDate).release("logged");
  expect(bench.lines().filter((line) => line.startsWith("→"))).toEqual([
    "→ ACK 200000000",
    "→ ACK 200000000",
    "→ ACK 200000001",
  ]);
});

// quorum-protocol 16/4925, S-1, S-22
test("ZOOKEEPER-4925: what was settled in a sync can be passed on by this server as a leader", () => {
  const bench = learner().discover(2);
  bench.receive(bare("DIFF", z(1, 5)), pairs(z(1, 4), z(1, 5)), newLeader(2)).releaseAll();
  bench.receive(pairs(z(2, 1)), upToDate, pairs(z(2, 2)));
  const { window } = bench.replica;
  const zxids: number[] = [];
  window.forEach(z(1, 3), window.committedZxid, (_bytes, _start, _end, zxid) => {
    zxids.push(zxid);
    return true;
  });
  expect(zxids).toEqual([z(1, 4), z(1, 5), z(2, 1), z(2, 2)]);
});

// quorum-protocol 16/4352, Trap 6
test("ZOOKEEPER-4352: an empty server that is sent a DIFF from the middle does not take it", () => {
  const bench = new LearnerBench().discover(2);
  bench.receive(bare("DIFF", z(1, 900)), pairs(z(1, 401)));
  const reason = "step down: txn 0x100000191 does not follow 0x0";
  expect(bench.lines()).toEqual(["link closed", reason]);
});

// quorum-protocol 16/5094, S-27, I-16
test("ZOOKEEPER-5094: txns applied behind a TRUNC and not saved are taken back", () => {
  const bench = learner().discover(2);
  bench
    .receive(bare("TRUNC", z(1, 2)))
    .release("truncate")
    .receive(pairs(z(2, 1)));
  bench.replica.applyAll();
  expect(bench.replica.lastZxid).toBe(z(2, 1));
  bench.cut();
  expect(bench.lines().at(-1)).toBe("disk: reload");
  bench.release("reload");
  const { lastZxid, durableZxid, window } = bench.replica;
  expect([lastZxid, durableZxid, window.lastZxid]).toEqual([z(1, 2), z(1, 2), z(1, 2)]);
});

// quorum-protocol 16/1154, 16/790
test("ZOOKEEPER-1154: a txn of a dead epoch is gone once the TRUNC is done", () => {
  const bench = learner().discover(2);
  bench
    .receive(bare("TRUNC", z(1, 1)), newLeader(2))
    .releaseAll()
    .receive(upToDate);
  expect(bench.replica.durableZxid).toBe(z(1, 1));
  expect(bench.lines().at(-1)).toBe("serve 2");
});

// Traces of 3.8.0 (quorum-protocol 14.1), without the marks by which servers of ours know each other

// quorum-protocol 14.1, 7.2/1 P = L, 6
test("trace A: a cold start, server 1 follows server 2", () => {
  const bench = new LearnerBench().connect();
  bench.receive(bench.leaderInfo(1)).releaseAll();
  bench.receive(bare("DIFF", 0), newLeader(1)).releaseAll();
  bench.receive(upToDate, bare("PING", z(1, 0)));
  expect(sent(bench)).toEqual([
    "FOLLOWERINFO 0",
    "ACKEPOCH 0 epoch 0",
    "ACK 100000000",
    "ACK 100000000",
    "PING 100000000 []",
  ]);
});

// quorum-protocol 14.1
test("trace A: server 3 comes late and is sent the tree", () => {
  const bench = new LearnerBench({ sid: 3 }).connect();
  bench.receive(bench.leaderInfo(1)).releaseAll();
  bench
    .receive(snap(z(1, 0)), newLeader(1))
    .releaseAll()
    .receive(upToDate);
  expect(sent(bench)).toEqual([
    "FOLLOWERINFO 0",
    "ACKEPOCH 0 epoch 0",
    "ACK 100000000",
    "ACK 100000000",
  ]);
  expect(bench.replica.durableSnapshot).toBe(z(1, 0));
});

// quorum-protocol 14.1, S-25
test("trace B: a follower restarts within the term", () => {
  const bench = new LearnerBench({ lastZxid: z(1, 12), acceptedEpoch: 1 }).connect();
  bench.receive(bench.leaderInfo(1));
  const missed = [13, 14, 15, 16, 17].map((counter) => z(1, counter));
  bench.receive(bare("DIFF", z(1, 17)), pairs(...missed), newLeader(1)).releaseAll();
  bench.receive(upToDate, pairs(z(1, 18))).release("logged");
  expect(sent(bench)).toEqual([
    "FOLLOWERINFO 100000000",
    "ACKEPOCH 10000000c epoch -1",
    "ACK 100000000",
    "ACK 100000000",
    "ACK 100000012",
  ]);
  expect(bench.replica.durableLog).toEqual([...missed, z(1, 18)]);
});

// quorum-protocol 14.1
test("traces C and D: a leader of old comes back with records that nobody knows", () => {
  const old = { lastZxid: z(1, 10), acceptedEpoch: 1 };
  const cut = new LearnerBench(old).connect();
  cut.receive(cut.leaderInfo(2)).releaseAll();
  cut.receive(bare("TRUNC", z(1, 6)), newLeader(2)).releaseAll();
  const replaced = new LearnerBench(old).connect();
  replaced.receive(replaced.leaderInfo(2)).releaseAll();
  replaced.receive(snap(z(2, 4)), newLeader(2)).releaseAll();
  const said = ["FOLLOWERINFO 100000000", "ACKEPOCH 10000000a epoch 1", "ACK 200000000"];
  for (const bench of [cut, replaced]) expect(sent(bench)).toEqual(said);
  expect([cut.replica.durableSnapshot, replaced.replica.durableSnapshot]).toEqual([
    z(1, 6),
    z(2, 4),
  ]);
});

/** What went to the leader. */
function sent(bench: LearnerBench): string[] {
  const packets = bench.lines().filter((line) => line.startsWith("→ "));
  return packets.map((line) => line.slice(2).replace(/ sid .*/, ""));
}
