// How what a learner holds becomes the leader's history, and what is durable when it says so.

import { expect, test } from "vitest";
import { PacketSplitter } from "../../../protocol/packet-splitter.ts";
import { PacketType } from "../../../protocol/quorum.ts";
import { LearnerSync } from "../../../server/zab/learner-sync.ts";
import type { LearnerTerm } from "../../../server/zab/learner-term.ts";
import {
  bare,
  commit,
  inform,
  LearnerBench,
  newLeader,
  pairs,
  proposal,
  snap,
  truncatedTxn,
  txn,
  withData,
  z,
} from "./learner-bench.ts";

/** Holds 0x100000003 of epoch 1, and has promised the leader's epoch 2. */
function synced(options: { role?: "observer" } = {}): LearnerBench {
  return new LearnerBench({ lastZxid: z(1, 3), acceptedEpoch: 1, ...options }).discover(2);
}

const upToDate = bare("UPTODATE", -1);

// DIFF

// quorum-protocol S-22, S-23, S-24, 5/13 DIFF, 5/10 NEWLEADER
test("a DIFF is logged, then applied, then the epoch is saved, then NEWLEADER is acknowledged", () => {
  const bench = synced();
  bench.receive(bare("DIFF", z(1, 5)), pairs(z(1, 4), z(1, 5)));
  // Until NEWLEADER nothing is touched: what came may still be taken back (S-27).
  expect(bench.lines()).toEqual([]);
  expect(bench.replica.window.committedZxid).toBe(z(1, 3));
  bench.receive(newLeader(2));
  expect(bench.lines()).toEqual(["disk: log 100000004", "disk: log 100000005"]);
  bench.release("logged");
  expect(bench.lines()).toEqual(["tree: deliver 100000005"]);
  bench.release("delivered");
  expect(bench.lines()).toEqual(["disk: currentEpoch 2"]);
  expect(bench.replica.applied).toEqual([z(1, 4), z(1, 5)]);
  bench.release("currentEpoch");
  expect(bench.lines()).toEqual(["→ ACK 200000000"]);
});

// quorum-protocol S-22
test("nothing is read while the disk works, and all of it afterwards", () => {
  const bench = synced().receive(bare("DIFF", z(1, 4)), pairs(z(1, 4)), newLeader(2));
  bench.receive(pairs(z(2, 1)), upToDate);
  expect(bench.isPaused).toBe(true);
  expect(bench.replica.window.lastZxid).toBe(z(1, 4));
  bench.releaseAll();
  expect(bench.lines().slice(-6)).toEqual([
    "disk: currentEpoch 2",
    "→ ACK 200000000",
    "→ ACK 200000000",
    "serve 2",
    "disk: log 200000001",
    "tree: deliver 200000001",
  ]);
});

// quorum-protocol S-26, S-29, S-25
test("a proposal that was not settled at NEWLEADER is logged and acknowledged after UPTODATE", () => {
  const bench = synced();
  bench.receive(bare("DIFF", z(1, 4)), pairs(z(1, 4)), proposal(z(2, 1)), newLeader(2));
  expect(bench.lines()).toEqual(["disk: log 100000004"]);
  bench.releaseAll().lines();
  bench.receive(commit(z(2, 1)), proposal(z(2, 2)), upToDate);
  expect(bench.lines()).toEqual([
    "→ ACK 200000000",
    "serve 2",
    "disk: log 200000001",
    "disk: log 200000002",
    "tree: deliver 200000001",
  ]);
  // What the ACK of NEWLEADER spoke for gets none of its own.
  bench.release("logged");
  expect(bench.lines()).toEqual(["→ ACK 200000001", "→ ACK 200000002"]);
});

// quorum-protocol S-28, 5/12 UPTODATE
test("clients are served from UPTODATE on, not before", () => {
  const bench = synced()
    .receive(bare("DIFF", z(1, 3)), newLeader(2))
    .releaseAll();
  expect(bench.lines()).not.toContain("serve 2");
  bench.receive(upToDate);
  expect(bench.lines()).toEqual(["→ ACK 200000000", "serve 2"]);
});

