import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { HostError } from "../../../protocol/host.ts";
import { nodeHost } from "../../../protocol/node-host.ts";
import { BATCH_MAX_BYTES, type LogBatch } from "../../../server/storage/log-batch.ts";
import { TxnLog, type TxnLogEvents, type TxnLogOptions } from "../../../server/storage/txn-log.ts";
import { World } from "../../../server/testing/index.ts";
import { LOG_1, PAYLOADS } from "./golden-13.ts";
import { RealDirectory } from "./real-directory.ts";
import { TracedDisk } from "./traced-disk.ts";

const DIRECTORY = "/data/version-2";
const KIB = 1024;

const OPTIONS: TxnLogOptions = {
  directory: DIRECTORY,
  lastZxid: 0,
  preAllocBytes: 64 * KIB * KIB,
  logSizeLimitBytes: -1,
  snapCount: 100_000,
  snapSizeLimitBytes: 0,
  forceSync: true,
  syncWarningMs: 1000,
};

/** A log on a simulated host, and all that it said. */
class Bench implements TxnLogEvents {
  readonly world = new World(7);
  readonly host = this.world.host("server");
  readonly disk: TracedDisk = new TracedDisk(this.host.disk);
  readonly log: TxnLog;
  /** Up to where records were told to be durable. */
  readonly told: number[] = [];
  /** The zxids of each durable batch. */
  readonly durable: number[][] = [];
  readonly errors: HostError[] = [];
  readonly slow: number[] = [];
  snapshotsDue = 0;
  afterBatch: () => void = () => {};
  /** How often records were handed out. */
  slices = 0;
  #walked: number[] = [];

  constructor(options: Partial<TxnLogOptions> = {}) {
    this.host.disk.makeDirectory(DIRECTORY);
    const { clock, random } = this.host;
    this.log = new TxnLog({ clock, random, disk: this.disk }, { ...OPTIONS, ...options }, this);
  }

  onDurable(zxid: number): void {
    expect(zxid).toBe(this.log.durableZxid);
    this.told.push(zxid);
  }

  onBatch(batch: LogBatch): void {
    this.slices++;
    const zxids = this.#walked;
    while (batch.next()) zxids.push(batch.zxid);
    if (zxids.length < batch.count) return;
    this.#walked = [];
    expect([batch.firstZxid, batch.lastZxid, batch.count]).toEqual([
      zxids[0],
      zxids.at(-1),
      zxids.length,
    ]);
    this.durable.push(zxids);
    this.afterBatch();
  }

  onSnapshotDue(): void {
    this.snapshotsDue++;
  }

  onSlowSync(elapsedMs: number): void {
    this.slow.push(elapsedMs);
  }

  onFailure(error: HostError): void {
    this.errors.push(error);
  }

  append(count: number, bytes = 60): void {
    for (let i = 0; i < count; i++) {
      const zxid = this.log.lastZxid + 1;
      const payload = Buffer.alloc(bytes, 1);
      payload.writeInt32BE(0, 12);
      payload.writeInt32BE(zxid, 16);
      this.log.begin().raw(payload);
      this.log.commit(zxid);
    }
  }

  /** All that is under way comes to its end. */
  settle(): string[] {
    while (this.world.step());
    return this.disk.take();
  }

  /** Up to the first disk operation that matches. */
  until(operation: string): void {
    while (!this.disk.trace.some((line) => line.startsWith(operation))) {
      if (!this.world.step()) throw new Error(`no ${operation}`);
    }
  }
}

const zxids = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

// storage 13.1, ST-6, ST-10
test("the log of ZooKeeper 3.8.0 comes out byte for byte, with the size that it preallocates", async () => {
  using directory = new RealDirectory();
  const host = nodeHost();
  await new Promise<void>((resolve, reject) => {
    const log = new TxnLog(
      host,
      { ...OPTIONS, directory: directory.path },
      {
        onDurable: () => log.close(resolve),
        onFailure: reject,
        onSnapshotDue: () => {},
        onSlowSync: () => {},
      },
    );
    for (const [index, payload] of PAYLOADS.entries()) {
      log.begin().raw(payload);
      log.commit(index + 1);
    }
    log.flush();
  });
  expect(directory.names()).toEqual(["log.1"]);
  const bytes = readFileSync(join(directory.path, "log.1"));
  expect(bytes.length).toBe(67_108_880);
  expect(bytes.subarray(0, LOG_1.length).equals(LOG_1)).toBe(true);
  expect(bytes.subarray(LOG_1.length).equals(Buffer.alloc(bytes.length - LOG_1.length))).toBe(true);
});

