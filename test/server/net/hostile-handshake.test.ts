// What a peer can do to the server before it has a session, and what it can make it remember.

import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/errors.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import { writeAuthPacket } from "../../../protocol/proto.ts";
import { EventKind } from "../../../server/testing/index.ts";
import { type Peer, ServerRoom } from "../pipeline/server-room.ts";

function closings(room: ServerRoom): string[] {
  return room.lines.map(({ message }) => message).filter((each) => each.startsWith("connection"));
}

/** Sends a byte of a ConnectRequest every so often. */
function trickle(room: ServerRoom, peer: Peer, everyMs: number): void {
  const frame = Buffer.alloc(48);
  frame.writeInt32BE(44, 0);
  let at = 0;
  const next = (): void => {
    if (peer.gone || at === frame.length) return;
    peer.link.write(frame.subarray(at, ++at));
    room.world.schedule(undefined, everyMs * 1000, EventKind.script, next);
  };
  next();
}

// operations 7.9/4; server-semantics 5.3/connection without handshake for
test("a handshake that trickles in is cut off at its deadline", () => {
  const room = new ServerRoom();
  const peer = room.dial();
  const startedUs = room.world.nowUs;
  trickle(room, peer, 2000);
  room.until(() => peer.gone);
  expect((room.world.nowUs - startedUs) / 1e6).toBeLessThanOrEqual(11.1);
  expect((room.world.nowUs - startedUs) / 1e6).toBeGreaterThan(9.9);
  expect(closings(room)).toEqual(["connection closed: no session was asked for in time"]);
});

test("a session that is heard less often than a handshake may last is served on", () => {
  const room = new ServerRoom({ sessionlessTimeoutMs: 1000, maxSessionTimeoutMs: 10_000 });
  const peer = room.open({ timeoutMs: 10_000 });
  room.runMs(6000);
  expect(peer.reply(peer.create("/a")).err).toBe(0);
});

// operations 7.9/3, 2.8/quorate.limits.unauthenticatedBytes
test("what is kept for handshakes has a bound in all, and who goes beyond it is closed", () => {
  const room = new ServerRoom();
  const bytes = 1_000_000;
  const peers = Array.from({ length: 70 }, () => room.dial());
  for (const peer of peers) {
    const announced = Buffer.alloc(4 + bytes - 1);
    announced.writeInt32BE(bytes, 0);
    peer.link.write(announced);
  }
  room.runMs(5000);
  const left = peers.filter((peer) => !peer.gone).length;
  expect(left).toBeLessThan(70);
  expect(left * bytes).toBeGreaterThan(60 * 1024 * 1024);
  expect(left * bytes).toBeLessThanOrEqual(64 * 1024 * 1024);
  expect(closings(room)[0]).toContain("too much is kept for connections without a session");
  // There is room again once they are gone.
  for (const peer of peers) peer.link.destroy();
  room.runMs(100);
  const next = room.dial();
  const announced = Buffer.alloc(4 + bytes - 1);
  announced.writeInt32BE(bytes, 0);
  next.link.write(announced);
  room.runMs(1000);
  expect(next.gone).toBe(false);
});

// operations 7.9/1, 7.9/2
test("a length that no frame has closes the connection before anything is kept, and the log says so", () => {
  const room = new ServerRoom();
  for (const length of [-1, 0x7fff_ffff, 1_048_576]) {
    const peer = room.dial();
    const prefix = Buffer.alloc(4);
    prefix.writeInt32BE(length, 0);
    for (let i = 0; i < 3; i++) peer.link.write(prefix);
    room.until(() => peer.gone);
    const line = room.lines.at(-1);
    expect(line?.message).toContain("a frame of a negative length, or larger than jute.maxbuffer");
    expect(line?.fields).toMatchObject({ length, limit: 1_048_575 });
  }
});

// operations 7.9/17
test("a connection has room for many auth ids, and is refused beyond that", () => {
  const room = new ServerRoom();
  const peer = room.open();
  const add = (user: string): number =>
    peer.send(OpCode.auth, (writer) =>
      writeAuthPacket(writer, { type: 0, scheme: "digest", auth: Buffer.from(`${user}:p`) }),
    );
  for (let i = 0; i < 1000; i++) expect(peer.reply(add(`user-${i}`)).err).toBe(0);
  // The same again takes up nothing.
  for (let i = 0; i < 1000; i++) expect(peer.reply(add("user-7")).err).toBe(0);
  expect(peer.reply(add("x".repeat(100_000))).err).toBe(ErrorCode.AuthFailed);
  room.until(() => peer.gone);
  expect(closings(room)).toEqual(["connection closed: its credentials were refused"]);
});