// quorum-protocol Trap 10
test("a ping before UPTODATE has no answer, and what is no business of a sync is ignored", () => {
  const bench = synced();
  bench.receive(bare("DIFF", z(1, 3)), bare("PING", z(1, 3)), bare("SYNC", 0));
  bench.receive(newLeader(2)).releaseAll().lines();
  bench.receive(bare("PING", z(2, 0)), withData(99, 0, Buffer.alloc(3)));
  expect(bench.lines()).toEqual([]);
});

// quorum-protocol S-23
test("an epoch that is the current one already is not saved again", () => {
  const bench = new LearnerBench({ lastZxid: z(2, 3), acceptedEpoch: 2 }).discover(2);
  bench
    .receive(bare("DIFF", z(2, 3)), newLeader(2))
    .release("logged")
    .release("delivered");
  expect(bench.lines()).toEqual(["→ ACK 200000000"]);
});

// quorum-protocol S-20, S-24, T-11
test("NEWLEADER of another epoch than the promised one ends the term", () => {
  const bench = synced().receive(bare("DIFF", z(1, 3)), newLeader(3));
  const reason = "step down: NEWLEADER 0x300000000 in epoch 2";
  expect(bench.lines()).toEqual(["link closed", reason]);
});

// quorum-protocol S-27
test("a DIFF that breaks off before NEWLEADER has left no trace", () => {
  const bench = synced()
    .receive(bare("DIFF", z(1, 5)), pairs(z(1, 4)), proposal(z(1, 5)))
    .cut();
  expect(bench.lines().at(-1)).toMatch(/^step down/);
  const { window, lastZxid, durableZxid } = bench.replica;
  expect([window.lastZxid, window.count, lastZxid, durableZxid]).toEqual([
    z(1, 3),
    0,
    z(1, 3),
    z(1, 3),
  ]);
});

// quorum-protocol S-27, S-23
test("a DIFF that breaks off while it is logged is logged and applied to the end", () => {
  const bench = synced();
  bench.receive(bare("DIFF", z(1, 5)), pairs(z(1, 4)), proposal(z(2, 1)), newLeader(2)).cut();
  expect(bench.lines()).toEqual(["disk: log 100000004", "link closed"]);
  bench.releaseAll();
  expect(bench.lines()).toEqual([
    "tree: deliver 100000004",
    "disk: currentEpoch 2",
    "step down: the link to the leader is gone: reset",
  ]);
  const { replica } = bench;
  expect([replica.durableZxid, replica.lastZxid, replica.window.lastZxid]).toEqual([
    z(1, 4),
    z(1, 4),
    z(1, 4),
  ]);
});

test("what was proposed and not logged when the link breaks before UPTODATE is forgotten", () => {
  const bench = synced()
    .receive(bare("DIFF", z(1, 3)), newLeader(2))
    .releaseAll();
  bench.receive(pairs(z(2, 1)), proposal(z(2, 2))).cut();
  expect(bench.replica.window.lastZxid).toBe(z(1, 3));
  expect(bench.replica.durableLog).toEqual([]);
});

// SNAP

// quorum-protocol S-21, S-23, S-24, 5/15 SNAP
test("a tree and what was settled behind it is saved, then the epoch, then acknowledged", () => {
  const bench = synced();
  bench.receive(snap(z(1, 9)), pairs(z(1, 10)), proposal(z(2, 1)), newLeader(2));
  expect(bench.lines()).toEqual([
    "tree: install 100000009",
    "tree: adopt 100000009",
    "tree: deliver 10000000a",
  ]);
  bench.release("delivered");
  expect(bench.lines()).toEqual(["disk: snapshot 10000000a"]);
  bench.release("saveTree");
  expect(bench.lines()).toEqual(["disk: currentEpoch 2"]);
  bench.release("currentEpoch");
  expect(bench.lines()).toEqual(["→ ACK 200000000"]);
  bench.receive(commit(z(2, 1)), upToDate).release("logged");
  expect(bench.lines().slice(-3)).toEqual([
    "disk: log 200000001",
    "tree: deliver 200000001",
    "→ ACK 200000001",
  ]);
});

