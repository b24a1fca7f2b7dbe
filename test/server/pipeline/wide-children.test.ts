// Lists of tens of thousands of children, and setWatches with as many paths: they keep their place
// among what their connection is sent, are of one moment, and hold nobody up.

import { expect, test } from "vitest";
import { readStrings } from "../../../protocol/data.ts";
import { Reader } from "../../../protocol/jute.ts";
import { type MultiOp, writeMultiRequest } from "../../../protocol/multi.ts";
import { OpCode, Xid } from "../../../protocol/opcodes.ts";
import { writeSetWatches } from "../../../protocol/proto.ts";
import type { ServerConfig } from "../../../server/config/config.ts";
import { ANYONE, type Peer, type Reply, ServerRoom } from "./server-room.ts";

const EMPTY = Buffer.alloc(0);
const CHILDREN = 30_000;

function room(config: Partial<ServerConfig> = {}): { room: ServerRoom; peer: Peer } {
  const made = new ServerRoom(config);
  const peer = made.open();
  peer.reply(peer.create("/p"));
  for (let from = 0; from < CHILDREN; from += 10_000) {
    const ops = Array.from({ length: 10_000 }, (_, i): MultiOp => {
      const request = { path: `/p/n${from + i}`, data: EMPTY, acl: ANYONE, flags: 0 };
      return { type: OpCode.create, request };
    });
    peer.reply(peer.send(OpCode.multi, (writer) => writeMultiRequest(writer, ops)));
  }
  return { room: made, peer };
}

function childrenOf(reply: Reply): string[] {
  return readStrings(new Reader(0x7fff_ffff).reset(reply.body)) ?? [];
}

// operations 7.9/10 One node with millions of children; server-semantics 6.4/4, 6.4/1
test("a wide list is of one moment, and what happens meanwhile is told behind it", () => {
  const { room: made, peer } = room();
  const [other, third] = [made.open(), made.open()];
  const before = peer.frames.length;
  let list = 0;
  let write = 0;
  peer.together(() => {
    list = peer.read(OpCode.getChildren2, "/p", true);
    write = peer.create("/p/own");
    peer.send(OpCode.ping, undefined, Xid.ping);
  });
  made.runMs(4);
  // It is under way: others are served, and change what is listed.
  expect(peer.frames.length).toBe(before);
  expect(third.reply(third.read(OpCode.exists, "/p")).err).toBe(0);
  other.delete("/p/n5");
  other.reply(other.create("/p/new"));
  const reply = peer.reply(list);
  made.until(() => peer.frames.some(({ xid }) => xid === Xid.ping));
  const children = childrenOf(reply);
  expect(children.length).toBe(CHILDREN);
  expect(new Set(children).size).toBe(CHILDREN);
  expect(children).toContain("n5");
  expect(children).not.toContain("new");
  // Its Stat is of that moment too: numChildren stands before pzxid, at its end.
  expect(reply.body.readInt32BE(reply.body.length - 12)).toBe(CHILDREN);
  const zxids = peer.frames.slice(before).map(({ zxid }) => zxid);
  expect(peer.frames.slice(before).map(({ xid }) => xid)).toEqual([
    list,
    Xid.notification,
    write,
    Xid.ping,
  ]);
  expect(zxids).toEqual(zxids.toSorted((a, b) => a - b));
  expect(zxids[1]).toBe((zxids[0] ?? 0) + 1);
});

// server-semantics 3.6, client-protocol 4
for (const throttled of [false, true]) {
  test(`a wide list between two writes keeps its place${throttled ? " behind a throttle" : ""}`, () => {
    const { room: made, peer } = room(throttled ? { requestThrottleMax: 2 } : {});
    const before = peer.frames.length;
    const xids: number[] = [];
    // Two writes in two batches of the log: the list is let in when the first is done.
    made.host.disk.slow(2000);
    xids.push(peer.create("/a"));
    made.until(() => made.server.view?.outstandingRequests === 1);
    made.host.disk.heal();
    peer.together(() => {
      xids.push(peer.create("/p/first"));
      xids.push(peer.read(OpCode.getChildren2, "/p", true));
      xids.push(peer.send(OpCode.getAllChildrenNumber, (writer) => writer.string("/p")));
      xids.push(peer.delete("/p/first"));
      xids.push(peer.send(OpCode.closeSession));
    });
    made.until(() => peer.gone);
    const [first = 0, create = 0, list = 0, number = 0, gone = 0, close = 0] = xids;
    const told = peer.frames.slice(before);
    expect(told.map(({ xid }) => xid)).toEqual([first, create, list, number, -1, gone, close]);
    expect(childrenOf(peer.reply(list)).length).toBe(CHILDREN + 1);
    expect(peer.reply(number).body.readInt32BE(0)).toBe(CHILDREN + 1);
  });
}

test("a list that has become wide while it waited does not hold up the write behind it", () => {
  const made = new ServerRoom();
  const peer = made.open();
  peer.reply(peer.create("/p"));
  const ops = Array.from({ length: 5000 }, (_, i): MultiOp => {
    return {
      type: OpCode.create,
      request: { path: `/p/${i}`, data: EMPTY, acl: ANYONE, flags: 0 },
    };
  });
  const xids: number[] = [];
  // A chunk carries less than the multi: all that follows has come by the time that it is whole.
  peer.together(() => {
    xids.push(peer.send(OpCode.multi, (writer) => writeMultiRequest(writer, ops)));
    xids.push(peer.read(OpCode.getChildren, "/p"));
    xids.push(peer.create("/behind"));
  });
  peer.reply(xids.at(-1) ?? 0);
  expect(peer.frames.slice(1).map(({ xid }) => xid)).toEqual(xids);
  expect(childrenOf(peer.reply(xids[1] ?? 0)).length).toBe(5000);
});

test("wide lists are made one after the other, also for who went away meanwhile", () => {
  const { room: made, peer } = room();
  const peers = Array.from({ length: 6 }, () => made.open());
  const lists = peers.map((each) => each.read(OpCode.getChildren, "/p"));
  made.runMs(3);
  peers[0]?.link.destroy();
  peers[3]?.link.destroy();
  for (const [i, each] of peers.entries()) {
    if (i === 0 || i === 3) continue;
    expect(childrenOf(each.reply(lists[i] ?? 0)).length).toBe(CHILDREN);
  }
  expect(peer.reply(peer.read(OpCode.getChildren, "/missing")).err).toBe(-101);
});

// operations 7.9/11
test("setWatches with a frame full of paths holds nobody up, and all of it is done", () => {
  const made = new ServerRoom();
  const [peer, other] = [made.open(), made.open()];
  const paths = Array.from({ length: 90_000 }, (_, i) => `/w${i}`);
  const request = { relativeZxid: 0, dataWatches: [], existWatches: paths, childWatches: [] };
  peer.send(OpCode.setWatches, (writer) => writeSetWatches(writer, request), Xid.setWatches);
  peer.read(OpCode.exists, "/");
  let answers = 0;
  while (peer.frames.length === 0) {
    expect(other.reply(other.read(OpCode.exists, "/")).err).toBe(0);
    answers++;
  }
  expect(answers).toBeGreaterThan(10);
  made.until(() => peer.frames.length === 2);
  expect(peer.frames.map(({ xid }) => xid)).toEqual([Xid.setWatches, 1]);
  expect(made.server.view?.watchCount).toBe(90_000);
  other.reply(other.create("/w89999"));
  made.until(() => peer.frames.length === 3);
  // They go with their connection, in slices too.
  peer.link.destroy();
  made.until(() => made.server.view?.watchCount === 0);
});
