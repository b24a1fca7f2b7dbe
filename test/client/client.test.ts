import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { type Client, connect, isZooKeeperError, type ZooKeeperError } from "../../client/index.ts";
import { Reader } from "../../protocol/jute.ts";
import { EventType, OpCode } from "../../protocol/opcodes.ts";
import { readSetDataRequest, readVersionedRequest } from "../../protocol/proto.ts";
import { Machine } from "./machine.ts";
import { Room } from "./room.ts";
import { multiOf, pathOf, type Received, replies, ScriptedServer } from "./scripted-server.ts";

const S = 12_000;

function answer(request: Received): void {
  if (request.type === OpCode.getData) replies.data(request, "d", { version: 3, czxid: 9 });
  else if (request.type === OpCode.getChildren2) replies.children(request, ["x", "y"]);
  else if (request.type === OpCode.exists) replies.stat(request, { version: 3 });
  else if (request.type === OpCode.setData) replies.stat(request, { version: 4 });
  else if (request.type === OpCode.multi) replies.multi(request);
  else replies.nothing(request);
}

async function answering(options: Parameters<typeof Room.open>[0] = {}): Promise<Room> {
  const room = await Room.open(options);
  room.server.onRequest = answer;
  return room;
}

function code(error: unknown): string | undefined {
  return isZooKeeperError(error) ? error.code : undefined;
}

// recipes TM-2, T-CL-39
test("connect gives up after its total time, and leaves no timer", async () => {
  const machine = new Machine();
  new ScriptedServer(machine).isDown = true;
  const startMs = machine.clock.now;
  const connecting = connect("s1:2181", { host: machine });
  const error = await machine.until(
    connecting.then(
      () => undefined,
      (thrown: unknown) => thrown,
    ),
  );
  expect(code(error)).toBe("ConnectTimeout");
  expect(machine.clock.now - startMs).toBe(15_000);
  await machine.live(S);
  expect(machine.clock.pendingCount).toBe(0);
});

// recipes TM-2
test("connect may wait for ever, until its signal ends it", async () => {
  const machine = new Machine();
  new ScriptedServer(machine).isDown = true;
  const abort = new AbortController();
  const options = { connectTotalTimeoutMs: Number.POSITIVE_INFINITY, signal: abort.signal };
  const connecting = connect("s1:2181", { ...options, host: machine });
  let settled = false;
  connecting.then(
    () => {},
    () => {
      settled = true;
    },
  );
  await machine.live(600_000);
  expect(settled).toBe(false);
  const reason = new Error("enough");
  abort.abort(reason);
  await expect(machine.until(connecting)).rejects.toBe(reason);
  expect(getEventListeners(abort.signal, "abort")).toEqual([]);
  expect(machine.clock.pendingCount).toBe(0);
});

test("connect refuses options and addresses that are not valid", async () => {
  const host = new Machine();
  for (const options of [{ lostFactor: 0.5 }, { sessionTimeoutMs: 0 }, { inFlightMax: -1 }]) {
    await expect(connect("a", { ...options, host })).rejects.toThrow("BadArguments");
  }
  await expect(connect("a:x", { host })).rejects.toThrow("BadArguments");
});

// recipes ST-12, T-CL-38
test("credentials that are refused end the client, and tell its closed signal", async () => {
  const room = await Room.open();
  room.server.onRequest = (request) => replies.refuse(request, "AuthFailed");
  const error = await room.failure(room.zk.addAuth({ scheme: "bogus", auth: "x" }));
  expect(code(error)).toBe("AuthFailed");
  expect(room.zk.state).toBe("closed");
  expect(room.zk.closed.aborted).toBe(true);
});

test("the operations return what the server said", async () => {
  const { zk, ...room } = await answering();
  const until = room.machine.until.bind(room.machine);
  const data = await until(zk.getData("/a"));
  expect(data.data?.toString()).toBe("d");
  expect(data.stat.czxid).toBe(9n);
  expect((await until(zk.getChildren("/a"))).children).toEqual(["x", "y"]);
  expect((await until(zk.exists("/a")))?.version).toBe(3);
  expect((await until(zk.setData("/a", null, { version: 3 }))).version).toBe(4);
  await until(zk.delete("/a", { version: 7 }));
  await until(zk.sync());
  await until(zk.barrier("/a"));
  const set = room.server.last(OpCode.setData);
  expect(readSetDataRequest(new Reader().reset(set.body))).toMatchObject({
    data: null,
    version: 3,
  });
  const deleted = room.server.last(OpCode.delete);
  expect(readVersionedRequest(new Reader().reset(deleted.body)).version).toBe(7);
});

