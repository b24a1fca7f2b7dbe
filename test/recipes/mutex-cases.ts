// What a mutex owes its users, as cases that run against any server: one in this process, our
// command in a process of its own, Apache ZooKeeper. Each list of tests names the rules.

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { expect } from "vitest";
import type { Client } from "../../client/index.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { mutex, type OwnedHandle, RecipeError } from "../../recipes/index.ts";
import type { Passage, Verdict } from "../tools/proxy.ts";
import { writeCreates } from "../tools/txn-log.ts";
import { nextTurn, until } from "../tools/until.ts";
import { isCreate, isNotification, isWrite, replyIn, requestIn } from "../tools/wire.ts";
import { type LockRoom, SESSION_MS } from "./lock-room.ts";

export type MutexCase = (room: LockRoom) => Promise<void>;

const PROTECTED = /^_c_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-lock-(\d{10})$/;
const KAZOO = "0123456789abcdef0123456789abcdef__lock__0000000000";

/** Acquired, and the names of the directory are Curator's; its parents are containers. */
export const leavesCuratorsLayout: MutexCase = async (room) => {
  const { client, proxy } = await room.proxied();
  const created: { opcode: number; path: string }[] = [];
  proxy.inspect = (passage) => {
    const request = requestIn(passage);
    if (request !== undefined && isWrite(request)) created.push(request);
    return "pass";
  };
  const lock = await mutex(client, room.path).acquire();
  const names = await room.names(client);
  expect(names).toEqual([expect.stringMatching(PROTECTED)]);
  expect(lock.nodePath).toBe(room.child(names[0]!));
  const containers = created.filter(({ opcode }) => opcode === OpCode.createContainer);
  expect(containers.map(({ path }) => path)).toContain(room.path);

  const { data, stat } = await client.getData(lock.nodePath);
  const identity = JSON.parse(data!.toString()) as Record<string, unknown>;
  expect(Object.keys(identity)).toEqual(["h", "p", "t"]);
  expect(identity["p"]).toBe(process.pid);
  expect(data!.length).toBeLessThanOrEqual(256);
  expect(lock.fencingToken).toBe(stat.czxid);
  expect(lock.fencingTokenText).toBe(stat.czxid.toString().padStart(20, "0"));
  expect(stat.ephemeralOwner).toBe(client.sessionId);

  expect(await lock.release()).toBe("released");
  expect(lock.isHeld()).toBe(false);
  expect(lock.signal.aborted).toBe(false);
  expect(await room.names(client)).toEqual([]);
};

/** Fifty callers in five services: never two inside, granted in the order of the numbers. */
export const letsOneInInOrder: MutexCase = async (room) => {
  const clients = await room.clients(5);
  const grants: { sequence: number; token: bigint }[] = [];
  let inside = 0;
  let most = 0;
  const enter = async (client: Client): Promise<void> => {
    await using lock = await mutex(client, room.path).acquire();
    inside += 1;
    most = Math.max(most, inside);
    grants.push({ sequence: sequenceOf(lock), token: lock.fencingToken });
    await client.getData(lock.nodePath);
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 50 }, (_, turn) => enter(clients[turn % 5]!)));
  expect(most).toBe(1);
  expect(grants).toHaveLength(50);
  expect(grants.map(({ sequence }) => sequence)).toEqual(
    grants.map(({ sequence }) => sequence).sort((a, b) => a - b),
  );
  for (let i = 1; i < grants.length; i++) {
    expect(grants[i]!.token).toBeGreaterThan(grants[i - 1]!.token);
  }
};

/** The directory is deleted and made again: numbers begin anew, tokens grow on. */
export const keepsItsTokensGrowing: MutexCase = async (room) => {
  const client = await room.client();
  const lockOf = mutex(client, room.path);
  const owners: { sequence: number; token: bigint }[] = [];
  for (let life = 0; life < 3; life++) {
    for (let turn = 0; turn < 20; turn++) {
      await lockOf.withLock(async ({ handle }) => {
        owners.push({ sequence: sequenceOf(handle), token: handle.fencingToken });
        await client.setData(handle.nodePath, Buffer.from("a write moves mzxid, not the token"));
      });
      // Another child moves the count as well.
      await client.create(room.child("other"), null);
      await client.delete(room.child("other"));
    }
    await lockOf.clean();
  }
  expect(owners.filter(({ sequence }) => sequence === 0)).toHaveLength(3);
  expect(owners.map(({ sequence }) => sequence).slice(0, 3)).toEqual([0, 2, 4]);
  for (let i = 1; i < owners.length; i++) {
    expect(owners[i]!.token).toBeGreaterThan(owners[i - 1]!.token);
  }
};

