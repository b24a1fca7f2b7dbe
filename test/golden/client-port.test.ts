import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FrameSplitter } from "../../protocol/frames.ts";
import { JuteError, MAX_BUFFER_DEFAULT } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { sessionPassword } from "../../protocol/password.ts";
import { conversation, type Message, type Said } from "./conversation.ts";
import { formatGolden, goldenFile, readGolden } from "./golden-file.ts";

const RELEASE = "3.8.0";
const OPEN = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];

/** Requests that are no record, as their names say. */
const MALFORMED: ReadonlySet<string> = new Set([
  "getData-MarshallingError",
  "multi-MarshallingError",
]);

const steps: readonly string[] = readdirSync(
  new URL(`./zookeeper-${RELEASE}/client-port`, import.meta.url),
).map((name) => name.replace(/\.txt$/, ""));

function messages(step: string): readonly Message[] {
  return [...conversation(readGolden(RELEASE, step))];
}

function said(step: string): readonly Said[] {
  return messages(step).map((message) => message.said);
}

/** The body of the only request or reply of a step, its handshake left out. */
function body(step: string, kind: "request" | "reply"): unknown {
  const [only, ...others] = said(step).filter((message) => message.kind === kind);
  expect(others).toEqual([]);
  return only !== undefined && "body" in only ? only.body : undefined;
}

/** The code of a step's last reply. */
function err(step: string): number | undefined {
  const last = said(step).findLast((message) => message.kind === "reply");
  return last?.header.err;
}

// client-protocol 1/record, 5
describe("what Apache ZooKeeper sends is read and written again byte for byte", () => {
  for (const step of steps.filter((name) => !MALFORMED.has(name))) {
    test(step, () => {
      for (const { captured, written } of messages(step)) {
        expect(written.toString("hex")).toBe(captured.toString("hex"));
      }
    });
  }
});

// client-protocol 2
test("each captured stream is cut into its frames", () => {
  for (const step of steps) {
    const { frames } = readGolden(RELEASE, step);
    const bodies: string[] = [];
    const splitter = new FrameSplitter(
      MAX_BUFFER_DEFAULT,
      (bytes, start, end) => bodies.push(bytes.toString("hex", start, end)),
      (length) => expect.unreachable(`${step}: a length of ${length}`),
    );
    splitter.push(Buffer.concat(frames.map(({ bytes }) => bytes)));
    expect(bodies).toEqual(frames.map(({ bytes }) => bytes.toString("hex", 4)));
  }
});

test("a golden is written as it is read", () => {
  for (const step of steps) {
    const golden = readGolden(RELEASE, step);
    expect([...golden.provenance.keys()]).toEqual(["release", "captured", "client"]);
    expect(formatGolden(golden)).toBe(readFileSync(goldenFile(RELEASE, step), "utf8"));
  }
});

test("every operation has a request and a reply here", () => {
  const requests = new Set<number>();
  const replies = new Set<number>();
  for (const step of steps.filter((name) => !MALFORMED.has(name))) {
    const types = new Map<number, number>();
    for (const message of said(step)) {
      if (message.kind === "request") {
        requests.add(message.header.type);
        types.set(message.header.xid, message.header.type);
      } else if (message.kind === "reply" && message.header.err === 0) {
        const type = types.get(message.header.xid);
        if (type !== undefined) replies.add(type);
      }
    }
  }
  for (const name of [
    "create",
    "create2",
    "createContainer",
    "delete",
    "exists",
    "getData",
    "setData",
    "getChildren",
    "getChildren2",
    "getACL",
    "setACL",
    "sync",
    "ping",
    "multi",
    "auth",
    "setWatches",
    "setWatches2",
    "checkWatches",
    "removeWatches",
    "closeSession",
  ] as const) {
    expect(requests, name).toContain(OpCode[name]);
    expect(replies, name).toContain(OpCode[name]);
  }
});

// client-protocol 3.2/readOnly, 3.3/readOnly, 3.3/passwd, Trap 1
test("a handshake with and one without the last byte", () => {
  for (const [step, length, readOnly] of [
    ["connect", 45, false],
    ["connect-without-readOnly", 44, undefined],
  ] as const) {
    const [request, response] = messages(step);
    expect(request?.captured).toHaveLength(length);
    expect(response?.captured).toHaveLength(length - 8);
    if (request?.said.kind !== "connect" || response?.said.kind !== "connected") {
      return expect.unreachable();
    }
    expect(request.said.request).toMatchObject({ sessionHigh: 0, sessionLow: 0, readOnly });
    expect(request.said.request.password).toEqual(Buffer.alloc(16));
    expect(response.said.response.timeoutMs).toBe(request.said.request.timeoutMs);
    expect(response.said.response.readOnly).toBe(readOnly);
  }
});

