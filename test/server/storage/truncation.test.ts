import { expect, test } from "vitest";
import { makeZxid } from "../../../protocol/zxid.ts";
import { logName, snapshotName } from "../../../server/storage/files.ts";
import { type TruncationOutcome, truncateHistory } from "../../../server/storage/truncation.ts";
import { dumpTree } from "../tree/tree-dump.ts";
import { MadeDirectory, zxidOf } from "./made-directory.ts";
import { DIRECTORIES } from "./sim-machine.ts";

const E1 = makeZxid(1, 0);
const E2 = makeZxid(2, 0);

function truncate(made: MadeDirectory, zxid: number): TruncationOutcome {
  return truncateHistory(made.disk, DIRECTORIES, zxid);
}

/**
 *     snapshot.0   log.1: 1..3   log.4: 4..6   log.2|1: 1..4      (epoch 1, epoch 2)
 *                       snapshot.5         snapshot.2|2
 */
function twoEpochs(seed = 1): MadeDirectory {
  const made = new MadeDirectory(seed);
  made.putSnapshot(0);
  made.grow(1, 6);
  made.grow(2, 4);
  made.putLog(E1 + 1, E1 + 3);
  made.putLog(E1 + 4, E1 + 6);
  made.putLog(E2 + 1, E2 + 4);
  made.putSnapshot(E1 + 5);
  made.putSnapshot(E2 + 2);
  made.disk.take();
  return made;
}

/** What the directory holds is the history up to `zxid`, and that as it was. */
function expectHistory(made: MadeDirectory, zxid: number): void {
  const { tree, lastZxid, fuzzyUpTo, report } = made.recover();
  expect([lastZxid, fuzzyUpTo]).toEqual([zxid, 0]);
  expect(report.digestMismatches).toEqual([]);
  expect(dumpTree(tree)).toEqual(dumpTree(made.tree(zxid)));
}

// storage ST-28, ST-29, 13.3
// quorum-protocol S-18, I-21, 16/1156
test("a history is cut right behind a record, and nothing that is later stays", () => {
  for (const zxid of twoEpochs().txns.map(zxidOf)) {
    const made = twoEpochs();
    expect(truncate(made, zxid)).toBe("done");
    const zxids = made.names().map((name) => Number.parseInt(name.split(".")[1] ?? "", 16));
    expect(zxids.filter((one) => one > zxid)).toEqual([]);
    expectHistory(made, zxid);
  }
  const made = new MadeDirectory();
  made.putSnapshot(0);
  made.grow(1, 6);
  const ends = made.putLog(E1 + 1, E1 + 6);
  expect(truncate(made, E1 + 4)).toBe("done");
  expect(made.size(logName(E1 + 1))).toBe(ends.get(E1 + 4));
});

// storage ST-29
test("snapshots go before logs, the newest log first, and each step is durable before the next", () => {
  const made = twoEpochs();
  truncate(made, E1 + 2);
  expect(made.disk.take()).toEqual([
    `removeNow ${snapshotName(E2 + 2)}`,
    `removeNow ${snapshotName(E1 + 5)}`,
    "syncDirectoryNow version-2",
    `removeNow ${logName(E2 + 1)}`,
    "syncDirectoryNow version-2",
    `removeNow ${logName(E1 + 4)}`,
    "syncDirectoryNow version-2",
    expect.stringMatching(`^truncateNow ${logName(E1 + 1)} `),
    `datasyncNow ${logName(E1 + 1)}`,
  ]);
});

// quorum-protocol S-18, 16/2832
// storage Trap 5
test("what is no record and no snapshot is unreachable, and nothing is touched", () => {
  // Before the first snapshot; a leader's marker; within a gap that an epoch explains; to come.
  for (const zxid of [E1, E1 + 7, E2, E2 + 5, makeZxid(3, 0), makeZxid(3, 1)]) {
    const made = twoEpochs();
    const names = made.names();
    expect(truncate(made, zxid)).toBe("unreachable");
    expect([made.disk.take(), made.names()]).toEqual([[], names]);
    expectHistory(made, E2 + 4);
  }
});

// quorum-protocol S-18
// storage Trap 5
test("a marker, and the beginning of history, are reachable where a snapshot is named for them", () => {
  const made = new MadeDirectory();
  made.grow(1, 3);
  made.grow(2, 3);
  made.putSnapshot(0);
  made.putLog(E1 + 1, E1 + 3);
  made.putSnapshot(E2);
  made.putLog(E2 + 1, E2 + 3);
  expect(truncate(made, E2)).toBe("done");
  expectHistory(made, E2);
  expect(made.names()).toContain(logName(E1 + 1));
  expect(truncate(made, 0)).toBe("done");
  expect(made.names()).toEqual(["snapshot.0"]);
  expectHistory(made, 0);
});

