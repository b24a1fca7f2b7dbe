import { expect, test } from "vitest";
import { AssertionError } from "../../../protocol/assert.ts";
import { readStat } from "../../../protocol/data.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import { JuteError, Reader, Writer } from "../../../protocol/jute.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import type { TxnBody } from "../../../protocol/txn.ts";
import type { ApplyMode } from "../../../server/tree/apply.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { txnBytes } from "./history.ts";
import { SESSION_HIGH, SESSION_LOW, START_MS, TreeDriver, worldAcl } from "./tree-driver.ts";

function newDriver(extendedTypes = false): TreeDriver {
  return new TreeDriver(new DataTree({ hashSeed: 3, extendedTypes }));
}

/** What clients see of a znode. */
function statOf(tree: DataTree, path: string): ReturnType<typeof readStat> {
  const writer = new Writer();
  tree.writeStat(tree.findText(path), writer);
  return readStat(new Reader().reset(writer.written()));
}

function createWith(path: string, parentCVersion: number, perms = 31): TxnBody {
  const acl = worldAcl(perms);
  return { type: OpCode.create, path, data: null, acl, ephemeral: false, parentCVersion };
}

// server-semantics 1.2//, 1.2//zookeeper, 1.2//zookeeper/quota, 1.2//zookeeper/config, Trap 3
test("a fresh tree is ZooKeeper's: four znodes, child versions as clients see them", () => {
  const { tree } = newDriver();
  const figures = (path: string): number[] => {
    const { cversion, numChildren, aversion, version, czxid } = statOf(tree, path);
    return [cversion, numChildren, aversion, version, czxid];
  };
  expect(figures("/")).toEqual([-1, 1, 0, 0, 0]);
  expect(figures("/zookeeper")).toEqual([-2, 2, 0, 0, 0]);
  expect(figures("/zookeeper/quota")).toEqual([0, 0, 0, 0, 0]);
  expect(figures("/zookeeper/config")).toEqual([0, 0, -1, 0, 0]);
  expect(tree.acls.get(tree.acl(tree.findText("/")))).toEqual(worldAcl(31));
  expect(tree.acls.get(tree.acl(tree.findText("/zookeeper/config")))).toEqual(worldAcl(1));
  const paths = ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"];
  expect(paths.map((path) => tree.dataLength(tree.findText(path)))).toEqual([0, 0, 0, 0]);
  expect(tree.count).toBe(5);
  // "", "/", and the three longer paths.
  expect(tree.approximateDataSize).toBe(44);
});

// server-semantics 1.1/getData, getACL, getChildren
test("only a well-formed path finds a znode; the empty one is the root", () => {
  const driver = newDriver();
  const { tree } = driver;
  driver.create("/a");
  driver.create("/a/b");
  expect(tree.findText("")).toBe(tree.findText("/"));
  expect(tree.findText("/a/b")).not.toBe(0);
  for (const path of ["a", "a/b", "//", "/a/", "/a//b", "//a", "/a/b/", "/A", "/a/bb", "/b", " "]) {
    expect(tree.findText(path), path).toBe(0);
  }
  const long = `/a/${"長".repeat(400)}`;
  driver.create(long);
  expect(tree.pathText(tree.findText(long))).toBe(long);
  expect(tree.findText(`${long}長`)).toBe(0);
  const bytes = Buffer.from("xx/a/byy");
  expect(tree.find(bytes, 2, 6)).toBe(tree.findText("/a/b"));
});

// server-semantics 2.1/create, 2.1/delete, 2.2/cversion, 2.2/numChildren, Trap 1, Trap 2, Trap 5
test("a create gives a new stat, and of its parent changes cversion and pzxid only", () => {
  const driver = newDriver();
  driver.create("/p");
  driver.setData("/p", "data");
  const before = statOf(driver.tree, "/p");
  driver.create("/p/c");
  const { zxid } = driver;
  const timeMs = START_MS + zxid;
  expect(statOf(driver.tree, "/p")).toEqual({
    ...before,
    cversion: 1,
    pzxid: zxid,
    numChildren: 1,
  });
  expect(statOf(driver.tree, "/p/c")).toEqual({
    czxid: zxid,
    mzxid: zxid,
    pzxid: zxid,
    ctime: timeMs,
    mtime: timeMs,
    version: 0,
    cversion: 0,
    aversion: 0,
    ownerHigh: 0,
    ownerLow: 0,
    dataLength: 0,
    numChildren: 0,
  });
  driver.delete("/p/c");
  const tree = driver.tree;
  expect(tree.cversion(tree.findText("/p"))).toBe(1);
  expect(statOf(tree, "/p")).toEqual({ ...before, cversion: 2, pzxid: driver.zxid });
});

