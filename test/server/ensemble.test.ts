// Whole servers of an ensemble: who serves when, what a change of leaders does to clients, and the
// stories of quorum-protocol 16 that need elections, syncs and clients together.

import { expect, test, vi } from "vitest";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Listener } from "../../protocol/host.ts";
import { CreateFlag, OpCode, Xid } from "../../protocol/opcodes.ts";
import { zxidEpoch } from "../../protocol/zxid.ts";
import { LeaderDesk } from "../../server/pipeline/leader-desk.ts";
import { differences } from "../sim/ensemble/trees.ts";
import {
  ELECTION_PORT,
  EnsembleRoom,
  INIT_LIMIT_TICKS,
  type RoomServer,
  TICK_MS,
} from "./ensemble-room.ts";
import type { Peer } from "./pipeline/server-room.ts";

/** What it may take to find a leader and to be in step with it (quorum-protocol 15, V-1). */
const ELECTION_MS = 200 + 3 * INIT_LIMIT_TICKS * TICK_MS;
const TIMEOUT_MS = 2000;

function exists(peer: Peer, path: string): number {
  return peer.reply(peer.read(OpCode.exists, path)).err;
}

function create(peer: Peer, path: string, flags = 0): number {
  return peer.reply(peer.create(path, flags)).err;
}

/** Nothing else tells servers apart (quorum-protocol 15, I-15). */
function expectEqualTrees(servers: readonly RoomServer[]): void {
  const trees = servers.map(({ sid, tree }) => ({ name: `server ${sid}`, tree }));
  expect(differences(trees)).toEqual([]);
}

/** How a server was brought into step the last time. */
function lastSync(server: RoomServer): unknown {
  const entry = server.lines.findLast(({ message }) => message === "in step with the leader");
  return entry?.fields["sync"];
}

// quorum-protocol 1, 1/LEADING, 1/FOLLOWING, 1/OBSERVING, V-1, V-2, V-4
test("of three voters and an observer one leads, the others learn; all take writes", () => {
  const room = new EnsembleRoom({ voters: 3, observers: 1 });
  for (const server of room.servers) server.start();
  const ms = room.until(() => room.servers.every(({ isServing }) => isServing));
  expect(ms).toBeLessThan(ELECTION_MS);
  const roles = room.servers.map(({ role }) => role);
  expect(roles.toSorted()).toEqual(["following", "following", "leading", "observing"]);
  expect(roles[3]).toBe("observing");
  for (const server of room.servers) expect(create(room.open(server), `/${server.sid}`)).toBe(0);
  room.awaitService();
  for (const { tree } of room.servers) expect(zxidEpoch(tree.lastZxid)).toBe(1);
  expectEqualTrees(room.servers);
});

// quorum-protocol 1/LOOKING, 1.3, V-1, V-2, V-6
test("without their leader servers serve nobody, elect another, and end whose client is gone", () => {
  const room = new EnsembleRoom({ voters: 3, observers: 1 });
  room.start();
  const old = room.leader;
  const others = room.servers.filter((server) => server !== old);
  const peers = others.map((server) => room.open(server, { timeoutMs: TIMEOUT_MS }));
  for (const [i, peer] of peers.entries()) create(peer, `/e${i}`, CreateFlag.ephemeral);
  old.kill();
  room.until(() => others.every(({ role }) => role === "looking"));
  expect(others.some(({ isServing }) => isServing)).toBe(false);
  room.until(() => peers.every(({ gone }) => gone));
  expect(room.until(() => others.every(({ isServing }) => isServing))).toBeLessThan(ELECTION_MS);
  // The first comes back, the others are silent from now on.
  const [first, ...silent] = peers;
  if (first === undefined) throw new Error("nobody came");
  const back = room.open(room.leader, { ...first.reattach, timeoutMs: TIMEOUT_MS });
  const ping = (): unknown => back.send(OpCode.ping, undefined, Xid.ping);
  const count = (): number[] => others.map(({ tree }) => tree.ephemerals.count);
  for (let i = 0; i < 12; i++) {
    ping();
    room.runMs(TICK_MS / 2);
  }
  expect([silent.length, ...count()]).toEqual([2, 1, 1, 1]);
  expect(exists(back, "/e0")).toBe(0);
  room.awaitService();
  expectEqualTrees(others);
});

// quorum-protocol 16/1367, I-20, Trap 19
test("1367: sessions that began and ended in a DIFF are those of the server that was sent it", () => {
  const room = new EnsembleRoom({ voters: 3 });
  const [one, two, late] = [room.server(1), room.server(2), room.server(3)];
  room.start(one, two);
  const first = room.open(one);
  create(first, "/closed", CreateFlag.ephemeral);
  room.start(late);
  late.kill();
  create(room.open(one), "/open", CreateFlag.ephemeral);
  first.send(OpCode.closeSession);
  room.until(() => first.gone);
  room.start(late);
  expect(lastSync(late)).toBe("DIFF");
  expect(late.tree.sessions.size).toBe(1);
  expectEqualTrees(room.servers);
  // It leads, from what it was sent: whose client is gone ends, and takes its ephemeral along.
  one.kill();
  two.kill();
  room.start(one);
  expect(room.leader).toBe(late);
  const peer = room.open(late);
  expect([exists(peer, "/open"), exists(peer, "/closed")]).toEqual([0, ErrorCode.NoNode]);
  room.until(() => room.running.every(({ tree }) => tree.ephemerals.count === 0));
});