/** The group hears one watch event for each release. */
export const wakesOneWaiterPerRelease: MutexCase = async (room) => {
  const members = await Promise.all(Array.from({ length: 6 }, () => room.proxied()));
  let events = 0;
  const watches = members.map(() => new Set<string>());
  for (const [member, { proxy }] of members.entries()) {
    const reads = new Map<number, string>();
    proxy.inspect = (passage) => {
      if (isNotification(passage)) events += 1;
      const request = requestIn(passage);
      if (request?.opcode === OpCode.getData) reads.set(request.xid, request.path);
      const path = reads.get(replyIn(passage)?.xid ?? 0);
      if (path !== undefined) watches[member]!.add(path);
      return "pass";
    };
  }
  const owners: { member: number; lock: OwnedHandle }[] = [];
  const turns = members.map(async ({ client }, member) => {
    owners.push({ member, lock: await mutex(client, room.path).acquire() });
  });
  await until("all watch", () => watches.every((paths) => paths.size > 0));
  for (let turn = 0; turn < members.length; turn++) {
    await until("the next one owns", () => owners.length === turn + 1);
    const { member, lock } = owners[turn]!;
    await until("it watches its own znode", () => watches[member]!.has(lock.nodePath));
    // A later reply: the client has heard of its watch, and takes it back before the deletion.
    await members[member]!.client.sync();
    expect(events).toBe(turn);
    await lock.release();
  }
  await Promise.all(turns);
  expect(events).toBe(members.length - 1);
};

/** The one in front leaves after the list was read and before the watch is set. */
export const seesThatTheOneInFrontIsGoneAlready: MutexCase = async (room) => {
  const holder = await mutex(await room.client(), room.path).acquire();
  const { client, proxy } = await room.proxied();
  proxy.inspect = async (passage): Promise<Verdict> => {
    if (requestIn(passage)?.path === holder.nodePath) await holder.release();
    return "pass";
  };
  const lock = await mutex(client, room.path).acquire({ timeoutMs: 10_000 });
  expect(lock.isHeld()).toBe(true);
  expect(await holder.release()).toBe("released");
};

/** The one in front leaves once the watch is set, and the event comes along with the reply. */
export const hearsAnEventThatComesWithTheReply: MutexCase = async (room) => {
  const holder = await mutex(await room.client(), room.path).acquire();
  const { client, proxy } = await room.proxied();
  let armXid: number | undefined;
  proxy.inspect = async (passage): Promise<Verdict> => {
    const request = requestIn(passage);
    if (request?.path === holder.nodePath) armXid = request.xid;
    if (armXid !== undefined && replyIn(passage)?.xid === armXid) {
      armXid = undefined;
      await holder.release();
    }
    return "pass";
  };
  const lock = await mutex(client, room.path).acquire({ timeoutMs: 10_000 });
  expect(lock.isHeld()).toBe(true);
};

/** A waiter in the middle gives up: the one behind watches the one that is now in front of it. */
export const closesTheGapOfAWaiterThatGaveUp: MutexCase = async (room) => {
  const [first, second] = await room.clients(2);
  const holder = await mutex(first!, room.path).acquire();
  const middle = mutex(second!, room.path).acquire({ timeoutMs: 400 });
  await room.untilCount(first!, 2);
  const { client, proxy } = await room.proxied();
  const watched: string[] = [];
  proxy.inspect = (passage) => {
    const request = requestIn(passage);
    if (request?.opcode === OpCode.getData) watched.push(request.path);
    return "pass";
  };
  const last = mutex(client, room.path).acquire();
  await expect(middle).rejects.toMatchObject({
    name: "RecipeError",
    code: "LockTimeout",
    contenders: [holder.nodePath.slice(room.path.length + 1)],
  });
  await until("the last watches the holder", () => watched.at(-1) === holder.nodePath);
  await room.untilCount(first!, 2);
  await holder.release();
  const lock = await last;
  expect(await room.names(first!)).toEqual([lock.nodePath.slice(room.path.length + 1)]);
};

