import fc from "fast-check";
import { expect, test } from "vitest";
import { Writer } from "../../../protocol/jute.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { History, type Step, step } from "./history.ts";
import { copyLists, dumpTree, loadTree, snapshotRecords } from "./tree-dump.ts";

const OPTIONS = { hashSeed: 42, extendedTypes: true };

interface FuzzyRun {
  readonly history: History;
  readonly live: DataTree;
  /** The zxid before the first znode was copied, and after the last. */
  readonly start: number;
  readonly end: number;
  readonly lists: Buffer;
  readonly znodes: Buffer;
  /** Paths with the czxid of the znode there, as they were when the walk began. */
  readonly before: Map<string, number>;
  /** The same for those znodes that lived until the walk was over. */
  readonly throughout: string[];
}

/** Applies some steps, then walks in slices of one znode with some steps between the slices. */
function walkWhileChanging(first: readonly Step[], between: readonly Step[][]): FuzzyRun {
  const live = new DataTree(OPTIONS);
  const history = new History("all");
  const run = (next: Step): void => {
    const txn = history.next(next);
    live.apply(txn, 0, txn.length, "live");
  };
  first.forEach(run);
  const start = live.lastZxid;
  const alive = (): Map<string, number> =>
    new Map([...history.model.znodes].map(([path, { stat }]) => [path, stat.czxid]));
  const before = alive();
  const throughout = new Map(before);
  const lists = copyLists(live);
  const writer = new Writer();
  const walk = live.walk();
  let slice = 0;
  let isMore = true;
  while (isMore) {
    isMore = walk.write(writer, 1);
    for (const next of isMore ? (between[slice++] ?? []) : []) {
      run(next);
      const now = alive();
      for (const [path, czxid] of throughout) if (now.get(path) !== czxid) throughout.delete(path);
    }
  }
  const end = live.lastZxid;
  const znodes = writer.take();
  return { history, live, start, end, lists, znodes, before, throughout: [...throughout.keys()] };
}

const fuzzy = {
  first: fc.array(step, { minLength: 20, maxLength: 80 }),
  between: fc.array(fc.array(step, { maxLength: 9, size: "max" }), { maxLength: 40, size: "max" }),
  after: fc.array(step, { maxLength: 10 }),
};

// storage ST-14
test("a walk meets whatever lives throughout once, nothing twice, and parents first", () => {
  fc.assert(
    fc.property(fuzzy.first, fuzzy.between, (first, between) => {
      const { znodes, throughout } = walkWhileChanging(first, between);
      const met = snapshotRecords(znodes).map(({ path }) => path);
      expect(new Set(met).size).toBe(met.length);
      expect(met[0]).toBe("");
      for (const path of throughout) expect(met).toContain(path === "/" ? "" : path);
      const seen = new Set<string>();
      for (const path of met) {
        if (path !== "") expect(seen).toContain(path.slice(0, path.lastIndexOf("/")));
        seen.add(path);
      }
    }),
    { numRuns: 60 },
  );
}, 60_000);

// storage F-1, F-3, F-4, F-6, F-7, F-9, F-10
test("a snapshot taken while the tree changes, and the log after its start, give the tree", () => {
  let longest = 0;
  fc.assert(
    fc.property(fuzzy.first, fuzzy.between, fuzzy.after, (first, between, after) => {
      const run = walkWhileChanging(first, between);
      longest = Math.max(longest, run.end - run.start);
      for (const next of after) {
        const txn = run.history.next(next);
        run.live.apply(txn, 0, txn.length, "live");
      }
      const loaded = loadTree({ ...OPTIONS, hashSeed: 7 }, run);
      loaded.compareDigestsFrom = run.end;
      const mismatches: number[] = [];
      loaded.observer = { applied: () => {}, digestMismatch: (zxid) => mismatches.push(zxid) };
      for (const txn of run.history.log.slice(run.start)) {
        loaded.apply(txn, 0, txn.length, "replay");
      }
      expect(mismatches).toEqual([]);
      expect(dumpTree(loaded)).toEqual(dumpTree(run.live));
      expect(loaded.lastZxid).toBe(after.length > 0 || run.end > run.start ? run.live.lastZxid : 0);
    }),
    { numRuns: 100 },
  );
  expect(longest).toBeGreaterThan(50);
}, 60_000);

test("a walk that is given up costs the tree nothing any more", () => {
  const { live, history } = walkWhileChanging([], []);
  const walk = live.walk();
  walk.close();
  expect(walk.done).toBe(true);
  for (let kind = 0; kind < 60; kind++) {
    const txn = history.next({ kind, where: kind * 7, name: kind % 5, size: 10 });
    live.apply(txn, 0, txn.length, "live");
  }
  expect(walk.write(new Writer(), 1000)).toBe(false);
});