// storage ST-11, WP-1, WP-4, WP-6
test("the first batch creates its file, and is durable after file and directory are synced", () => {
  const bench = new Bench({ lastZxid: 0x1f, preAllocBytes: 0 });
  bench.append(3);
  bench.log.flush();
  bench.until("syncDirectory");
  expect(bench.durable).toEqual([]);
  expect(bench.log.durableZxid).toBe(0x1f);
  expect(bench.settle()).toEqual([
    "create log.20",
    "write log.20 0+16",
    "write log.20 16+219",
    "datasync log.20",
    "syncDirectory version-2",
  ]);
  expect(bench.durable).toEqual([zxids(0x20, 0x22)]);
  expect(bench.log.durableZxid).toBe(0x22);

  bench.append(1);
  bench.log.flush();
  expect(bench.settle()).toEqual(["write log.20 235+73", "datasync log.20"]);
  expect(bench.durable).toHaveLength(2);
});

// storage WP-1, WP-2
test("one batch is in flight; all that comes meanwhile is the next, and starts without a flush", () => {
  const bench = new Bench({ preAllocBytes: 0 });
  bench.append(1);
  bench.log.flush();
  bench.until("datasync");
  for (let turn = 0; turn < 10; turn++) {
    bench.append(20);
    bench.log.flush();
  }
  const trace = bench.settle();
  expect(bench.durable).toEqual([[1], zxids(2, 201)]);
  expect(trace.filter((line) => line.startsWith("datasync"))).toHaveLength(2);
  expect(bench.log.isIdle).toBe(true);
});

test("the disk works on the next batch while the caller applies one, and may be given more", () => {
  const bench = new Bench({ preAllocBytes: 0 });
  const traces: string[][] = [];
  bench.afterBatch = () => {
    traces.push(bench.disk.take());
    if (bench.log.lastZxid < 20) bench.append(1);
    bench.log.flush();
  };
  bench.append(1);
  bench.log.flush();
  bench.until("datasync");
  bench.append(1);
  bench.log.flush();
  bench.settle();
  expect(bench.durable.flat()).toEqual(zxids(1, 20));
  expect(traces[0]?.at(-1)).toMatch(/^write log\.1 89\+/);
});

test("a turn without txns starts nothing, and what was begun but not committed is dropped", () => {
  const bench = new Bench({ preAllocBytes: 0 });
  bench.log.flush();
  expect(bench.settle()).toEqual([]);
  bench.log.begin().raw(Buffer.alloc(5000));
  bench.append(1);
  bench.log.begin().raw(Buffer.alloc(5000));
  bench.log.flush();
  bench.settle();
  expect(bench.durable).toEqual([[1]]);
  expect(bench.log.writtenBytes).toBe(73);
});

test("a txn out of order, or too short to be one, stops the server", () => {
  const bench = new Bench();
  bench.append(1);
  bench.log.begin().raw(Buffer.alloc(60));
  expect(() => bench.log.commit(1)).toThrow("out of order");
  bench.log.begin().raw(Buffer.alloc(31));
  expect(() => bench.log.commit(2)).toThrow("header");
});

test("a batch has a maximum: the log says when it is full, and what still comes is another", () => {
  const bench = new Bench({ preAllocBytes: 0 });
  bench.append(1);
  bench.log.flush();
  while (!bench.log.isFull) bench.append(1, 100_000);
  bench.append(60, 100_000);
  expect(bench.log.isFull).toBe(true);
  const sizes = bench.settle().flatMap((line) => Number(/^write .*\+(\d+)$/.exec(line)?.[1] ?? 0));
  expect(Math.max(...sizes)).toBeLessThan(BATCH_MAX_BYTES + 100_013);
  expect(bench.log.isFull).toBe(false);
  expect(bench.durable).toHaveLength(4);
  expect(bench.durable.flat()).toEqual(zxids(1, bench.log.lastZxid));
});

