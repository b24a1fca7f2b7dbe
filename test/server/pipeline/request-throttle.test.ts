// What a client notices of a server that takes no more than it can do: back-pressure, and the
// throttles that are off by default.

import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/errors.ts";
import { OpCode, Xid } from "../../../protocol/opcodes.ts";
import { writeAuthPacket } from "../../../protocol/proto.ts";
import type { ServerView } from "../../../server/server-view.ts";
import { type Peer, ServerRoom } from "./server-room.ts";

const EMPTY = Buffer.alloc(0);

function view(room: ServerRoom): ServerView {
  const found = room.server.view;
  if (found === undefined) throw new Error("the server has not begun");
  return found;
}

function ids(peer: Peer): number[] {
  return peer.frames.map(({ xid }) => xid);
}

// server-semantics 10/zookeeper.globalOutstandingLimit; operations 7.6/In-flight
test("while too many writes are in work, only who waits for one is not read any further", () => {
  const room = new ServerRoom({ globalOutstandingLimit: 5 });
  const [busy, reader] = [room.open(), room.open()];
  room.host.disk.slow(1000);
  for (let i = 0; i < 1000; i++) busy.create(`/n${i}`);
  room.until(() => view(room).outstandingRequests > 5);
  room.runMs(100);
  expect(view(room).outstandingRequests).toBe(6);
  expect(reader.reply(reader.read(OpCode.exists, "/")).err).toBe(0);
  expect(view(room).outstandingRequests).toBe(6);
  room.host.disk.heal();
  room.until(() => busy.frames.length === 1000);
});

// server-semantics 10/zookeeper.request_throttle_max_requests
test("no more requests are in work than allowed, and all are answered in order", () => {
  const room = new ServerRoom({ requestThrottleMax: 3 });
  const peers = [room.open(), room.open()];
  room.host.disk.slow(200);
  const sent = peers.map((peer, which) => {
    const xids: number[] = [];
    for (let i = 0; i < 50; i++) {
      xids.push(peer.create(`/n${which}-${i}`), peer.read(OpCode.exists, `/n${which}-${i}`));
    }
    xids.push(peer.send(OpCode.ping, undefined, Xid.ping));
    return xids;
  });
  let most = 0;
  room.until(() => {
    most = Math.max(most, view(room).outstandingRequests);
    return peers.every((peer) => peer.frames.length === 101);
  });
  expect(most).toBe(3);
  for (const [which, peer] of peers.entries()) {
    expect(ids(peer)).toEqual(sent[which]);
    expect(peer.frames.every(({ err }) => err === 0)).toBe(true);
  }
});

// server-semantics 10/zookeeper.throttled_op_wait_time; client-protocol 9/-127 THROTTLEDOP (3.7+)
test("a request that waited too long is refused in its place, but for pings and the close", () => {
  const room = new ServerRoom({ requestThrottleMax: 1, throttledOpWaitMs: 100 });
  const peer = room.open();
  room.host.disk.slow(500);
  peer.together(() => {
    peer.create("/first");
    peer.create("/second");
    peer.read(OpCode.exists, "/first");
    peer.send(OpCode.ping, undefined, Xid.ping);
    peer.send(OpCode.closeSession);
  });
  room.until(() => peer.gone);
  expect(peer.codes).toEqual([
    [1, 0],
    [2, ErrorCode.ThrottledOp],
    [3, ErrorCode.ThrottledOp],
    [Xid.ping, 0],
    [4, 0],
  ]);
  const first = peer.frames[0];
  expect(peer.frames[1]?.zxid).toBe(first?.zxid);
  const other = room.open();
  room.host.disk.heal();
  expect(other.reply(other.read(OpCode.exists, "/second")).err).toBe(ErrorCode.NoNode);
});

test("what a connection sent before it went is dropped, unless that is turned off", () => {
  for (const requestThrottleDropStale of [true, false]) {
    const room = new ServerRoom({ requestThrottleMax: 1, requestThrottleDropStale });
    const [peer, other] = [room.open(), room.open()];
    room.host.disk.slow(300);
    peer.together(() => {
      for (const path of ["/a", "/b", "/c"]) peer.create(path);
      peer.read(OpCode.exists, "/a", true);
    });
    room.until(() => view(room).outstandingRequests === 1);
    peer.link.destroy();
    room.host.disk.heal();
    other.reply(other.create("/last"));
    const code = other.reply(other.read(OpCode.exists, "/c")).err;
    expect(code).toBe(requestThrottleDropStale ? ErrorCode.NoNode : 0);
    expect(view(room).watchCount).toBe(0);
  }
});

test("a wait beyond the session's timeout closes the connection, where that is asked for", () => {
  const room = new ServerRoom({ requestThrottleMax: 1, staleLatencyCheck: true });
  const peer = room.open({ timeoutMs: 1000 });
  room.host.disk.slow(1200);
  peer.together(() => {
    peer.create("/a");
    peer.create("/b");
    peer.create("/c");
  });
  room.until(() => peer.gone);
  expect(peer.frames.length).toBeLessThan(2);
  room.host.disk.heal();
  const other = room.open();
  expect(other.reply(other.read(OpCode.exists, "/c")).err).toBe(ErrorCode.NoNode);
});

test("a refused auth packet is the last, though others wait before it", () => {
  const room = new ServerRoom({ requestThrottleMax: 1 });
  const peer = room.open();
  room.host.disk.slow(200);
  const auth = (scheme: string): void => {
    const packet = { type: 0, scheme, auth: Buffer.from("u:p") };
    peer.send(OpCode.auth, (writer) => writeAuthPacket(writer, packet));
  };
  peer.together(() => {
    peer.create("/a");
    auth("digest");
    peer.create("/b");
    auth("unknown");
    peer.create("/c");
  });
  room.until(() => peer.gone);
  expect(peer.codes).toEqual([
    [1, 0],
    [2, 0],
    [3, 0],
    [4, ErrorCode.AuthFailed],
  ]);
});

test("a stop answers what waits", () => {
  const room = new ServerRoom({ requestThrottleMax: 1 });
  const peer = room.open();
  room.host.disk.slow(50);
  const before = view(room).packetsReceived;
  for (let i = 0; i < 50; i++) peer.create(`/n${i}`);
  room.until(() => view(room).packetsReceived === before + 50);
  room.stop();
  room.until(() => room.stopped);
  room.until(() => peer.frames.length === 50);
});

// server-semantics 10/zookeeper.largeRequestThreshold / largeRequestMaxBytes
test("a large request beyond what all may take up together closes its connection", () => {
  const room = new ServerRoom({ largeRequestThresholdBytes: 10_000, largeRequestMaxBytes: 50_000 });
  const [large, small] = [room.open(), room.open()];
  room.host.disk.slow(500);
  for (let i = 0; i < 2; i++) large.create(`/n${i}`, 0, Buffer.alloc(20_000));
  for (let i = 0; i < 20; i++) small.create(`/s${i}`, 0, Buffer.alloc(9_000));
  room.until(() => view(room).outstandingRequests === 22);
  large.create("/too-much", 0, Buffer.alloc(20_000));
  room.until(() => large.gone);
  expect(room.lines.at(-1)?.message).toContain("largeRequestMaxBytes");
  room.until(() => small.frames.length === 20);
  // They are done, so there is room again.
  const next = room.open();
  for (let i = 2; i < 4; i++) next.create(`/n${i}`, 0, Buffer.alloc(20_000));
  room.until(() => next.frames.length === 2);
  expect(next.reply(next.create("/small", 0, EMPTY)).err).toBe(0);
});