test("a znode that is not there: undefined, a refusal, or nothing if one is quiet", async () => {
  const room = await Room.open();
  room.server.onRequest = (request) => replies.refuse(request, "NoNode");
  expect(await room.until(room.zk.exists("/a"))).toBeUndefined();
  const error = (await room.failure(room.zk.getData("/a"))) as ZooKeeperError;
  expect([error.code, error.path, error.operation]).toEqual(["NoNode", "/a", "getData"]);
  expect(code(await room.failure(room.zk.delete("/a")))).toBe("NoNode");
  await room.until(room.zk.delete("/a", { quiet: true }));
});

// recipes CL-56
test.each([
  "",
  "a",
  "/a/",
  "//",
  "/a//b",
  "/.",
  "/a/../b",
  "/\u0000",
  "/\u001f",
  "/\ud800",
  "/\ufff0",
])("%j is refused before anything is sent", async (path) => {
  const { zk, server, ...room } = await answering();
  const calls: (() => Promise<unknown>)[] = [
    () => zk.getData(path),
    () => zk.exists(path),
    () => zk.getChildren(path),
    () => zk.create(path),
    () => zk.setData(path, null),
    () => zk.delete(path),
    () => zk.delete(path, { guaranteed: true }),
    () => zk.getACL(path),
    () => zk.setACL(path, []),
    () => zk.sync(path),
    () => zk.watchOnce(path, "data"),
    () => zk.removeWatches(path, "data"),
    () => zk.transaction().check(path).commit(),
  ];
  for (const call of calls) {
    const error = await call().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(code(error)).toBe("BadArguments");
  }
  await room.machine.live(10);
  expect(server.requests).toEqual([]);
});

// recipes CL-54, T-CL-27, Trap 24, client-protocol 10.3
test("with a chroot every path is sent with it and comes back without it", async () => {
  const room = await answering({ chroot: "/app" });
  const { zk, server } = room;
  const heard: unknown[] = [];
  await room.until(zk.getData("/a", { watch: (outcome) => heard.push(outcome) }));
  await room.until(zk.exists("/"));
  server.onRequest = (request) => replies.created(request, `${pathOf(request)}0000000001`);
  const created = await room.until(zk.create("/a/n-", null, { mode: "persistent-sequential" }));
  expect(created.path).toBe("/a/n-0000000001");
  server.onRequest = answer;
  await room.until(zk.transaction().check("/a").delete("/b").commit());
  expect(server.requests.slice(0, 3).map(pathOf)).toEqual(["/app/a", "/app", "/app/a/n-"]);
  expect(multiOf(server.last(OpCode.multi)).map(({ request }) => request.path)).toEqual([
    "/app/a",
    "/app/b",
  ]);
  server.notify(EventType.nodeDeleted, "/app/a", 5);
  await room.live(5);
  expect(heard).toEqual([{ type: "deleted", path: "/a", zxid: 5n }]);
  server.onRequest = (request) => replies.refuse(request, "NoNode");
  expect(((await room.failure(zk.getData("/c"))) as ZooKeeperError).path).toBe("/c");
});

// recipes CL-70, CL-71
test("an aborted signal ends a call before it does anything", async () => {
  const room = await answering();
  const reason = new Error("no");
  const signal = AbortSignal.abort(reason);
  const { zk } = room;
  for (const call of [
    () => zk.getData("/a", { signal }),
    () => zk.create("/a", null, { signal, protect: true }),
    () => zk.setData("/a", null, { signal }),
    () => zk.delete("/a", { signal, guaranteed: true }),
    () => zk.transaction().check("/a").commit({ signal }),
    () => zk.addAuth({ scheme: "digest", auth: "u:p" }, { signal }),
    () => zk.watchOnce("/a", "data", { signal }),
  ]) {
    expect(await room.failure(call())).toBe(reason);
  }
  await room.live(10);
  expect(room.server.requests).toEqual([]);
});

// recipes CL-70, CL-72
test("an abort ends a call at once, with the signal's reason", async () => {
  const room = await Room.open();
  const abort = new AbortController();
  const read = room.zk.getData("/a", { signal: abort.signal });
  await room.live(5);
  const reason = new Error("changed my mind");
  abort.abort(reason);
  expect(await room.failure(read)).toBe(reason);
});

