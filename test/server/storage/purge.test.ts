import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { HostError } from "../../../protocol/host.ts";
import { AutoPurge } from "../../../server/storage/auto-purge.ts";
import { type PurgeReport, purge } from "../../../server/storage/purge.ts";
import { recover } from "../../../server/storage/recovery.ts";
import { SnapshotWriter } from "../../../server/storage/snapshot-writer.ts";
import type { SimHost, World } from "../../../server/testing/index.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { SNAPSHOT_5 } from "./golden-13.ts";
import { addZnode, DIRECTORIES, DIRECTORY, newMachine, TREE_OPTIONS } from "./sim-machine.ts";

function put(world: World, host: SimHost, name: string, bytes: Buffer): void {
  const file = host.disk.openNow(`${DIRECTORY}/${name}`, "create");
  let isWritten = false;
  file.write(bytes, 0, () => {
    isWritten = true;
  });
  while (!isWritten) world.step();
  file.datasyncNow();
  host.disk.syncDirectoryNow(DIRECTORY);
}

class Bench {
  readonly machine = newMachine(3);

  constructor(snapshots: readonly string[], logs: readonly string[]) {
    for (const name of snapshots) this.put(name, SNAPSHOT_5);
    for (const name of logs) this.put(name, Buffer.alloc(16));
  }

  put(name: string, bytes: Buffer): void {
    put(this.machine.world, this.machine.host, name, bytes);
  }

  names(): string[] {
    return this.machine.host.disk.list(DIRECTORY).toSorted();
  }

  purge(retain = 3): { error: HostError | undefined; report: PurgeReport | undefined } {
    let result: ReturnType<Bench["purge"]> | undefined;
    purge(this.machine.host, DIRECTORIES, retain, (error, report) => {
      result = { error, report };
    });
    while (this.machine.world.step());
    if (result === undefined) throw new Error("the purge did not end");
    return result;
  }
}

const SNAPSHOTS = ["snapshot.0", "snapshot.9", "snapshot.14", "snapshot.1e", "snapshot.28"];
const LOGS = ["log.1", "log.8", "log.f", "log.15", "log.20", "log.29"];

// storage ST-2, ST-33, ST-34
test("the newest snapshots stay, and every log with a record after the oldest of them", () => {
  const bench = new Bench(SNAPSHOTS, LOGS);
  const { report } = bench.purge();
  const gone = ["snapshot.0", "snapshot.9", "log.1", "log.8"];
  expect(report?.removed).toEqual(gone.map((name) => `${DIRECTORY}/${name}`));
  expect(bench.names()).toEqual(
    [...SNAPSHOTS, ...LOGS].filter((name) => !gone.includes(name)).toSorted(),
  );
  expect(bench.purge().report?.removed).toEqual([]);
});

// storage ST-33
test("fewer than three snapshots are never kept", () => {
  const bench = new Bench(SNAPSHOTS, LOGS);
  expect(bench.purge(1).report?.removed).toHaveLength(4);
  const more = new Bench(SNAPSHOTS, LOGS);
  expect(more.purge(4).report?.removed).toEqual([`${DIRECTORY}/snapshot.0`, `${DIRECTORY}/log.1`]);
});

// storage Trap 8
test("a snapshot and the compressed one of the same zxid count as two", () => {
  const bench = new Bench(SNAPSHOTS, LOGS);
  bench.put("snapshot.1e.gz", gzipSync(SNAPSHOT_5));
  const removed = ["snapshot.0", "snapshot.9", "snapshot.14", "log.1", "log.8", "log.f"];
  expect(bench.purge().report?.removed).toEqual(removed.map((name) => `${DIRECTORY}/${name}`));
});

// storage ST-33
test("what does not pass for a snapshot does not count as one that is kept", () => {
  const bench = new Bench(SNAPSHOTS, LOGS);
  bench.put("snapshot.32", SNAPSHOT_5.subarray(0, 400));
  bench.put("snapshot.33.tmp", SNAPSHOT_5);
  expect(bench.purge().report?.removed).toHaveLength(4);
  expect(bench.names()).toContain("snapshot.32");
  expect(bench.names()).toContain("snapshot.33.tmp");
});