// server-semantics 2.1/setData, 2.2/dataLength, 2.2/others
test("a setData assigns data, version and the time, and nothing else", () => {
  const driver = newDriver();
  driver.create("/p");
  driver.create("/p/c");
  const before = statOf(driver.tree, "/p");
  driver.apply({ type: OpCode.setData, path: "/p", data: Buffer.from("xyz"), version: 17 });
  expect(statOf(driver.tree, "/p")).toEqual({
    ...before,
    version: 17,
    mzxid: driver.zxid,
    mtime: START_MS + driver.zxid,
    dataLength: 3,
  });
  const path = "/zookeeper/config";
  driver.apply({ type: OpCode.reconfig, path, data: Buffer.from("c"), version: -1 });
  const { version, mzxid } = statOf(driver.tree, path);
  expect([version, mzxid]).toEqual([-1, driver.zxid]);
});

// server-semantics 2.1/setACL, Trap 4
test("a setACL changes the list and aversion, not mzxid or mtime", () => {
  const driver = newDriver();
  driver.create("/p");
  const before = statOf(driver.tree, "/p");
  driver.setAcl("/p", 1);
  expect(statOf(driver.tree, "/p")).toEqual({ ...before, aversion: 1 });
  expect(driver.tree.acls.get(driver.tree.acl(driver.tree.findText("/p")))).toEqual(worldAcl(1));
});

// server-semantics 2.1/create, 2.4, Trap 28; storage F-4
test("a parent's cversion is raised by signed comparison, and pzxid only with it", () => {
  const driver = newDriver();
  const { tree } = driver;
  const parent = (): number[] => {
    const slot = tree.findText("/p");
    return [tree.cversion(slot), tree.pzxid(slot)];
  };
  driver.create("/p");
  driver.apply(createWith("/p/a", 2147483647));
  expect(parent()).toEqual([2147483647, 2]);
  driver.apply(createWith("/p/b", -2147483648));
  expect(parent()).toEqual([2147483647, 2]);
  driver.apply(createWith("/p/c", 5));
  expect(parent()).toEqual([2147483647, 2]);
  expect(tree.childCount(tree.findText("/p"))).toBe(3);
});

// server-semantics 2.1
test("a create of a log before 3.4 counts its parent up by one", () => {
  const driver = newDriver();
  const { tree } = driver;
  driver.create("/p");
  driver.apply(createWith("/p/a", -1));
  driver.apply(createWith("/p/b", -1));
  expect(tree.cversion(tree.findText("/p"))).toBe(2);
  // Without the field altogether, as the V0 record ends after `ephemeral`.
  const header = { sessionHigh: 0, sessionLow: 0, cxid: 0, zxid: 4, timeMs: 0, type: 1 };
  const whole = txnBytes({ header, body: createWith("/p/c", -1), digest: undefined });
  tree.apply(whole, 0, whole.length - 4, "live");
  expect(tree.cversion(tree.findText("/p"))).toBe(3);
  expect(tree.findText("/p/c")).not.toBe(0);
});