/** Somebody writes into the znode in front, which uses up the watch. */
export const watchesAgainAfterAChangeThatIsNoDeletion: MutexCase = async (room) => {
  const [first, second] = await room.clients(2);
  const holder = await mutex(first!, room.path).acquire();
  const waiting = mutex(second!, room.path).acquire();
  await room.untilCount(first!, 2);
  for (let i = 0; i < 3; i++) await first!.setData(holder.nodePath, Buffer.from(`note ${i}`));
  expect(holder.isHeld()).toBe(true);
  await holder.release();
  expect((await waiting).isHeld()).toBe(true);
};

/** The holder's session ends: by the time the waiter has the lock, the holder has been told. */
export const tellsTheHolderBeforeTheNextOneOwns: MutexCase = async (room) => {
  const { client, proxy } = await room.proxied();
  const holder = await mutex(client, room.path).acquire();
  const next = mutex(await room.client(), room.path).acquire();
  proxy.cut("up");
  const lock = await next;
  expect(holder.signal.aborted).toBe(true);
  expect(holder.signal.reason).toMatchObject({ code: "LockLost", path: room.path });
  expect(holder.isHeld()).toBe(false);
  expect(lock.fencingToken).toBeGreaterThan(holder.fencingToken);
  expect(await holder.release()).toBe("gone");
};

/** The connection was lost while it waited: the znode is read before ownership is concluded. */
export const looksAtItsZnodeAfterAnInterruption: MutexCase = async (room) => {
  const { client, proxy } = await room.proxied();
  const looked: string[] = [];
  proxy.inspect = (passage) => {
    const request = requestIn(passage);
    if (request?.opcode === OpCode.exists) looked.push(request.path);
    return "pass";
  };
  const calm = await mutex(client, room.path).acquire();
  await calm.release();
  expect(looked).toEqual([]);

  const holder = await mutex(await room.client(), room.path).acquire();
  const waiting = mutex(client, room.path).acquire();
  await until("it waits", async () => (await mutex(client, room.path).contenders()).length === 2);
  const { sessionId } = client;
  proxy.reset();
  await until("cut off", () => !client.isConnected);
  await until("back", () => client.isConnected);
  await holder.release();
  const lock = await waiting;
  expect(client.sessionId).toBe(sessionId);
  expect(looked).toContain(lock.nodePath);
};

/** Cut off in silence: the signal comes by the deadline, and nobody owns before. */
export const givesUpByTheDeadlineWhenCutOff: MutexCase = async (room) => {
  const { client, proxy } = await room.proxied();
  const holder = await mutex(client, room.path).acquire();
  const next = mutex(await room.client(), room.path).acquire();
  const lost = new Promise<number>((resolve) => {
    holder.signal.addEventListener("abort", () => resolve(client.clock.nowMs()));
  });
  proxy.cut();
  const deadline = client.clock.nowMs() + client.ownershipRemainingMs();
  const lostAt = await lost;
  const lock = await next;
  const grantedAt = client.clock.nowMs();
  // Only what a busy machine adds to a timer.
  expect(lostAt).toBeLessThan(deadline + SESSION_MS / 10);
  expect(grantedAt).toBeGreaterThan(deadline);
  expect(grantedAt).toBeGreaterThan(lostAt);
  expect(holder.signal.reason).toMatchObject({ code: "LockLost", reason: "deadline" });
  expect(lock.isHeld()).toBe(true);
};

/** The server is killed and comes back while one holds and one waits. */
export const outlivesARestartOfTheServer: MutexCase = async (room) => {
  const own = await room.ownServer({});
  const longSession = { sessionTimeoutMs: 10_000 };
  const [first, second] = [await own.client(longSession), await own.client(longSession)];
  const holder = await mutex(first, own.path).acquire();
  const waiting = mutex(second, own.path).acquire();
  await own.untilCount(first, 2);
  await own.server.kill();
  await until("both are cut off", () => !first.isConnected && !second.isConnected);
  await own.server.restart();
  await until("both are back", () => first.isConnected && second.isConnected);
  await holder.release();
  expect((await waiting).isHeld()).toBe(true);
};

