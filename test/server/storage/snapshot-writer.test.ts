import { expect, test } from "vitest";
import type { HostError } from "../../../protocol/host.ts";
import { adler32 } from "../../../server/storage/adler32.ts";
import { type SnapshotReport, SnapshotWriter } from "../../../server/storage/snapshot-writer.ts";
import { SimRandom } from "../../../server/testing/index.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { History } from "../tree/history.ts";
import { addZnode, DIRECTORY, newMachine, randomStep, TREE_OPTIONS } from "./sim-machine.ts";
import { TracedDisk } from "./traced-disk.ts";

/** A writer over a tree of some hundred znodes, on a simulated host. */
class Bench {
  readonly machine = newMachine(5);
  readonly disk: TracedDisk = new TracedDisk(this.machine.host.disk);
  readonly tree: DataTree = new DataTree(TREE_OPTIONS);
  readonly writer: SnapshotWriter;
  readonly reports: SnapshotReport[] = [];
  readonly errors: HostError[] = [];
  readonly #history = new History("all");
  readonly #draw = new SimRandom(11);

  constructor(sliceBytes?: number) {
    for (let txn = 0; txn < 150; txn++) this.apply();
    const host = { clock: this.machine.host.clock, disk: this.disk };
    const options = { directory: DIRECTORY, ...(sliceBytes === undefined ? {} : { sliceBytes }) };
    this.writer = new SnapshotWriter(host, this.tree, options);
  }

  apply(): void {
    const txn = this.#history.next(randomStep(this.#draw));
    this.tree.apply(txn, 0, txn.length, "live");
  }

  take(): boolean {
    return this.writer.take((error, report) => {
      if (error !== undefined) this.errors.push(error);
      if (report !== undefined) this.reports.push(report);
    });
  }

  step(): boolean {
    return this.machine.world.step();
  }

  settle(): void {
    while (this.step());
  }

  names(): string[] {
    return this.machine.host.disk.list(DIRECTORY);
  }

  read(name: string): Buffer {
    const file = this.machine.host.disk.openNow(`${DIRECTORY}/${name}`, "read");
    const bytes = Buffer.alloc(file.size());
    file.readNow(bytes, 0);
    return bytes;
  }
}

// storage WP-10
test("a snapshot has its name once all of it is on disk, and the name is synced last", () => {
  const bench = new Bench();
  expect(bench.take()).toBe(true);
  bench.settle();
  const operations = bench.disk.take();
  const writes = operations.filter((line) => line.startsWith("write"));
  expect(operations).toEqual([
    "create snapshot.96.tmp",
    ...writes,
    "datasync snapshot.96.tmp",
    "close snapshot.96.tmp",
    "rename snapshot.96.tmp snapshot.96",
    "syncDirectory version-2",
  ]);
  expect(bench.names()).toEqual(["snapshot.96"]);
  expect(bench.reports).toHaveLength(1);
});

test("a large snapshot is synced while it is written, so that its last fsync is a short one", () => {
  const bench = new Bench();
  const big = Buffer.alloc(500_000, "x");
  for (let znode = 0; znode < 40; znode++) addZnode(bench.tree, `/big-${znode}`, big);
  bench.take();
  bench.settle();
  let unsynced = 0;
  let most = 0;
  let syncs = 0;
  for (const line of bench.disk.take()) {
    if (line.startsWith("datasync")) {
      unsynced = 0;
      syncs++;
    }
    unsynced += Number(/^write .*\+(\d+)$/.exec(line)?.[1] ?? 0);
    most = Math.max(most, unsynced);
  }
  expect(syncs).toBeGreaterThan(3);
  expect(most).toBeLessThan(6e6);
  expect(bench.reports).toHaveLength(1);
});

