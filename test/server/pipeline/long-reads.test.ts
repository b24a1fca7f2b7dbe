// Reads that take many turns: they hold nobody up, keep their place, and end in a bounded reply.

import { expect, test } from "vitest";
import { readGetEphemeralsResponse } from "../../../protocol/inquiries.ts";
import { Reader } from "../../../protocol/jute.ts";
import {
  type MultiReadOp,
  type MultiReadResult,
  readMultiReadResponse,
  writeMultiReadRequest,
} from "../../../protocol/multi-read.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import { writePathRequest } from "../../../protocol/proto.ts";
import { type Peer, type Reply, ServerRoom } from "./server-room.ts";

const MAX_BYTES = 0xf_ffff;
const ERROR_RESULT_BYTES = 13;

// operations 7.9/6 Huge multi
test("a multiRead is answered as far as jute.maxbuffer, the rest was not executed", () => {
  const room = new ServerRoom();
  const peer = room.open();
  peer.create("/big", 0, Buffer.alloc(300_000));
  const reads = 20_000;
  const reply = peer.reply(multiRead(peer, repeated("/big", reads)));
  expect(reply.body.length).toBeLessThan(MAX_BYTES + reads * ERROR_RESULT_BYTES);
  const results = resultsOf(reply);
  expect(results.length).toBe(reads);
  expect(results.map(codeOf)).toEqual([0, 0, 0, ...Array<number>(reads - 3).fill(-127)]);
});

test("the first read of a multiRead has its room, as if it were asked alone", () => {
  const room = new ServerRoom({ maxBufferBytes: 4000 });
  const peer = room.open();
  for (let i = 0; i < 200; i++) peer.create(`/${"n".repeat(100)}${i}`);
  const ops: MultiReadOp[] = ["/", "/zookeeper"].map((path) => ({
    type: OpCode.getChildren,
    request: { path, watch: false },
  }));
  expect(resultsOf(peer.reply(multiRead(peer, ops))).map(codeOf)).toEqual([0, -127]);
});

// server-semantics 3.6, client-protocol 4
test("a long read holds nobody up but what its connection sent behind it", () => {
  const room = new ServerRoom();
  const peer = room.open();
  const other = room.open();
  const first = peer.create("/a");
  peer.reply(first);
  let long = 0;
  let write = 0;
  peer.together(() => {
    long = multiRead(peer, repeated("/a", 30_000));
    write = peer.create("/b");
    peer.read(OpCode.exists, "/b");
    peer.send(OpCode.ping, undefined, -2);
  });
  const quick = other.read(OpCode.getData, "/a");
  expect(other.reply(quick).err).toBe(0);
  expect(peer.frames.map(({ xid }) => xid)).toEqual([first]);
  peer.reply(-2);
  expect(peer.frames.map(({ xid }) => xid)).toEqual([first, long, write, write + 1, -2]);
  expect(peer.codes.every(([, err]) => err === 0)).toBe(true);
});

test("long reads that wait for a write come one behind the other", () => {
  const room = new ServerRoom();
  const peer = room.open();
  const xids: number[] = [];
  peer.together(() => {
    xids.push(peer.create("/a"));
    for (let i = 0; i < 3; i++) xids.push(multiRead(peer, repeated("/a", 3000)));
    xids.push(peer.read(OpCode.getData, "/a"));
    xids.push(peer.delete("/a"));
    xids.push(multiRead(peer, repeated("/a", 3000)));
  });
  const last = peer.reply(xids.at(-1) ?? 0);
  expect(peer.frames.map(({ xid }) => xid)).toEqual(xids);
  expect(new Set(resultsOf(last).map(codeOf))).toEqual(new Set([-101]));
  for (const reply of peer.frames.slice(1, 4)) {
    expect(new Set(resultsOf(reply).map(codeOf))).toEqual(new Set([0]));
  }
});

test("a long read whose connection goes is given up", () => {
  const room = new ServerRoom();
  const peer = room.open();
  peer.create("/a");
  const long = multiRead(peer, repeated("/a", 40_000));
  room.until(() => peer.frames.length === 1);
  peer.link.destroy();
  const other = room.open();
  room.runMs(1000);
  expect(peer.frames.some(({ xid }) => xid === long)).toBe(false);
  expect(other.reply(other.read(OpCode.getData, "/a")).err).toBe(0);
});

