// What clients of a learner are answered, and in what order, while the leader makes the txns.

import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/errors.ts";
import { Writer } from "../../../protocol/jute.ts";
import { writeMultiRequest } from "../../../protocol/multi.ts";
import { CreateFlag, OpCode } from "../../../protocol/opcodes.ts";
import { writeAuthPacket } from "../../../protocol/proto.ts";
import type { Peer, Reply } from "./server-room.ts";
import { TermRoom } from "./term-room.ts";

const EMPTY = Buffer.alloc(0);

function sync(peer: Peer, path = "/"): number {
  return peer.send(OpCode.sync, (writer) => writer.string(path));
}

function exists(peer: Peer, path: string): Reply {
  return peer.reply(peer.read(OpCode.exists, path));
}

function ids(peer: Peer): number[] {
  return peer.frames.map(({ xid }) => xid);
}

// quorum-protocol B-14, B-15, B-16; server-semantics 3.1/create delete, 3.6/6
// server-semantics 3.1/createSession closeSession (global)
test("a learner's client writes through the leader, and hears once it is applied where it asked", () => {
  const room = new TermRoom(2);
  const [peer, other] = [room.open(room.learner(0)), room.open(room.learner(1))];
  room.holdsCommits = true;
  const xid = peer.create("/a");
  room.runMs(100);
  expect(peer.frames).toEqual([]);
  room.holdsCommits = false;
  room.settle();
  const reply = peer.reply(xid);
  expect(reply.err).toBe(0);
  expect(reply.body.toString("utf8", 4)).toBe("/a");
  expect(reply.zxid).toBe(room.leader.window.lastZxid);
  room.until(() => exists(other, "/a").err === 0);
  expect(room.forwarded.map(({ type }) => type)).toEqual([
    OpCode.createSession,
    OpCode.createSession,
    OpCode.create,
  ]);
});

// quorum-protocol B-16, Trap 12; server-semantics 3.4; server-semantics 3.1
test("what the leader refuses is told with its code and its zxid, in its place", () => {
  const room = new TermRoom(1);
  const peer = room.open(room.learner(0));
  peer.together(() => {
    peer.create("/a");
    peer.create("/a");
    peer.delete("/missing");
    peer.set("/a", EMPTY, 7);
    peer.create("/b");
  });
  room.until(() => peer.frames.length === 5);
  expect(peer.codes).toEqual([
    [1, 0],
    [2, ErrorCode.NodeExists],
    [3, ErrorCode.NoNode],
    [4, ErrorCode.BadVersion],
    [5, 0],
  ]);
  const zxids = peer.frames.map(({ zxid }) => zxid);
  expect(zxids).toEqual([...zxids].sort((a, b) => a - b));
  expect(new Set(zxids).size).toBe(5);
});

// quorum-protocol Trap 13; server-semantics 3.4
test("a request that the leader cannot decode takes a zxid of its own and is answered", () => {
  const room = new TermRoom(1);
  const peer = room.open(room.learner(0));
  const before = room.leader.window.lastZxid;
  const broken = peer.send(OpCode.create, (writer) => writer.int(1000));
  const multi = peer.send(OpCode.multi, (writer) => writer.int(1000));
  const sound = peer.create("/a");
  expect(peer.reply(broken).err).toBe(ErrorCode.MarshallingError);
  expect(peer.reply(multi).err).toBe(ErrorCode.MarshallingError);
  expect(peer.reply(sound).err).toBe(0);
  expect(room.leader.window.lastZxid).toBe(before + 3);
});

// quorum-protocol B-16; client-protocol 7
test("a multi asked at a learner is answered as it was asked, create2 with its Stat", () => {
  const room = new TermRoom(1);
  const [here, there] = [room.open(room.learner(0)), room.open(room.leader)];
  const bodies = [here, there].map((peer, i) => {
    const xid = peer.send(OpCode.multi, (writer) =>
      writeMultiRequest(writer, [
        {
          type: OpCode.create2,
          request: {
            path: `/m${i}`,
            data: EMPTY,
            acl: [{ perms: 31, id: { scheme: "world", id: "anyone" } }],
            flags: CreateFlag.persistent,
          },
        },
        { type: OpCode.check, request: { path: `/m${i}`, version: 0 } },
      ]),
    );
    return peer.reply(xid).body;
  });
  expect(bodies[0]?.readInt32BE(0)).toBe(OpCode.create2);
  expect(bodies[0]?.length).toBe(bodies[1]?.length);
});