/** The reply to the create of the znode is lost: it is found again, not made twice. */
export const findsItsZnodeWhenTheReplyIsLost: MutexCase = async (room) => {
  const { client, proxy } = await room.proxied();
  proxy.inspect = onFirstReplyToCreate(() => "reset");
  const lock = await mutex(client, room.path).acquire();
  expect(await room.names(client)).toEqual([lock.nodePath.slice(room.path.length + 1)]);
  const { stat } = await client.getData(lock.nodePath);
  expect(stat.czxid).toBe(lock.fencingToken);
};

/** The reply is lost and the session ends before the search: one znode, of the new session. */
export const startsAnewWhenReplyAndSessionAreLost: MutexCase = async (room) => {
  const { client, proxy } = await room.proxied();
  const before = client.sessionId;
  const observer = await room.client();
  proxy.inspect = onFirstReplyToCreate(() => {
    proxy.cut();
    return "drop";
  });
  const acquiring = mutex(client, room.path).acquire();
  await room.untilCount(observer, 1);
  await until("the session is over", async () => (await room.names(observer)).length === 0);
  proxy.heal();
  const lock = await acquiring;
  expect(client.sessionId).not.toBe(before);
  const names = await room.names(observer);
  expect(names).toEqual([lock.nodePath.slice(room.path.length + 1)]);
  const { stat } = await observer.getData(lock.nodePath);
  expect(stat.ephemeralOwner).toBe(client.sessionId);
};

/** The clean-up fails as well: the caller hears of the first trouble, and the znode still goes. */
export const tellsTheFirstErrorWhenTheCleanUpFailsToo: MutexCase = async (room) => {
  const observer = await room.client();
  await observer.create(room.child(KAZOO), null, { mode: "persistent", parents: "container" });
  const { client, proxy } = await room.proxied();
  let resets = 0;
  proxy.inspect = (passage) => {
    if (requestIn(passage)?.opcode !== OpCode.delete || resets === 1) return "pass";
    resets += 1;
    return "reset";
  };
  await expect(mutex(client, room.path).acquire()).rejects.toMatchObject({ code: "MixedLayout" });
  await until("the delete was broken once", () => resets === 1);
  await room.untilCount(observer, 1);
};

/** Granted and aborted at the same moment: a handle and its znode, or neither. */
export function decidesGrantAgainstAbortOnce(rounds: number): MutexCase {
  return async (room) => {
    const [first, second] = await room.clients(2);
    const [ours, theirs] = [mutex(first!, room.path), mutex(second!, room.path)];
    const { clock } = first!;
    const reason = new Error("no longer wanted");
    const countIs = async (count: number): Promise<void> => {
      while ((await room.names(first!)).length !== count) await nextTurn();
    };
    let granted = 0;
    for (let round = 0; round < rounds; round++) {
      const holder = await ours.acquire();
      const stop = new AbortController();
      const waiting = theirs.acquire({ signal: stop.signal });
      await countIs(2);
      const released = holder.release();
      // Different in each round, so that the abort falls before, into and after the grant.
      const abortAtMs = clock.nowMs() + (round % ABORT_STEPS) * ABORT_STEP_MS;
      while (clock.nowMs() < abortAtMs) await nextTurn();
      stop.abort(reason);
      const outcome = await waiting.catch((error: unknown) => error);
      await released;
      if (outcome === reason) {
        await countIs(0);
      } else {
        granted += 1;
        const handle = outcome as OwnedHandle;
        expect(handle.isHeld()).toBe(true);
        expect(await first!.exists(handle.nodePath)).toBeDefined();
        await handle.release();
      }
    }
    expect(granted).toBeGreaterThan(rounds / 100);
    expect(granted).toBeLessThan(rounds - rounds / 100);
  };
}

/** Released without a connection: pending, and the same object acquires again later. */
export const releasesWithoutAConnection: MutexCase = async (room) => {
  const { client, proxy } = await room.proxied({ sessionTimeoutMs: 10_000 });
  const lockOf = mutex(client, room.path);
  const holder = await lockOf.acquire();
  proxy.cut();
  proxy.reset();
  await until("disconnected", () => !client.isConnected);
  expect(await holder.release({ timeoutMs: 200 })).toBe("pending");
  const again = lockOf.acquire();
  proxy.heal();
  const lock = await again;
  expect(lock.fencingToken).toBeGreaterThan(holder.fencingToken);
  expect(await room.names(client)).toEqual([lock.nodePath.slice(room.path.length + 1)]);
};

