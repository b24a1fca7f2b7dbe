import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/errors.ts";
import { type MultiOp, writeMultiRequest } from "../../../protocol/multi.ts";
import { CreateFlag, OpCode, Xid } from "../../../protocol/opcodes.ts";
import { writeAuthPacket } from "../../../protocol/proto.ts";
import type { ServerView } from "../../../server/server-view.ts";
import { EventKind } from "../../../server/testing/index.ts";
import { ANYONE, type Peer, ServerRoom } from "./server-room.ts";

const EMPTY = Buffer.alloc(0);

function multi(peer: Peer, ops: readonly MultiOp[]): number {
  return peer.send(OpCode.multi, (writer) => writeMultiRequest(writer, ops));
}

function ephemeral(path: string): MultiOp {
  const request = { path, data: EMPTY, acl: ANYONE, flags: CreateFlag.ephemeral };
  return { type: OpCode.create, request };
}

// server-semantics 3.5, Trap 9
test("a multi that fails after it made and unmade an ephemeral leaves nothing behind", () => {
  const room = new ServerRoom();
  const peer = room.open();
  const xid = multi(peer, [
    ephemeral("/e"),
    { type: OpCode.delete, request: { path: "/e", version: -1 } },
    { type: OpCode.check, request: { path: "/missing", version: 0 } },
  ]);
  expect(peer.reply(xid).err).toBe(0);
  expect(peer.reply(peer.create("/e", CreateFlag.ephemeral)).err).toBe(0);
});

// server-semantics 12/auth failure
test("nothing behind a refused auth packet is executed, not even while a write is on its way", () => {
  const room = new ServerRoom();
  const peer = room.open();
  peer.together(() => {
    peer.create("/before");
    auth(peer, "digest", 101);
    auth(peer, "unknown", 102);
    peer.create("/behind");
    peer.read(OpCode.exists, "/before");
  });
  room.until(() => peer.gone);
  expect(peer.codes).toEqual([
    [1, 0],
    [101, 0],
    [102, ErrorCode.AuthFailed],
  ]);
  const other = room.open();
  expect(other.reply(other.read(OpCode.exists, "/behind")).err).toBe(ErrorCode.NoNode);
});

// server-semantics 12/unknown opcode
test("nothing behind an unknown operation is answered, not even while a write is on its way", () => {
  const room = new ServerRoom();
  const peer = room.open();
  peer.together(() => {
    peer.create("/before");
    peer.send(4711);
    peer.create("/behind");
    peer.read(OpCode.exists, "/before");
  });
  room.until(() => peer.gone);
  expect(peer.codes).toEqual([
    [1, 0],
    [2, ErrorCode.Unimplemented],
  ]);
});

// server-semantics 12/undecodable body of an ordinary request
test("a sync that does not decode is told so", () => {
  const room = new ServerRoom();
  const peer = room.open();
  const xid = peer.send(OpCode.sync, (writer) => writer.int(1000));
  expect(peer.reply(xid).err).toBe(ErrorCode.MarshallingError);
});

test("reads that waited for a write do not all bring their answers at once", () => {
  const room = new ServerRoom();
  const peer = room.open();
  const big = Buffer.alloc(100_000);
  peer.reply(peer.create("/big", 0, big));
  peer.link.pause();
  room.host.disk.slow(1000);
  peer.together(() => {
    peer.set("/big", big);
    for (let i = 0; i < 300; i++) peer.read(OpCode.getData, "/big");
  });
  const before = view(room).packetsSent;
  room.until(() => view(room).packetsSent > before);
  expect(view(room).packetsSent - before).toBeLessThan(100);
  peer.link.resume();
  room.until(() => peer.frames.length === 302);
});

test("requests that came behind a handshake are answered, whoever else waits for the disk", () => {
  const room = new ServerRoom();
  const busy = room.open();
  const peer = room.dial();
  room.host.disk.slow(1000);
  peer.together(() => {
    peer.greet();
    for (let i = 0; i < 100; i++) peer.create(`/a${i}`);
  });
  room.until(() => view(room).outstandingRequests === 1);
  // The ring of what is in flight begins with 256 entries.
  busy.together(() => {
    for (let i = 0; i < 200; i++) busy.create(`/b${i}`);
  });
  room.until(() => view(room).outstandingRequests === 201);
  room.host.disk.heal();
  room.until(() => peer.frames.length === 100 && busy.frames.length === 200);
});

test("what comes behind a handshake stays in the network until the session is there", () => {
  const room = new ServerRoom();
  const peer = room.dial();
  room.host.disk.slow(1000);
  peer.greet();
  room.until(() => view(room).outstandingRequests === 1);
  peer.together(() => {
    for (let i = 0; i < 100; i++) peer.create(`/n${i}`, 0, Buffer.alloc(100_000));
  });
  room.runMs(500);
  expect(view(room).outstandingRequests).toBe(1);
  expect(view(room).bytesReceived).toBeLessThan(300_000);
  room.host.disk.heal();
  room.until(() => peer.frames.length === 100);
});

test("a connection that was told its session is over ends when the client ends it", () => {
  const room = new ServerRoom();
  const peer = room.open({ sessionHigh: 1, sessionLow: 1 });
  room.until(() => peer.ended);
  peer.link.end();
  room.runMs(1000);
  expect(view(room).connectionCount).toBe(0);
});

test("a client that is no longer heard cannot keep its connection open by talking on", () => {
  const room = new ServerRoom();
  const peer = room.open();
  peer.reply(peer.send(OpCode.closeSession));
  const talk = (): void => {
    if (peer.closed) return;
    peer.send(OpCode.ping);
    room.world.schedule(undefined, 100_000, EventKind.script, talk);
  };
  talk();
  room.until(() => peer.closed);
});

test("a stop ends under a load beyond what may be outstanding", () => {
  const room = new ServerRoom({ globalOutstandingLimit: 5 });
  const peers = [room.open(), room.open(), room.open()];
  for (const peer of peers)
    for (let i = 0; i < 2000; i++) peer.create("/n", CreateFlag.persistentSequential);
  room.until(() => peers.some((peer) => peer.frames.length > 20));
  room.stop();
  room.until(() => room.stopped);
  expect(peers.every((peer) => peer.frames.length < 1000)).toBe(true);
});

function view(room: ServerRoom): ServerView {
  const found = room.server.view;
  if (found === undefined) throw new Error("the server has not begun");
  return found;
}

function auth(peer: Peer, scheme: string, xid: number = Xid.auth): number {
  const packet = { type: 0, scheme, auth: Buffer.from("u:p") };
  return peer.send(OpCode.auth, (writer) => writeAuthPacket(writer, packet), xid);
}