// server-semantics 2.2/ephemeralOwner, 2.5/persistent, 2.5/ephemeral, 2.5/container, 2.5/TTL, Trap 12
test("containers and TTL znodes keep their markers, and clients see no owner", () => {
  const driver = newDriver(true);
  const { tree } = driver;
  const common = { data: null, acl: worldAcl(31), parentCVersion: 1 };
  driver.apply({ type: OpCode.createContainer, path: "/c", ...common });
  driver.apply({ type: OpCode.createTTL, path: "/t", ...common, ttlMs: 0x12_3456_789a });
  driver.createEphemeral("/e");
  const marks = (path: string): number[] => {
    const slot = tree.findText(path);
    const { ownerHigh, ownerLow } = statOf(tree, path);
    return [tree.ownerHigh(slot) >>> 0, tree.ownerLow(slot), ownerHigh, ownerLow];
  };
  expect(marks("/c")).toEqual([0x80000000, 0, 0, 0]);
  expect(marks("/t")).toEqual([0xff000012, 0x3456789a, 0, 0]);
  expect(marks("/e")).toEqual([SESSION_HIGH, SESSION_LOW, SESSION_HIGH, SESSION_LOW]);
  expect(["/c", "/t", "/e", "/"].map((path) => tree.kind(tree.findText(path)))).toEqual([
    "container",
    "ttl",
    "ephemeral",
    "persistent",
  ]);
  expect([...tree.containers]).toEqual([tree.findText("/c")]);
  expect([...tree.ttls]).toEqual([tree.findText("/t")]);
  expect(tree.ephemerals.count).toBe(1);
  driver.apply({ type: OpCode.deleteContainer, path: "/c" });
  driver.delete("/t");
  expect([tree.containers.size, tree.ttls.size]).toEqual([0, 0]);
});

// server-semantics 2.5
test("without extended types a TTL marker reads as a session, as in ZooKeeper", () => {
  const driver = newDriver(false);
  const common = { data: null, acl: worldAcl(31), parentCVersion: 1 };
  driver.apply({ type: OpCode.createTTL, path: "/t", ...common, ttlMs: 5 });
  expect(driver.tree.kind(driver.tree.findText("/t"))).toBe("ephemeral");
  expect(driver.tree.ephemerals.of("ff00000000000005").size).toBe(1);
});

// server-semantics 2.1/error, 3.4, Trap 11
test("a failed write moves the last zxid and nothing else", () => {
  const driver = newDriver();
  const seen: number[] = [];
  driver.tree.observer = {
    applied: (type, code, slot) => seen.push(type, code, slot),
    digestMismatch: () => {},
  };
  const { digestLow } = driver.tree;
  driver.error(ErrorCode.NodeExists);
  driver.apply({ type: OpCode.check, path: "/zookeeper", version: 4 });
  expect(driver.tree.lastZxid).toBe(2);
  expect(driver.tree.digestLow).toBe(digestLow);
  expect(seen).toEqual([OpCode.error, ErrorCode.NodeExists, 0, OpCode.check, 0, 0]);
});

// server-semantics 3.5
test("each operation of a multi is told with its path and its stat of that moment", () => {
  const driver = newDriver();
  const { tree } = driver;
  driver.create("/m");
  const seen: unknown[] = [];
  let bytes: Buffer = Buffer.alloc(0);
  tree.observer = {
    applied: (type, code, slot, pathStart, pathEnd) => {
      const path = bytes.toString("utf8", pathStart, pathEnd);
      const stat = slot === 0 ? [] : [tree.version(slot), tree.childCount(slot)];
      seen.push([type, code, path, ...stat, tree.lastZxid]);
    },
    digestMismatch: () => {},
  };
  const body: TxnBody = {
    type: OpCode.multi,
    txns: [
      { type: OpCode.setData, path: "/m", data: null, version: 1 },
      createWith("/m/c", 1),
      { type: OpCode.setData, path: "/m", data: null, version: 2 },
      { type: OpCode.check, path: "/m", version: 3 },
      { type: OpCode.delete, path: "/m/c" },
      createWith("/m/c", 2),
    ],
  };
  const header = { sessionHigh: 0, sessionLow: 0, cxid: 0, zxid: 9, timeMs: 0, type: body.type };
  bytes = txnBytes({ header, body, digest: undefined });
  tree.apply(bytes, 0, bytes.length, "live");
  expect(seen).toEqual([
    [OpCode.setData, 0, "/m", 1, 0, 1],
    [OpCode.create, 0, "/m/c", 0, 0, 1],
    [OpCode.setData, 0, "/m", 2, 1, 1],
    [OpCode.check, 0, "/m", 1],
    [OpCode.delete, 0, "/m/c", 1],
    [OpCode.create, 0, "/m/c", 0, 0, 1],
  ]);
  // Deleted and created again in one txn: a new znode.
  expect(tree.czxid(tree.findText("/m/c"))).toBe(9);
  expect(tree.lastZxid).toBe(9);
});

