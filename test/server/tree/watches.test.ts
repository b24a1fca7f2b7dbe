import { expect, test } from "vitest";
import { Reader, Writer } from "../../../protocol/jute.ts";
import { EventType, OpCode, WatcherType } from "../../../protocol/opcodes.ts";
import {
  type SetWatches,
  type SetWatches2,
  writeSetWatches,
  writeSetWatches2,
} from "../../../protocol/proto.ts";
import { SetWatches as SetWatchesRead } from "../../../server/pipeline/set-watches.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import type { Watcher } from "../../../server/tree/watches.ts";
import { TreeDriver } from "./tree-driver.ts";

const NAMES = new Map<number, string>([
  [EventType.nodeCreated, "created"],
  [EventType.nodeDeleted, "deleted"],
  [EventType.nodeDataChanged, "data"],
  [EventType.nodeChildrenChanged, "children"],
]);

/** A connection that keeps what it is told, as "created /a". */
class Listener implements Watcher {
  readonly session: undefined;
  readonly events: string[] = [];
  readonly zxids: number[] = [];
  /** Lists of which it may not read the znodes. */
  readonly refused: Set<number> = new Set();
  readonly #log: string[] | undefined;
  readonly #name: string;

  constructor(name = "", log?: string[]) {
    this.#name = name;
    this.#log = log;
  }

  deliver(frame: Buffer): void {
    const reader = new Reader().reset(frame);
    expect(reader.int()).toBe(frame.length - 4);
    expect(reader.int()).toBe(-1);
    this.zxids.push(reader.long());
    expect(reader.int()).toBe(0);
    const event = `${NAMES.get(reader.int())} ${(reader.skip(4), reader.string())}`;
    expect(reader.remaining).toBe(0);
    this.events.push(event);
    this.#log?.push(`${this.#name}: ${event}`);
  }

  mayRead(acl: number): boolean {
    return !this.refused.has(acl);
  }

  take(): string[] {
    return this.events.splice(0);
  }
}

interface Scene {
  readonly driver: TreeDriver;
  readonly tree: DataTree;
  readonly one: Listener;
}

function scene(): Scene {
  const driver = new TreeDriver(new DataTree({ hashSeed: 1 }));
  driver.create("/p");
  driver.create("/p/c");
  return { driver, tree: driver.tree, one: new Listener() };
}

// server-semantics 6.2/data of P set, 6.2/1; client-protocol 8.1/getData, 8.2/P data set
test("a data watch is told once of a change, with the zxid of its txn", () => {
  const { driver, tree, one } = scene();
  tree.watches.addData("/p", one);
  driver.setData("/p", "x");
  driver.setData("/p", "y");
  expect(one.take()).toEqual(["data /p"]);
  expect(one.zxids).toEqual([driver.zxid - 1]);
  expect(tree.watches.idle).toBe(true);
});

// server-semantics 6.2/node P created under Q, 6.4/3; client-protocol 8.2/P created
test("a create tells who waits for the znode, then who watches its parent's children", () => {
  const { driver, tree } = scene();
  const log: string[] = [];
  tree.watches.addChild("/p", new Listener("children", log));
  tree.watches.addData("/p/new", new Listener("data", log));
  driver.create("/p/new");
  expect(log).toEqual(["data: created /p/new", "children: children /p"]);
});

// server-semantics 6.2/node P created under Q
test("the parent of a top-level znode is watched as /", () => {
  const { driver, tree, one } = scene();
  tree.watches.addChild("/", one);
  driver.create("/top");
  expect(one.take()).toEqual(["children /"]);
});

// server-semantics 6.2/node P deleted, Trap 18; client-protocol 8.2/P deleted
test("a connection with data and child watches on a deleted znode is told once", () => {
  const { driver, tree, one } = scene();
  const other = new Listener();
  tree.watches.addData("/p/c", one);
  tree.watches.addChild("/p/c", one);
  tree.watches.addChild("/p/c", other);
  tree.watches.addChild("/p", one);
  driver.delete("/p/c");
  expect(one.take()).toEqual(["deleted /p/c", "children /p"]);
  expect(other.take()).toEqual(["deleted /p/c"]);
  expect(tree.watches.size).toBe(0);
});