// quorum-protocol S-7
test("txns that the tree may have already are passed over, with their commits", () => {
  const bench = synced();
  bench.receive(snap(z(1, 9)), pairs(z(1, 8), z(1, 9), z(1, 10)), newLeader(2)).releaseAll();
  expect(bench.replica.applied).toEqual([z(1, 10)]);
  expect(bench.lines().at(-1)).toBe("→ ACK 200000000");
});

// quorum-protocol S-9, Trap 2
test("a tree without its signature is not taken, and what is here stays", () => {
  const bench = synced().receive(bare("SNAP", z(1, 9)), Buffer.from([0xff]));
  expect(bench.lines()).toEqual([
    "tree: install 100000009",
    "link closed",
    "step down: SNAP: no signature",
  ]);
  expect(bench.replica.lastZxid).toBe(z(1, 3));
});

// quorum-protocol S-27
test("a tree that breaks off while it comes leaves what is here as it was", () => {
  const bench = synced()
    .receive(bare("SNAP", z(1, 9)), Buffer.from("tre"))
    .cut();
  expect(bench.lines()).toEqual([
    "tree: install 100000009",
    "link closed",
    "step down: the link to the leader is gone: reset",
  ]);
});

// quorum-protocol S-27
test("a tree that is in memory alone when the link breaks is given up for what is on disk", () => {
  const bench = synced()
    .receive(snap(z(1, 9)), pairs(z(1, 10)))
    .cut();
  expect(bench.lines().slice(-2)).toEqual(["link closed", "disk: reload"]);
  bench.release("reload");
  expect(bench.lines()).toEqual(["step down: the link to the leader is gone: reset"]);
  expect([bench.replica.lastZxid, bench.replica.window.lastZxid]).toEqual([z(1, 3), z(1, 3)]);
});

test("a tree that is being saved when the link breaks is saved to the end", () => {
  const bench = synced()
    .receive(snap(z(1, 9)), newLeader(2))
    .release("delivered")
    .cut();
  bench.releaseAll();
  expect(bench.lines().slice(-3)).toEqual([
    "link closed",
    "disk: currentEpoch 2",
    "step down: the link to the leader is gone: reset",
  ]);
  expect([bench.replica.durableZxid, bench.replica.durableCurrentEpoch]).toEqual([z(1, 9), 2]);
});

// quorum-protocol 5/8 INFORM
test("an observer applies what it is informed of behind a tree, and saves it with the tree", () => {
  const bench = synced({ role: "observer" });
  bench.receive(snap(z(1, 9)), pairs(z(1, 10)), inform(z(2, 1)), newLeader(2)).releaseAll();
  expect(bench.replica.durableSnapshot).toBe(z(2, 1));
  expect(bench.lines().at(-1)).toBe("→ ACK 200000000");
});

// quorum-protocol S-29, 5/8 INFORM
test("an observer logs and applies after UPTODATE what it was informed of behind NEWLEADER", () => {
  const bench = synced({ role: "observer" });
  const activation = Buffer.alloc(8);
  bench
    .receive(bare("DIFF", z(1, 4)), inform(z(1, 4)), newLeader(2))
    .releaseAll()
    .lines();
  const data = Buffer.concat([activation, txnOf(inform(z(2, 2)))]);
  bench.receive(inform(z(2, 1)), withData(19, z(2, 2), data), upToDate);
  expect(bench.lines()).toEqual([
    "→ ACK 200000000",
    "serve 2",
    "disk: log 200000001",
    "disk: log 200000002",
    "tree: deliver 200000002",
  ]);
  bench.release("logged");
  expect(bench.lines()).toEqual([]);
});

/** The data of a packet that carries a txn. */
function txnOf(packet: Buffer): Buffer {
  return packet.subarray(16, packet.length - 4);
}