// server-semantics 3.5, Trap 10
test("a multi with an error changes nothing, and tells each operation's code", () => {
  const driver = newDriver();
  driver.create("/m");
  const codes: number[][] = [];
  driver.tree.observer = {
    applied: (type, code) => codes.push([type, code]),
    digestMismatch: () => {},
  };
  driver.multi([
    createWith("/m/c", 1),
    { type: OpCode.setData, path: "/m", data: null, version: 1 },
    { type: OpCode.error, err: ErrorCode.BadVersion },
    { type: OpCode.error, err: ErrorCode.RuntimeInconsistency },
  ]);
  expect(codes).toEqual([
    [-1, 0],
    [-1, 0],
    [-1, ErrorCode.BadVersion],
    [-1, ErrorCode.RuntimeInconsistency],
  ]);
  expect(driver.tree.findText("/m/c")).toBe(0);
  expect(driver.tree.version(driver.tree.findText("/m"))).toBe(0);
  expect(driver.tree.lastZxid).toBe(2);
});

// server-semantics 5.5, Trap 14, 2.1/closeSession
test("a closed session's ephemerals go with it, listed or not, and raise their parents", () => {
  for (const listed of [undefined, [], ["/p/e1"], ["/p/e1", "/e2", "/p/never"]]) {
    const driver = newDriver();
    const { tree } = driver;
    driver.apply({ type: OpCode.createSession, timeoutMs: 30000 });
    expect(tree.sessions.timeoutMs(SESSION_HIGH, SESSION_LOW)).toBe(30000);
    driver.create("/p");
    driver.createEphemeral("/p/e1");
    driver.createEphemeral("/e2");
    driver.closeSession(listed);
    expect([tree.findText("/p/e1"), tree.findText("/e2")]).toEqual([0, 0]);
    expect([tree.ephemerals.count, tree.ephemerals.sessionCount]).toEqual([0, 0]);
    expect(tree.sessions.has(SESSION_HIGH, SESSION_LOW)).toBe(false);
    expect(tree.pzxid(tree.findText("/p"))).toBe(driver.zxid);
    expect(tree.pzxid(tree.findText("/"))).toBe(driver.zxid);
    expect(tree.cversion(tree.findText("/p"))).toBe(1);
  }
});

// storage Trap 13
test("a closeSession without a list is known by the digest that follows it", () => {
  const driver = newDriver();
  const { tree } = driver;
  const told: number[] = [];
  tree.observer = { applied: () => {}, digestMismatch: (zxid) => told.push(zxid) };
  driver.createEphemeral("/e");
  const header = {
    sessionHigh: SESSION_HIGH,
    sessionLow: SESSION_LOW,
    cxid: 0,
    zxid: 2,
    timeMs: 0,
    type: OpCode.closeSession,
  };
  const body: TxnBody = { type: OpCode.closeSession, paths: undefined };
  const bytes = txnBytes({ header, body, digest: { version: 2, digestHigh: 9, digestLow: 9 } });
  tree.apply(bytes, 0, bytes.length, "live");
  expect(tree.findText("/e")).toBe(0);
  expect(told).toEqual([2]);
});

// storage F-4
test("a live txn that does not fit is a bug: the server stops", () => {
  const attempts: ((driver: TreeDriver) => void)[] = [
    (driver) => driver.create("/a"),
    (driver) => driver.create("/missing/a"),
    (driver) => driver.create("/a/"),
    (driver) => driver.delete("/missing"),
    (driver) => driver.delete("/a"),
    (driver) => driver.delete("/"),
    (driver) => driver.apply({ type: OpCode.setData, path: "/missing", data: null, version: 1 }),
    (driver) => driver.apply({ type: OpCode.setACL, path: "/x", acl: worldAcl(1), version: 1 }),
    (driver) => driver.apply({ type: OpCode.error, err: -1 }, "live", driver.zxid),
  ];
  for (const attempt of attempts) {
    const driver = newDriver();
    driver.create("/a");
    driver.create("/a/b");
    expect(() => attempt(driver)).toThrow(AssertionError);
  }
});

