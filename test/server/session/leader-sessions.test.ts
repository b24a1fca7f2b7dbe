// When a leader takes the sessions of its learners for over.

import { expect, test } from "vitest";
import { CreateFlag, OpCode, Xid } from "../../../protocol/opcodes.ts";
import type { Peer } from "../pipeline/server-room.ts";
import { TermRoom } from "../pipeline/term-room.ts";

const TIMEOUT_MS = 1000;
const TICK_MS = 500;

/** Whether the session of `peer` is alive, as the leader has it. */
function isAlive(room: TermRoom, peer: Peer): boolean {
  const { sessionHigh, sessionLow } = peer.response ?? { sessionHigh: 0, sessionLow: 0 };
  return room.leader.tree.sessions.has(sessionHigh, sessionLow);
}

function ping(peer: Peer): void {
  peer.send(OpCode.ping, undefined, Xid.ping);
}

// quorum-protocol W-1; server-semantics 5.2, Trap 16
test("a client that speaks to a learner keeps its session, by that learner's answers to pings", () => {
  const room = new TermRoom(1);
  const peer = room.open(room.learner(0), { timeoutMs: TIMEOUT_MS });
  for (let i = 0; i < 30; i++) {
    ping(peer);
    room.runMs(300);
  }
  expect(isAlive(room, peer)).toBe(true);
  expect(peer.gone).toBe(false);
});

// quorum-protocol W-2; server-semantics 5.2, Trap 15
test("a silent client of a learner loses its session, within two ticks and a half of its timeout", () => {
  const room = new TermRoom(1);
  const peer = room.open(room.learner(0), { timeoutMs: TIMEOUT_MS });
  peer.reply(peer.create("/e", CreateFlag.ephemeral));
  const startUs = room.world.nowUs;
  room.until(() => !isAlive(room, peer));
  const ms = (room.world.nowUs - startUs) / 1000;
  expect(ms).toBeGreaterThanOrEqual(TIMEOUT_MS);
  expect(ms).toBeLessThan(TIMEOUT_MS + 2.5 * TICK_MS);
  room.until(() => room.learner(0).tree.sessions.size === 0);
  expect(room.learner(0).tree.ephemerals.count).toBe(0);
});

// operations 7.9/30 Clock jump suspended VM; quorum-protocol W-1
test("after all servers stood still for a minute, what waited in their sockets counts", () => {
  const room = new TermRoom(2);
  const peers = room.learners.map((learner) => room.open(learner, { timeoutMs: TIMEOUT_MS }));
  const silent = room.open(room.learner(0), { timeoutMs: TIMEOUT_MS });
  for (const { host } of room.servers) host.pause();
  for (const peer of peers) ping(peer);
  silent.link.destroy();
  room.runMs(60_000);
  // The leader goes on first: its clock says that everybody is over.
  room.leader.host.resume();
  room.runMs(100);
  for (const { host } of room.learners) host.resume();
  for (let i = 0; i < 20; i++) {
    for (const peer of peers) ping(peer);
    room.runMs(300);
  }
  expect(peers.map((peer) => [isAlive(room, peer), peer.gone])).toEqual([
    [true, false],
    [true, false],
  ]);
  expect(isAlive(room, silent)).toBe(false);
});

// operations 9.4
test("a leader that is about to go expires nobody any more, whatever a learner reports", () => {
  const room = new TermRoom(1);
  const peer = room.open(room.learner(0), { timeoutMs: TIMEOUT_MS });
  peer.link.destroy();
  room.runMs(TICK_MS);
  room.learner(0).isCutOff = true;
  // It is due, and its server has not spoken yet.
  room.runMs(3 * TIMEOUT_MS);
  room.leader.serving?.rest();
  const last = room.leader.window.lastZxid;
  room.ping(room.learner(0));
  room.runMs(3 * TIMEOUT_MS);
  expect([room.leader.window.lastZxid, isAlive(room, peer)]).toEqual([last, true]);
});

// quorum-protocol W-1
test("a learner that stood still reports everybody who is attached to it, once", () => {
  const room = new TermRoom(1);
  const peer = room.open(room.learner(0), { timeoutMs: TIMEOUT_MS });
  room.learner(0).host.pause();
  // Longer than the timeout; the leader waits for its report.
  room.runMs(3000);
  expect(isAlive(room, peer)).toBe(true);
  ping(peer);
  room.learner(0).host.resume();
  room.runMs(TICK_MS);
  expect(isAlive(room, peer)).toBe(true);
  room.until(() => !isAlive(room, peer));
});

// quorum-protocol W-2
test("of a learner whose link is gone nothing is waited for", () => {
  const room = new TermRoom(1);
  const peer = room.open(room.learner(0), { timeoutMs: TIMEOUT_MS });
  room.learner(0).isCutOff = true;
  room.runMs(3 * TIMEOUT_MS);
  expect(isAlive(room, peer)).toBe(true);
  room.leader.serving?.leaderService?.left(2);
  room.runMs(2 * TICK_MS);
  expect(isAlive(room, peer)).toBe(false);
});

// quorum-protocol W-5; server-semantics 5.2, Trap 15
test("a new leader gives every session its full timeout, whatever was left of it", () => {
  const room = new TermRoom(1);
  const peer = room.open(room.learner(0), { timeoutMs: 2000 });
  room.runMs(1800);
  room.end();
  const startUs = room.world.nowUs;
  room.begin();
  room.until(() => !isAlive(room, peer));
  expect((room.world.nowUs - startUs) / 1000).toBeGreaterThanOrEqual(2000);
});

// quorum-protocol W-5, I-20; storage F-5
test("a new leader ends by a txn what ephemerals belong to nobody", () => {
  const room = new TermRoom(1);
  const peer = room.open(room.leader);
  peer.reply(peer.create("/e", CreateFlag.ephemeral));
  room.end();
  const { sessionHigh, sessionLow } = peer.response ?? { sessionHigh: 0, sessionLow: 0 };
  for (const { tree } of room.servers) tree.sessions.remove(sessionHigh, sessionLow);
  room.begin();
  room.until(() => room.servers.every(({ tree }) => tree.ephemerals.count === 0));
  expect(room.leader.window.lastZxid).toBe(room.leader.tree.lastZxid);
});

// quorum-protocol W-3; server-semantics 5.2
test("coming back to another server is a sign of life, with the timeout that was agreed there", () => {
  const room = new TermRoom(2);
  const peer = room.open(room.learner(0), { timeoutMs: TIMEOUT_MS });
  room.runMs(800);
  room.open(room.learner(1), { ...peer.reattach, timeoutMs: 4000 });
  const startUs = room.world.nowUs;
  room.until(() => !isAlive(room, peer));
  expect((room.world.nowUs - startUs) / 1000).toBeGreaterThanOrEqual(4000);
});

// client-protocol 3.6
test("each server gives out session ids with its own number, from term to term without a repeat", () => {
  const room = new TermRoom(2);
  const seen = new Set<string>();
  for (let term = 0; term < 3; term++) {
    for (const server of room.servers) {
      const { sessionHigh = 0, sessionLow = 0 } = room.open(server).response ?? {};
      expect(sessionHigh >>> 24).toBe(server.sid);
      seen.add(`${sessionHigh}.${sessionLow}`);
    }
    room.end();
    room.begin();
  }
  expect(seen.size).toBe(9);
});
