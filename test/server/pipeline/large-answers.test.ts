// Large answers wait for their turn: so many bytes in each for all connections, small ones as ever.

import { expect, test } from "vitest";
import { OpCode } from "../../../protocol/opcodes.ts";
import { type Peer, ServerRoom } from "./server-room.ts";

const BIG_BYTES = 300_000;
/** Two such answers spend what a turn has. */
const PER_STEP = 2;
const READS = 6;

function prepared(): ServerRoom {
  const room = new ServerRoom();
  const maker = room.open();
  maker.reply(maker.create("/big", 0, Buffer.alloc(BIG_BYTES)));
  maker.reply(maker.create("/small", 0, Buffer.alloc(100)));
  return room;
}

/** A write, reads of one path that wait for it, and a small request behind them. */
function askBehindWrite(peer: Peer, path: string): number {
  let last = 0;
  peer.together(() => {
    peer.set("/small", Buffer.alloc(100));
    for (let at = 0; at < READS; at++) peer.read(OpCode.getData, path);
    last = peer.read(OpCode.exists, "/");
  });
  return last;
}

/** How many packets the server makes in one step of the world at most, until all are answered. */
function mostInOneStep(room: ServerRoom, lasts: readonly (readonly [Peer, number])[]): number {
  let most = 0;
  let before = room.server.view?.packetsSent ?? 0;
  room.until(() => {
    const now = room.server.view?.packetsSent ?? 0;
    most = Math.max(most, now - before);
    before = now;
    return lasts.every(([peer, last]) => peer.frames.some(({ xid }) => xid === last));
  });
  return most;
}

// operations 7.9/5, server-semantics 3.6
test("large answers are made a few in a turn, each in its place", () => {
  const room = prepared();
  const peers = Array.from({ length: 5 }, () => room.open());
  const lasts = peers.map((peer) => [peer, askBehindWrite(peer, "/big")] as const);
  // The replies to the writes may all come in the same step.
  expect(mostInOneStep(room, lasts)).toBeLessThanOrEqual(PER_STEP + peers.length);
  const inOrder = Array.from({ length: READS + 2 }, (_, at) => at + 1);
  for (const peer of peers) {
    expect(peer.frames.map(({ xid }) => xid)).toEqual(inOrder);
    expect(peer.frames.map(({ err }) => err)).toEqual(inOrder.map(() => 0));
    expect(peer.frames[1]?.body.length).toBeGreaterThan(BIG_BYTES);
  }
});

test("small answers wait for nobody's large ones", () => {
  const room = prepared();
  const greedy = Array.from({ length: 5 }, () => room.open());
  const other = room.open();
  const lasts = greedy.map((peer) => [peer, askBehindWrite(peer, "/big")] as const);
  const own = askBehindWrite(other, "/small");
  expect(mostInOneStep(room, [[other, own]])).toBeGreaterThan(READS);
  expect(lasts.some(([peer, last]) => peer.frames.every(({ xid }) => xid !== last))).toBe(true);
});

test("who leaves while it waits for its turn, or stops taking answers, holds up nobody else", () => {
  const room = prepared();
  const peers = Array.from({ length: 5 }, () => room.open());
  const lasts = peers.map((peer) => [peer, askBehindWrite(peer, "/big")] as const);
  room.until(() => peers.every(({ frames }) => frames.length > 0));
  const [lost, ending, deaf, ...others] = peers;
  lost?.link.destroy();
  ending?.link.end();
  deaf?.link.pause();
  const theirs = lasts.filter(([peer]) => others.includes(peer));
  mostInOneStep(room, theirs);
  deaf?.link.resume();
  mostInOneStep(
    room,
    lasts.filter(([peer]) => peer === deaf),
  );
  expect(deaf?.frames.length).toBe(READS + 2);
  room.until(() => ending?.gone === true);
  expect(room.failure).toBeUndefined();
});

test("a read whose turn comes later tells what is true then, and its watch is set then", () => {
  const room = prepared();
  const peer = room.open();
  const other = room.open();
  const last = askBehindWrite(peer, "/big");
  const watching = peer.read(OpCode.getData, "/big", true);
  room.until(() => peer.frames.length > 0);
  other.set("/big", Buffer.alloc(10));
  peer.reply(watching);
  other.reply(other.set("/big", Buffer.alloc(20)));
  room.until(() => peer.frames.some(({ xid }) => xid === -1));
  const xids = peer.frames.map(({ xid }) => xid);
  expect(xids.indexOf(watching)).toBe(xids.indexOf(last) + 1);
  expect(xids.indexOf(-1)).toBe(xids.length - 1);
  const versions = peer.frames.slice(1, READS + 1).map(({ body }) => body.length);
  expect(versions).toEqual(versions.toSorted((a, b) => b - a));
});
