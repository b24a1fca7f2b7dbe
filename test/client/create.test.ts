import { expect, test } from "vitest";
import { isZooKeeperError } from "../../client/index.ts";
import { Reader } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { readCreateRequest } from "../../protocol/proto.ts";
import { Room } from "./room.ts";
import { pathOf, type Received, replies } from "./scripted-server.ts";

const S = 12_000;

const PROTECTED =
  /^\/locks\/_c_[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}-lock-$/;

const protectedLock = { mode: "ephemeral-sequential", protect: true } as const;

/** What a server makes of a sequential create; `owner` is the session that sent it. */
function created(request: Received): void {
  const owner = request.connection.session;
  replies.created(request, `${pathOf(request)}0000000007`, { czxid: 300, ownerLow: owner });
}

/** The create took effect and its answer is lost, with the connection. */
function loseAnswer(room: Room): (request: Received) => void {
  return (request) => {
    room.server.reset();
    lostPaths.set(room, `${pathOf(request)}0000000007`);
  };
}

const lostPaths = new WeakMap<Room, string>();

/** The znode of the lost answer, by its name. */
function lostName(room: Room): string {
  return (lostPaths.get(room) ?? "").split("/").at(-1) ?? "";
}

function types(room: Room): number[] {
  return room.server.requests.map(({ type }) => type);
}

// recipes A.7/P2
test("a protected name is _c_, a random uuid, a dash and the name", async () => {
  const room = await Room.open();
  room.script(created);
  const result = await room.until(room.zk.create("/locks/lock-", null, protectedLock));
  const asked = pathOf(room.server.last(OpCode.create2));
  expect(asked).toMatch(PROTECTED);
  expect(result.path).toBe(`${asked}0000000007`);
  expect(result.stat.czxid).toBe(300n);
  expect(result.sessionId).toBe(room.zk.sessionId);
});

// recipes CL-30, T-CL-18, Trap 15
test("a lost answer is looked for behind a barrier, and the znode is found, not made again", async () => {
  const room = await Room.open();
  room.script(
    loseAnswer(room),
    (barrier) => replies.multi(barrier),
    (list) => replies.children(list, ["other-0000000001", lostName(room)]),
    (stat) => replies.stat(stat, { czxid: 300, ownerLow: 1 }),
  );
  const result = await room.until(room.zk.create("/locks/lock-", null, protectedLock));
  expect(types(room)).toEqual([OpCode.create2, OpCode.multi, OpCode.getChildren2, OpCode.exists]);
  expect(result.path).toBe(`/locks/${lostName(room)}`);
  expect(result.stat.czxid).toBe(300n);
});

// recipes T-CL-18
test("so it is under the root", async () => {
  const room = await Room.open();
  room.script(
    loseAnswer(room),
    (barrier) => replies.multi(barrier),
    (list) => replies.children(list, [lostName(room)]),
    (stat) => replies.stat(stat, { ownerLow: 1 }),
  );
  const result = await room.until(room.zk.create("/lock-", null, protectedLock));
  expect(result.path).toBe(`/${lostName(room)}`);
});

// recipes A.7/P5a
test("when it is not there the create is repeated under the same name", async () => {
  const room = await Room.open();
  room.script(
    () => room.server.reset(),
    (barrier) => replies.multiRefused(barrier, [-101]),
    (list) => replies.children(list, []),
    created,
  );
  await room.until(room.zk.create("/locks/lock-", null, protectedLock));
  const names = room.server.ofType(OpCode.create2).map(pathOf);
  expect(names.length).toBe(2);
  expect(new Set(names).size).toBe(1);
});

// recipes CL-33, T-CL-19, Trap 13, Trap 14
test("a znode of an older session is never adopted: another name is used", async () => {
  const room = await Room.open();
  room.server.onRequest = (request) => {
    if (request.type === OpCode.create2 && lostName(room) === "") {
      room.server.sessions.clear();
      loseAnswer(room)(request);
    } else if (request.type === OpCode.multi) replies.multi(request);
    else if (request.type === OpCode.getChildren2) replies.children(request, [lostName(room)]);
    else if (request.type === OpCode.exists) replies.stat(request, { ownerLow: 1 });
    else if (request.type === OpCode.create2) created(request);
  };
  const result = await room.until(room.zk.create("/locks/lock-", null, protectedLock));
  expect(result.sessionId).toBe(room.zk.sessionId);
  expect(result.sessionId).toBe(2n);
  expect(result.path).not.toContain(lostName(room));
});

// recipes CL-31
test("a create of which no byte was written is looked for nowhere", async () => {
  const room = await Room.open();
  room.server.stop();
  await room.live(10);
  room.script(created);
  const creating = room.zk.create("/locks/lock-", null, protectedLock);
  await room.live(500);
  room.server.start();
  await room.until(creating);
  expect(types(room)).toEqual([OpCode.create2]);
});

