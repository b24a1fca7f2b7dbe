import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Writer } from "../../../protocol/jute.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import { parentPath } from "../../../protocol/paths.ts";
import { DataTree, type TreeOptions } from "../../../server/tree/data-tree.ts";
import { TreeDriver, worldAcl } from "./tree-driver.ts";

const PATHS = ["/a", "/a/a", "/a/b", "/a/a/a", "/a/a/b", "/a/b/a", "/b", "/b/a"];
const QUOTAS = ["/a", "/a/a", "/b"];

/** A tree to which whatever fits is done, and nothing else. */
class QuotaTree {
  readonly tree: DataTree;
  readonly driver: TreeDriver;

  constructor(options: Partial<TreeOptions> = {}) {
    this.tree = new DataTree({ hashSeed: 3, ...options });
    this.driver = new TreeDriver(this.tree);
    for (const path of ["/a", "/a/a", "/b"]) this.driver.create(`/zookeeper/quota${path}`);
  }

  has(path: string): boolean {
    return this.tree.findText(path) !== 0;
  }

  create(path: string, data: string): void {
    const parent = this.tree.findText(parentPath(path));
    if (this.has(path) || parent === 0) return;
    this.driver.apply({
      type: OpCode.create,
      path,
      data: Buffer.from(data),
      acl: worldAcl(31),
      ephemeral: false,
      parentCVersion: this.tree.cversion(parent) + 1,
    });
  }

  delete(path: string): void {
    if (this.has(path) && this.tree.childCount(this.tree.findText(path)) === 0) {
      this.driver.delete(path);
    }
  }

  set(path: string, data: string): void {
    if (this.has(path)) this.driver.setData(path, data);
  }

  /** Makes a quota, or begins it anew. */
  quota(path: string): void {
    this.create(`/zookeeper/quota${path}/zookeeper_limits`, "count=1");
    this.delete(statsPath(path));
    this.create(statsPath(path), "given");
  }

  stats(path: string): string {
    return this.text(statsPath(path));
  }

  text(path: string): string {
    const writer = new Writer();
    const slot = this.tree.findText(path);
    if (slot === 0) return "none";
    this.tree.writeData(slot, writer);
    return writer.written().toString("utf8", 4);
  }

  finishCounting(): void {
    while (this.tree.quotas.count(1));
  }

  /** What is at and below a path, the plain way. */
  usage(path: string): string {
    const paths = PATHS.filter((each) => `${each}/`.startsWith(`${path}/`) && this.has(each));
    const bytes = paths.map((each) => Math.max(this.tree.dataLength(this.tree.findText(each)), 0));
    return `count=${paths.length},bytes=${bytes.reduce((a, b) => a + b, 0)}`;
  }
}

function statsPath(path: string): string {
  return `/zookeeper/quota${path}/zookeeper_stats`;
}