// storage ST-17, ST-18, F-2, F-3
test("the digest and lastZxid sections are always there, and tell of the moment copying ended", () => {
  const bench = new Bench(200);
  bench.take();
  let digest: [number, number] = [0, 0];
  while (bench.writer.isRunning) {
    const wasCopied = bench.disk.trace.some((line) => line.startsWith("datasync"));
    if (!wasCopied && bench.tree.lastZxid < 170) bench.apply();
    digest = [bench.tree.digestHigh, bench.tree.digestLow];
    bench.step();
  }
  const [report] = bench.reports;
  expect(report).toMatchObject({ zxid: 150, endZxid: 170 });
  const bytes = bench.read("snapshot.96");
  expect(report?.bytes).toBe(bytes.length);
  const [lastZxid, digestSection] = [bytes.length - 21, bytes.length - 54];
  expect(bytes.readBigInt64BE(lastZxid)).toBe(170n);
  expect(bytes.readBigInt64BE(digestSection)).toBe(170n);
  expect(bytes.readInt32BE(digestSection + 8)).toBe(2);
  expect([bytes.readInt32BE(digestSection + 12), bytes.readInt32BE(digestSection + 16)]).toEqual(
    digest,
  );
  for (const seal of [bytes.length - 67, digestSection + 20, lastZxid + 8]) {
    expect(bytes.readBigInt64BE(seal)).toBe(BigInt(adler32(bytes, 0, seal)));
    expect(bytes.toString("hex", seal + 8, seal + 13)).toBe("000000012f");
  }
});

test("copying stops for other turns, and tells how fuzzy it became", () => {
  const bench = new Bench(100);
  bench.take();
  let turns = 0;
  while (bench.writer.isRunning) {
    if (bench.tree.lastZxid < 190) bench.apply();
    bench.step();
    turns++;
  }
  const [report] = bench.reports;
  expect(report?.slices).toBeGreaterThan(25);
  expect(turns).toBeGreaterThan(report?.slices ?? 0);
  expect(report?.txnsDuring).toBeGreaterThan(25);
  expect(report?.elapsedMs).toBeGreaterThan(0);
});

test("a slow disk stops the copying: two buffers are all that is held", () => {
  const bench = new Bench(300_000);
  const big = Buffer.alloc(100_000, "x");
  for (let znode = 0; znode < 40; znode++) addZnode(bench.tree, `/big-${znode}`, big);
  bench.machine.host.disk.slow(10_000);
  bench.take();
  let pending = 0;
  let most = 0;
  while (bench.writer.isRunning && bench.step()) {
    const writes = bench.disk.trace.filter((line) => line.startsWith("write")).length;
    most = Math.max(most, writes - pending);
    pending = writes;
  }
  expect(most).toBe(1);
  const sizes = bench.disk.trace.flatMap((line) => /^write .*\+(\d+)$/.exec(line)?.[1] ?? []);
  expect(sizes.length).toBeGreaterThan(8);
  // A buffer is handed over when it is full; a slice is the most that goes beyond.
  expect(Math.max(...sizes.map(Number))).toBeLessThan(256 * 1024 + 400_000);
  expect(bench.reports).toHaveLength(1);
});

// storage WP-7
test("while one snapshot is taken, another is not begun", () => {
  const bench = new Bench();
  expect(bench.take()).toBe(true);
  expect(bench.take()).toBe(false);
  bench.settle();
  expect(bench.take()).toBe(true);
  bench.settle();
  expect(bench.reports).toHaveLength(2);
});

// storage WP-10
test("whatever fails, the error is told and the unfinished file is gone", () => {
  const healthy = new Bench();
  healthy.take();
  healthy.settle();
  const operations = healthy.disk.take();
  for (const [failing, operation] of operations.entries()) {
    const bench = new Bench();
    bench.machine.host.disk.failAfter(failing, "ENOSPC");
    bench.take();
    bench.settle();
    expect(bench.errors.map(({ code }) => code)).toEqual(["ENOSPC"]);
    expect(bench.reports).toEqual([]);
    expect(bench.writer.isRunning).toBe(false);
    // Only the last step fails after the rename.
    expect(bench.names()).toEqual(operation.startsWith("syncD") ? ["snapshot.96"] : []);
    expect(bench.take()).toBe(true);
    bench.settle();
    expect(bench.reports).toHaveLength(1);
  }
});

test("a snapshot can be given up at any moment; the tree forgets the walk", () => {
  for (let steps = 0; steps < 40; steps += 3) {
    const bench = new Bench(2000);
    bench.take();
    for (let i = 0; i < steps; i++) bench.step();
    let isGone = false;
    bench.writer.abandon(() => {
      isGone = true;
    });
    for (let i = 0; i < 20; i++) bench.apply();
    bench.settle();
    expect(isGone).toBe(true);
    expect(bench.errors).toEqual([]);
    expect(bench.names().filter((name) => name.endsWith(".tmp"))).toEqual([]);
    expect(bench.take()).toBe(true);
    bench.settle();
    expect(bench.reports.at(-1)?.zxid).toBe(170);
  }
});