test("bytes that are no txn are refused", () => {
  const { tree } = newDriver();
  const header = { sessionHigh: 0, sessionLow: 0, cxid: 0, zxid: 1, timeMs: 0, type: 1 };
  const bytes = txnBytes({ header, body: createWith("/a", 1), digest: undefined });
  expect(() => tree.apply(bytes, 0, 40, "live")).toThrow(JuteError);
  const unknown = Buffer.from(bytes);
  unknown.writeInt32BE(99, 28);
  expect(() => tree.apply(unknown, 0, unknown.length, "live")).toThrow(JuteError);
  const far = Buffer.from(bytes);
  far.writeInt32BE(0x7fffffff, 12);
  expect(() => tree.apply(far, 0, far.length, "live")).toThrow(JuteError);
});

// Replay over a tree that has the txn's effects, or later ones, already (storage 6).

const REPLAY: ApplyMode = "replay";

function replayed(driver: TreeDriver, body: TxnBody, zxid: number): number[] {
  const codes: number[] = [];
  driver.tree.observer = { applied: (_, code) => codes.push(code), digestMismatch: () => {} };
  driver.apply(body, REPLAY, zxid);
  return codes;
}

// storage F-4, F-6, 6/create*, node exists
test("a create replayed over its znode leaves data and stat, takes the list, raises the parent", () => {
  const driver = newDriver();
  const { tree } = driver;
  driver.create("/p");
  driver.create("/p/c");
  driver.setData("/p/c", "later");
  const before = statOf(tree, "/p/c");
  for (const type of [OpCode.create, OpCode.create2, OpCode.createContainer] as const) {
    const parentCVersion = tree.cversion(tree.findText("/p")) + 3;
    const zxid = driver.zxid + 1;
    const rest = { path: "/p/c", data: null, acl: worldAcl(type), parentCVersion };
    const body: TxnBody =
      type === OpCode.createContainer ? { type, ...rest } : { type, ...rest, ephemeral: true };
    expect(replayed(driver, body, zxid)).toEqual([ErrorCode.NodeExists]);
    expect(statOf(tree, "/p/c")).toEqual(before);
    expect(tree.acls.get(tree.acl(tree.findText("/p/c")))).toEqual(worldAcl(type));
    expect(tree.cversion(tree.findText("/p"))).toBe(parentCVersion);
    expect(tree.pzxid(tree.findText("/p"))).toBe(zxid);
  }
  replayed(driver, createWith("/p/c", 1), 2);
  expect(tree.pzxid(tree.findText("/p"))).toBe(driver.zxid);
});

// storage 6/create*, node absent, 6/create*, parent absent
test("a create replayed where its parent went on lowers nothing, or is ignored", () => {
  const driver = newDriver();
  const { tree } = driver;
  driver.create("/p");
  for (let i = 0; i < 3; i++) driver.create(`/p/${i}`);
  expect(replayed(driver, createWith("/p/old", 2), 2)).toEqual([0]);
  expect(tree.cversion(tree.findText("/p"))).toBe(3);
  expect(tree.pzxid(tree.findText("/p"))).toBe(4);
  expect(replayed(driver, createWith("/gone/x", 2), 5)).toEqual([ErrorCode.NoNode]);
});

// storage 6/delete, node absent, 6/delete, parent absent; server-semantics 2.1
test("a delete replayed for a missing znode raises the parent's pzxid, and never lowers it", () => {
  const driver = newDriver();
  const { tree } = driver;
  driver.create("/p");
  driver.create("/p/c");
  const gone: TxnBody = { type: OpCode.delete, path: "/p/gone" };
  expect(replayed(driver, gone, 9)).toEqual([ErrorCode.NoNode]);
  expect(tree.pzxid(tree.findText("/p"))).toBe(9);
  replayed(driver, gone, 5);
  replayed(driver, { type: OpCode.delete, path: "/p/c" }, 6);
  expect(tree.pzxid(tree.findText("/p"))).toBe(9);
  const orphan: TxnBody = { type: OpCode.delete, path: "/x/y" };
  expect(replayed(driver, orphan, 10)).toEqual([ErrorCode.NoNode]);
  expect(tree.lastZxid).toBe(10);
});

