import { expect, test } from "vitest";
import type { HostError } from "../../../protocol/host.ts";
import type { StorageDirectories } from "../../../server/storage/files.ts";
import { listReplaced, settleInstalled } from "../../../server/storage/installed.ts";
import { purge } from "../../../server/storage/purge.ts";
import { recover } from "../../../server/storage/recovery.ts";
import { SnapshotWriter } from "../../../server/storage/snapshot-writer.ts";
import { type SimHost, SimRandom, type World } from "../../../server/testing/index.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { History } from "../tree/history.ts";
import { type Dump, dumpTree } from "../tree/tree-dump.ts";
import {
  DIRECTORIES,
  DIRECTORY,
  Life,
  newMachine,
  randomStep,
  TREE_OPTIONS,
} from "./sim-machine.ts";

/** Logs and snapshots of a history, and the tree that they make. */
interface Old {
  readonly world: World;
  readonly host: SimHost;
  readonly dump: Dump;
  readonly zxid: number;
}

const OLD_TXNS = 40;

function oldHistory(seed: number): Old {
  const { world, host } = newMachine(seed);
  const draw = new SimRandom(seed);
  const life = new Life(host, new History("all"), { log: { snapCount: 12, preAllocBytes: 0 } });
  life.start(world);
  for (let i = 0; i < OLD_TXNS; i++) {
    life.write(randomStep(draw));
    life.log.flush();
    for (let steps = draw.below(8); steps > 0; steps--) world.step();
  }
  while (world.step());
  expect(life.errors).toEqual([]);
  return { world, host, dump: dumpTree(life.tree), zxid: life.acknowledged };
}

/** A tree of other txns, as a leader would send it. */
function newTree(zxid: number): DataTree {
  const tree = new DataTree(TREE_OPTIONS);
  const history = new History("all");
  const draw = new SimRandom(999);
  for (let i = 0; i < 60; i++) {
    const txn = history.next(randomStep(draw));
    tree.apply(txn, 0, txn.length, "live");
  }
  tree.lastZxid = zxid;
  return tree;
}

/** Makes a tree the history of a directory, as `saveTree` does. */
function install(
  host: SimHost,
  tree: DataTree,
  done: (error: HostError | undefined) => void,
  directories: StorageDirectories = DIRECTORIES,
): void {
  const writer = new SnapshotWriter(host, tree, { directory: directories.snapshots });
  writer.install((error) => {
    if (error !== undefined) done(error);
    else settleInstalled(host.disk, directories, done);
  });
}

function recovered(host: SimHost, directories: StorageDirectories = DIRECTORIES): DataTree {
  const options = { tree: TREE_OPTIONS, trustEmpty: false, mayBeEmpty: true };
  return recover(host.disk, directories, options).tree;
}

function historyIn(host: SimHost, directory: string = DIRECTORY): string[] {
  return host.disk.names(directory).filter((name) => /^(log|snapshot|installed)\./.test(name));
}

// storage ST-31, ST-32
// quorum-protocol S-6, S-21
test("an installed tree is all that the directory holds; what was there before is put aside", () => {
  const { world, host } = oldHistory(1);
  const before = historyIn(host);
  expect(before.length).toBeGreaterThan(6);
  const tree = newTree(0x2_0000_0004);
  let isDone = false;
  install(host, tree, (error) => {
    expect(error).toBeUndefined();
    isDone = true;
  });
  while (world.step());
  expect(isDone).toBe(true);
  expect(historyIn(host)).toEqual(["snapshot.200000004"]);
  const aside = host.disk.names(`${DIRECTORY}/replaced`);
  expect(aside.toSorted()).toEqual(before.map((name) => `200000004.${name}`).toSorted());
  expect(dumpTree(recovered(host))).toEqual(dumpTree(tree));
  // The log goes on in a file of its own.
  const history = new History("all");
  const life = new Life(host, history);
  expect(life.log.lastZxid).toBe(0x2_0000_0004);
});

