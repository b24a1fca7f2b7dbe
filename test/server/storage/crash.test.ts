import { expect, test } from "vitest";
import { Reader } from "../../../protocol/jute.ts";
import { readTxn } from "../../../protocol/txn.ts";
import { SimRandom } from "../../../server/testing/index.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { History } from "../tree/history.ts";
import { dumpTree } from "../tree/tree-dump.ts";
import { Life, newMachine, randomStep, TREE_OPTIONS } from "./sim-machine.ts";

const SEEDS = 120;
const LIVES = 3;

/** What the seeds came across. */
class Reached {
  /** Lives that began with a tail to cut, or a file to remove. */
  torn = 0;
  unfinishedSnapshots = 0;
  /** Txns that were written, not acknowledged, and are there; and those that are gone. */
  kept = 0;
  lost = 0;
  fallbacks = 0;
}

/** The history up to a zxid, to go on from in another way. */
function upTo(history: History, zxid: number): History {
  const shorter = new History("all");
  for (const txn of history.log.slice(0, zxid)) {
    shorter.model.apply(readTxn(new Reader().reset(txn)));
    shorter.log.push(txn);
  }
  shorter.zxid = zxid;
  return shorter;
}

function run(seed: number, reached: Reached): void {
  const { world, host } = newMachine(seed);
  const draw = new SimRandom(seed);
  let history = new History("all");
  let acknowledged = 0;
  for (let number = 0; number < LIVES; number++) {
    const life = new Life(host, history, { log: { snapCount: 24 } });
    const { lastZxid, tree, report } = life.recovered;
    // Everything acknowledged is there, and what is there is a prefix of what was written.
    expect(lastZxid).toBeGreaterThanOrEqual(acknowledged);
    expect(lastZxid).toBeLessThanOrEqual(history.zxid);
    reached.kept += lastZxid - acknowledged;
    reached.lost += history.zxid - lastZxid;
    if (report.warnings.some((line) => line.includes("log."))) reached.torn++;
    if (report.warnings.some((line) => line.includes(".tmp"))) reached.unfinishedSnapshots++;
    if (report.warnings.some((line) => line.includes("damaged"))) reached.fallbacks++;
    expect(report.digestMismatches).toEqual([]);
    const replayed = new DataTree(TREE_OPTIONS);
    for (const txn of history.log.slice(0, lastZxid)) replayed.apply(txn, 0, txn.length, "replay");
    expect(dumpTree(tree)).toEqual(dumpTree(replayed));

    history = upTo(history, lastZxid);
    life.goOnWith(history);
    for (let turns = draw.below(25); turns > 0; turns--) {
      if (life.recovered.snapshotZxid < 0 && life.reports.length === 0) {
        if (!life.snapshots.isRunning) life.takeSnapshot();
      } else {
        for (let count = draw.below(10); count > 0; count--) life.write(randomStep(draw));
        life.log.flush();
      }
      for (let steps = draw.below(5); steps > 0; steps--) world.step();
    }
    expect(life.errors).toEqual([]);
    acknowledged = life.acknowledged;
    host.crash(draw.chance(0.6) ? "power" : "kill");
    host.restart();
  }
}

// storage WP-4, WP-5, WP-6, WP-10, Trap 17
test("after a crash at any moment all that was acknowledged is there, and nothing but a prefix", () => {
  const reached = new Reached();
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      run(seed, reached);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  expect(reached.torn).toBeGreaterThan(SEEDS / 10);
  expect(reached.unfinishedSnapshots).toBeGreaterThan(SEEDS / 10);
  expect(reached.kept).toBeGreaterThan(SEEDS / 10);
  expect(reached.lost).toBeGreaterThan(SEEDS / 10);
  // A snapshot has its name only once it is whole.
  expect(reached.fallbacks).toBe(0);
}, 120_000);