const change = fc.record({
  kind: fc.constantFrom("create", "create", "delete", "set", "limits", "count"),
  path: fc.constantFrom(...PATHS),
  size: fc.nat({ max: 20 }),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function apply(tree: QuotaTree, { kind, path, size }: Change): void {
  if (kind === "create") tree.create(path, "x".repeat(size));
  else if (kind === "delete") tree.delete(path);
  else if (kind === "set") tree.set(path, "x".repeat(size));
  else if (kind === "count") tree.tree.quotas.count(size);
  else tree.delete(`/zookeeper/quota/a/a/zookeeper_limits`);
}

describe("a count in slices", () => {
  // server-semantics 9.1/initial stats (A), 9.1/update (A)
  test("comes to what a count at once comes to, whatever changes meanwhile", () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 20 }),
        fc.array(fc.tuple(fc.constantFrom(...QUOTAS), fc.array(change, { maxLength: 25 })), {
          maxLength: 4,
        }),
        (before, rounds) => {
          const atOnce = new QuotaTree();
          const sliced = new QuotaTree({ countedAtOnceMax: 0 });
          const both = [atOnce, sliced];
          for (const each of both) for (const one of before) apply(each, one);
          for (const [path, changes] of rounds) {
            for (const each of both) {
              each.quota(path);
              for (const one of changes) apply(each, one);
            }
            sliced.finishCounting();
            for (const quota of QUOTAS) expect(sliced.stats(quota)).toBe(atOnce.stats(quota));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test("says what the creator wrote until it is complete", () => {
    const tree = new QuotaTree({ countedAtOnceMax: 2 });
    for (const path of PATHS) tree.create(path, "x");
    tree.quota("/a");
    tree.create("/a/c", "x");
    expect(tree.stats("/a")).toBe("given");
    tree.finishCounting();
    expect(tree.stats("/a")).toBe("count=7,bytes=7");
  });

  test("is given up for who writes the statistics, or deletes them", () => {
    const tree = new QuotaTree({ countedAtOnceMax: 0 });
    for (const path of PATHS) tree.create(path, "x");
    for (const path of QUOTAS) tree.quota(path);
    // The first is under way, the others wait.
    tree.set(statsPath("/a"), "count=70,bytes=70");
    tree.delete(statsPath("/b"));
    tree.create("/b/b", "x");
    tree.finishCounting();
    expect(QUOTAS.map((path) => tree.stats(path))).toEqual([
      "count=70,bytes=70",
      "count=3,bytes=3",
      "none",
    ]);
  });

  test("waits for the one before it, and counts what is there by then", () => {
    const tree = new QuotaTree({ countedAtOnceMax: 0 });
    for (const path of PATHS) tree.create(path, "x");
    for (const path of QUOTAS) tree.quota(path);
    tree.create("/b/b", "xx");
    tree.delete("/a/b/a");
    tree.finishCounting();
    expect(QUOTAS.map((path) => tree.stats(path))).toEqual([
      "count=5,bytes=5",
      "count=3,bytes=3",
      "count=3,bytes=4",
    ]);
  });
});

// server-semantics 9.1/activation (A); storage F-8
test("a recount is of everything that is there, quotas in quotas included", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const tree = new QuotaTree();
      for (const path of QUOTAS) tree.quota(path);
      for (const one of changes) apply(tree, one);
      tree.set(statsPath("/b"), "garbage");
      tree.tree.quotas.recount();
      for (const path of QUOTAS) expect(tree.stats(path)).toBe(tree.usage(path));
    }),
  );
});

// storage F-8
test("replay leaves statistics to the recount that follows it", () => {
  const tree = new QuotaTree();
  for (const path of PATHS) tree.create(path, "x");
  tree.quota("/a");
  const body = tree.driver.createBody("/a/c");
  // A fuzzy snapshot may hold what the log says once more.
  for (let i = 0; i < 2; i++) tree.driver.apply(body, "replay", 100);
  expect(tree.stats("/a")).toBe("count=6,bytes=6");
  tree.tree.quotas.recount();
  expect(tree.stats("/a")).toBe("count=7,bytes=6");
});

// server-semantics 9.1/update (A)
test("the root has no quota, and a name that only begins alike is another", () => {
  const tree = new QuotaTree();
  tree.driver.create("/zookeeper/quotas");
  tree.driver.create("/zookeeper/quotas/zookeeper_stats");
  tree.quota("");
  expect(tree.text("/zookeeper/quota/zookeeper_stats")).not.toBe("given");
  const before = tree.text("/zookeeper/quota/zookeeper_stats");
  tree.create("/a", "x");
  expect(tree.text("/zookeeper/quota/zookeeper_stats")).toBe(before);
  expect(tree.text("/zookeeper/quotas/zookeeper_stats")).toBe("");
});

test("without a quota nothing is asked", () => {
  const tree = new DataTree({ hashSeed: 3 });
  const driver = new TreeDriver(tree);
  expect(tree.quotas.idle).toBe(true);
  driver.create("/zookeeper/quota/a");
  expect(tree.quotas.idle).toBe(false);
  driver.delete("/zookeeper/quota/a");
  expect(tree.quotas.idle).toBe(true);
});