/** Sizes of the file after each write of a byte at its new end. */
function growth(trace: readonly string[]): number[] {
  return trace
    .map((line) => /^write log\.1 (\d+)\+1$/.exec(line)?.[1])
    .flatMap((position) => (position === undefined ? [] : Number(position) + 1));
}

// storage ST-10
test("a file grows by preAllocSize before 4096 bytes are left, and only then", () => {
  const bench = new Bench({ preAllocBytes: 64 * KIB });
  const sizes: number[] = [];
  for (let record = 0; record < 70; record++) {
    bench.append(1, 1971); // 1984 with its frame
    bench.log.flush();
    const left = (sizes.at(-1) ?? 16) - (16 + (record + 1) * 1984);
    const grown = growth(bench.settle());
    expect(grown.length > 0).toBe(left <= 4096);
    sizes.push(...grown);
  }
  expect(sizes).toEqual([16 + 64 * KIB, 16 + 128 * KIB, 16 + 192 * KIB]);
});

test("a batch longer than preAllocSize has its room in one piece", () => {
  const bench = new Bench({ preAllocBytes: 64 * KIB });
  bench.append(5, 50_000);
  bench.log.flush();
  expect(growth(bench.settle())).toEqual([16 + 4 * 64 * KIB]);
});

test("what is durable is handed out a slice a turn, and the next batch waits for that", () => {
  const bench = new Bench();
  bench.append(10, 100_000);
  bench.log.flush();
  bench.append(1);
  bench.settle();
  // Two of the long records go beyond the 128 KB of a slice.
  expect(bench.slices).toBe(5 + 1);
  expect(bench.durable).toEqual([zxids(1, 10), [11]]);
  expect(bench.log.isIdle).toBe(true);
});

// quorum-protocol B-8
test("that records are durable is told at once, however long it takes to hand out those before", () => {
  const bench = new Bench();
  bench.append(40, 100_000);
  bench.log.flush();
  bench.append(1);
  while (bench.told.length < 2) expect(bench.world.step()).toBe(true);
  expect(bench.told).toEqual([40, 41]);
  expect(bench.durable).toEqual([]);
  expect(bench.log.durableZxid).toBe(41);
  bench.settle();
  expect(bench.durable).toEqual([zxids(1, 40), [41]]);
});

test("a txn that is there already becomes the same record", () => {
  const [begun, appended] = [new Bench(), new Bench()];
  for (const [index, payload] of PAYLOADS.entries()) {
    begun.log.begin().raw(payload);
    begun.log.commit(index + 1);
    const frame = Buffer.concat([Buffer.from("before"), payload, Buffer.from("after")]);
    appended.log.append(frame, 6, 6 + payload.length, index + 1);
  }
  const [expected, found] = [begun, appended].map((bench) => {
    bench.log.flush();
    bench.settle();
    const bytes = Buffer.alloc(LOG_1.length);
    bench.host.disk.openNow(`${DIRECTORY}/log.1`, "read").readNow(bytes, 0);
    return bytes;
  });
  expect(expected?.equals(LOG_1)).toBe(true);
  expect(found?.equals(LOG_1)).toBe(true);
});

// quorum-protocol B-20
test("who waits for what was committed is told once all of it is durable, in a later turn", () => {
  const bench = new Bench();
  const told: string[] = [];
  const wait = (name: string): void => {
    bench.log.whenDurable(() => told.push(`${name} ${bench.log.durableZxid}`));
  };
  wait("nothing");
  expect(told).toEqual([]);
  bench.settle();
  bench.append(2);
  wait("two");
  bench.append(3);
  wait("five");
  bench.settle();
  expect(told).toEqual(["nothing 0", "two 2", "five 5"]);
  bench.append(1);
  bench.host.disk.failAfter(0, "EIO");
  wait("never");
  bench.settle();
  expect(told).toHaveLength(3);
});

// storage ST-11, ST-32
test("behind another history the log goes on in a file of its own", () => {
  const bench = new Bench({ preAllocBytes: 0 });
  bench.append(5);
  expect(() => bench.log.resetTo(3)).toThrow("under a batch");
  bench.log.flush();
  bench.settle();
  bench.log.resetTo(3);
  expect([bench.log.lastZxid, bench.log.durableZxid]).toEqual([3, 3]);
  bench.append(1);
  bench.log.flush();
  const trace = bench.settle();
  expect(trace).toContain("close log.1");
  expect(trace).toContain("create log.4");
});