// quorum-protocol 16/3526, 11.3; client-protocol 9/-119 NOTREADONLY; server-semantics 13/readonlymode.enabled
test("3526: a server that was read-only for a while is brought into step like any other", () => {
  const room = new EnsembleRoom({ voters: 3, options: { readOnlyModeEnabled: true } });
  room.start();
  const member = room.open(room.leader);
  create(member, "/before");
  room.awaitService();
  const lonely = room.servers.find((server) => server !== room.leader) ?? room.server(1);
  const files = (): string[] => lonely.host.disk.names("/data/version-2");
  room.cutOff(lonely);
  const before = lonely.tree.lastZxid;
  let guest: Peer | undefined;
  room.until(() => {
    if (guest === undefined || guest.gone) guest = room.open(lonely, { readOnly: true });
    return guest.response?.readOnly === true;
  });
  const kept = files();
  if (guest === undefined) throw new Error("nobody came");
  expect(exists(guest, "/before")).toBe(0);
  expect(create(guest, "/never")).toBe(ErrorCode.NotReadOnly);
  create(member, "/meanwhile");
  room.runMs(4 * TICK_MS);
  expect([lonely.tree.lastZxid, files()]).toEqual([before, kept]);
  room.world.fabric.heal();
  room.until(() => lonely.isServing);
  room.awaitService();
  expect(guest.gone).toBe(true);
  expect(lastSync(lonely)).toBe("DIFF");
  expectEqualTrees(room.servers);
});

// server-semantics 8/cross-session, 8/sync strength
test("a follower that is behind shows the past to others than the writer, until they sync", () => {
  const room = new EnsembleRoom({ voters: 3 });
  room.start();
  const follower = room.servers.find((server) => server !== room.leader);
  if (follower === undefined) throw new Error("nobody follows");
  const [writer, reader] = [room.open(room.leader), room.open(follower)];
  room.world.fabric.cut(room.leader.host.name, follower.host.name);
  expect(create(writer, "/a")).toBe(0);
  expect(exists(reader, "/a")).toBe(ErrorCode.NoNode);
  const sync = reader.send(OpCode.sync, (record) => record.string("/"));
  const read = reader.read(OpCode.exists, "/a");
  room.runMs(TICK_MS);
  expect(reader.codes.map(([xid]) => xid)).not.toContain(sync);
  room.world.fabric.heal();
  expect(reader.reply(read).err).toBe(0);
});

// client-protocol 10.5/Curator "protected"; quorum-protocol W-3, I-18
test("who comes back to another server sees all that it asked for before, or will never see it", () => {
  for (const [from, to] of [
    [1, 2],
    [1, 3],
    [3, 1],
  ] as const) {
    const room = new EnsembleRoom({ voters: 3 });
    room.start();
    expect(room.leader.sid).toBe(3);
    const old = room.open(room.server(from));
    for (const { host } of room.servers) host.disk.slow(1000);
    old.create("/a");
    room.runMs(TICK_MS / 10);
    expect(old.frames).toEqual([]);
    const back = room.open(room.server(to), old.reattach);
    expect(exists(back, "/a"), `from ${from} to ${to}`).toBe(0);
  }
});

// quorum-protocol B-16, V-4
test("a learner whose leader has left out a request leaves it, and its clients hear that", () => {
  const room = new EnsembleRoom({ voters: 3 });
  room.start();
  const follower = room.servers.find((server) => server !== room.leader);
  if (follower === undefined) throw new Error("nobody follows");
  const peer = room.open(follower);
  using request = vi.spyOn(LeaderDesk.prototype, "request");
  request.mockImplementationOnce(() => undefined);
  peer.create("/lost");
  peer.create("/behind");
  room.until(() => peer.gone);
  expect(request).toHaveBeenCalledTimes(2);
  expect(peer.frames).toEqual([]);
  const reason = "the leader has left out a request that this server forwarded";
  expect(follower.lines.map(({ message }) => message)).toContain(`the term is over: ${reason}`);
  room.awaitService();
  expectEqualTrees(room.servers);
});

// operations 1.2/14, 2.3/electionPortBindRetry
test("an election port that is taken ends the server with 14 once it has tried often enough", () => {
  for (const [tries, exitCode] of [
    [3, 14],
    [0, undefined],
  ] as const) {
    const room = new EnsembleRoom({ voters: 3, options: { electionBindRetries: tries } });
    const { host } = room.server(1);
    let taken: Listener | undefined;
    host.network.listen(
      { host: undefined, port: ELECTION_PORT, backlog: 1 },
      () => undefined,
      (_error, listener) => {
        taken = listener;
      },
    );
    room.until(() => taken !== undefined);
    for (const server of room.servers) server.start();
    room.runMs(10_000);
    expect(room.server(1).failure?.exitCode).toBe(exitCode);
    expect(room.server(2).isServing).toBe(true);
    if (exitCode !== undefined) continue;
    taken?.close(() => undefined);
    room.until(() => room.server(1).isServing);
  }
});

// operations 2.5/Resolution
test("a member whose name nobody knows yet is dialled by its name again and again", () => {
  const room = new EnsembleRoom({ voters: 3 });
  const late = room.server(3);
  room.start(room.server(1), room.server(2));
  room.runMs(5000);
  expect(room.world.findHost("server-3")).toBeUndefined();
  late.start();
  room.until(() => late.isServing);
  expect(room.running.map(({ failure }) => failure)).toEqual([undefined, undefined, undefined]);
});