/** An operator deletes the owner's znode: the owner is told. */
export const losesTheLockWhenItsZnodeIsDeleted: MutexCase = async (room) => {
  const [first, operator] = await room.clients(2);
  const holder = await mutex(first!, room.path).acquire();
  await holder.ensureHeld();
  await operator!.setData(holder.nodePath, Buffer.from("hello"));
  expect(holder.isHeld()).toBe(true);
  await operator!.delete(holder.nodePath);
  await until("the holder is told", () => holder.signal.aborted);
  expect(holder.signal.reason).toMatchObject({ code: "LockLost", reason: "node-deleted" });
  expect(holder.isHeld()).toBe(false);
  await expect(holder.ensureHeld()).rejects.toBe(holder.signal.reason);
  expect(await holder.release()).toBe("gone");
};

/** An operator deletes a waiter's znode: it stands in line again. */
export const standsInLineAgainWhenItsZnodeIsDeleted: MutexCase = async (room) => {
  const [first, second, operator] = await room.clients(3);
  const holder = await mutex(first!, room.path).acquire();
  const waiting = mutex(second!, room.path).acquire();
  using requeued = new Told("quorate:requeued");
  await room.untilCount(operator!, 2);
  const [, place] = await mutex(operator!, room.path).contenders();
  await operator!.delete(place!.path);
  await holder.release();
  const lock = await waiting;
  expect(lock.nodePath).not.toBe(place!.path);
  expect(lock.isHeld()).toBe(true);
  expect(requeued.messages).toEqual([{ directory: room.path, nodePath: place!.path }]);
};

/** A kazoo client in the directory: refused, or waited for on request. */
export const refusesToShareWithKazoo: MutexCase = async (room) => {
  const [client, other] = await room.clients(2);
  await other!.create(room.child(KAZOO), null, { mode: "ephemeral", parents: "container" });
  await expect(mutex(client!, room.path).acquire()).rejects.toMatchObject({
    code: "MixedLayout",
    contenders: [KAZOO],
  });
  await expect(mutex(client!, room.path).tryAcquire()).rejects.toBeInstanceOf(RecipeError);
  await room.untilCount(other!, 1);
  using mixed = new Told("quorate:mixed-layout");
  const patient = mutex(client!, room.path, { strictLayout: false });
  const waiting = patient.acquire();
  // Its own znode comes first and the search after it: only what it told shows what it has seen.
  await until("the mixed directory is told", () => mixed.messages.length > 0);
  expect(mixed.messages).toContainEqual({ directory: room.path, contenders: [KAZOO] });
  await other!.delete(room.child(KAZOO));
  expect((await waiting).isHeld()).toBe(true);
};

/** A child that is no contender, though it sorts first, blocks nobody. */
export const passesAForeignChild: MutexCase = async (room) => {
  const client = await room.client();
  await client.create(room.child("000"), null, { parents: "container" });
  const lock = await mutex(client, room.path).acquire({ timeoutMs: 10_000 });
  expect(lock.isHeld()).toBe(true);
};

/** Trying a lock that is taken writes nothing; trying a free one takes it. */
export const triesWithoutWriting: MutexCase = async (room) => {
  const holder = await mutex(await room.client(), room.path).acquire();
  const { client, proxy } = await room.proxied();
  let writes = 0;
  proxy.inspect = (passage) => {
    const request = requestIn(passage);
    if (request !== undefined && isWrite(request)) writes += 1;
    return "pass";
  };
  const tried = mutex(client, room.path);
  for (let i = 0; i < 20; i++) expect(await tried.tryAcquire()).toBeNull();
  expect(writes).toBe(0);
  await holder.release();
  const lock = await tried.tryAcquire();
  expect(lock?.isHeld()).toBe(true);
  expect(await mutex(client, room.path).tryAcquire()).toBeNull();
};