// server-semantics 6.2/setACL, sync; client-protocol 8.2/ACL changed
test("a change of the access list is no event, nor is a failed write", () => {
  const { driver, tree, one } = scene();
  tree.watches.addData("/p", one);
  tree.watches.addChild("/p", one);
  driver.setAcl("/p", 1);
  driver.error(-101);
  driver.multi([
    { type: OpCode.setData, path: "/p", data: null, version: 9 },
    { type: OpCode.error, err: -103 },
  ]);
  expect(one.take()).toEqual([]);
  expect(tree.watches.size).toBe(2);
});

// server-semantics Trap 19; client-protocol 8.2/child C of P created / deleted
test("a persistent watch stays and hears of children, on a missing znode too", () => {
  const { driver, tree, one } = scene();
  tree.watches.addPersistent("/p/new", one);
  driver.create("/p/new");
  driver.create("/p/new/x");
  driver.setData("/p/new", "1");
  driver.setData("/p/new/x", "1");
  driver.delete("/p/new/x");
  driver.delete("/p/new");
  expect(one.take()).toEqual([
    "created /p/new",
    "children /p/new",
    "data /p/new",
    "children /p/new",
    "deleted /p/new",
  ]);
});

// server-semantics 6.2, 6.2/2, Trap 19; client-protocol 8.2/deeper, 8.2/data of child C set
test("a recursive watch hears of every descendant, and never of a child list", () => {
  const { driver, tree, one } = scene();
  tree.watches.addRecursive("/p", one);
  driver.create("/p/c/d");
  driver.setData("/p/c/d", "1");
  driver.setData("/p", "1");
  driver.create("/q");
  driver.create("/pp");
  driver.delete("/p/c/d");
  driver.delete("/p/c");
  driver.delete("/p");
  expect(one.take()).toEqual([
    "created /p/c/d",
    "data /p/c/d",
    "data /p",
    "deleted /p/c/d",
    "deleted /p/c",
    "deleted /p",
  ]);
});

test("a recursive watch of the root hears of everything", () => {
  const { driver, tree, one } = scene();
  tree.watches.addRecursive("/", one);
  driver.setData("/p/c", "1");
  driver.setData("/", "1");
  expect(one.take()).toEqual(["data /p/c", "data /"]);
});

// server-semantics 6.2/3, Trap 18; client-protocol 8.2
test("one event per connection and change, however many of its watches match", () => {
  const { driver, tree, one } = scene();
  tree.watches.addData("/p/c", one);
  tree.watches.addPersistent("/p/c", one);
  tree.watches.addRecursive("/p/c", one);
  tree.watches.addRecursive("/p", one);
  tree.watches.addRecursive("/", one);
  driver.setData("/p/c", "1");
  expect(one.take()).toEqual(["data /p/c"]);
  driver.delete("/p/c");
  expect(one.take()).toEqual(["deleted /p/c"]);
});

// server-semantics 6.1, 6.3/several modes on one path and connection
test("modes coexist: a one-shot watch that fires leaves the persistent one", () => {
  const { driver, tree, one } = scene();
  tree.watches.addPersistent("/p", one);
  tree.watches.addData("/p", one);
  expect(tree.watches.data.size).toBe(1);
  driver.setData("/p", "1");
  driver.setData("/p", "2");
  expect(one.take()).toEqual(["data /p", "data /p"]);
  expect(tree.watches.has("/p", one, WatcherType.data)).toBe(false);
  expect(tree.watches.has("/p", one, WatcherType.persistent)).toBe(true);
});

// server-semantics 6.3/removeWatches, 6.3/Any, 6.3/Persistent, 6.3/result
test("a type removes its own mode, any removes all, and nothing is told", () => {
  const { tree, one } = scene();
  const { watches } = tree;
  const all = [
    WatcherType.data,
    WatcherType.children,
    WatcherType.persistent,
    WatcherType.persistentRecursive,
  ];
  const register = (): void => {
    watches.addData("/p", one);
    watches.addChild("/p", one);
    watches.addPersistent("/p", one);
    watches.addRecursive("/p", one);
  };
  register();
  for (const [i, type] of all.entries()) {
    expect(watches.remove("/p", one, type)).toBe(true);
    expect(watches.remove("/p", one, type)).toBe(false);
    expect(all.map((other) => watches.has("/p", one, other))).toEqual(all.map((_, at) => at > i));
  }
  expect(watches.remove("/p", one, WatcherType.any)).toBe(false);
  register();
  expect(watches.remove("/p", new Listener(), WatcherType.any)).toBe(false);
  expect(watches.remove("/other", one, WatcherType.any)).toBe(false);
  expect(watches.remove("/p", one, WatcherType.any)).toBe(true);
  expect(watches.idle).toBe(true);
  expect(one.take()).toEqual([]);
});