// recipes T-CL-22, A.7/P7, CL-32
test("a caller that leaves after the write leaves no znode behind", async () => {
  const room = await Room.open();
  const abort = new AbortController();
  const reason = new Error("not any more");
  let name = "";
  room.script(
    (create) => {
      name = `${pathOf(create)}0000000007`.split("/").at(-1) ?? "";
      abort.abort(reason);
    },
    (barrier) => replies.multi(barrier),
    (list) => replies.children(list, [name]),
    (remove) => replies.nothing(remove),
  );
  const creating = room.zk.create("/locks/lock-", null, { ...protectedLock, signal: abort.signal });
  expect(await room.failure(creating)).toBe(reason);
  const sent = room.server.last(OpCode.create2);
  sent.connection.answer(sent, 0, () => {});
  await room.live(1000);
  expect(types(room).slice(1)).toEqual([OpCode.multi, OpCode.getChildren2, OpCode.delete]);
  expect(pathOf(room.server.last(OpCode.delete))).toBe(`/locks/${name}`);
});

// recipes T-CL-21, A.7/P7
test("a create whose time is over is cleaned up after the reconnect", async () => {
  const room = await Room.open();
  room.script(loseAnswer(room));
  const creating = room.zk.create("/locks/lock-", null, { ...protectedLock, timeoutMs: 300 });
  await room.live(1);
  room.server.stop();
  const error = await room.failure(creating);
  expect(isZooKeeperError(error, "Timeout")).toBe(true);
  room.server.onRequest = (request) => {
    if (request.type === OpCode.multi) replies.multi(request);
    else if (request.type === OpCode.getChildren2) replies.children(request, [lostName(room)]);
    else if (request.type === OpCode.delete) replies.nothing(request);
  };
  room.server.start();
  await room.live(2000);
  expect(pathOf(room.server.last(OpCode.delete))).toBe(`/locks/${lostName(room)}`);
});

// recipes T-CL-23
test("two creates with the same options object have two names", async () => {
  const room = await Room.open();
  room.server.onRequest = created;
  await room.until(room.zk.create("/locks/lock-", null, protectedLock));
  await room.until(room.zk.create("/locks/lock-", null, protectedLock));
  expect(new Set(room.server.ofType(OpCode.create2).map(pathOf)).size).toBe(2);
});

// recipes A.6/create sequential (any)
test("an unprotected create is never repeated", async () => {
  const room = await Room.open();
  room.script(() => room.server.reset());
  const mode = "persistent-sequential";
  const error = await room.failure(room.zk.create("/q/item-", null, { mode }));
  expect(isZooKeeperError(error, "ConnectionLoss") && error.ambiguous).toBe(true);
  await room.live(2000);
  expect(types(room)).toEqual([OpCode.create2]);
});

// recipes CL-50, CL-51, A.7/P3
test("missing parents are made only when they are found missing, as containers, downwards", async () => {
  const room = await Room.open();
  const tree = new Set<string>(["/"]);
  room.server.onRequest = (request) => {
    const path = pathOf(request);
    const parent = path.slice(0, path.lastIndexOf("/")) || "/";
    if (!tree.has(parent)) return replies.refuse(request, "NoNode");
    tree.add(path);
    replies.created(request, path);
  };
  await room.until(room.zk.create("/a/b/c/d", null, { parents: "container" }));
  const made = room.server.requests.map((request) => [request.type, pathOf(request)]);
  expect(made).toEqual([
    [OpCode.create2, "/a/b/c/d"],
    [OpCode.createContainer, "/a/b/c"],
    [OpCode.createContainer, "/a/b"],
    [OpCode.createContainer, "/a"],
    [OpCode.createContainer, "/a/b"],
    [OpCode.createContainer, "/a/b/c"],
    [OpCode.create2, "/a/b/c/d"],
  ]);
});

// recipes T-CL-26
test("ancestors need not be readable, and those that are there already are no failure", async () => {
  const room = await Room.open();
  room.script(
    (create) => replies.refuse(create, "NoNode"),
    (parent) => replies.refuse(parent, "NodeExists"),
    (create) => replies.created(create, "/a/b"),
  );
  await room.until(room.zk.create("/a/b", null, { parents: "persistent" }));
  expect(types(room)).toEqual([OpCode.create2, OpCode.create2, OpCode.create2]);
});

// recipes CL-52, T-CL-25, Trap 21
test("a parent that is reaped again and again is made again, ten times and no more", async () => {
  const room = await Room.open();
  room.server.onRequest = (request) => {
    if (request.type === OpCode.createContainer) replies.created(request, pathOf(request));
    else replies.refuse(request, "NoNode");
  };
  const error = await room.failure(room.zk.create("/a/b", null, { parents: "container" }));
  expect(isZooKeeperError(error, "NoNode")).toBe(true);
  expect(room.server.ofType(OpCode.createContainer).length).toBe(10);
});