// recipes CL-74, T-CL-31, Trap 59
test("a signal used for many calls keeps no listener of any of them", async () => {
  const room = await answering();
  const { signal } = new AbortController();
  for (let round = 0; round < 20; round++) {
    const calls = Array.from({ length: 50 }, () => room.zk.exists("/a", { signal }));
    expect(getEventListeners(signal, "abort").length).toBe(1);
    await room.until(Promise.all(calls));
    expect(getEventListeners(signal, "abort")).toEqual([]);
  }
  room.server.onRequest = (request) => replies.refuse(request, "NoNode");
  await room.failure(room.zk.getData("/a", { signal }));
  await room.until(room.zk.exists("/a", { signal, watch: () => {}, watchSignal: signal }));
  await room.until(room.zk.removeWatches("/a", "data", { signal }).catch(() => {}));
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

// recipes CL-74
test("nor of a call that was refused at once", async () => {
  const room = await answering();
  const { signal } = new AbortController();
  await room.until(room.zk.close());
  expect(code(await room.failure(room.zk.exists("/a", { signal })))).toBe("Closed");
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

// recipes CL-61
test("watchOnce resolves with the event, or rejects with why there is none", async () => {
  const room = await answering();
  const event = room.zk.watchOnce("/a", "data");
  await room.live(5);
  room.server.notify(EventType.nodeDataChanged, "/a", 12);
  expect(await room.until(event)).toEqual({ type: "data-changed", path: "/a", zxid: 12n });

  const abort = new AbortController();
  const aborted = room.zk.watchOnce("/a", "children", { signal: abort.signal });
  await room.live(5);
  abort.abort(new Error("enough"));
  expect(await room.failure(aborted)).toBe(abort.signal.reason);

  const lost = room.zk.watchOnce("/a", "exists");
  await room.live(5);
  room.zk.resetSession();
  expect(code(await room.failure(lost))).toBe("SessionExpired");

  await room.live(1000);
  const closed = room.zk.watchOnce("/a", "exists");
  await room.live(5);
  const closing = room.zk.close();
  expect(code(await room.failure(closed))).toBe("Closed");
  await room.until(closing);
});

test("removeWatches cancels what is watched here, and refuses where nothing is", async () => {
  const room = await answering();
  const heard: string[] = [];
  await room.until(room.zk.getData("/a", { watch: ({ type }) => heard.push(type) }));
  await room.until(room.zk.removeWatches("/a", "data"));
  expect(heard).toEqual(["cancelled"]);
  expect(room.server.ofType(OpCode.removeWatches).length).toBe(1);
  expect(code(await room.failure(room.zk.removeWatches("/a", "data")))).toBe("NoWatcher");
});

// recipes CL-91, CL-92, T-CL-33, Trap 48, client-protocol 7/op k fails
test("a refused transaction names the operation that failed", async () => {
  const room = await Room.open();
  room.script((request) => replies.multiRefused(request, [0, -103, -2]));
  const commit = room.zk.transaction().check("/a").setData("/b", null, 3).delete("/c").commit();
  const error = (await room.failure(commit)) as ZooKeeperError;
  expect([error.code, error.failedIndex, error.path]).toEqual(["BadVersion", 1, "/b"]);
  expect(error.results).toEqual(["Ok", "BadVersion", "RuntimeInconsistency"]);
});

// recipes CL-91
test("one that blames nobody is a runtime inconsistency", async () => {
  const room = await Room.open();
  room.script((request) => replies.multiRefused(request, [-2, -2]));
  const commit = room.zk.transaction().check("/a").check("/b").commit();
  const error = (await room.failure(commit)) as ZooKeeperError;
  expect([error.code, error.failedIndex]).toEqual(["RuntimeInconsistency", undefined]);
});

// recipes CL-92, FT-7, T-CL-33, Trap 35
test("a guarded transaction checks the claim's znode first, in any version", async () => {
  const room = await answering();
  const claim = room.zk.hold("/lock");
  const results = await room.until(
    room.zk.transaction().guardedBy(claim).delete("/a").delete("/b").commit(),
  );
  expect(results).toEqual([undefined, undefined]);
  expect(multiOf(room.server.last(OpCode.multi))[0]).toEqual({
    type: OpCode.check,
    request: { path: "/lock", version: -1 },
  });
});

// recipes CL-92, T-CL-33
test("and is the end of the claim when that check fails", async () => {
  const room = await Room.open();
  const claim = room.zk.hold("/lock");
  room.script((request) => replies.multiRefused(request, [-101, -2]));
  const error = await room.failure(room.zk.transaction().guardedBy(claim).delete("/a").commit());
  expect(code(error)).toBe("NotHeld");
  expect((error as ZooKeeperError).results).toEqual(["RuntimeInconsistency"]);
  expect(claim.signal.reason).toBe(error);
});

// recipes CL-92
test("but not when another operation fails", async () => {
  const room = await Room.open();
  const claim = room.zk.hold("/lock");
  room.script((request) => replies.multiRefused(request, [0, -101]));
  const commit = room.zk.transaction().guardedBy(claim).delete("/a").commit();
  const error = (await room.failure(commit)) as ZooKeeperError;
  expect([error.code, error.failedIndex, error.path]).toEqual(["NoNode", 0, "/a"]);
  expect(claim.isHeld()).toBe(true);
});

// recipes CL-90
test("a builder can be continued in two ways, and an empty transaction is one", async () => {
  const room = await answering();
  const common = room.zk.transaction().check("/a");
  await room.until(common.delete("/b").commit());
  await room.until(common.delete("/c").commit());
  await room.until(room.zk.transaction().commit());
  const [first, second, empty] = room.server.ofType(OpCode.multi).map(multiOf);
  expect(first?.map(({ request }) => request.path)).toEqual(["/a", "/b"]);
  expect(second?.map(({ request }) => request.path)).toEqual(["/a", "/c"]);
  expect(empty).toEqual([]);
});

// recipes CL-85, CL-84, CL-82, T-CL-32, Trap 58
test("listeners that throw or reject stop nobody, and nothing is emitted as error", async () => {
  const room = await answering();
  const order: string[] = [];
  room.zk.on("state", () => {
    throw new Error("thrown");
  });
  room.zk.on("state", async () => {
    await Promise.resolve();
    throw new Error("rejected");
  });
  room.zk.on("state", ({ state }) => order.push(state));
  room.zk.on("backgroundError", () => {
    throw new Error("even here");
  });
  room.server.reset();
  await room.live(1000);
  expect(order).toEqual(["suspended", "reconnected"]);
  expect(room.backgroundErrors.map((error) => (error as Error).message)).toEqual([
    "thrown",
    "rejected",
    "thrown",
    "rejected",
  ]);
});

// recipes CL-5
test("recipes hear of a state before listeners of users do, whenever they registered", async () => {
  const room = await answering();
  const order: string[] = [];
  room.zk.on("state", ({ state }) => order.push(`user ${state}`));
  const recipe = ({ state }: { state: string }): void => void order.push(`recipe ${state}`);
  room.zk.on("transition", recipe);
  room.server.reset();
  await room.live(0.6);
  room.zk.off("transition", recipe);
  await room.live(1000);
  expect(order).toEqual(["recipe suspended", "user suspended", "user reconnected"]);
});

// recipes CL-4
test("a state that a listener causes is told when all have heard the one before", async () => {
  const room = await answering();
  const order: string[] = [];
  room.zk.on("state", ({ state }) => {
    if (state === "suspended") room.zk.resetSession();
  });
  room.zk.on("state", ({ state }) => order.push(state));
  room.server.stop();
  await room.live(1000);
  expect(order).toEqual(["suspended", "lost"]);
});

// recipes CL-77, CL-78, CL-130, Trap 61
test("a client is closed once, however often it is asked to, and never rejects", async () => {
  const room = await answering();
  const { zk } = room;
  const closing = zk.close();
  expect(zk.close()).toBe(closing);
  expect(zk[Symbol.asyncDispose]()).toBe(closing);
  await room.until(closing);
  expect(room.server.goodbyes).toEqual([1]);
  expect(code(await room.failure(zk.getData("/a")))).toBe("Closed");
  expect(zk.sessionId).toBe(0n);
});

// recipes T-CL-39, CL-83
test("a close settles whatever is under way, and no timer is left", async () => {
  const room = await Room.open();
  const { zk } = room;
  const claim = zk.hold("/lock");
  const calls: Promise<unknown>[] = [
    zk.getData("/a"),
    zk.create("/a/b-", null, { mode: "ephemeral-sequential", protect: true, parents: "container" }),
    zk.transaction().check("/a").commit(),
    zk.delete("/locks/x", { guaranteed: true }),
    zk.addAuth({ scheme: "digest", auth: "u:p" }),
    zk.watchOnce("/a", "data"),
  ];
  const outcomes = calls.map((call) => call.then(() => "done", code));
  await room.live(5);
  room.server.isSilent = true;
  const closing = zk.close({ timeoutMs: 1000 });
  expect(claim.signal.aborted).toBe(true);
  await room.until(closing);
  expect(await room.until(Promise.all(outcomes))).toEqual(calls.map(() => "Closed"));
  await room.live(20_000);
  expect(room.machine.clock.pendingCount).toBe(0);
  expect(room.backgroundErrors).toEqual([]);
});

// recipes CL-8
test("a client whose session expired goes on as the same object", async () => {
  const room = await answering();
  const before: bigint = room.zk.sessionId;
  room.server.sessions.clear();
  room.server.reset();
  await room.live(1000);
  expect(room.zk.sessionId).not.toBe(before);
  expect((await room.until(room.zk.getData("/a"))).data?.toString()).toBe("d");
});

// recipes A.3
test("warnings reach their listeners, and a logger", async () => {
  const lines: string[] = [];
  const log = (_: object, message: string): void => void lines.push(message);
  const logger = { debug: log, info: log, warn: log, error: log };
  const room = await Room.open({ logger, serverTickTimeMs: 4000 });
  expect(lines.some((line) => line.includes("below 6 ticks"))).toBe(true);
  expect(lines).toContain("session connected");
  const zk: Client = room.zk;
  expect(zk.sessionTimeoutMs).toBe(S);
});