// server-semantics 6.6, Trap 20
test("who may not read the znode is not told, and a one-shot watch is used up all the same", () => {
  const { driver, tree, one } = scene();
  driver.setAcl("/p/c", 16);
  one.refused.add(tree.acl(tree.findText("/p/c")));
  tree.watches.addData("/p/c", one);
  tree.watches.addChild("/p", one);
  driver.setData("/p/c", "1");
  expect(one.take()).toEqual([]);
  expect(tree.watches.data.size).toBe(0);
  tree.watches.addData("/p/c", one);
  driver.delete("/p/c");
  expect(one.take()).toEqual(["children /p"]);
});

// server-semantics 6.6
test("a created znode's own list decides, and the parent's for its children", () => {
  const { driver, tree, one } = scene();
  driver.create("/q", 2);
  one.refused.add(tree.acl(tree.findText("/q")));
  tree.watches.addData("/p/new", one);
  tree.watches.addChild("/p", one);
  driver.create("/p/new", 2);
  expect(one.take()).toEqual(["children /p"]);
});

// server-semantics 5.5, Trap 14
test("a closed session's ephemerals are told one by one, with one zxid", () => {
  const { driver, tree } = scene();
  const log: string[] = [];
  const one = new Listener("", log);
  driver.createEphemeral("/p/e1");
  driver.createEphemeral("/p/e2");
  tree.watches.addData("/p/e1", one);
  tree.watches.addData("/p/e2", one);
  tree.watches.addChild("/p", one);
  driver.closeSession(["/p/e2", "/p/e1"]);
  expect(one.take()).toEqual(["deleted /p/e2", "children /p", "deleted /p/e1"]);
  expect(new Set(one.zxids).size).toBe(1);
});

// server-semantics 3.5, 6.4/3
test("the operations of a multi are told in their order, with one zxid", () => {
  const { driver, tree, one } = scene();
  tree.watches.addRecursive("/", one);
  driver.multi([
    { type: OpCode.setData, path: "/p/c", data: null, version: 1 },
    { type: OpCode.delete, path: "/p/c" },
    { type: OpCode.setData, path: "/p", data: null, version: 1 },
  ]);
  expect(one.take()).toEqual(["data /p/c", "deleted /p/c", "data /p"]);
  expect(one.zxids).toEqual([driver.zxid, driver.zxid, driver.zxid]);
});

// server-semantics 5.3/connection closes for any reason, Trap 17
test("a lost connection's watches are gone, and only its own", () => {
  const { driver, tree, one } = scene();
  const other = new Listener();
  for (const watcher of [one, other]) {
    tree.watches.addData("/p", watcher);
    tree.watches.addChild("/p/c", watcher);
    tree.watches.addPersistent("/x", watcher);
    tree.watches.addRecursive("/", watcher);
  }
  expect(tree.watches.data.watcherCount).toBe(2);
  expect(tree.watches.data.pathCount).toBe(3);
  tree.watches.removeWatcher(one);
  tree.watches.removeWatcher(one);
  expect([tree.watches.data.size, tree.watches.child.size]).toEqual([3, 2]);
  expect([tree.watches.data.watcherCount, tree.watches.child.watcherCount]).toEqual([1, 1]);
  driver.setData("/p", "1");
  expect([one.take(), other.take()]).toEqual([[], ["data /p"]]);
  tree.watches.removeWatcher(other);
  expect(tree.watches.idle).toBe(true);
});

test("an ancestor's plain watches hear nothing of descendants, whoever else is recursive", () => {
  const { driver, tree, one } = scene();
  const recursive = new Listener();
  tree.watches.addData("/p", one);
  tree.watches.addPersistent("/", one);
  tree.watches.addRecursive("/p", recursive);
  driver.setData("/p/c", "1");
  expect([one.take(), recursive.take()]).toEqual([[], ["data /p/c"]]);
});

