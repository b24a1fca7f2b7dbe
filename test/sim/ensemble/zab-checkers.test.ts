// Hand-made traces, one wrong thing each: what the checkers of ZAB's invariants must not pass over.

import { describe, expect, test } from "vitest";
import { PacketType } from "../../../protocol/quorum.ts";
import { makeZxid, zxidEpoch } from "../../../protocol/zxid.ts";
import { ZAB_CHECKERS, zabRun } from "./zab-checkers.ts";
import type { Durable, Established, ZabLink, ZabPacket } from "./zab-trace.ts";

const VOTERS = ["a", "b", "c"];
const EPOCH = 1;
const FIRST = makeZxid(EPOCH, 1);
const SECOND = makeZxid(EPOCH, 2);

type Packets = ZabPacket[];

/** Like Omit, for each kind of Durable by itself. */
type Undated = Durable extends infer One
  ? One extends Durable
    ? Omit<One, "when">
    : never
  : never;

/** A trace that a test writes down, event by event. */
class Tale {
  readonly links: (ZabLink & { readonly packets: Packets })[] = [];
  readonly durable = new Map<string, Durable[]>();
  readonly established: Established[] = [];
  readonly ends: {
    server: string;
    snapshotZxid: number;
    txns: { zxid: number; content: string }[];
  }[] = [];
  #order = 0;

  /** Both ends of a connection: the leader's, then the learner's. */
  connect(leader: string, learner: string): readonly [atLeader: Packets, atLearner: Packets] {
    const opened = this.#now();
    const [atLeader, atLearner]: [Packets, Packets] = [[], []];
    this.links.push({ server: leader, side: "leader", peer: learner, opened, packets: atLeader });
    this.links.push({ server: learner, side: "learner", peer: leader, opened, packets: atLearner });
    return [atLeader, atLearner];
  }