test("a throttle's queue goes on behind one that is given up", () => {
  const room = new ServerRoom({ requestThrottleMax: 1, requestThrottleDropStale: false });
  const peer = room.open();
  for (let i = 0; i < 2100; i++) peer.create(`/e${i}`, 1);
  peer.reply(2100);
  const other = room.open();
  peer.together(() => {
    peer.create("/first");
    for (let i = 0; i < 50; i++) namesOfEphemerals(peer);
    peer.create("/last");
  });
  peer.reply(2103);
  const waiting = other.create("/other");
  peer.link.destroy();
  expect(other.reply(waiting).err).toBe(0);
  expect(other.reply(other.read(OpCode.exists, "/last")).err).toBe(0);
  expect(peer.frames.length).toBeLessThan(2151);
});

// client-protocol 6/104 getAllChildrenNumber
test("the descendants of a znode are those of one moment while others come and go", () => {
  const room = new ServerRoom();
  const peer = room.open();
  const many = 25_000;
  peer.reply(peer.create("/p"));
  for (let from = 0; from < many; from += 5000) {
    peer.together(() => {
      for (let i = from; i < from + 5000; i++) peer.create(`/p/${i}`);
    });
  }
  expect(numberOf(peer.reply(countBelow(peer, "/p")))).toBe(many);
  const other = room.open();
  const before = other.reply(other.create("/start")).zxid;
  other.together(() => {
    for (let i = 0; i < many; i += 2) other.delete(`/p/${i}`);
  });
  // Every delete has a zxid of its own: an answer's tells how many of them it has to know of.
  let partial = 0;
  for (let left = many; left > many / 2; ) {
    const reply = peer.reply(countBelow(peer, "/p"));
    left = numberOf(reply);
    expect(left).toBe(many - Math.min(reply.zxid - before, many / 2));
    if (left < many && left > many / 2) partial++;
  }
  expect(partial).toBeGreaterThan(0);
});

// client-protocol 6/103 getEphemerals
test("ephemerals are named while they come and go", () => {
  const room = new ServerRoom();
  const peer = room.open();
  const many = 8000;
  peer.together(() => {
    for (let i = 0; i < many; i++) peer.create(`/e${i}`, 1);
  });
  peer.reply(many);
  const named = namesOfEphemerals(peer);
  const other = room.open();
  for (let i = 0; i < many; i += 100) other.delete(`/e${i}`);
  const reply = peer.reply(named);
  const paths = readGetEphemeralsResponse(new Reader().reset(reply.body)).ephemerals ?? [];
  expect(new Set(paths).size).toBe(paths.length);
  expect(paths.length).toBeGreaterThanOrEqual(many - many / 100);
  for (let i = 1; i < many; i += 100) expect(paths).toContain(`/e${i}`);
});

// server-semantics 7.1
test("a read behind a write has the identities that were proven before it", () => {
  const room = new ServerRoom();
  const owner = room.open();
  const auth = (peer: Peer): number =>
    peer.send(
      OpCode.auth,
      (writer) => {
        writer.int(0);
        writer.string("digest");
        writer.buffer(Buffer.from("u:p"));
      },
      -4,
    );
  auth(owner);
  const secret = [{ perms: 31, id: { scheme: "auth", id: "" } }];
  owner.reply(owner.create("/secret", 0, Buffer.from("s"), secret));
  const peer = room.open();
  let before = 0;
  let after = 0;
  peer.together(() => {
    peer.create("/write");
    before = peer.read(OpCode.getData, "/secret");
    auth(peer);
    after = peer.read(OpCode.getData, "/secret");
  });
  expect(peer.reply(after).err).toBe(0);
  expect(peer.reply(before).err).toBe(-102);
});

function repeated(path: string, count: number): MultiReadOp[] {
  const op: MultiReadOp = { type: OpCode.getData, request: { path, watch: false } };
  return Array.from({ length: count }, () => op);
}

function multiRead(peer: Peer, ops: readonly MultiReadOp[]): number {
  return peer.send(OpCode.multiRead, (writer) => writeMultiReadRequest(writer, ops));
}

function resultsOf(reply: Reply): MultiReadResult[] {
  expect(reply.err).toBe(0);
  return readMultiReadResponse(new Reader().reset(reply.body));
}

function codeOf(result: MultiReadResult): number {
  return result.type === OpCode.error ? result.err : 0;
}

function countBelow(peer: Peer, path: string): number {
  return peer.send(OpCode.getAllChildrenNumber, (writer) => writePathRequest(writer, { path }));
}

function namesOfEphemerals(peer: Peer): number {
  return peer.send(OpCode.getEphemerals, (writer) => writePathRequest(writer, { path: null }));
}

function numberOf(reply: Reply): number {
  expect(reply.err).toBe(0);
  return reply.body.readInt32BE(0);
}
