import fc from "fast-check";
import { expect, test } from "vitest";
import { readStat, readStrings } from "../../../protocol/data.ts";
import { Reader, Writer } from "../../../protocol/jute.ts";
import { wordsHex } from "../../../protocol/zxid.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { History, step } from "./history.ts";
import { TreeDriver } from "./tree-driver.ts";
import { dumpTree } from "./tree-dump.ts";
import type { TreeModel } from "./tree-model.ts";

const CONTAINER = 0x80000000 | 0;
const OPTIONS = { hashSeed: 0x1234_5678_9abc, extendedTypes: true };

function expectAsModel(tree: DataTree, model: TreeModel): void {
  const dump = dumpTree(tree);
  expect([...dump.znodes.keys()].map((path) => path || "/").sort()).toEqual(
    [...model.znodes.keys()].sort(),
  );
  let dataSize = 0;
  for (const [path, znode] of model.znodes) {
    const dumped = dump.znodes.get(path === "/" ? "" : path);
    expect(dumped?.stat, path).toEqual(znode.stat);
    expect(dumped?.data, path).toBe(znode.data?.toString("hex") ?? null);
    expect(dumped?.acl, path).toEqual(znode.acl);
    const slot = tree.findText(path);
    expect(tree.pathText(slot)).toBe(path);
    const writer = new Writer();
    tree.writeChildren(slot, writer);
    tree.writeStat(slot, writer);
    const reader = new Reader().reset(writer.written());
    const children = model.children(path);
    expect(readStrings(reader)?.sort(), path).toEqual(children.sort());
    const seen = readStat(reader);
    expect(seen.numChildren).toBe(children.length);
    expect(seen.cversion).toBe(2 * znode.stat.cversion - children.length);
    expect(seen.dataLength).toBe(znode.data?.length ?? 0);
    expect(seen.mzxid).toBe(znode.stat.mzxid);
    dataSize += Buffer.byteLength(path) + (znode.data?.length ?? 0);
  }
  expect(wordsHex(...dump.digest)).toBe(model.digest().toString(16).padStart(16, "0"));
  expect(dump.count).toBe(model.znodes.size + 1);
  expect(dump.dataSize).toBe(dataSize);
  expect(dump.sessions).toEqual(model.sessions);
  expect(dump.ephemerals).toEqual(ephemeralsOf(model));
  const withHigh = (matches: (high: number) => boolean): string[] =>
    [...model.znodes.keys()].filter((path) => matches(model.get(path).stat.ownerHigh)).sort();
  expect(dump.containers).toEqual(withHigh((high) => high === CONTAINER));
  expect(dump.ttls).toEqual(withHigh((high) => high !== CONTAINER && high < 0));
}

function ephemeralsOf(model: TreeModel): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [path, { stat }] of model.znodes) {
    if (stat.ownerHigh <= 0) continue;
    const key = wordsHex(stat.ownerHigh, stat.ownerLow);
    found.set(key, [...(found.get(key) ?? []), path].sort());
  }
  return found;
}

// server-semantics 2.1, 2.2, 2.5, 11; storage ST-14, ST-16
test("whatever is applied, the tree is what a naive one is, and its digest what each txn says", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const tree = new DataTree(OPTIONS);
      const history = new History("some");
      const mismatches: number[] = [];
      expectAsModel(tree, history.model);
      tree.observer = { applied: () => {}, digestMismatch: (zxid) => mismatches.push(zxid) };
      for (const next of steps) {
        const txn = history.next(next);
        tree.apply(txn, 0, txn.length, "live");
      }
      expect(mismatches).toEqual([]);
      expectAsModel(tree, history.model);
    }),
    { numRuns: 80 },
  );
}, 60_000);

test("what is deleted or rewritten gives back its memory and its access list", () => {
  const driver = new TreeDriver(new DataTree(OPTIONS));
  const { tree } = driver;
  const capacities: number[] = [];
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 8000; i++) driver.create(`/z${i}`, 2 + (i % 7));
    for (const size of [100, 400]) {
      for (let i = 0; i < 8000; i++) driver.setData(`/z${i}`, "x".repeat(size));
    }
    for (let i = 0; i < 50; i++) driver.setAcl(`/z${i}`, 16);
    for (let i = 0; i < 8000; i++) driver.delete(`/z${i}`);
    capacities.push(tree.capacityBytes);
    // That of /zookeeper/config.
    expect(tree.acls.size).toBe(1);
  }
  expect(capacities).toEqual(capacities.map(() => capacities[0]));
}, 60_000);

// quorum-protocol R-1; operations 2.5//zookeeper/config
test("the members are written into /zookeeper/config as each server's own words, outside the digest", () => {
  const tree = new DataTree(OPTIONS);
  const before = dumpTree(tree);
  tree.setConfig("server.1=a:1:2:participant\nversion=0", 0, 1_700_000_000_123);
  tree.setConfig("version=100000002", 0x1_0000_0002, 1_700_000_000_456);
  const { znodes, digest, dataSize } = dumpTree(tree);
  const config = znodes.get("/zookeeper/config");
  expect(config).toMatchObject({
    data: Buffer.from("version=100000002").toString("hex"),
    acl: [{ perms: 1, id: { scheme: "world", id: "anyone" } }],
    stat: { mzxid: 0x1_0000_0002, mtime: 1_700_000_000_456, version: -1, aversion: -1, czxid: 0 },
  });
  expect(digest).toEqual(before.digest);
  expect(dataSize).toBe(before.dataSize + "version=100000002".length);
});

test("a tree of an early release, without /zookeeper/config, gets one", () => {
  const tree = new DataTree(OPTIONS);
  tree.remove(tree.findText("/zookeeper/config"));
  tree.setConfig("version=0", 0, 1);
  expect(dumpTree(tree).znodes.get("/zookeeper/config")?.stat.aversion).toBe(-1);
});