test("small batches find real zeros in front of them, large ones do not wait for that", () => {
  const zeros = /^write log\.1 \d+\+262144$/;
  const small = new Bench();
  for (let batch = 0; batch < 200; batch++) {
    small.append(50);
    small.log.flush();
    while (small.world.step());
  }
  // 200 batches of 3,650 bytes in pieces of 256 KiB.
  expect(small.settle().filter((line) => zeros.test(line))).toHaveLength(3);
  const large = new Bench();
  large.append(1000);
  large.log.flush();
  expect(large.settle().filter((line) => zeros.test(line))).toHaveLength(0);
});

// storage ST-12, ST-11, WP-5
test("a file beyond txnLogSizeLimit is followed by another, once what it holds is synced", () => {
  const bench = new Bench({ preAllocBytes: 0, logSizeLimitBytes: 200 });
  bench.append(2);
  bench.log.flush();
  bench.until("datasync");
  bench.append(1);
  bench.log.flush();
  bench.until("datasync");
  const first = bench.settle();
  expect(first.slice(0, 4)).toEqual([
    "create log.1",
    "write log.1 0+16",
    "write log.1 16+146",
    "datasync log.1",
  ]);
  bench.append(1);
  bench.log.flush();
  bench.append(1);
  const trace = bench.settle();
  expect(bench.durable.flat()).toEqual(zxids(1, 5));
  expect(trace.filter((line) => line.startsWith("create"))).toEqual(["create log.4"]);
  const order = [...first, ...trace];
  expect(order.indexOf("close log.1")).toBeGreaterThan(order.lastIndexOf("datasync log.1"));
  expect(order.indexOf("create log.4")).toBeGreaterThan(order.lastIndexOf("datasync log.1"));
  expect(order.filter((line) => line.startsWith("syncDirectory"))).toHaveLength(2);
});

// storage WP-7, Trap 15
test("a snapshot is due between half and all of snapCount, at another moment each time", () => {
  const bench = new Bench({ snapCount: 100, preAllocBytes: 0 });
  const dueAt: number[] = [];
  for (let record = 0; record < 5000; record++) {
    bench.append(1);
    bench.log.flush();
    const before = bench.snapshotsDue;
    while (bench.world.step());
    if (bench.snapshotsDue > before) dueAt.push(bench.log.lastZxid);
  }
  const distances = dueAt.map((at, index) => at - (dueAt[index - 1] ?? 0));
  expect(Math.min(...distances)).toBeGreaterThan(50);
  expect(Math.max(...distances)).toBeLessThanOrEqual(100);
  expect(new Set(distances).size).toBeGreaterThan(20);
  // Whoever takes the snapshot or skips it: the next record has a file of its own.
  const created = bench.settle().filter((line) => line.startsWith("create"));
  expect(created).toEqual(
    [1, ...dueAt.map((at) => at + 1)]
      .slice(0, created.length)
      .map((at) => `create log.${at.toString(16)}`),
  );
  expect(created.length).toBeGreaterThanOrEqual(dueAt.length);
});

// storage WP-7, WP-8, Trap 14, Trap 20
test("a snapshot is due by bytes of records too, preallocated space not counted", () => {
  const bench = new Bench({ snapSizeLimitBytes: 100_000 });
  const dueAt: number[] = [];
  for (let record = 0; record < 500; record++) {
    const before = bench.snapshotsDue;
    bench.append(1, 1000);
    bench.log.flush();
    while (bench.world.step());
    if (bench.snapshotsDue > before) dueAt.push(bench.log.lastZxid * 1013);
  }
  const distances = dueAt.map((at, index) => at - (dueAt[index - 1] ?? 0));
  expect(Math.min(...distances)).toBeGreaterThan(50_000);
  expect(Math.max(...distances)).toBeLessThan(102_000);
  const off = new Bench({ snapSizeLimitBytes: 0 });
  off.append(500, 1000);
  off.log.flush();
  off.settle();
  expect(off.snapshotsDue).toBe(0);
});

// storage WP-6
test("an fsync beyond the threshold is told and counted, an ordinary one counted", () => {
  const bench = new Bench({ syncWarningMs: 20 });
  bench.append(1);
  bench.log.flush();
  bench.settle();
  expect(bench.slow).toEqual([]);
  bench.host.disk.slow(1000);
  bench.append(1);
  bench.log.flush();
  bench.settle();
  expect(bench.slow).toEqual([bench.log.lastSyncMs]);
  expect(bench.log.lastSyncMs).toBeGreaterThan(20);
  expect([bench.log.syncCount, bench.log.slowSyncCount]).toEqual([2, 1]);
});