// storage 6/delete, node absent
test("a delete replayed over a later life of the znode takes what that life has below it", () => {
  const driver = newDriver();
  const { tree } = driver;
  driver.create("/p");
  driver.create("/p/c");
  driver.create("/p/c/d");
  driver.createEphemeral("/p/c/e");
  const { count } = tree;
  replayed(driver, { type: OpCode.delete, path: "/p" }, 9);
  expect(tree.count).toBe(count - 4);
  expect(tree.ephemerals.count).toBe(0);
  const { tree: fresh } = newDriver();
  expect(tree.approximateDataSize).toBe(fresh.approximateDataSize);
});

// storage 6/setData / setACL, node present, 6/setData / setACL, node absent
test("setData and setACL replayed are assignments, and ignored without their znode", () => {
  const driver = newDriver();
  const { tree } = driver;
  driver.create("/p");
  driver.setData("/p", "later");
  replayed(driver, { type: OpCode.setData, path: "/p", data: null, version: 7 }, 1);
  expect(tree.version(tree.findText("/p"))).toBe(7);
  expect(tree.dataLength(tree.findText("/p"))).toBe(-1);
  expect(tree.lastZxid).toBe(2);
  const missing: TxnBody[] = [
    { type: OpCode.setData, path: "/x", data: null, version: 1 },
    { type: OpCode.setACL, path: "/x", acl: worldAcl(1), version: 1 },
  ];
  for (const body of missing) expect(replayed(driver, body, 3)).toEqual([ErrorCode.NoNode]);
});

// storage 6/closeSession, 6/createSession
test("a closeSession replayed deletes what it lists, whoever owns it now", () => {
  const driver = newDriver();
  const { tree } = driver;
  driver.create("/p");
  driver.create("/p/mine-now");
  driver.createEphemeral("/p/unlisted");
  replayed(driver, { type: OpCode.closeSession, paths: ["/p/mine-now", "/p/gone"] }, 9);
  expect(tree.childCount(tree.findText("/p"))).toBe(0);
  expect(tree.pzxid(tree.findText("/p"))).toBe(9);
  replayed(driver, { type: OpCode.createSession, timeoutMs: 5 }, 10);
  replayed(driver, { type: OpCode.createSession, timeoutMs: 6 }, 11);
  expect(tree.sessions.size).toBe(1);
  expect(tree.sessions.timeoutMs(SESSION_HIGH, SESSION_LOW)).toBe(6);
});

// storage 6/multi
test("the operations of a replayed multi fail one by one", () => {
  const driver = newDriver();
  driver.create("/p");
  const body: TxnBody = {
    type: OpCode.multi,
    txns: [
      { type: OpCode.delete, path: "/gone" },
      createWith("/p", 1),
      { type: OpCode.setData, path: "/p", data: null, version: 3 },
    ],
  };
  expect(replayed(driver, body, 2)).toEqual([ErrorCode.NoNode, ErrorCode.NodeExists, 0]);
  expect(driver.tree.version(driver.tree.findText("/p"))).toBe(3);
});

// storage F-10
test("digests are compared from the txn on that recovery names", () => {
  const driver = newDriver();
  const { tree } = driver;
  const told: number[] = [];
  tree.observer = { applied: () => {}, digestMismatch: (zxid) => told.push(zxid) };
  tree.compareDigestsFrom = 3;
  for (let zxid = 1; zxid <= 4; zxid++) {
    const header = { sessionHigh: 0, sessionLow: 0, cxid: 0, zxid, timeMs: 0, type: OpCode.error };
    const body: TxnBody = { type: OpCode.error, err: -1 };
    const digest = { version: 2, digestHigh: 0, digestLow: zxid };
    const bytes = txnBytes({ header, body, digest });
    tree.apply(bytes, 0, bytes.length, REPLAY);
  }
  expect(told).toEqual([3, 4]);
});
