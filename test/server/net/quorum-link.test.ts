import { expect, test } from "vitest";
import type { Link } from "../../../protocol/host.ts";
import {
  beginPacket,
  endPacket,
  type Packet,
  PacketType,
  writeAck,
  writePing,
} from "../../../protocol/quorum.ts";
import { PacketLink } from "../../../server/net/quorum-link.ts";
import { World } from "../../../server/testing/index.ts";
import type { QuorumLinkHandlers } from "../../../server/zab/effects.ts";

const DATA_MAX = 2 * 1024 * 1024;
const PORT = 2888;

/** Writes down what one end is told. */
class End implements QuorumLinkHandlers {
  readonly link: PacketLink;
  readonly told: string[] = [];
  onPacket: (packet: Packet) => void = () => {};
  onFill: (room: number) => void = () => {};

  constructor(link: PacketLink) {
    this.link = link;
    link.handlers = this;
  }

  packet(packet: Packet): void {
    this.told.push(`${packet.type} ${packet.zxid}`);
    this.onPacket(packet);
  }

  fill(room: number): void {
    this.onFill(room);
  }

  closed(reason: string): void {
    this.told.push(`closed: ${reason}`);
  }
}

/** A leader's host and a learner's, and the two ends of a link between them. */
class Room {
  readonly world: World;
  readonly leader: End;
  readonly learner: End;
  gone = 0;

  constructor(seed: number) {
    this.world = new World(seed);
    const near = this.world.host("leader");
    const far = this.world.host("learner");
    const ends: End[] = [];
    const wrap = (host: typeof near, raw: Link): End => {
      return new End(new PacketLink(host.clock, raw, DATA_MAX, () => this.gone++));
    };
    near.network.listen(
      { host: undefined, port: PORT, backlog: 1 },
      (raw) => ends.push(wrap(near, raw)),
      () => {},
    );
    const nobody = { data() {}, ended() {}, drained() {}, closed() {} };
    const raw: Link = far.network.connect({ host: "leader", port: PORT }, nobody);
    this.learner = wrap(far, raw);
    this.run(100);
    const [leader] = ends;
    if (leader === undefined) throw new Error("nobody was accepted");
    this.leader = leader;
  }

  run(ms: number): void {
    this.world.runUntil(this.world.nowUs + ms * 1000);
  }
}

test("whatever a peer takes and when, it gets every packet once, in order and whole", () => {
  // A simulated link scribbles over memory that is touched before it has left.
  let blockages = 0;
  for (let seed = 1; seed <= 30; seed++) {
    const room = new Room(seed);
    const { world, leader, learner } = room;
    const sent: string[] = [];
    const write = (bytes: number): void => {
      const zxid = sent.length;
      const at = beginPacket(leader.link.out, PacketType.PROPOSAL, zxid);
      leader.link.out.raw(Buffer.alloc(bytes, zxid & 0xff));
      endPacket(leader.link.out, at);
      sent.push(`2 ${zxid} ${bytes}`);
    };
    const came: string[] = [];
    learner.onPacket = ({ zxid, bytes, dataStart, dataLength }) => {
      const data = bytes.subarray(dataStart, dataStart + dataLength);
      const isWhole = data.every((byte) => byte === (zxid & 0xff));
      came.push(isWhole ? `2 ${zxid} ${dataLength}` : "torn");
      if (world.random.chance(0.1)) {
        learner.link.pause();
        world.host("learner").clock.after(world.random.below(30), () => learner.link.resume());
      }
    };
    leader.onFill = () => write(world.random.below(20_000));
    for (let i = 0; i < 200; i++) {
      // Some of it does not wait for `fill`.
      if (world.random.chance(0.3)) write(world.random.below(100));
      leader.link.mark();
      room.run(world.random.below(3));
      if (leader.link.isBlocked) blockages++;
    }
    room.run(20_000);
    expect(came).toEqual(sent);
    expect(leader.link.isBlocked).toBe(false);
  }
  expect(blockages).toBeGreaterThan(100);
});

test("a peer that takes nothing is not filled, and is cut off when it is owed too much", () => {
  const room = new Room(1);
  const { leader } = room;
  room.world.fabric.partition("leader", "learner");
  let fills = 0;
  leader.onFill = (bytes) => {
    fills++;
    leader.link.out.reserve(bytes);
    // There is more, for the next turn.
    leader.link.mark();
  };
  for (let i = 0; i < 100; i++) {
    leader.link.mark();
    room.run(10);
  }
  expect(leader.link.isBlocked).toBe(true);
  expect(fills).toBe(1);
  // What does not wait for it: as a learner's clients would have it forwarded.
  leader.link.out.reserve(64 * 1024 * 1024);
  leader.link.mark();
  room.run(10);
  expect(leader.told).toEqual([]);
  writePing(leader.link.out, 1);
  leader.link.mark();
  room.run(10);
  expect(leader.told).toEqual([
    "closed: more waits for it than is kept for a server that takes nothing",
  ]);
  expect(room.gone).toBe(1);
});

test("who closes a link hears of it at once, even if the other side never does", () => {
  const room = new Room(2);
  const { leader, learner } = room;
  room.world.fabric.partition("leader", "learner");
  writeAck(leader.link.out, 1);
  leader.link.close("the term is over");
  expect(leader.told).toEqual([]);
  room.run(1);
  expect(leader.told).toEqual(["closed: the term is over"]);
  expect(room.gone).toBe(0);
  room.run(3000);
  expect(room.gone).toBe(1);
  expect(learner.told).toEqual([]);
});

test("nothing is heard from a link that was closed, not even what its last chunk still held", () => {
  const room = new Room(3);
  const { leader, learner } = room;
  leader.onPacket = () => leader.link.close("enough");
  for (let zxid = 1; zxid <= 3; zxid++) writeAck(learner.link.out, zxid);
  learner.link.mark();
  room.run(100);
  expect(leader.told).toEqual(["3 1", "closed: enough"]);
  expect(learner.told).toEqual(["closed: the other side closed the connection"]);
  expect(room.gone).toBe(2);
});

test("a link that was closed while it was paused notices the other side's end", () => {
  const room = new Room(4);
  const { leader, learner } = room;
  leader.link.pause();
  writeAck(learner.link.out, 1);
  learner.link.mark();
  room.run(100);
  leader.link.close("enough");
  leader.link.resume();
  room.run(100);
  expect(leader.told).toEqual(["closed: enough"]);
  expect(room.gone).toBe(2);
});

test("a connection that breaks is told once, and nothing is written to it any more", () => {
  const room = new Room(5);
  const { leader, learner } = room;
  room.world.fabric.reset("leader", "learner", false);
  room.run(10);
  leader.onFill = () => expect.unreachable();
  leader.link.mark();
  leader.link.close("again");
  leader.link.cut("again");
  room.run(100);
  expect(leader.told).toEqual(["closed: the connection broke: ECONNRESET"]);
  expect(learner.told).toEqual(["closed: the connection broke: ECONNRESET"]);
  expect(room.gone).toBe(2);
});

test("what came while a link was paused is handed out after resume", () => {
  const room = new Room(6);
  const { leader, learner } = room;
  leader.onPacket = () => leader.link.pause();
  for (let zxid = 1; zxid <= 3; zxid++) writeAck(learner.link.out, zxid);
  learner.link.mark();
  for (let zxid = 1; zxid <= 3; zxid++) {
    room.run(100);
    expect(leader.told.length).toBe(zxid);
    leader.link.resume();
  }
});
