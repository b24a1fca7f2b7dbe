import { expect, test } from "vitest";
import { recover } from "../../../server/storage/recovery.ts";
import type { SnapshotReport } from "../../../server/storage/snapshot-writer.ts";
import { SimRandom } from "../../../server/testing/index.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { History } from "../tree/history.ts";
import { dumpTree } from "../tree/tree-dump.ts";
import { DIRECTORIES, Life, newMachine, randomStep, TREE_OPTIONS } from "./sim-machine.ts";

const SEEDS = 20;
const TXNS = 400;

/** Writes while snapshots are taken all the time; what each of them then recovers to. */
function run(seed: number): readonly SnapshotReport[] {
  const { world, host } = newMachine(seed);
  const draw = new SimRandom(seed);
  const history = new History("all");
  const life = new Life(host, history, {
    log: { snapCount: 100_000, preAllocBytes: 0 },
    sliceBytes: 1 + draw.below(400),
  });
  life.start(world);
  while (life.log.lastZxid < TXNS) {
    if (!life.snapshots.isRunning && draw.chance(0.05)) life.takeSnapshot();
    for (let count = draw.below(4); count > 0; count--) life.write(randomStep(draw));
    life.log.flush();
    for (let steps = draw.below(6); steps > 0; steps--) world.step();
  }
  while (world.step());
  const { tree, lastZxid, snapshotZxid, report } = recover(host.disk, DIRECTORIES, {
    tree: TREE_OPTIONS,
    trustEmpty: false,
    mayBeEmpty: false,
  });
  const last = life.reports.at(-1);
  expect([lastZxid, snapshotZxid]).toEqual([history.zxid, last?.zxid]);
  expect(report.digestMismatches).toEqual([]);
  expect(report.warnings).toEqual([]);
  expect(report.replayed).toBe(history.zxid - snapshotZxid);
  // Equal to the tree that never stopped, and to a replay of everything over nothing.
  const replayed = new DataTree(TREE_OPTIONS);
  for (const txn of history.log) replayed.apply(txn, 0, txn.length, "replay");
  expect(dumpTree(tree)).toEqual(dumpTree(life.tree));
  expect(dumpTree(tree)).toEqual(dumpTree(replayed));
  return life.reports;
}

// storage F-1, F-2, F-3, F-5, F-6, F-7, F-9, F-10, Trap 4, Trap 7, Trap 9, Trap 16, WP-11
// quorum-protocol 16/3127
test("a fuzzy snapshot and the log after it make the tree, under any load while it is copied", () => {
  const reports: SnapshotReport[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) reports.push(...run(seed));
  const fuzzy = reports.filter(({ txnsDuring }) => txnsDuring > 0);
  const slices = reports.map((report) => report.slices).toSorted((a, b) => a - b);
  expect(fuzzy.length).toBeGreaterThan(reports.length / 2);
  expect(slices[slices.length >> 1]).toBeGreaterThan(10);
  for (const { zxid, endZxid, txnsDuring, bytes } of reports) {
    expect(endZxid).toBeGreaterThanOrEqual(zxid + txnsDuring);
    expect(bytes).toBeGreaterThan(400);
  }
}, 60_000);