// quorum-protocol B-17; server-semantics 3.6/4, Trap 26; server-semantics 3.1/reads ping setWatches
test("a client of a learner reads behind its own writes, others do not wait for them", () => {
  const room = new TermRoom(1);
  const [peer, other] = [room.open(room.learner(0)), room.open(room.learner(0))];
  room.holdsCommits = true;
  const write = peer.create("/a");
  const read = peer.read(OpCode.exists, "/a");
  expect(exists(other, "/a").err).toBe(ErrorCode.NoNode);
  room.runMs(50);
  expect(peer.frames).toEqual([]);
  room.holdsCommits = false;
  room.settle();
  expect(peer.reply(read).err).toBe(0);
  expect(ids(peer)).toEqual([write, read]);
});

// quorum-protocol B-16, B-17, I-18; 16/1863
test("writes of clients of all servers are answered in each session's order", () => {
  const room = new TermRoom(3);
  const peers = room.servers.flatMap((server) => [room.open(server), room.open(server)]);
  for (let round = 0; round < 20; round++) {
    for (const [which, peer] of peers.entries()) {
      peer.create(`/n${which}-${round}`);
      if (round % 3 === 0) peer.read(OpCode.exists, `/n${which}-${round}`);
      if (round % 7 === 0) peer.delete("/missing");
    }
    room.runMs(1);
  }
  const count = 20 + 7 + 3;
  room.until(() => peers.every((peer) => peer.frames.length === count));
  for (const peer of peers) {
    expect(ids(peer)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    const zxids = peer.frames.map(({ zxid }) => zxid);
    expect(zxids).toEqual([...zxids].sort((a, b) => a - b));
    const missing = peer.frames.filter(({ err }) => err !== 0);
    expect(missing.map(({ err }) => err)).toEqual([-101, -101, -101]);
  }
});

// quorum-protocol B-16, I-18
test("a client that counts its requests anew at another server is not answered for the old one", () => {
  const room = new TermRoom(2);
  const peer = room.open(room.learner(0));
  peer.reply(peer.create("/a"));
  room.holdsCommits = true;
  peer.set("/a", Buffer.from("old"), 0);
  room.until(() => room.forwarded.at(-1)?.type === OpCode.setData);
  const next = room.open(room.learner(1), peer.reattach);
  // The same xid, the same kind of request, while that one is on its way.
  next.create("/b");
  const xid = next.set("/a", Buffer.from("new"), 1);
  room.runMs(20);
  room.holdsCommits = false;
  room.settle();
  const reply = next.reply(xid);
  expect(reply.err).toBe(0);
  expect(reply.zxid).toBe(room.leader.window.lastZxid);
  expect(ids(next)).toEqual([1, 2]);
});

// quorum-protocol B-16, V-4
test("a leader that leaves a request out is noticed by the next one, and nothing is answered behind it", () => {
  const room = new TermRoom(2);
  const [peer, other] = [room.open(room.learner(0)), room.open(room.learner(0))];
  const elsewhere = room.open(room.learner(1));
  room.losesRequests = true;
  peer.create("/lost");
  room.until(() => room.forwarded.at(-1)?.type === OpCode.create);
  room.losesRequests = false;
  expect(elsewhere.reply(elsewhere.create("/a")).err).toBe(0);
  expect(room.learner(0).hasLost).toBe(false);
  other.create("/b");
  peer.create("/c");
  room.until(() => room.learner(0).hasLost);
  room.runMs(100);
  expect([peer.frames, other.frames]).toEqual([[], []]);
  // What it noticed is settled like anything else.
  expect(exists(elsewhere, "/c").err).toBe(0);
  expect(room.learner(0).tree.lastZxid).toBe(room.leader.window.lastZxid);
  expect(room.learner(1).hasLost).toBe(false);
});

// quorum-protocol B-18; server-semantics 8/sync on a learner; server-semantics 3.1/sync
test("a sync at a learner is answered once the leader has confirmed it and all is applied", () => {
  const room = new TermRoom(1);
  const [peer, writer] = [room.open(room.learner(0)), room.open(room.leader)];
  room.holdsSyncs = true;
  room.holdsCommits = true;
  writer.create("/a");
  const xid = sync(peer, "/x");
  const read = peer.read(OpCode.exists, "/a");
  room.runMs(50);
  expect(peer.frames).toEqual([]);
  room.holdsCommits = false;
  room.settle();
  room.confirmSyncs();
  const reply = peer.reply(xid);
  expect(reply.body.toString("utf8", 4)).toBe("/x");
  expect(peer.reply(read).err).toBe(0);
  expect(ids(peer)).toEqual([xid, read]);
});

// server-semantics 8/sync on the leader; quorum-protocol B-17, B-18
test("a write behind a sync is answered behind it, though it could be settled before", () => {
  for (const where of ["learner", "leader"] as const) {
    const room = new TermRoom(1);
    const peer = room.open(where === "leader" ? room.leader : room.learner(0));
    room.holdsSyncs = true;
    peer.together(() => {
      peer.create("/a");
      sync(peer);
      sync(peer);
      peer.create("/b");
      peer.read(OpCode.exists, "/b");
      peer.create("/c");
    });
    room.runMs(100);
    expect(ids(peer)).toEqual([1]);
    room.confirmSyncs();
    room.until(() => peer.frames.length === 6);
    expect(peer.codes).toEqual([1, 2, 3, 4, 5, 6].map((xid) => [xid, 0]));
  }
});

// server-semantics 12/undecodable body of an ordinary request
test("a sync that does not decode is told so without asking the leader", () => {
  const room = new TermRoom(1);
  const peer = room.open(room.learner(0));
  const xid = peer.send(OpCode.sync, (writer) => writer.int(1000));
  expect(peer.reply(xid).err).toBe(ErrorCode.MarshallingError);
  expect(room.forwarded.some(({ type }) => type === OpCode.sync)).toBe(false);
});

// server-semantics 3.1/create delete; quorum-protocol B-14; server-semantics 3.1/auth sasl
test("the leader judges by the identities that a client has proven at its learner", () => {
  const room = new TermRoom(1);
  const [owner, stranger] = ["10.0.0.7", "10.0.1.8"].map((at) =>
    room.open(room.learner(0), {}, at),
  );
  if (owner === undefined || stranger === undefined) throw new Error("nobody came");
  owner.send(OpCode.auth, (writer) =>
    writeAuthPacket(writer, { type: 0, scheme: "digest", auth: Buffer.from("anna:secret") }),
  );
  const mine = [{ perms: 31, id: { scheme: "auth", id: "" } }];
  const near = [{ perms: 31, id: { scheme: "ip", id: "10.0.1.0/24" } }];
  expect(owner.reply(owner.create("/mine", 0, EMPTY, mine)).err).toBe(0);
  expect(owner.reply(owner.create("/mine/a")).err).toBe(0);
  expect(stranger.reply(stranger.create("/mine/b")).err).toBe(ErrorCode.NoAuth);
  expect(stranger.reply(stranger.create("/near", 0, EMPTY, near)).err).toBe(0);
  expect(stranger.reply(stranger.create("/near/a")).err).toBe(0);
  expect(owner.reply(owner.create("/near/b")).err).toBe(ErrorCode.NoAuth);
});

// quorum-protocol B-19; server-semantics 5.4/session unknown, Trap 11
// client-protocol 9/-12 UNKNOWNSESSION, 9/-112 SESSIONEXPIRED
test("writes of a session that nobody knows, or that is about to end, fail as txns of their own", () => {
  const room = new TermRoom(1);
  const service = room.leader.serving?.leaderService;
  const record = new Writer();
  record.string("/a");
  record.int(-1);
  const bytes = Buffer.from(record.written());
  const request = { sid: 2, sessionHigh: 7, sessionLow: 7, type: OpCode.delete, bytes, ids: [] };
  const before = room.leader.window.lastZxid;
  service?.request({ ...request, cxid: 1, start: 0, end: bytes.length });
  const codes: number[] = [];
  room.leader.window.forEach(before, Number.MAX_SAFE_INTEGER, (txn, start) => {
    expect(txn.readInt32BE(start + 28)).toBe(OpCode.error);
    codes.push(txn.readInt32BE(start + 32));
    return true;
  });
  expect(codes).toEqual([ErrorCode.SessionExpired]);
});

// quorum-protocol W-3, B-19; server-semantics 5.4/owner differs, 12/session moved, Trap 27
// client-protocol 3.8/old connection other server, 9/-118 SESSIONMOVED
// client-protocol Trap 21; server-semantics 5.4
test("once a session has moved, its old connection gets no reply and is closed", () => {
  const room = new TermRoom(2);
  const old = room.open(room.learner(0));
  old.reply(old.create("/a"));
  const next = room.open(room.learner(1), old.reattach);
  expect(next.response?.sessionLow).toBe(old.response?.sessionLow);
  expect(old.gone).toBe(false);
  const before = room.leader.window.lastZxid;
  old.create("/b");
  room.until(() => old.gone);
  expect(old.frames.length).toBe(1);
  // It took a zxid, and nothing else.
  expect(room.leader.window.lastZxid).toBe(before + 1);
  expect(exists(next, "/b").err).toBe(ErrorCode.NoNode);
  expect(next.reply(next.create("/c")).err).toBe(0);
});

// server-semantics 5.4/owner differs; client-protocol 7/session moved
test("a multi of a session that has moved gets no reply either", () => {
  const room = new TermRoom(2);
  const old = room.open(room.learner(0));
  room.open(room.learner(1), old.reattach);
  old.send(OpCode.multi, (writer) =>
    writeMultiRequest(writer, [{ type: OpCode.delete, request: { path: "/a", version: -1 } }]),
  );
  room.until(() => old.gone);
  expect(old.frames).toEqual([]);
});

// quorum-protocol W-3; server-semantics 5.4/ok
test("a connection of the leader's is closed in the moment in which its session moves", () => {
  const room = new TermRoom(1);
  const old = room.open(room.leader);
  const next = room.open(room.learner(0), old.reattach);
  room.until(() => old.gone);
  expect(next.reply(next.create("/a")).err).toBe(0);
  const back = room.open(room.leader, old.reattach);
  expect(back.reply(back.create("/b")).err).toBe(0);
  next.create("/c");
  room.until(() => next.gone);
});

// quorum-protocol W-3; server-semantics 12/invalid session at handshake
test("a session that the leader does not know is refused, one of a wrong password not asked for", () => {
  const room = new TermRoom(1);
  const unknown = room.open(room.learner(0), {
    sessionHigh: 5,
    sessionLow: 5,
    password: Buffer.alloc(16),
  });
  expect(unknown.response?.timeoutMs).toBe(0);
  const peer = room.open(room.learner(0));
  peer.reply(peer.send(OpCode.closeSession));
  const late = room.open(room.learner(0), peer.reattach);
  expect(late.response?.timeoutMs).toBe(0);
});

// server-semantics 5.3/session closed or expired, 5.5, 12/session expired or closed elsewhere
test("a session that expires or is closed elsewhere takes its connection and ephemerals with it", () => {
  const room = new TermRoom(2);
  const [peer, watcher] = [room.open(room.learner(0), { timeoutMs: 1000 }), room.open(room.leader)];
  peer.reply(peer.create("/e", CreateFlag.ephemeral));
  // The learner hears of it, and cannot tell the leader.
  room.learner(0).isCutOff = true;
  room.leader.serving?.leaderService?.left(2);
  for (let i = 0; i < 20 && !peer.gone; i++) {
    peer.send(OpCode.ping, undefined, -2);
    room.runMs(200);
  }
  expect(peer.gone).toBe(true);
  expect(exists(watcher, "/e").err).toBe(ErrorCode.NoNode);
});

// server-semantics 5.2
test("what a learner forwards is a sign of life, before its next answer to a ping", () => {
  const room = new TermRoom(1);
  const peer = room.open(room.learner(0), { timeoutMs: 1000 });
  room.learner(0).isCutOff = true;
  room.leader.serving?.leaderService?.left(2);
  for (let i = 0; i < 20 && !peer.gone; i++) {
    peer.create(`/n${i}`);
    room.runMs(200);
  }
  expect(peer.gone).toBe(false);
});

// server-semantics 5.2
test("so is a sync, which becomes no txn, and not what comes by a server that the session has left", () => {
  const room = new TermRoom(1);
  const peer = room.open(room.learner(0), { timeoutMs: 1000 });
  const { sessionHigh = 0, sessionLow = 0 } = peer.response ?? {};
  room.learner(0).isCutOff = true;
  const { leaderService } = room.leader.serving ?? {};
  leaderService?.left(2);
  const ask = (sid: number): void => {
    for (let i = 0; i < 20 && !peer.gone; i++) {
      leaderService?.asksForSync(sid, sessionHigh, sessionLow);
      peer.send(OpCode.ping, undefined, -2);
      room.runMs(200);
    }
  };
  ask(2);
  expect(peer.gone).toBe(false);
  ask(3);
  expect(peer.gone).toBe(true);
});

// server-semantics 5.5
test("a session that comes back is alive, however long a quorum keeps its answer waiting", () => {
  const room = new TermRoom(1);
  const writer = room.open(room.learner(0));
  const before = room.open(room.leader);
  room.runMs(6000);
  room.holdsCommits = true;
  const { lastZxid } = room.leader.window;
  writer.create("/n");
  room.until(() => room.leader.window.lastZxid > lastZxid);
  const back = room.dial(room.leader);
  back.greet(before.reattach);
  room.runMs(6000);
  expect(back.response).toBeUndefined();
  room.holdsCommits = false;
  room.settle();
  room.until(() => back.response !== undefined || back.closed);
  expect(back.response?.timeoutMs).toBe(10_000);
});

// quorum-protocol T-9, T-10; server-semantics 5.3/server loses its leader
test("when a term ends its connections are closed, and what was on its way is not answered", () => {
  const room = new TermRoom(1);
  const peers = room.servers.map((server) => room.open(server));
  room.holdsCommits = true;
  for (const [i, peer] of peers.entries()) peer.create(`/n${i}`);
  room.until(() => room.forwarded.at(-1)?.type === OpCode.create);
  room.end();
  room.until(() => peers.every((peer) => peer.gone));
  expect(peers.map((peer) => peer.frames)).toEqual([[], []]);
  room.holdsCommits = false;
  room.begin();
  const [first] = peers;
  if (first === undefined) throw new Error("nobody came");
  const back = room.open(room.learner(0), first.reattach);
  expect(exists(back, "/n0").err).toBe(exists(back, "/n1").err);
  expect(back.reply(back.create("/again")).err).toBe(0);
});

// server-semantics 10/zookeeper.globalOutstandingLimit
test("who has too many syncs on their way is read again once they are confirmed", () => {
  const room = new TermRoom(1, { globalOutstandingLimit: 5 });
  const peer = room.open(room.learner(0));
  room.holdsSyncs = true;
  for (let i = 0; i < 50; i++) {
    sync(peer);
    room.runMs(1);
  }
  expect(room.learner(0).serving?.pipeline.outstanding).toBe(6);
  room.confirmSyncs();
  room.until(() => peer.frames.length === 50);
});

// server-semantics 10/zookeeper.globalOutstandingLimit
test("a learner holds back who sends more bytes than a slow leader takes", () => {
  const room = new TermRoom(1);
  const peer = room.open(room.learner(0));
  room.holdsCommits = true;
  const data = Buffer.alloc(900_000);
  for (let i = 0; i < 40; i++) peer.create(`/n${i}`, 0, data);
  room.until(() => room.learner(0).serving?.pipeline.outstanding === 19);
  room.runMs(5000);
  expect(room.learner(0).serving?.pipeline.outstanding).toBe(19);
  room.holdsCommits = false;
  room.settle();
  room.until(() => peer.frames.length === 40);
});