// recipes CL-51, Trap 22
test("a server without containers gets persistent parents, and is not asked again in this session", async () => {
  const room = await Room.open();
  const tree = new Set<string>(["/"]);
  room.server.onRequest = (request) => {
    const path = pathOf(request);
    const parent = path.slice(0, path.lastIndexOf("/")) || "/";
    if (request.type === OpCode.createContainer) return replies.refuse(request, "Unimplemented");
    if (!tree.has(parent)) return replies.refuse(request, "NoNode");
    tree.add(path);
    replies.created(request, path);
  };
  await room.until(room.zk.create("/a/b", null, { parents: "container" }));
  await room.until(room.zk.create("/c/d", null, { parents: "container" }));
  expect(room.server.ofType(OpCode.createContainer).length).toBe(1);
});

// recipes CL-50
test("a parent whose answer was lost is asked for again: it may be there", async () => {
  const room = await Room.open();
  room.script(
    (create) => replies.refuse(create, "NoNode"),
    () => room.server.reset(),
    (parent) => replies.refuse(parent, "NodeExists"),
    (create) => replies.created(create, "/a/b"),
  );
  const { path } = await room.until(room.zk.create("/a/b", null, { parents: "persistent" }));
  expect(path).toBe("/a/b");
});

test("data, ACL and flags are what the caller gave; null and empty data are two things", async () => {
  const room = await Room.open({ acl: [{ permissions: 1, scheme: "world", id: "anyone" }] });
  room.server.onRequest = (request) => replies.created(request, pathOf(request));
  await room.until(room.zk.create("/a"));
  await room.until(room.zk.create("/b", null, { mode: "ephemeral", acl: [] }));
  await room.until(
    room.zk.create("/c/", new Uint8Array([1, 2]), { mode: "persistent-sequential" }),
  );
  const asked = room.server.requests.map(({ body }) => readCreateRequest(new Reader().reset(body)));
  expect(asked).toEqual([
    {
      path: "/a",
      data: Buffer.alloc(0),
      acl: [{ perms: 1, id: { scheme: "world", id: "anyone" } }],
      flags: 0,
    },
    { path: "/b", data: null, acl: [], flags: 1 },
    { path: "/c/", data: Buffer.from([1, 2]), acl: asked[0]?.acl, flags: 2 },
  ]);
});

// recipes CL-40, T-CL-24, CL-41, Trap 16
test("a guaranteed delete of a fixed name spares a znode that took its place", async () => {
  const room = await Room.open();
  const answers: ((request: Received) => void)[] = [
    (exists) => replies.stat(exists, { czxid: 10, version: 3 }),
    () => room.server.reset(),
    (exists) => replies.stat(exists, { czxid: 20, version: 3 }),
  ];
  room.script(...answers);
  await room.until(room.zk.delete("/service/me", { guaranteed: true }));
  expect(types(room)).toEqual([OpCode.exists, OpCode.delete, OpCode.exists]);
});

// recipes CL-40, CL-41
test("a guaranteed delete of a protected name goes on until the znode is gone", async () => {
  const room = await Room.open();
  const name = "/locks/_c_39131ec8-e623-4b63-b21a-fb288310e6c9-lock-0000000001";
  room.script(
    () => room.server.reset(),
    () => room.server.reset(),
    (remove) => replies.refuse(remove, "NoNode"),
  );
  await room.until(room.zk.delete(name, { guaranteed: true, timeoutMs: Number.POSITIVE_INFINITY }));
  expect(types(room)).toEqual([OpCode.delete, OpCode.delete, OpCode.delete]);
});

// recipes CL-40, CL-42
test("it outlives its caller's patience, and the session", async () => {
  const room = await Room.open();
  const name = "/locks/_c_39131ec8-e623-4b63-b21a-fb288310e6c9-lock-0000000001";
  room.server.stop();
  await room.live(10);
  await room.until(room.zk.delete(name, { guaranteed: true, wait: "queued" }));
  const error = await room.failure(room.zk.delete(name, { guaranteed: true, timeoutMs: 100 }));
  expect(isZooKeeperError(error, "Timeout")).toBe(true);
  await room.live(2 * S);
  expect(room.zk.state).toBe("lost");
  room.server.onRequest = (request) => replies.nothing(request);
  room.server.start();
  await room.live(6000);
  expect(room.server.ofType(OpCode.delete).length).toBe(2);
  expect(room.backgroundErrors).toEqual([]);
});

test("a guaranteed delete that is refused says so, to its caller or in the background", async () => {
  const room = await Room.open();
  const name = "/locks/_c_39131ec8-e623-4b63-b21a-fb288310e6c9-lock-0000000001";
  room.server.onRequest = (request) => replies.refuse(request, "NotEmpty");
  const error = await room.failure(room.zk.delete(name, { guaranteed: true }));
  expect(isZooKeeperError(error, "NotEmpty")).toBe(true);
  await room.until(room.zk.delete(name, { guaranteed: true, wait: "queued" }));
  await room.live(10);
  expect(room.backgroundErrors.map((failure) => isZooKeeperError(failure, "NotEmpty"))).toEqual([
    true,
  ]);
});