// quorum-protocol S-18
test("a record without a snapshot before it is unreachable", () => {
  const made = new MadeDirectory();
  made.grow(1, 6);
  made.putLog(E1 + 1, E1 + 6);
  made.putSnapshot(E1 + 4);
  expect(truncate(made, E1 + 3)).toBe("unreachable");
  expect(truncate(made, E1 + 4)).toBe("done");
  expectHistory(made, E1 + 4);
});

// quorum-protocol S-18, 16/1549/4837
// storage Trap 6
test("a snapshot of txns that were never settled does not bring them back", () => {
  const made = new MadeDirectory();
  made.putSnapshot(0);
  made.grow(1, 6);
  made.putLog(E1 + 1, E1 + 6);
  // Of a leader to be, with its tail, and lost office.
  made.putSnapshot(E1 + 6);
  expect(truncate(made, E1 + 3)).toBe("done");
  expect(made.names()).toEqual([logName(E1 + 1), "snapshot.0"]);
  expectHistory(made, E1 + 3);
});

// storage Trap 4, Trap 6
test("nor does a snapshot that is named for an earlier txn and was copied while they were applied", () => {
  const make = (): MadeDirectory => {
    const made = new MadeDirectory(3);
    made.grow(1, 8);
    made.putLog(E1 + 1, E1 + 8);
    made.putFuzzySnapshot(E1 + 2, E1 + 7);
    return made;
  };
  const alone = make();
  expect(truncate(alone, E1 + 5)).toBe("unreachable");
  expect(truncate(alone, E1 + 7)).toBe("done");
  expectHistory(alone, E1 + 7);
  const made = make();
  made.putSnapshot(0);
  expect(truncate(made, E1 + 5)).toBe("done");
  expect(made.names()).toEqual([logName(E1 + 1), "snapshot.0"]);
  expectHistory(made, E1 + 5);
});

// quorum-protocol S-18
test("a log that is damaged, or has a hole that only a snapshot fills, is not cut", () => {
  const damaged = twoEpochs();
  damaged.host.disk.flip(`${DIRECTORIES.logs}/${logName(E2 + 1)}`, 40, 3);
  expect(truncate(damaged, E1 + 2)).toBe("unreachable");
  const holed = new MadeDirectory();
  holed.grow(1, 9);
  holed.putSnapshot(0);
  holed.putLog(E1 + 1, E1 + 3);
  holed.putSnapshot(E1 + 6);
  holed.putLog(E1 + 7, E1 + 9);
  expect(truncate(holed, E1 + 2)).toBe("unreachable");
  // Behind it all is well.
  expect(truncate(holed, E1 + 8)).toBe("done");
  expectHistory(holed, E1 + 8);
});

test("damaged snapshots do not count, whichever side of the end they are on", () => {
  const made = twoEpochs();
  made.put(snapshotName(E1 + 2), Buffer.from("ZKSN, and then nothing"));
  made.put(snapshotName(E2 + 3), Buffer.alloc(0));
  expect(truncate(made, E1 + 4)).toBe("done");
  expect(made.names()).toEqual([
    logName(E1 + 1),
    logName(E1 + 4),
    "snapshot.0",
    snapshotName(E1 + 2),
  ]);
  expectHistory(made, E1 + 4);
});

// storage ST-29, ST-30
// quorum-protocol 16/3701
test("wherever it breaks off, what is left ends between the new end and the old one", () => {
  let partly = 0;
  const target = E1 + 2;
  for (let operations = 0, isDone = false; !isDone; operations++) {
    for (let seed = 1; seed <= 12; seed++) {
      const made = twoEpochs(seed);
      made.host.disk.failAfter(operations, "EIO");
      try {
        expect(truncate(made, target)).toBe("done");
        isDone = true;
      } catch (error) {
        expect(error).toMatchObject({ code: "EIO" });
      }
      made.host.disk.heal();
      made.cutPower();
      const { lastZxid } = made.recover();
      expect(lastZxid).toBeGreaterThanOrEqual(target);
      if (lastZxid > target && lastZxid < E2 + 4) partly++;
      expectHistory(made, lastZxid);
      expect(truncate(made, target)).toBe("done");
      expectHistory(made, target);
    }
  }
  expect(partly).toBeGreaterThan(10);
});