  /** A packet that leaves at `from` and arrives at `to`. */
  send(
    from: Packets,
    to: Packets,
    type: number,
    zxid: number,
    content?: string,
    value?: number,
  ): void {
    from.push({ when: this.#now(), isSent: true, type, zxid, content, value });
    to.push({ when: this.#now(), isSent: false, type, zxid, content, value });
  }

  save(server: string, what: Undated): void {
    const all = this.durable.get(server) ?? [];
    this.durable.set(server, all);
    all.push({ ...what, when: this.#now() });
  }

  /** A learner comes into step with a leader of `epoch`, whose history is `txns`. */
  join(leader: string, learner: string, epoch = EPOCH, txns: readonly number[] = []): Joined {
    const [up, down] = this.connect(leader, learner);
    const marker = makeZxid(epoch, 0);
    this.save(leader, { kind: "acceptedEpoch", epoch });
    this.send(up, down, PacketType.LEADERINFO, marker);
    this.save(learner, { kind: "acceptedEpoch", epoch });
    this.send(down, up, PacketType.ACKEPOCH, 0, undefined, 0);
    for (const zxid of txns) {
      this.send(up, down, PacketType.PROPOSAL, zxid, contentFor(zxid));
      this.send(up, down, PacketType.COMMIT, zxid);
    }
    this.send(up, down, PacketType.NEWLEADER, marker);
    for (const zxid of txns) this.log(learner, zxid);
    this.save(learner, { kind: "currentEpoch", epoch });
    this.send(down, up, PacketType.ACK, marker);
    return { up, down, leader, epoch };
  }

  log(server: string, zxid: number, content: string = contentFor(zxid)): void {
    this.save(server, { kind: "txn", zxid, content });
  }

  upToDate({ up, down, leader, epoch }: Joined): void {
    if (!this.established.some((one) => one.leader === leader && one.epoch === epoch)) {
      const txns = (this.durable.get(leader) ?? []).flatMap((one) =>
        one.kind === "txn" && zxidEpoch(one.zxid) < epoch ? [one] : [],
      );
      this.established.push({ leader, epoch, when: this.#now(), txns });
    }
    this.send(up, down, PacketType.UPTODATE, -1);
  }

  propose({ up, down }: Joined, zxid: number, content: string = contentFor(zxid)): void {
    this.send(up, down, PacketType.PROPOSAL, zxid, content);
  }

  ack({ up, down }: Joined, zxid: number): void {
    this.send(down, up, PacketType.ACK, zxid);
  }

  commit({ up, down }: Joined, zxid: number): void {
    this.send(up, down, PacketType.COMMIT, zxid);
  }

  /** What a server holds at the end. */
  end(server: string, zxids: readonly number[], snapshotZxid = 0): void {
    const txns = zxids.map((zxid) => ({ zxid, content: contentFor(zxid) }));
    this.ends.push({ server, snapshotZxid, txns });
  }

  /** The names of the checkers that it displeases. */
  complaints(): string[] {
    const run = zabRun(this, VOTERS, this.ends);
    return ZAB_CHECKERS.filter((checker) => checker.check(run).length > 0).map(({ name }) => name);
  }

  #now(): { order: number; atUs: number } {
    const order = ++this.#order;
    return { order, atUs: order };
  }
}

interface Joined {
  readonly leader: string;
  readonly epoch: number;
  readonly up: Packets;
  readonly down: Packets;
}

function contentFor(zxid: number): string {
  return `txn ${zxid}`;
}

/** Server a leads, b follows, and `zxids` are settled between them as they should be. */
function term(zxids: readonly number[] = [FIRST]): { tale: Tale; b: Joined } {
  const tale = new Tale();
  const b = tale.join("a", "b");
  tale.save("a", { kind: "currentEpoch", epoch: EPOCH });
  tale.upToDate(b);
  for (const zxid of zxids) {
    tale.propose(b, zxid);
    tale.log("a", zxid);
    tale.log("b", zxid);
    tale.ack(b, zxid);
    tale.commit(b, zxid);
  }
  return { tale, b };
}

test("a term as it should be displeases nobody", () => {
  const { tale } = term([FIRST, SECOND]);
  const c = tale.join("a", "c", EPOCH, [FIRST, SECOND]);
  tale.upToDate(c);
  for (const server of VOTERS) tale.end(server, [FIRST, SECOND]);
  expect(tale.complaints()).toEqual([]);
});

// quorum-protocol I-10
test("AckAfterDurable notices the ACK of a txn that is on its way to the disk", () => {
  const { tale, b } = term([]);
  tale.propose(b, FIRST);
  tale.ack(b, FIRST);
  tale.log("b", FIRST);
  expect(tale.complaints()).toEqual(["AckAfterDurable"]);
});

// quorum-protocol I-9, I-10
describe("PromiseAfterDurable", () => {
  test("notices a learner that promises what it has not saved", () => {
    const tale = new Tale();
    const [up, down] = tale.connect("a", "b");
    tale.save("a", { kind: "acceptedEpoch", epoch: EPOCH });
    tale.send(up, down, PacketType.LEADERINFO, makeZxid(EPOCH, 0));
    tale.send(down, up, PacketType.ACKEPOCH, 0, undefined, 0);
    expect(tale.complaints()).toEqual(["PromiseAfterDurable"]);
  });

  test("notices a leader that names an epoch which it has not saved", () => {
    const tale = new Tale();
    const [up, down] = tale.connect("a", "b");
    tale.send(up, down, PacketType.LEADERINFO, makeZxid(EPOCH, 0));
    expect(tale.complaints()).toEqual(["PromiseAfterDurable"]);
  });
});

// quorum-protocol I-9
test("NoOlderEpoch notices who joins an epoch before the one that it has promised", () => {
  const tale = new Tale();
  tale.save("b", { kind: "acceptedEpoch", epoch: 3 });
  tale.join("a", "b", 2);
  expect(tale.complaints()).toContain("NoOlderEpoch");
});

// quorum-protocol I-10, I-16
describe("EpochAfterHistory", () => {
  test("notices an epoch that is adopted before the history of its leader is on disk", () => {
    const tale = new Tale();
    const old = makeZxid(EPOCH, 1);
    const [up, down] = tale.connect("a", "b");
    tale.save("a", { kind: "acceptedEpoch", epoch: 2 });
    tale.send(up, down, PacketType.LEADERINFO, makeZxid(2, 0));
    tale.save("b", { kind: "acceptedEpoch", epoch: 2 });
    tale.send(up, down, PacketType.PROPOSAL, old, contentFor(old));
    tale.send(up, down, PacketType.COMMIT, old);
    tale.send(up, down, PacketType.NEWLEADER, makeZxid(2, 0));
    tale.save("b", { kind: "currentEpoch", epoch: 2 });
    tale.log("b", old);
    tale.send(down, up, PacketType.ACK, makeZxid(2, 0));
    expect(tale.complaints()).toEqual(["EpochAfterHistory"]);
  });

  test("notices an ACK of NEWLEADER before the epoch is saved", () => {
    const tale = new Tale();
    const [up, down] = tale.connect("a", "b");
    tale.save("a", { kind: "acceptedEpoch", epoch: EPOCH });
    tale.send(up, down, PacketType.LEADERINFO, makeZxid(EPOCH, 0));
    tale.save("b", { kind: "acceptedEpoch", epoch: EPOCH });
    tale.send(up, down, PacketType.NEWLEADER, makeZxid(EPOCH, 0));
    tale.send(down, up, PacketType.ACK, makeZxid(EPOCH, 0));
    tale.save("b", { kind: "currentEpoch", epoch: EPOCH });
    expect(tale.complaints()).toEqual(["EpochAfterHistory"]);
  });
});

// quorum-protocol I-11
test("CommitByQuorum notices a commit of what one of three has on disk", () => {
  const { tale, b } = term([]);
  tale.propose(b, FIRST);
  tale.log("a", FIRST);
  tale.commit(b, FIRST);
  expect(tale.complaints()).toEqual(["CommitByQuorum"]);
});

// quorum-protocol I-7, I-11
test("CommitByQuorum notices that what a leader began with was with nobody else", () => {
  const { tale } = term([]);
  tale.log("a", FIRST);
  const b = tale.join("a", "b", 2);
  tale.upToDate(b);
  expect(tale.complaints()).toEqual(["CommitByQuorum"]);
});

// quorum-protocol I-5
test("CommitInOrder notices a commit that overtakes another", () => {
  const { tale, b } = term([]);
  for (const zxid of [FIRST, SECOND]) {
    tale.propose(b, zxid);
    tale.log("a", zxid);
    tale.log("b", zxid);
    tale.ack(b, zxid);
  }
  tale.commit(b, SECOND);
  tale.commit(b, FIRST);
  expect(tale.complaints()).toEqual(["CommitInOrder"]);
});

// quorum-protocol I-8, I-11
test("ServeAfterQuorum notices a leader that serves when nobody has adopted its history", () => {
  const tale = new Tale();
  const [up, down] = tale.connect("a", "b");
  tale.save("a", { kind: "acceptedEpoch", epoch: EPOCH });
  tale.send(up, down, PacketType.LEADERINFO, makeZxid(EPOCH, 0));
  tale.send(up, down, PacketType.NEWLEADER, makeZxid(EPOCH, 0));
  tale.send(up, down, PacketType.UPTODATE, -1);
  expect(tale.complaints()).toEqual(["ServeAfterQuorum"]);
});

// quorum-protocol I-8
test("OneLeaderPerEpoch notices the second", () => {
  const { tale } = term([]);
  tale.join("b", "c");
  expect(tale.complaints()).toEqual(["OneLeaderPerEpoch"]);
});

// quorum-protocol I-9
test("EpochMonotony notices an epoch that goes back, unless the disk is a new one", () => {
  const { tale } = term([]);
  tale.save("b", { kind: "wiped" });
  tale.save("b", { kind: "acceptedEpoch", epoch: 0 });
  expect(tale.complaints()).toEqual([]);
  tale.save("a", { kind: "currentEpoch", epoch: 0 });
  expect(tale.complaints()).toEqual(["EpochMonotony"]);
});

// quorum-protocol I-1, I-2
test("AgreementOnContent notices a server that holds another txn under a settled zxid", () => {
  const { tale } = term();
  tale.ends.push({ server: "c", snapshotZxid: 0, txns: [{ zxid: FIRST, content: "another" }] });
  expect(tale.complaints()).toEqual(["AgreementOnContent"]);
});

// quorum-protocol I-7, I-12
test("PrimaryIntegrity notices a leader that lacks what was settled before it", () => {
  const { tale } = term();
  const b = tale.join("c", "b", 2);
  tale.upToDate(b);
  expect(tale.complaints()).toEqual(["PrimaryIntegrity"]);
});

// quorum-protocol I-12
test("NothingLost notices a settled txn that a server does not have, nor a snapshot of it", () => {
  const { tale } = term([FIRST, SECOND]);
  tale.end("a", [FIRST, SECOND]);
  tale.end("b", [], SECOND);
  expect(tale.complaints()).toEqual([]);
  tale.end("c", [FIRST]);
  expect(tale.complaints()).toContain("NothingLost");
});

// quorum-protocol I-3, I-4, I-5, I-6, I-13
test.each([
  ["misses one", [FIRST], [FIRST, SECOND]],
  ["has another order", [FIRST, SECOND], [SECOND, FIRST]],
  ["has one of an epoch that is over", [FIRST, SECOND, makeZxid(2, 1)], [FIRST, makeZxid(2, 1)]],
])("EqualHistories notices a log that %s", (_what, one, other) => {
  const tale = new Tale();
  tale.end("a", one);
  tale.end("b", other);
  expect(tale.complaints()).toEqual(["EqualHistories"]);
});
