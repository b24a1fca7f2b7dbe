// Peers that ask and do not take the answers.

import { expect, test } from "vitest";
import { OpCode, Xid } from "../../../protocol/opcodes.ts";
import { type Peer, ServerRoom } from "../pipeline/server-room.ts";

function closings(room: ServerRoom): string[] {
  return room.lines.map(({ message }) => message).filter((each) => each.startsWith("connection"));
}

/** A peer that has stopped reading, with more in the network's way than it carries at once. */
function stalled(room: ServerRoom, timeoutMs: number): Peer {
  const peer = room.open({ timeoutMs });
  peer.reply(peer.create("/big", 0, Buffer.alloc(200_000)));
  peer.link.pause();
  peer.read(OpCode.getData, "/big");
  return peer;
}

function pingEverySecond(room: ServerRoom, peer: Peer, seconds: number): void {
  for (let i = 0; i < seconds && !peer.gone; i++) {
    peer.send(OpCode.ping, undefined, Xid.ping);
    room.runMs(1000);
  }
}

// operations 7.9/5
test("a peer that pings and takes nothing of what is sent to it is closed after half a minute", () => {
  const room = new ServerRoom({ maxSessionTimeoutMs: 60_000 });
  const peer = stalled(room, 5000);
  pingEverySecond(room, peer, 25);
  expect(closings(room)).toEqual([]);
  pingEverySecond(room, peer, 10);
  expect(closings(room)).toEqual(["connection closed: it takes nothing of what is sent to it"]);
});

test("a session with a longer timeout is given that time", () => {
  const room = new ServerRoom({ maxSessionTimeoutMs: 60_000 });
  const peer = stalled(room, 50_000);
  pingEverySecond(room, peer, 45);
  expect(closings(room)).toEqual([]);
  peer.link.resume();
  room.until(() => peer.frames.length > 45);
});

// operations 7.9/5, 2.8/quorate.limits.outboundBytesPerConnection
test("what waits for a peer that takes nothing is bounded by one answer, however much it asks", () => {
  const room = new ServerRoom();
  const peer = room.open();
  peer.reply(peer.create("/big", 0, Buffer.alloc(1_000_000)));
  peer.link.pause();
  const before = room.server.view?.packetsSent ?? 0;
  for (let i = 0; i < 20; i++) peer.read(OpCode.getData, "/big");
  room.runMs(500);
  expect((room.server.view?.packetsSent ?? 0) - before).toBeLessThan(4);
  peer.link.resume();
  room.until(() => peer.frames.length === 21);
});

test("a peer that takes a long answer slowly keeps its session, though its pings are not read", () => {
  const room = new ServerRoom();
  const peer = room.open({ timeoutMs: 2000 });
  const paths = Array.from({ length: 6 }, (_, i) => `/big${i}`);
  for (const path of paths) peer.reply(peer.create(path, 0, Buffer.alloc(1_000_000)));
  const startedUs = room.world.nowUs;
  const answers = (): number => peer.frames.filter(({ xid }) => xid !== Xid.ping).length;
  for (const path of paths) peer.read(OpCode.getData, path);
  while (answers() < 12 && !peer.gone) {
    const before = peer.received;
    room.until(() => peer.received > before + 100_000 || answers() === 12 || peer.gone);
    peer.link.pause();
    room.runMs(500);
    peer.send(OpCode.ping, undefined, Xid.ping);
    peer.link.resume();
  }
  expect(closings(room)).toEqual([]);
  expect(answers()).toBe(12);
  expect(room.world.nowUs - startedUs).toBeGreaterThan(4_000_000);
});