// storage ST-36, Trap 17
test("nothing is removed unless the newest snapshot is whole to its last byte", () => {
  for (let at = 20; at < SNAPSHOT_5.length - 5; at += 50) {
    const damaged = Buffer.from(SNAPSHOT_5);
    damaged[at] = (damaged[at] as number) ^ 8;
    const bench = new Bench(SNAPSHOTS, LOGS);
    bench.put("snapshot.32", damaged);
    const { report } = bench.purge();
    expect(report?.removed).toEqual([]);
    expect(report?.refusal).toContain("snapshot.32");
  }
});

// storage ST-36
test("without a whole snapshot nothing is removed", () => {
  const bench = new Bench([], LOGS);
  bench.put("snapshot.1", SNAPSHOT_5.subarray(0, 100));
  const { report } = bench.purge();
  expect(report?.removed).toEqual([]);
  expect(report?.refusal).toContain("no whole snapshot");
});

test("a compressed snapshot is no reason to remove what is plain", () => {
  const bench = new Bench(SNAPSHOTS, LOGS);
  bench.put("snapshot.32.gz", Buffer.from("1f8b0800", "hex"));
  expect(bench.purge().report?.removed).toEqual([]);
});

// storage ST-36
test("a large snapshot is verified over many turns", () => {
  const bench = new Bench(["snapshot.0", "snapshot.1", "snapshot.2"], LOGS);
  const { world, host } = bench.machine;
  const tree = new DataTree(TREE_OPTIONS);
  for (let znode = 0; znode < 40; znode++) addZnode(tree, `/${znode}`, Buffer.alloc(100_000));
  tree.lastZxid = 0x32;
  new SnapshotWriter(host, tree, { directory: DIRECTORY }).take(() => {});
  while (world.step());
  const before = world.eventCount;
  expect(bench.purge().report?.removed).toHaveLength(1);
  // 4 MB in slices of 256 KiB, and a few turns to remove one file.
  expect(world.eventCount - before).toBeGreaterThan(15);
});

test("a failing disk ends the purge with its error, and what is left still starts", () => {
  for (let failing = 0; failing < 30; failing++) {
    const bench = new Bench(["snapshot.5", "snapshot.6", "snapshot.7", "snapshot.8"], ["log.1"]);
    const { disk } = bench.machine.host;
    disk.failAfter(failing, "EIO");
    const { error, report } = bench.purge();
    if (error === undefined) expect(report?.removed).toEqual([`${DIRECTORY}/snapshot.5`]);
    else expect(error.code).toBe("EIO");
    disk.heal();
    const options = { tree: TREE_OPTIONS, trustEmpty: false, mayBeEmpty: false };
    expect(recover(disk, DIRECTORIES, options).snapshotZxid).toBe(8);
  }
});

test("a crash in the middle of a purge leaves a directory that starts where it would have", () => {
  for (let steps = 0; steps < 25; steps++) {
    const bench = new Bench(SNAPSHOTS, []);
    const { world, host } = bench.machine;
    purge(host, DIRECTORIES, 3, () => {});
    for (let i = 0; i < steps; i++) world.step();
    host.crash("power");
    host.restart();
    const options = { tree: TREE_OPTIONS, trustEmpty: false, mayBeEmpty: false };
    expect(recover(host.disk, DIRECTORIES, options).snapshotZxid).toBe(0x28);
    expect(bench.names()).toEqual(expect.arrayContaining(SNAPSHOTS.slice(2)));
  }
});

// storage ST-35
test("while the history itself is changed nothing is purged", () => {
  const bench = new Bench(SNAPSHOTS, LOGS);
  const { world, host } = bench.machine;
  const reports: (PurgeReport | undefined)[] = [];
  const options = { intervalMs: 1000, retainCount: 3 };
  const auto = new AutoPurge(host, DIRECTORIES, options, (_, report) => reports.push(report));
  auto.start();
  let isHeld = false;
  auto.hold(() => {
    isHeld = true;
  });
  // The one that is under way comes to its end first.
  expect(isHeld).toBe(false);
  while (!isHeld) expect(world.step()).toBe(true);
  expect(reports).toHaveLength(1);
  world.runUntil(10_000_000);
  expect(reports).toHaveLength(1);
  auto.release();
  world.runUntil(12_000_000);
  expect(reports.length).toBeGreaterThan(1);
  auto.stop();
});