/** The directory's numbers end: who cannot be ordered is refused, who holds goes on. */
export const refusesWhenTheNumbersAreUsedUp: MutexCase = async (room) => {
  const own = await room.ownServer({});
  await own.server.kill();
  writeCreates(own.server.dataDir, [
    { path: "/locks", parentCversion: 2 },
    { path: own.path, parentCversion: 1 },
    { path: own.child("earlier"), parentCversion: 2 ** 31 - 2 },
  ]);
  await own.server.restart();
  const clients = await own.clients(3);
  using near = new Told("quorate:sequence-near-overflow");
  const holder = await mutex(clients[0]!, own.path).acquire();
  expect(sequenceOf(holder)).toBe(2 ** 31 - 2);
  expect(near.messages).toEqual([{ directory: own.path, sequence: 2 ** 31 - 2 }]);
  for (const client of clients.slice(1)) {
    const refused = mutex(client, own.path).acquire({ timeoutMs: 10_000 });
    await expect(refused).rejects.toMatchObject({ code: "SequenceOverflow" });
  }
  await own.untilCount(clients[1]!, 2);
  await holder.ensureHeld();
  expect(holder.isHeld()).toBe(true);
  expect(await holder.release()).toBe("released");
};

/** Containers are reaped all the time, and no step minds. */
export const outlivesTheReaper: MutexCase = async (room) => {
  const own = await room.ownServer({ containerCheckMs: 10 });
  const clients = await own.clients(10);
  const cycle = async (client: Client): Promise<void> => {
    const lockOf = mutex(client, own.path);
    for (let i = 0; i < 100; i++) await lockOf.withLock(async () => undefined);
  };
  await Promise.all(clients.map(cycle));
  const [observer] = clients;
  await until("the directory is reaped", async () => {
    return (await observer!.exists(own.path)) === undefined;
  });
};

/** The loop stands still inside the critical section for three sessions. */
export const knowsAtOnceAfterAStall: MutexCase = async (room) => {
  const client = await room.client();
  const work = mutex(client, room.path).withLock(async ({ handle, signal }) => {
    expect(handle.isHeld()).toBe(true);
    const endMs = client.clock.nowMs() + 3 * SESSION_MS;
    while (client.clock.nowMs() < endMs);
    expect(handle.isHeld()).toBe(false);
    expect(handle.state).toBe("lost");
    expect(signal.aborted).toBe(true);
    return "result";
  });
  await expect(work).rejects.toMatchObject({ code: "LockLost", result: "result" });
};

/** Closed with a hundred callers waiting: all hear it, and nothing is left behind. */
export const rejectsEveryWaiterWhenClosed: MutexCase = async (room) => {
  const [client, observer] = await room.clients(2);
  const holder = await mutex(observer!, room.path).acquire();
  const paths = Array.from({ length: 10 }, (_, i) => `${room.path}-${i}`);
  const others = await Promise.all(paths.map((path) => mutex(observer!, path).acquire()));
  const waiting = Array.from({ length: 100 }, (_, i) => {
    return mutex(client!, i < 50 ? room.path : paths[i % 10]!).acquire();
  });
  const outcomes = Promise.allSettled(waiting);
  await room.untilCount(observer!, 2);
  await client!.close();
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ status: "rejected", reason: { code: "Closed" } });
  }
  await observer!.sync();
  expect(await room.names(observer!)).toEqual([holder.nodePath.slice(room.path.length + 1)]);
  for (const [i, path] of paths.entries()) {
    const { children } = await observer!.getChildren(path);
    expect(children.map((name) => `${path}/${name}`)).toEqual([others[i]!.nodePath]);
  }
};

/** `withLock` gives the work's result or its error, and releases either way. */
export const worksUnderTheLock: MutexCase = async (room) => {
  const [client, operator] = await room.clients(2);
  const lockOf = mutex(client!, room.path);
  const token = await lockOf.withLock(async ({ fencingToken }) => fencingToken);
  expect(token).toBeGreaterThan(0n);
  const failure = new Error("the work's own");
  await expect(
    lockOf.withLock(async ({ handle }) => {
      await operator!.delete(handle.nodePath);
      throw failure;
    }),
  ).rejects.toBe(failure);
  const lose = async ({ handle, signal }: { handle: OwnedHandle; signal: AbortSignal }) => {
    await operator!.delete(handle.nodePath);
    await until("told", () => signal.aborted);
    return 7;
  };
  await expect(lockOf.withLock(lose)).rejects.toMatchObject({
    code: "LockLost",
    reason: "node-deleted",
    result: 7,
  });
  expect(await lockOf.withLock(lose, { tolerateLoss: true })).toBe(7);
  expect(await room.names(client!)).toEqual([]);
};