// client-protocol 3.7
test("every session's password is the one that we compute", () => {
  let sessions = 0;
  for (const step of steps.filter((name) => !MALFORMED.has(name))) {
    for (const message of said(step)) {
      if (message.kind !== "connected" || message.response.timeoutMs === 0) continue;
      const { sessionHigh, sessionLow, password } = message.response;
      expect(password).toEqual(sessionPassword(sessionHigh, sessionLow));
      sessions++;
    }
  }
  expect(sessions).toBeGreaterThan(10);
});

// client-protocol 3.2/passwd
test("a null password makes a session like any other", () => {
  const [request, response] = said("connect-password-null");
  expect(request).toMatchObject({ request: { password: null } });
  expect(response?.kind === "connected" && response.response.timeoutMs).toBeGreaterThan(0);
});

// client-protocol 3.3/timeOut, 3.3/sessionId, Trap 2
test("a session that is over is answered with zeros", () => {
  for (const step of ["connect-expired", "connect-unknown-session"]) {
    expect(said(step).at(-1)).toEqual({
      kind: "connected",
      response: {
        protocolVersion: 0,
        timeoutMs: 0,
        sessionHigh: 0,
        sessionLow: 0,
        password: Buffer.alloc(16),
        readOnly: false,
      },
    });
  }
});

// client-protocol 6/1 create, Trap 13
test("create: data of some bytes, of none, and null", () => {
  const request = { acl: OPEN, flags: 0 };
  expect(body("create", "request")).toEqual({ ...request, path: "/a", data: Buffer.from("one") });
  expect(body("create-data-empty", "request")).toEqual({
    ...request,
    path: "/empty",
    data: Buffer.alloc(0),
  });
  expect(body("create-data-null", "request")).toEqual({ ...request, path: "/null", data: null });
  expect(body("create", "reply")).toEqual({ path: "/a" });
  expect(body("create-sequential", "reply")).toEqual({ path: "/a/s-0000000000" });
  expect(body("create-unicode", "reply")).toEqual({ path: "/zwölf-十二" });
});

// client-protocol 5/0 PERSISTENT, 5/1 EPHEMERAL, 5/2 PERSISTENT_SEQUENTIAL, 5/4 CONTAINER
test("create: the flags tell the kinds of znode apart", () => {
  for (const [step, flags] of [
    ["create", 0],
    ["create-ephemeral", 1],
    ["create-sequential", 2],
    ["createContainer", 4],
  ] as const) {
    expect(body(step, "request")).toMatchObject({ flags });
  }
});

// client-protocol 5/ACL, 5/Id
test("create: an ACL of several entries, and one of none, empty or null", () => {
  expect(body("create-acls", "request")).toMatchObject({
    acl: [
      { perms: 1, id: { scheme: "world", id: "anyone" } },
      { perms: 31, id: { scheme: "digest", id: "user:+xGx0cg6uTCuO2MVSWNtyATTkSY=" } },
      { perms: 31, id: { scheme: "ip", id: "127.0.0.1" } },
    ],
  });
  expect(body("create-InvalidACL-empty", "request")).toMatchObject({ acl: [] });
  expect(body("create-InvalidACL-null", "request")).toMatchObject({ acl: null });
});

// client-protocol 6/15 create2, 6/19 createContainer
test("create2, createContainer: the path, then the Stat", () => {
  for (const [step, path] of [
    ["create2", "/stat"],
    ["createContainer", "/box"],
  ] as const) {
    expect(body(step, "reply")).toMatchObject({ path, stat: { version: 0, dataLength: 1 } });
  }
});

// client-protocol 6/3 exists, 5/Stat
test("exists: a Stat, an ephemeral's with its session", () => {
  const [, connected] = said("connect");
  if (connected?.kind !== "connected") return expect.unreachable();
  const { sessionHigh, sessionLow } = connected.response;
  expect(body("exists-ephemeral", "reply")).toMatchObject({
    ownerHigh: sessionHigh,
    ownerLow: sessionLow,
    dataLength: 1,
  });
  expect(body("exists", "reply")).toMatchObject({ ownerHigh: 0, ownerLow: 0, numChildren: 1 });
  expect(body("exists-empty-path", "reply")).toMatchObject({ czxid: 0, ctime: 0 });
});

// client-protocol 6/4 getData, 1/buffer
test("getData: data of some bytes, of none, and null", () => {
  expect(body("getData", "reply")).toMatchObject({ data: Buffer.from("one") });
  expect(body("getData-empty", "reply")).toMatchObject({ data: Buffer.alloc(0) });
  expect(body("getData-null", "reply")).toMatchObject({ data: null, stat: { dataLength: 0 } });
});

