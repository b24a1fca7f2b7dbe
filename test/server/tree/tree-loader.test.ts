import fc from "fast-check";
import { expect, test } from "vitest";
import { Writer } from "../../../protocol/jute.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { TreeDriver } from "./tree-driver.ts";
import { copyLists, dumpTree, loadTree, snapshotRecords } from "./tree-dump.ts";

const OPTIONS = { hashSeed: 3 };
/** Longer than the room that a loader has for paths. */
const LONG = "n".repeat(1500);

function filled(): DataTree {
  const driver = new TreeDriver(new DataTree(OPTIONS));
  driver.create("/zookeeper/quota/a");
  driver.create("/zookeeper/quota/a/zookeeper_limits");
  driver.create("/zookeeperx");
  driver.create("/zookeeperx/counts");
  for (const parent of ["/a", "/a/b", "/a/b/c", "/ab", `/${LONG}`, `/${LONG}/${LONG}`]) {
    driver.create(parent);
    for (let i = 0; i < 20; i++) {
      driver.create(`${parent}/n${i}`);
      if (i % 3 > 0) driver.setData(`${parent}/n${i}`, "x".repeat(i * i * i));
    }
  }
  driver.createEphemeral("/a/b/ephemeral");
  return driver.tree;
}

/** Each znode's record as it lies in a snapshot. */
function recordsOf(tree: DataTree): { readonly path: string; readonly bytes: Buffer }[] {
  const writer = new Writer();
  const walk = tree.walk();
  const found: { path: string; bytes: Buffer }[] = [];
  for (let isMore = true; isMore; writer.clear()) {
    isMore = walk.write(writer, 1);
    const bytes = Buffer.from(writer.written());
    found.push({ path: snapshotRecords(bytes)[0]?.path ?? "", bytes });
  }
  return found;
}

// storage ST-22
test("a tree is what it was, whether its znodes come in pre-order or only after their parents", () => {
  const tree = filled();
  const expected = dumpTree(tree);
  const lists = copyLists(tree);
  const records = recordsOf(tree);
  const depth = ({ path }: { readonly path: string }): number => path.split("/").length;
  const load = (order: readonly { readonly bytes: Buffer }[]): void => {
    const znodes = Buffer.concat(order.map(({ bytes }) => bytes));
    expect(dumpTree(loadTree(OPTIONS, { lists, znodes }))).toEqual(expected);
  };
  load(records);
  fc.assert(
    fc.property(fc.shuffledSubarray(records, { minLength: records.length }), (shuffled) => {
      load(shuffled.toSorted((a, b) => depth(a) - depth(b)));
    }),
    { numRuns: 10 },
  );
});

test("a loaded tree grows, finds and deletes like one that grew", () => {
  const grown = filled();
  const znodes = Buffer.concat(recordsOf(grown).map(({ bytes }) => bytes));
  const loaded = loadTree(OPTIONS, { lists: copyLists(grown), znodes });
  for (const tree of [grown, loaded]) {
    const driver = new TreeDriver(tree);
    driver.zxid = 1000;
    for (let i = 0; i < 500; i++) driver.create(`/a/b/more${i}`);
    for (let i = 0; i < 20; i++) driver.delete(`/a/b/c/n${i}`);
    driver.delete("/a/b/c");
  }
  expect(dumpTree(loaded)).toEqual(dumpTree(grown));
});

test("a znode that comes twice, before its parent or without a name is refused", () => {
  const tree = filled();
  const lists = copyLists(tree);
  const records = recordsOf(tree);
  const load = (order: readonly Buffer[]): (() => DataTree) => {
    return () => loadTree(OPTIONS, { lists, znodes: Buffer.concat(order) });
  };
  const all = records.map(({ bytes }) => bytes);
  const named = (path: string): Buffer => {
    const bytes = records.find((record) => record.path === path)?.bytes;
    if (bytes === undefined) throw new Error(`no ${path}`);
    return bytes;
  };
  const renamed = (from: string, to: string): Buffer => {
    const bytes = Buffer.from(named(from));
    expect(to).toHaveLength(from.length);
    bytes.write(to, 4);
    return bytes;
  };
  expect(load(all)).not.toThrow();
  for (const path of ["/a/b/n7", "/zookeeper", ""]) {
    const twin = named(path);
    expect(load([...all, twin])).toThrow();
    // Found out in the middle, when a parent has to be looked up.
    expect(load([...all, twin, named("/a/b/c/n1")])).toThrow();
  }
  for (const to of ["/b/n1", "//b/n", "//n12", "/abn/", "a/bn1", "/////"]) {
    const from = ["/a/n1", "/ab/n1"].find((path) => path.length === to.length) ?? "/a/n1";
    expect(load([...all, renamed(from, to)]), to).toThrow();
  }
  expect(load(all.slice(1))).toThrow();
});