// storage ST-31
// quorum-protocol 16/2872/3642, 16/2846
test("power that fails at any moment leaves the old history or the new one, never a mixture", () => {
  const seen = { old: 0, new: 0, between: 0 };
  // Above all that is there, among it, where the next txn would be, and by the name of a snapshot.
  const zxids = [0x2_0000_0004, 20, OLD_TXNS - 1, OLD_TXNS, 0];
  for (let run = 0; run < 160; run++) {
    const { world, host, dump, zxid } = oldHistory(run + 1);
    const draw = new SimRandom(run);
    const tree = newTree(zxids[run % zxids.length] ?? 0);
    const newDump = dumpTree(tree);
    let isDone = false;
    install(host, tree, () => {
      isDone = true;
    });
    // Anywhere, or when the snapshot has just got its name.
    let steps = run % 2 === 0 ? Number.POSITIVE_INFINITY : run % 47;
    let wasBetween = false;
    while (!isDone && steps-- > 0) {
      world.step();
      const isBetween = historyIn(host).some((name) => name.startsWith("installed."));
      if (wasBetween && !isBetween) steps = 0;
      wasBetween = isBetween;
    }
    if (wasBetween) seen.between++;
    host.crash(draw.chance(0.8) ? "power" : "kill");
    host.restart();
    // What start-up does is cut short as well.
    if (draw.chance(0.5)) {
      host.disk.failAfter(draw.below(40), "EIO");
      try {
        recovered(host);
      } catch (error) {
        expect(error).toMatchObject({ code: "EIO" });
      }
      host.disk.heal();
      host.crash(draw.chance(0.8) ? "power" : "kill");
      host.restart();
    }
    const found = recovered(host);
    const isNew = found.lastZxid === tree.lastZxid && historyIn(host).length === 1;
    if (isNew) seen.new++;
    else seen.old++;
    expect(found.lastZxid).toBe(isNew ? tree.lastZxid : zxid);
    expect(dumpTree(found)).toEqual(isNew ? newDump : dump);
    if (isDone) expect(isNew).toBe(true);
    // And once more, with nothing that changes it any more.
    expect(dumpTree(recovered(host))).toEqual(isNew ? newDump : dump);
  }
  expect(seen.old).toBeGreaterThan(4);
  expect(seen.new).toBeGreaterThan(30);
  expect(seen.between).toBeGreaterThan(15);
}, 60_000);

test("logs in a directory of their own are put aside there", () => {
  const { world, host } = newMachine(3);
  const directories = { snapshots: "/data/version-2", logs: "/logs/version-2" };
  host.disk.makeDirectory(directories.logs);
  host.disk.openNow(`${directories.logs}/log.5`, "create").closeNow();
  host.disk.openNow(`${directories.snapshots}/snapshot.4`, "create").closeNow();
  install(host, newTree(9), () => {}, directories);
  while (world.step());
  expect(host.disk.names(`${directories.logs}/replaced`)).toEqual(["9.log.5"]);
  expect(host.disk.names(`${directories.snapshots}/replaced`)).toEqual(["9.snapshot.4"]);
  expect(recovered(host, directories).lastZxid).toBe(9);
});

test("one set is kept: the one that was replaced last", () => {
  const { world, host } = oldHistory(4);
  for (const zxid of [200, 300, 250]) {
    install(host, newTree(zxid), (error) => expect(error).toBeUndefined());
    while (world.step());
  }
  expect(historyIn(host)).toEqual(["snapshot.fa"]);
  expect(listReplaced(host.disk, DIRECTORIES)).toEqual([
    { path: `${DIRECTORY}/replaced/fa.snapshot.12c`, zxid: 250 },
  ]);
});

// storage ST-33, ST-34
test("a purge removes what was replaced once the tree that replaced it is not among those kept", () => {
  const { world, host } = oldHistory(5);
  install(host, newTree(200), (error) => expect(error).toBeUndefined());
  while (world.step());
  const purged = (): readonly string[] => {
    let removed: readonly string[] = [];
    purge(host, DIRECTORIES, 3, (error, report) => {
      expect([error, report?.refusal]).toEqual([undefined, undefined]);
      removed = report?.removed ?? [];
    });
    while (world.step());
    return removed;
  };
  const aside = host.disk.names(`${DIRECTORY}/replaced`);
  for (const zxid of [210, 220]) {
    new SnapshotWriter(host, newTree(zxid), { directory: DIRECTORY }).take(() => {});
    while (world.step());
  }
  expect(purged()).toEqual([]);
  new SnapshotWriter(host, newTree(230), { directory: DIRECTORY }).take(() => {});
  while (world.step());
  expect(purged()).toEqual([
    `${DIRECTORY}/snapshot.c8`,
    ...aside.map((name) => `${DIRECTORY}/replaced/${name}`),
  ]);
  expect(host.disk.names(`${DIRECTORY}/replaced`)).toEqual([]);
});

// storage WP-10
test("whatever fails while a tree takes its place is told, and start-up goes on with it", () => {
  for (let failing = 0; failing < 60; failing++) {
    const { world, host, dump } = oldHistory(7);
    const tree = newTree(0x2_0000_0004);
    host.disk.failAfter(failing, "EIO");
    const outcome: (HostError | undefined)[] = [];
    install(host, tree, (error) => outcome.push(error));
    while (world.step());
    host.disk.heal();
    expect(outcome).toHaveLength(1);
    const expected = dumpTree(recovered(host));
    if (outcome[0] === undefined) expect(expected).toEqual(dumpTree(tree));
    else expect([dump, dumpTree(tree)]).toContainEqual(expected);
  }
}, 30_000);