// client-protocol 6/5 setData
test("setData: data of some bytes, of none, and null, each a version", () => {
  for (const [step, data, version] of [
    ["setData", Buffer.from("two"), 1],
    ["setData-empty", Buffer.alloc(0), 2],
    ["setData-null", null, 3],
  ] as const) {
    expect(body(step, "request")).toMatchObject({ path: "/a", data });
    expect(body(step, "reply")).toMatchObject({ version, dataLength: data?.length ?? 0 });
  }
});

// client-protocol 6/8 getChildren, 6/12 getChildren2
test("getChildren, getChildren2: names, and none", () => {
  expect(body("getChildren", "reply")).toEqual({ children: ["s-0000000000"] });
  expect(body("getChildren-none", "reply")).toEqual({ children: [] });
  expect(body("getChildren2", "reply")).toMatchObject({
    children: ["s-0000000000"],
    stat: { numChildren: 1 },
  });
  expect(body("getChildren2-none", "reply")).toMatchObject({
    children: [],
    stat: { numChildren: 0 },
  });
});

// client-protocol 6/6 getACL, 6/7 setACL
test("getACL, setACL: entries and a Stat", () => {
  expect(body("getACL", "request")).toEqual({ path: "/acls" });
  expect(body("getACL", "reply")).toMatchObject({ acl: [{ perms: 1 }, {}, {}], stat: {} });
  expect(body("setACL", "request")).toEqual({
    path: "/empty",
    acl: [{ perms: 1, id: { scheme: "world", id: "anyone" } }],
    version: 0,
  });
  expect(body("setACL", "reply")).toMatchObject({ aversion: 1, version: 0 });
});

// client-protocol 6/9 sync, Trap 13
test("sync: its path comes back, empty and null too", () => {
  for (const [step, path] of [
    ["sync", "/a"],
    ["sync-empty", ""],
    ["sync-null", null],
  ] as const) {
    expect(body(step, "request")).toEqual({ path });
    expect(body(step, "reply")).toEqual({ path });
  }
});

// client-protocol 6/2 delete
test("delete: a path and a version, answered by a header alone", () => {
  expect(body("delete", "request")).toEqual({ path: "/null", version: 0 });
  expect(messages("delete").at(-1)?.captured).toHaveLength(16);
});

// client-protocol 7/1 create, 7/15, 7/2 delete, 7/5 setData, 7/13 check, 7/all succeed, 6/13 check
test("multi: each result has its operation's type", () => {
  expect(body("multi", "request")).toEqual([
    { type: 1, request: { path: "/m", data: Buffer.from("m"), acl: OPEN, flags: 0 } },
    { type: 5, request: { path: "/m", data: Buffer.from("mm"), version: 0 } },
    { type: 13, request: { path: "/m", version: 1 } },
    { type: 1, request: { path: "/m/null", data: null, acl: OPEN, flags: 0 } },
    { type: 2, request: { path: "/m/null", version: -1 } },
    { type: 19, request: { path: "/m/box", data: Buffer.alloc(0), acl: OPEN, flags: 4 } },
  ]);
  expect(body("multi", "reply")).toMatchObject([
    { type: 1, path: "/m" },
    { type: 5, stat: { version: 1, dataLength: 2 } },
    { type: 13 },
    { type: 1, path: "/m/null" },
    { type: 2 },
    { type: 15, path: "/m/box", stat: { version: 0 } },
  ]);
});

// client-protocol 7/op k fails, 7/-1 any failure, Trap 5
test("multi: a failed one has err 0 in its header and a code for each operation", () => {
  expect(err("multi-failed")).toBe(0);
  expect(body("multi-failed", "reply")).toEqual([
    { type: -1, err: 0 },
    { type: -1, err: -103 },
    { type: -1, err: -2 },
  ]);
});

// client-protocol 7/empty multi
test("multi: one without operations has no results", () => {
  expect(body("multi-empty", "request")).toEqual([]);
  expect(body("multi-empty", "reply")).toEqual([]);
});

// client-protocol 7
test("multi: this release answers create2 as create, without a Stat", () => {
  expect(body("multi-create2", "request")).toMatchObject([{ type: 15 }]);
  expect(body("multi-create2", "reply")).toEqual([{ type: 1, path: "/tm2" }]);
});

// client-protocol 6/100 auth, 5/AuthPacket, 4/-4 both, 4/auth / SASL reply, Trap 6
test("auth: the reply has the request's xid and the zxid 0", () => {
  for (const [step, xid] of [
    ["auth", -4],
    ["auth-xid", -4],
    ["auth-ordinary-xid", 5],
    ["auth-AuthFailed", -4],
  ] as const) {
    const reply = said(step).find((message) => message.kind === "reply");
    expect(reply?.header).toEqual({ xid, zxid: 0, err: step === "auth-AuthFailed" ? -115 : 0 });
  }
  expect(said("auth")[0]).toMatchObject({
    body: { type: 0, scheme: "digest", auth: Buffer.from("user:secret") },
  });
  expect(body("auth-AuthFailed", "request")).toEqual({ type: 0, scheme: "none", auth: null });
});

