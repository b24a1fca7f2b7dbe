// Sessions that one server alone knows.

import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/errors.ts";
import { writeMultiRequest } from "../../../protocol/multi.ts";
import { CreateFlag, OpCode, Xid } from "../../../protocol/opcodes.ts";
import { ensembleSettings } from "../../../server/config/ensemble.ts";
import { ANYONE, type Peer } from "../pipeline/server-room.ts";
import { TermRoom, type TermServer } from "../pipeline/term-room.ts";

function roomOf(upgrading: boolean): TermRoom {
  const config = { version: 0, members: new Map(), groups: new Map(), weights: new Map() };
  return new TermRoom(1, {
    ensemble: ensembleSettings(1, config, 10, 5, {
      localSessionsEnabled: true,
      localSessionsUpgradingEnabled: upgrading,
    }),
  });
}

/** Each role, and whether its sessions may become global. */
function forEachServer(run: (room: TermRoom, server: TermServer) => void, upgrading = false): void {
  for (const which of [0, 1]) {
    const room = roomOf(upgrading);
    const server = room.servers[which];
    if (server === undefined) throw new Error("there is no such server");
    run(room, server);
  }
}

function isGlobal(room: TermRoom, peer: Peer): boolean {
  const { sessionHigh, sessionLow } = peer.response ?? { sessionHigh: 0, sessionLow: 0 };
  return room.leader.tree.sessions.has(sessionHigh, sessionLow);
}

// quorum-protocol W-4; server-semantics 5.1/created by, 5.1/known to, 5.1/close
test("a local session begins, writes and ends without a txn of its own", () => {
  forEachServer((room, server) => {
    const before = room.leader.window.lastZxid;
    const peer = room.open(server);
    expect(isGlobal(room, peer)).toBe(false);
    expect(room.leader.window.lastZxid).toBe(before);
    peer.together(() => {
      peer.create("/a");
      peer.read(OpCode.exists, "/a");
      peer.send(OpCode.closeSession);
    });
    room.until(() => peer.gone);
    expect(peer.codes).toEqual([
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
    expect(room.leader.window.lastZxid).toBe(before + 1);
    expect(room.open(server, peer.reattach).response?.timeoutMs).toBe(0);
  });
});

// quorum-protocol W-4; server-semantics 5.1/ephemerals; client-protocol 9/-120 EPHEMERALONLOCALSESSION
// server-semantics 13/localSessionsEnabled
test("a local session that may not become global owns no ephemeral, and is told why", () => {
  forEachServer((room, server) => {
    const peer = room.open(server);
    const plain = peer.create("/a");
    const single = peer.create("/e", CreateFlag.ephemeral);
    const behind = peer.create("/b");
    expect(peer.reply(plain).err).toBe(0);
    expect(peer.reply(single).err).toBe(ErrorCode.EphemeralOnLocalSession);
    expect(peer.reply(behind).err).toBe(0);
    expect(isGlobal(room, peer)).toBe(false);
    expect(room.leader.tree.ephemerals.count).toBe(0);
  });
});

// quorum-protocol W-4; server-semantics 5.1/ephemerals; server-semantics 13/localSessionsEnabled
test("one that may becomes global just before its first ephemeral, under the same id", () => {
  forEachServer((room, server) => {
    const [first, second] = [room.open(server), room.open(server)];
    first.together(() => {
      first.create("/a");
      first.create("/e", CreateFlag.ephemeral);
      first.create("/b");
    });
    const request = {
      path: "/m",
      data: Buffer.alloc(0),
      acl: ANYONE,
      flags: CreateFlag.ephemeralSequential,
    };
    const multi = second.send(OpCode.multi, (writer) =>
      writeMultiRequest(writer, [{ type: OpCode.create, request }]),
    );
    expect(second.reply(multi).err).toBe(0);
    room.until(() => first.frames.length === 3);
    expect(first.codes.map(([, code]) => code)).toEqual([0, 0, 0]);
    expect([first, second].map((peer) => isGlobal(room, peer))).toEqual([true, true]);
    expect(room.leader.tree.ephemerals.count).toBe(2);
    // From then on it is like any other: it comes back anywhere, and expires by the leader.
    const other = server === room.leader ? room.learner(0) : room.leader;
    const back = room.open(other, first.reattach);
    expect(back.reply(back.create("/c")).err).toBe(0);
    room.until(() => room.leader.tree.ephemerals.count === 0);
  }, true);
});

// quorum-protocol W-4; server-semantics 5.1/expired by, 5.1/re-attach elsewhere
test("a local session expires at its server, comes back there and nowhere else", () => {
  forEachServer((room, server) => {
    const peer = room.open(server, { timeoutMs: 1000 });
    const other = server === room.leader ? room.learner(0) : room.leader;
    expect(room.open(other, peer.reattach).response?.timeoutMs).toBe(0);
    const back = room.open(server, { ...peer.reattach, timeoutMs: 1000 });
    expect(back.response?.sessionLow).toBe(peer.response?.sessionLow);
    for (let i = 0; i < 10; i++) {
      back.send(OpCode.ping, undefined, Xid.ping);
      room.runMs(300);
    }
    expect(back.gone).toBe(false);
    expect(server.serving?.localTracker?.count).toBe(1);
    room.runMs(3000);
    expect([back.gone, server.serving?.localTracker?.count]).toEqual([true, 0]);
  });
});

// quorum-protocol W-4
test("local sessions end with the term", () => {
  forEachServer((room, server) => {
    const peer = room.open(server);
    room.end();
    room.begin();
    room.until(() => peer.gone);
    expect(room.open(server, peer.reattach).response?.timeoutMs).toBe(0);
  });
});