// server-semantics 6.5/data, 6.5/exist, 6.5/child, Trap 21
test("setWatches tells what was missed, in the order of its lists, and registers the rest", () => {
  const { driver, tree, one } = scene();
  driver.create("/quiet");
  const seen = driver.zxid;
  driver.setData("/p", "1");
  driver.delete("/p/c");
  expect(
    setWatches(tree, one, {
      relativeZxid: seen,
      dataWatches: ["/p", "/quiet", "/gone"],
      existWatches: ["/p", "/gone"],
      childWatches: ["/p", "/quiet", "/gone"],
    }),
  ).toBe(true);
  expect(one.take()).toEqual([
    "data /p",
    "deleted /gone",
    "created /p",
    "children /p",
    "deleted /gone",
  ]);
  expect(one.zxids).toEqual([-1, -1, -1, -1, -1]);
  driver.setData("/quiet", "1");
  driver.create("/gone");
  driver.create("/quiet/x");
  driver.setData("/p", "2");
  expect(one.take()).toEqual(["data /quiet", "created /gone", "children /quiet"]);
});

// server-semantics 6.5/child, 6.5/data, Trap 21
test("setWatches compares data by mzxid and child lists by pzxid, which deletes raise", () => {
  const { driver, tree, one } = scene();
  driver.create("/data-only");
  const seen = driver.zxid;
  driver.setData("/data-only", "1");
  driver.delete("/p/c");
  setWatches(tree, one, {
    relativeZxid: seen,
    dataWatches: ["/p"],
    existWatches: [],
    childWatches: ["/p", "/data-only"],
  });
  expect(one.take()).toEqual(["children /p"]);
  expect([tree.watches.data.size, tree.watches.child.size]).toEqual([1, 1]);
});

// server-semantics 6.5
test("setWatches asks no access list, and a deleted and re-created znode has changed", () => {
  const { driver, tree, one } = scene();
  const seen = driver.zxid;
  driver.delete("/p/c");
  driver.create("/p/c");
  one.refused.add(tree.acl(tree.findText("/p/c")));
  setWatches(tree, one, {
    relativeZxid: seen,
    dataWatches: ["/p/c"],
    existWatches: [],
    childWatches: [],
  });
  expect(one.take()).toEqual(["data /p/c"]);
});

// server-semantics 6.5/persistent, 6.5/persistentRecursive
test("setWatches2 registers persistent and recursive watches without an event", () => {
  const { driver, tree, one } = scene();
  setWatches(tree, one, {
    relativeZxid: 0,
    dataWatches: [],
    existWatches: [],
    childWatches: [],
    persistentWatches: ["/p", "/p/missing"],
    persistentRecursiveWatches: ["/q"],
  });
  expect(one.take()).toEqual([]);
  driver.create("/p/missing");
  driver.create("/q");
  driver.create("/q/x");
  expect(one.take()).toEqual(["created /p/missing", "children /p", "created /q", "created /q/x"]);
});

// server-semantics 6.5
test("setWatches with a null list does nothing", () => {
  const { tree, one } = scene();
  const lists = { relativeZxid: 0, dataWatches: ["/p"], existWatches: [], childWatches: ["/p"] };
  expect(setWatches(tree, one, { ...lists, childWatches: null })).toBe(false);
  expect(setWatches(tree, one, { ...lists, existWatches: null })).toBe(false);
  expect(setWatches(tree, one, { ...lists, dataWatches: null })).toBe(false);
  const two = { ...lists, persistentWatches: [], persistentRecursiveWatches: [] };
  expect(setWatches(tree, one, { ...two, persistentWatches: null })).toBe(false);
  expect(setWatches(tree, one, { ...two, persistentRecursiveWatches: null })).toBe(false);
  expect(one.take()).toEqual([]);
  expect(tree.watches.idle).toBe(true);
});

test("an event is written once for all of its watchers", () => {
  const { driver, tree } = scene();
  const frames: Buffer[] = [];
  for (let i = 0; i < 3; i++) {
    tree.watches.addData("/p", {
      session: undefined,
      deliver: (frame) => frames.push(frame),
      mayRead: () => true,
    });
  }
  driver.setData("/p", "1");
  expect(frames).toHaveLength(3);
  expect(frames[1]).toBe(frames[0]);
  expect(frames[2]).toBe(frames[0]);
});

/** As the server does it with the bytes of a request. False: MarshallingError. */
function setWatches(tree: DataTree, watcher: Watcher, request: SetWatches | SetWatches2): boolean {
  const writer = new Writer();
  const isSecond = "persistentWatches" in request;
  if (isSecond) writeSetWatches2(writer, request);
  else writeSetWatches(writer, request);
  const type = isSecond ? OpCode.setWatches2 : OpCode.setWatches;
  const read = new SetWatchesRead(tree, watcher, type, new Reader().reset(writer.written()));
  while (read.step());
  return read.code === 0;
}