// client-protocol 6/11 ping, 4/-2 both, Trap 7
test("ping: the reply has the xid of pings, whatever was asked with", () => {
  expect(said("ping")).toContainEqual({
    kind: "request",
    header: { xid: -2, type: 11 },
    body: undefined,
  });
  for (const step of ["ping", "ping-other-xid"]) {
    expect(said(step).at(-1)).toMatchObject({ kind: "reply", header: { xid: -2, err: 0 } });
  }
});

// client-protocol 8, 5/WatcherEvent, 4/-1 server to client, Trap 11
test("events: state 3, before the reply to the write that they tell", () => {
  for (const [step, type, path] of [
    ["event-NodeCreated", 1, "/w"],
    ["event-NodeDeleted", 2, "/w/c"],
    ["event-NodeDataChanged", 3, "/w"],
    ["event-NodeChildrenChanged", 4, "/w"],
  ] as const) {
    const [, event, reply] = said(step);
    expect(event).toEqual({
      kind: "event",
      // Later releases put the txn's zxid here.
      header: { xid: -1, zxid: -1, err: 0 },
      body: { type, state: 3, path },
    });
    expect(reply?.kind).toBe("reply");
  }
});

// client-protocol 6/101 setWatches, 6/105 setWatches2, 4/-8 both
test("setWatches, setWatches2: after the credentials, with all that was seen", () => {
  const [, connected, auth, watches] = said("setWatches");
  expect(connected).toMatchObject({ kind: "connected" });
  expect(auth).toMatchObject({ header: { type: OpCode.auth } });
  expect(watches).toMatchObject({
    header: { type: OpCode.setWatches },
    body: { dataWatches: ["/w"], existWatches: ["/x"], childWatches: ["/"] },
  });
  expect(said("setWatches2")[3]).toMatchObject({
    header: { type: OpCode.setWatches2 },
    body: { persistentWatches: ["/w"], persistentRecursiveWatches: ["/a"] },
  });
  expect(said("setWatches-xid").at(-1)).toMatchObject({ header: { xid: -8, err: 0 } });
});

// client-protocol 6/17 checkWatches, 6/18 removeWatches
test("checkWatches, removeWatches: a path and a kind, answered by a header alone", () => {
  for (const step of ["checkWatches", "removeWatches"]) {
    expect(body(step, "request")).toEqual({ path: "/w", watcherType: 2 });
    expect(messages(step).at(-1)?.captured).toHaveLength(16);
  }
});

// client-protocol 6/-11 closeSession
test("closeSession: a header each way, and the session's ephemerals are gone", () => {
  const closing = said("closeSession");
  expect(closing[0]).toMatchObject({ kind: "request", header: { type: OpCode.closeSession } });
  expect(closing.at(-1)).toMatchObject({ kind: "reply", header: { err: 0 }, body: undefined });
});

// client-protocol Trap 4, 4/failed write, 4/unknown opcode
describe("a refusal is its code and nothing else", () => {
  for (const [step, code] of [
    ["create-NodeExists", -110],
    ["create-NoNode", -101],
    ["create-NoChildrenForEphemerals", -108],
    ["create-InvalidACL-empty", -114],
    ["create-InvalidACL-null", -114],
    ["create-BadArguments", -8],
    ["exists-NoNode", -101],
    ["exists-NoNode-watch", -101],
    ["getData-NoNode", -101],
    ["setData-BadVersion", -103],
    ["setData-NoAuth", -102],
    ["delete-NotEmpty", -111],
    ["auth-AuthFailed", -115],
    ["checkWatches-NoWatcher", -121],
    ["removeWatches-NoWatcher", -121],
    ["removeWatches-MarshallingError", -5],
    ["setWatches-null", -5],
    ["unknown-operation", -6],
  ] as const) {
    test(step, () => {
      expect(err(step)).toBe(code);
      expect(messages(step).at(-1)?.captured).toHaveLength(16);
    });
  }
});

// client-protocol 9/-5 MARSHALLINGERROR, 7/undecodable
test("what Apache cannot decode is a JuteError here", () => {
  for (const step of MALFORMED) {
    expect(() => messages(step)).toThrow(JuteError);
    const last = readGolden(RELEASE, step).frames.at(-1);
    expect(last?.from).toBe("server");
    expect(last?.bytes.readInt32BE(16)).toBe(-5);
  }
});