test("a DIFF that is longer than memory should hold is given up for the tree", () => {
  const bench = synced().receive(bare("DIFF", z(1, 9)));
  expect(bench.lines()).toEqual([]);
  const asked: string[] = [];
  const nothing = (): void => {};
  const term: LearnerTerm = {
    link: bench.link,
    replica: bench.replica,
    epoch: 2,
    isObserver: false,
    isLeaderOurs: false,
    heard: nothing,
    end: nothing,
    needTree: (reason) => asked.push(reason),
    upToDate: nothing,
    handover: nothing,
    warn: nothing,
  };
  const sync = new LearnerSync(term, false, 100);
  const splitter = new PacketSplitter(1000, (packet) => sync.packet(packet), nothing);
  splitter.push(Buffer.concat([bare("DIFF", z(1, 9)), proposal(z(1, 4)), proposal(z(1, 5))]));
  expect(asked).toEqual([]);
  splitter.push(proposal(z(1, 6)));
  expect(asked).toEqual(["a DIFF that is too long"]);
});

// TRUNC

// quorum-protocol S-21, 5/14 TRUNC
test("behind a TRUNC the log is cut before anything is read, and the tree is saved", () => {
  const bench = synced().receive(bare("TRUNC", z(1, 2)), pairs(z(2, 1)), newLeader(2));
  expect(bench.lines()).toEqual(["disk: truncate 100000002"]);
  bench.release("truncate");
  expect(bench.lines()).toEqual(["tree: deliver 200000001"]);
  bench.release("delivered");
  expect(bench.lines()).toEqual(["disk: snapshot 200000001"]);
  bench.release("saveTree").release("currentEpoch");
  expect(bench.lines()).toEqual(["disk: currentEpoch 2", "→ ACK 200000000"]);
});

test("a TRUNC whose txns say that the tree here is another one is not gone on from", () => {
  const bench = synced().receive(bare("TRUNC", z(1, 2)));
  // Found while the history that is left was read again.
  bench.replica.isDiverged = true;
  bench.release("truncate");
  const why = "the tree that is left behind TRUNC is not what its txns say";
  expect(bench.lines()).toEqual(["disk: truncate 100000002", "link closed", `redial: ${why}`]);
});

// quorum-protocol S-18, S-5, 16/2832
test("a TRUNC to a zxid that is not in the history here is not done: the tree is asked for", () => {
  const bench = synced().receive(bare("TRUNC", z(1, 2)));
  bench.release("truncate", "unreachable");
  const why = "zxid 0x100000002 of TRUNC is not in the history here";
  expect(bench.lines()).toEqual(["disk: truncate 100000002", "link closed", `redial: ${why}`]);
  bench.connect().receive(bench.leaderInfo(2));
  expect(bench.lines()).toEqual([
    "→ FOLLOWERINFO 200000000 sid 1 config 0 ours true",
    "→ ACKEPOCH 0 epoch -1",
  ]);
  bench
    .receive(snap(z(1, 2)), newLeader(2))
    .releaseAll()
    .receive(upToDate);
  expect(bench.lines().at(-1)).toBe("serve 2");
});

test("a link that breaks while the log is cut is over when it is cut", () => {
  const bench = synced()
    .receive(bare("TRUNC", z(1, 2)))
    .cut();
  expect(bench.lines()).toEqual(["disk: truncate 100000002", "link closed"]);
  bench.release("truncate");
  expect(bench.lines()).toEqual(["step down: the link to the leader is gone: reset"]);
});

// Bad packets

test("a sync that begins with anything but DIFF, TRUNC or SNAP ends the term", () => {
  const bench = synced().receive(proposal(z(2, 1)));
  expect(bench.lines().at(-1)).toBe("step down: packet type 2 where DIFF, TRUNC or SNAP was due");
});

// quorum-protocol S-17
test("a txn that does not follow the one before it ends the term", () => {
  const diff = bare("DIFF", z(2, 9));
  const gaps: (readonly [string, Buffer])[] = [
    ["a gap behind the own history", pairs(z(1, 5))],
    ["a gap within the sync", pairs(z(1, 4), z(1, 6))],
    ["back again", pairs(z(1, 4), z(1, 4))],
    ["the middle of a later epoch", pairs(z(1, 4), z(2, 2))],
    ["an epoch after the leader's", pairs(z(3, 1))],
    ["an epoch's marker", pairs(z(2, 0))],
    ["a hole in what is repeated", pairs(z(1, 1), z(1, 3))],
  ];
  for (const [what, packets] of gaps) {
    const bench = synced().receive(diff, packets, newLeader(2));
    expect(bench.lines().at(-1), what).toMatch(/^step down: txn 0x\w+ does not follow 0x\w+$/);
    expect(bench.replica.window.lastZxid, what).toBe(z(1, 3));
  }
});

