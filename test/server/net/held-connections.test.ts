// Clients that come while nobody serves, and those of a server without a quorum.

import { expect, test } from "vitest";
import { makeEnsemble } from "../../../protocol/ensemble.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { CreateFlag, OpCode, Xid } from "../../../protocol/opcodes.ts";
import { sessionPassword } from "../../../protocol/password.ts";
import { ensembleSettings } from "../../../server/config/ensemble.ts";
import { type Peer, type Reply } from "../pipeline/server-room.ts";
import { TermRoom } from "../pipeline/term-room.ts";

/** Turned away: another server has to be tried. */
function expectNoAnswer(
  room: TermRoom,
  request: Parameters<Peer["greet"]>[0],
  server = room.leader,
): void {
  const peer = room.dial(server);
  peer.greet(request);
  room.until(() => peer.gone);
  expect(peer.received).toBe(0);
}

function exists(peer: Peer, path: string): Reply {
  return peer.reply(peer.read(OpCode.exists, path));
}

// client-protocol 3.4/2 server is serving; quorum-protocol T-10
test("who comes between two terms is served by the next one, with what it sent meanwhile", () => {
  const room = new TermRoom(1);
  room.end();
  const peers = room.servers.map((server) => room.dial(server));
  for (const [i, peer] of peers.entries()) {
    peer.together(() => {
      peer.greet();
      peer.create(`/n${i}`);
      peer.read(OpCode.exists, `/n${i}`);
    });
  }
  room.runMs(500);
  expect(peers.map(({ received, gone }) => [received, gone])).toEqual([
    [0, false],
    [0, false],
  ]);
  room.begin();
  room.until(() => peers.every(({ frames }) => frames.length === 2));
  expect(peers.flatMap(({ codes }) => codes)).toEqual([
    [1, 0],
    [2, 0],
    [1, 0],
    [2, 0],
  ]);
});

// client-protocol 3.4/2 server is serving; server-semantics 12/zxid ahead read-only refusal
test("who waits for somebody to serve is closed unanswered after a time", () => {
  const room = new TermRoom(0);
  room.end();
  const peer = room.dial(room.leader);
  peer.greet();
  room.runMs(3000);
  expect(peer.gone).toBe(false);
  room.runMs(1500);
  expect([peer.gone, peer.received]).toEqual([true, 0]);
});

test("a whole fleet that waits is greeted in slices, and nobody is forgotten", () => {
  const room = new TermRoom(0);
  room.end();
  const peers = Array.from({ length: 600 }, () => room.dial(room.leader));
  for (const peer of peers) peer.greet();
  room.runMs(100);
  room.begin();
  room.until(() => peers.every(({ response }) => response !== undefined));
  expect(room.leader.tree.sessions.size).toBe(peers.length);
});

// quorum-protocol S-30; client-protocol 3.4/5
test("a client that has seen more than this server is turned away without an answer", () => {
  const room = new TermRoom(1);
  const peer = room.open(room.leader);
  const { zxid } = peer.reply(peer.create("/a"));
  room.learner(0).host.pause();
  const later = peer.reply(peer.create("/b")).zxid;
  room.runMs(1);
  room.learner(0).host.resume();
  room.holdsCommits = true;
  expectNoAnswer(room, { ...peer.reattach, lastZxidSeen: later + 1 }, room.learner(0));
  const level = room.open(room.learner(0), { ...peer.reattach, lastZxidSeen: zxid });
  expect(level.response?.timeoutMs).toBe(10_000);
});

// operations 2.3/leaderServes
test("a leader that leaves clients to others closes who waits and who comes, until its term ends", () => {
  const members = makeEnsemble(0, []);
  if (typeof members === "string") throw new Error(members);
  const ensemble = ensembleSettings(1, members, 10, 5, { leaderServes: false });
  const room = new TermRoom(1, { ensemble });
  expectNoAnswer(room, {});
  const elsewhere = room.open(room.learner(0));
  expect(elsewhere.reply(elsewhere.create("/a")).err).toBe(0);
  room.end();
  const waiting = room.dial(room.leader);
  waiting.greet();
  room.runMs(500);
  expect(waiting.gone).toBe(false);
  room.begin();
  room.runMs(10);
  expect([waiting.gone, waiting.received]).toEqual([true, 0]);
});

/** The only server, without a quorum. */
function readOnlyRoom(): { room: TermRoom; member: Peer } {
  const room = new TermRoom(0);
  const member = room.open(room.leader);
  member.reply(member.create("/a", 0, Buffer.from("kept")));
  room.end();
  room.leader.serve({ kind: "read-only" });
  return { room, member };
}

// quorum-protocol 11.3; server-semantics 8/read-only mode; client-protocol 9/-119 NOTREADONLY
test("a server without a quorum answers reads, and refuses whatever would change something", () => {
  const { room } = readOnlyRoom();
  const peer = room.open(room.leader, { readOnly: true });
  expect(peer.response?.readOnly).toBe(true);
  const before = room.leader.tree.lastZxid;
  peer.together(() => {
    peer.read(OpCode.exists, "/a");
    peer.create("/b");
    peer.set("/a", Buffer.alloc(0));
    peer.delete("/a");
    peer.send(OpCode.sync, (writer) => writer.string("/"));
    peer.send(OpCode.multi, (writer) => writer.int(0));
    peer.create("/e", CreateFlag.ephemeral);
    peer.read(OpCode.getData, "/a", true);
    peer.send(OpCode.ping, undefined, Xid.ping);
    peer.send(OpCode.closeSession);
  });
  room.until(() => peer.gone);
  const refused = ErrorCode.NotReadOnly;
  expect(peer.codes.map(([, code]) => code)).toEqual([
    0,
    refused,
    refused,
    refused,
    refused,
    refused,
    refused,
    0,
    0,
    0,
  ]);
  expect(peer.frames.every(({ zxid }) => zxid === before)).toBe(true);
  expect(room.leader.tree.lastZxid).toBe(before);
});

// quorum-protocol 11.3; client-protocol 3.4/4
test("without a quorum only who takes a read-only server is let in, and with a new session", () => {
  const { room, member } = readOnlyRoom();
  expectNoAnswer(room, {});
  expectNoAnswer(room, { ...member.reattach, readOnly: true });
  const guest = room.open(room.leader, { readOnly: true });
  const { sessionHigh, sessionLow } = guest.response ?? { sessionHigh: 0, sessionLow: 0 };
  expect(room.leader.tree.sessions.has(sessionHigh, sessionLow)).toBe(false);
  const again = room.open(room.leader, { ...guest.reattach, readOnly: true });
  expect(again.response?.sessionLow).toBe(sessionLow);
  room.until(() => guest.gone);
});

// quorum-protocol 11.3; client-protocol 3.4/4
test("without a quorum a session that began elsewhere is not said to have expired", () => {
  const { room } = readOnlyRoom();
  const newer = { sessionHigh: 0x0200_0000, sessionLow: 7 };
  const password = sessionPassword(newer.sessionHigh, newer.sessionLow);
  expectNoAnswer(room, { ...newer, password, readOnly: true });
});

// quorum-protocol 11.3
test("when there is a quorum again its clients are closed, and their sessions are unknown", () => {
  const { room, member } = readOnlyRoom();
  const guest = room.open(room.leader, { readOnly: true });
  room.end();
  room.begin();
  room.until(() => guest.gone);
  expect(room.open(room.leader, guest.reattach).response?.timeoutMs).toBe(0);
  const back = room.open(room.leader, member.reattach);
  expect(exists(back, "/a").err).toBe(0);
});