/** The queue can be read: who owns, who waits, since when. */
export const tellsWhoIsInTheQueue: MutexCase = async (room) => {
  const [first, second] = await room.clients(2);
  const theirs = mutex(first!, room.path, { identity: "worker a" });
  expect(await theirs.holder()).toBeUndefined();
  const holder = await theirs.acquire();
  const waiting = mutex(second!, room.path, { identity: () => Buffer.from("b") }).acquire();
  await room.untilCount(first!, 2);
  const queue = await mutex(second!, room.path).contenders({ sync: true });
  expect(queue).toMatchObject([
    { path: holder.nodePath, identity: "worker a", isOwner: true, isMine: false },
    { identity: "b", isOwner: false, isMine: true, sessionId: second!.sessionId },
  ]);
  expect(queue[0]?.czxid).toBe(holder.fencingToken);
  expect((await theirs.holder())?.path).toBe(holder.nodePath);
  await theirs.clean();
  await holder.release();
  await (await waiting).release();
  await theirs.clean();
  expect(await first!.exists(room.path)).toBeUndefined();
};

/** A transaction guarded by the lock is refused once the lock is gone, and ends the claim. */
export const guardsTransactions: MutexCase = async (room) => {
  const [first, operator] = await room.clients(2);
  const target = `${room.path}-target`;
  await operator!.create(target, Buffer.from("0"), { parents: "persistent" });
  const holder = await mutex(first!, room.path).acquire();
  await first!.transaction().guardedBy(holder.guard()).setData(target, Buffer.from("1")).commit();
  await operator!.delete(holder.nodePath);
  const late = first!.transaction().guardedBy(holder.guard()).setData(target, Buffer.from("2"));
  await expect(late.commit()).rejects.toMatchObject({ code: "NotHeld" });
  expect(holder.isHeld()).toBe(false);
  expect(holder.signal.aborted).toBe(true);
  expect((await operator!.getData(target)).data?.toString()).toBe("1");
};

/** An abort ends the wait at once, in the process's own queue too, and lets the next one in. */
export const abandonsAPlaceAtOnce: MutexCase = async (room) => {
  const client = await room.client();
  const lockOf = mutex(client, room.path);
  const holder = await lockOf.acquire();
  const stop = new AbortController();
  const abandoned = lockOf.acquire({ signal: stop.signal });
  const patient = lockOf.acquire();
  const late = lockOf.acquire({ timeoutMs: 50 });
  stop.abort("not an Error");
  await expect(abandoned).rejects.toBe("not an Error");
  await expect(late).rejects.toMatchObject({ code: "LockTimeout" });
  await expect(lockOf.acquire({ signal: stop.signal })).rejects.toBe("not an Error");
  expect(await room.names(client)).toHaveLength(1);
  await holder.release();
  const lock = await patient;
  expect(lock.fencingToken).toBeGreaterThan(holder.fencingToken);
  expect(lock.nodePath).not.toBe(holder.nodePath);
};

const ABORT_STEPS = 40;
const ABORT_STEP_MS = 0.1;

/** What a diagnostics channel says meanwhile. */
class Told implements Disposable {
  readonly messages: unknown[] = [];
  readonly #channel: string;
  readonly #listen = (message: unknown): void => {
    this.messages.push(message);
  };

  constructor(channel: string) {
    this.#channel = channel;
    subscribe(channel, this.#listen);
  }

  [Symbol.dispose](): void {
    unsubscribe(this.#channel, this.#listen);
  }
}

function sequenceOf(lock: OwnedHandle): number {
  return Number(lock.nodePath.slice(-10));
}

/** Acts on the first reply that says a sequential znode was created, and on nothing else. */
function onFirstReplyToCreate(act: () => Verdict): (passage: Passage) => Verdict {
  const xids = new Set<number>();
  let done = false;
  return (passage) => {
    const request = requestIn(passage);
    if (request !== undefined && isCreate(request) && request.path.endsWith("-lock-")) {
      xids.add(request.xid);
    }
    const reply = replyIn(passage);
    if (done || reply === undefined || reply.code !== 0 || !xids.has(reply.xid)) return "pass";
    done = true;
    return act();
  };
}