// quorum-protocol S-17
test("the next txn, the first of a later epoch, and what is here already may come first", () => {
  for (const zxids of [[z(1, 4)], [z(2, 1)], [z(1, 2), z(1, 3), z(1, 4), z(2, 1)]]) {
    const bench = synced().receive(bare("DIFF", z(2, 1)), pairs(...zxids), newLeader(2));
    bench.releaseAll();
    expect(bench.lines().at(-1)).toBe("→ ACK 200000000");
    expect(bench.replica.durableLog).toEqual(zxids.filter((zxid) => zxid > z(1, 3)));
  }
});

// quorum-protocol S-19
test("a COMMIT that has no proposal, or is not of the next one, ends the term", () => {
  const diff = bare("DIFF", z(1, 9));
  for (const packets of [
    [commit(z(1, 4))],
    [proposal(z(1, 4)), proposal(z(1, 5)), commit(z(1, 5))],
    [pairs(z(1, 4)), commit(z(1, 4))],
  ]) {
    const bench = synced().receive(diff, ...packets);
    expect(bench.lines().at(-1)).toMatch(/^step down: 0x\w+ is settled where \S+ was due$/);
  }
});

test("an INFORM before an unsettled proposal was settled ends the term", () => {
  const bench = synced().receive(bare("DIFF", 0), proposal(z(1, 4)), inform(z(1, 5)));
  expect(bench.lines().at(-1)).toBe("step down: 0x100000005 is settled where 0x100000004 was due");
});

test("a packet that carries no txn, or another one than it names, ends the term", () => {
  const other = withData(2, z(1, 4), txnOf(proposal(z(1, 5))));
  for (const packet of [truncatedTxn("PROPOSAL", z(1, 4)), bare("PROPOSAL", z(1, 4)), other]) {
    const bench = synced().receive(bare("DIFF", z(1, 9)), packet);
    expect(bench.lines().at(-1)).toBe("step down: no txn 0x100000004 in its packet");
  }
});

test("phases that come twice or too early end the term", () => {
  const begin = bare("DIFF", z(1, 3));
  for (const packet of [begin, bare("TRUNC", z(1, 2)), bare("SNAP", z(1, 4)), upToDate]) {
    expect(synced().receive(begin, packet).lines().at(-1)).toMatch(/in the midst of a sync$/);
  }
  const bench = synced().receive(begin, newLeader(2)).releaseAll().receive(newLeader(2));
  expect(bench.lines().at(-1)).toBe("step down: packet type 10 in the midst of a sync");
});

test("a proposal of an old epoch that the new leader did not settle ends the term", () => {
  const bench = synced().receive(bare("DIFF", z(1, 3)), proposal(z(1, 4)), newLeader(2));
  bench.releaseAll().receive(upToDate);
  const reason = "txn 0x100000004 of an old epoch was not settled by the new one";
  expect(bench.lines().slice(-2)).toEqual(["link closed", `step down: ${reason}`]);
  expect(bench.replica.window.lastZxid).toBe(z(1, 3));
});

// quorum-protocol S-7
test("a tree that is beyond the leader's epoch, or of no zxid, ends the term", () => {
  for (const zxid of [-1, z(3, 0), Number.MAX_SAFE_INTEGER]) {
    expect(synced().receive(snap(zxid)).lines().at(-1)).toMatch(/^step down: SNAP of 0x\w+, which/);
  }
});

test("txns that no server could replay are not logged", () => {
  for (const bytes of [txn(z(1, 4)).subarray(0, 34), unknownType(z(1, 4))]) {
    const packet = withData(PacketType.PROPOSAL, z(1, 4), bytes);
    const bench = synced().receive(bare("DIFF", z(1, 9)), packet);
    expect(bench.lines().at(-1)).toBe("step down: no txn 0x100000004 in its packet");
  }
});

function unknownType(zxid: number): Buffer {
  const bytes = txn(zxid);
  bytes.writeInt32BE(9999, 28);
  return bytes;
}