// storage WP-6
test("forceSync=no acknowledges what is written and not synced", () => {
  const bench = new Bench({ forceSync: false, preAllocBytes: 0 });
  bench.append(1);
  bench.log.flush();
  expect(bench.settle()).toEqual(["create log.1", "write log.1 0+16", "write log.1 16+73"]);
  expect(bench.durable).toEqual([[1]]);
});

// storage WP-6
test("whatever operation fails, it is told once, not repeated, and nothing is durable after it", () => {
  const healthy = new Bench({ snapCount: 4, preAllocBytes: 64 * KIB });
  const work = (bench: Bench): string[] => {
    for (let batch = 0; batch < 6; batch++) {
      bench.append(2);
      bench.log.flush();
      bench.append(1);
      while (bench.world.step());
    }
    return bench.settle();
  };
  const operations = work(healthy);
  expect(operations.length).toBeGreaterThan(20);
  for (let failing = 0; failing < operations.length; failing++) {
    const bench = new Bench({ snapCount: 4, preAllocBytes: 64 * KIB });
    bench.host.disk.failAfter(failing, failing % 2 === 0 ? "EIO" : "ENOSPC");
    let durableAtFailure = -1;
    let askedAtFailure = -1;
    bench.onFailure = (error) => {
      bench.errors.push(error);
      durableAtFailure = bench.durable.flat().length;
      askedAtFailure = bench.disk.trace.length;
    };
    const trace = work(bench);
    const asked = trace.slice(askedAtFailure).filter((line) => !line.startsWith("close"));
    expect(asked).toEqual([]);
    expect(bench.errors.map(({ code }) => code)).toEqual([failing % 2 === 0 ? "EIO" : "ENOSPC"]);
    expect(bench.durable.flat()).toHaveLength(durableAtFailure);
    let closed = false;
    bench.log.close(() => {
      closed = true;
    });
    bench.settle();
    expect(closed).toBe(true);
  }
});

test("a full disk is a failure like any other", () => {
  const bench = new Bench();
  bench.append(10, 1000);
  bench.log.flush();
  bench.settle();
  bench.host.disk.fill(0);
  for (let batch = 0; batch < 100; batch++) {
    bench.append(10, 1000);
    bench.log.flush();
    bench.settle();
  }
  expect(bench.errors.map(({ code }) => code)).toEqual(["ENOSPC"]);
  expect(bench.log.durableZxid).toBeLessThan(bench.log.lastZxid);
});

// storage WP-6
test("what a failed fsync left in the page cache is cut off: a restart would take it for durable", () => {
  const bench = new Bench({ preAllocBytes: 0 });
  bench.append(2);
  bench.log.flush();
  bench.settle();
  const durable = bench.host.disk.stat(`${DIRECTORY}/log.1`);
  bench.append(3);
  bench.log.flush();
  bench.until("datasync");
  bench.host.disk.failAfter(0, "EIO");
  bench.settle();
  expect(bench.errors.map(({ code }) => code)).toEqual(["EIO"]);
  expect(bench.host.disk.stat(`${DIRECTORY}/log.1`)).toEqual(durable);
});

test("closing makes durable what was committed, then closes the file", () => {
  const bench = new Bench({ preAllocBytes: 0 });
  bench.append(1);
  bench.log.flush();
  bench.until("datasync");
  bench.append(2);
  let durableAtClose: number[] = [];
  bench.log.close(() => {
    durableAtClose = bench.durable.flat();
  });
  expect(bench.settle().at(-1)).toBe("close log.1");
  expect(durableAtClose).toEqual([1, 2, 3]);
  expect(() => bench.append(1)).toThrow("after close");
  const within = new Bench();
  let times = 0;
  within.afterBatch = () => within.log.close(() => times++);
  within.append(1);
  within.log.flush();
  within.settle();
  expect(times).toBe(1);
  const idle = new Bench();
  let isClosed = false;
  idle.log.close(() => {
    isClosed = true;
  });
  idle.settle();
  expect(isClosed).toBe(true);
});
