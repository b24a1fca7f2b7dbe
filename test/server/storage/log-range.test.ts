import { expect, test } from "vitest";
import { Reader } from "../../../protocol/jute.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import { readTxn } from "../../../protocol/txn.ts";
import { makeZxid, type Zxid } from "../../../protocol/zxid.ts";
import { LogIndex } from "../../../server/storage/log-index.ts";
import { openLogRange } from "../../../server/storage/log-range.ts";
import { recover } from "../../../server/storage/recovery.ts";
import { SnapshotWriter } from "../../../server/storage/snapshot-writer.ts";
import { TxnLog, type TxnLogOptions } from "../../../server/storage/txn-log.ts";
import { SimRandom } from "../../../server/testing/index.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { txnBytes } from "../tree/history.ts";
import { DIRECTORIES, DIRECTORY, newMachine, TREE_OPTIONS } from "./sim-machine.ts";

const OPTIONS: TxnLogOptions = {
  directory: DIRECTORY,
  lastZxid: 0,
  preAllocBytes: 1024 * 1024,
  logSizeLimitBytes: 100_000,
  snapCount: 100_000,
  snapSizeLimitBytes: 0,
  forceSync: true,
  syncWarningMs: 1_000_000,
};

/** A txn that fits any tree, `bytes` long or so. */
function txn(zxid: Zxid, bytes: number): Buffer {
  const base = { sessionHigh: 1, sessionLow: 1, cxid: 1, zxid, timeMs: 0 };
  const data = Buffer.alloc(bytes, "x");
  const body = { type: OpCode.setData, path: "/", data, version: 1 } as const;
  return txnBytes({ header: { ...base, type: body.type }, body, digest: undefined });
}

/** A log that is written, and its index. */
class Bench {
  readonly machine = newMachine(4);
  readonly index: LogIndex;
  readonly log: TxnLog;

  constructor(index: LogIndex = new LogIndex(), lastZxid: Zxid = 0, machine = newMachine(4)) {
    this.machine = machine;
    this.index = index;
    this.log = new TxnLog(
      machine.host,
      { ...OPTIONS, lastZxid, index },
      { onDurable() {}, onSnapshotDue() {}, onSlowSync() {}, onFailure() {} },
    );
  }

  write(zxids: Iterable<Zxid>, bytes: number): this {
    for (const zxid of zxids) {
      const payload = txn(zxid, bytes);
      this.log.append(payload, 0, payload.length, zxid);
      this.log.flush();
      // Now and then what is written becomes durable: batches of some txns.
      if (zxid % 8 === 0) while (this.machine.world.step());
    }
    while (this.machine.world.step());
    return this;
  }

  /** The zxids that a learner is sent; undefined: it is sent the tree. */
  read(after: Zxid, upTo: Zxid, maxBytes = 1e9): Zxid[] | string | undefined {
    const range = openLogRange(this.machine.host.disk, this.index, after, upTo, maxBytes);
    if (range === undefined) return undefined;
    const zxids: Zxid[] = [];
    while (range.next()) {
      const { header } = readTxn(new Reader().reset(range.bytes, range.start, range.end));
      expect(header.zxid).toBe(range.zxid);
      zxids.push(range.zxid);
    }
    range.close();
    return range.problem ?? zxids;
  }
}

function* zxids(epoch: number, first: number, last: number): Generator<Zxid> {
  for (let counter = first; counter <= last; counter++) yield makeZxid(epoch, counter);
}

/** Epochs 1 to 4, 300 txns each, over many files. */
function fourEpochs(): Bench {
  const bench = new Bench();
  bench.index.reset(makeZxid(1, 0));
  for (let epoch = 1; epoch <= 4; epoch++) {
    if (epoch !== 3) bench.write(zxids(epoch, 1, 300), 2000);
  }
  expect(bench.machine.host.disk.names(DIRECTORY).length).toBeGreaterThan(10);
  return bench;
}

// quorum-protocol 7.4, S-6
test("a learner is sent every txn behind its own, up to what is settled, over files and epochs", () => {
  const bench = fourEpochs();
  const all = [...zxids(1, 1, 300), ...zxids(2, 1, 300), ...zxids(4, 1, 300)];
  const draw = new SimRandom(1);
  for (let i = 0; i < 60; i++) {
    const from = draw.below(all.length - 1);
    const to = from + 1 + draw.below(all.length - from - 1);
    expect(bench.read(all[from] ?? 0, all[to] ?? 0)).toEqual(all.slice(from + 1, to + 1));
  }
  expect(bench.read(makeZxid(1, 0), makeZxid(4, 300))).toEqual(all);
});

test("an epoch's marker is between two txns, for who ends with it and for who begins there", () => {
  const bench = fourEpochs();
  expect(bench.read(makeZxid(2, 0), makeZxid(2, 3))).toEqual([...zxids(2, 1, 3)]);
  expect(bench.read(makeZxid(3, 0), makeZxid(4, 2))).toEqual([...zxids(4, 1, 2)]);
  expect(bench.read(makeZxid(2, 298), makeZxid(4, 0))).toEqual([...zxids(2, 299, 300)]);
  expect(bench.read(makeZxid(4, 298), makeZxid(5, 0))).toEqual([...zxids(4, 299, 300)]);
});

// quorum-protocol S-5, 16/1154
test("who has a txn that this history lacks is not sent what follows it", () => {
  const bench = fourEpochs();
  for (const [epoch, counter] of [
    [1, 301],
    [2, 400],
    [3, 1],
    [3, 5],
  ] as const) {
    expect(bench.read(makeZxid(epoch, counter), makeZxid(4, 300))).toBeUndefined();
  }
  // Before the history as it is known here, in step already, or beyond what is durable.
  expect(bench.read(0, makeZxid(4, 300))).toBeUndefined();
  expect(bench.read(makeZxid(4, 300), makeZxid(4, 300))).toBeUndefined();
  expect(bench.read(makeZxid(4, 1), makeZxid(4, 301))).toBeUndefined();
});

// storage Trap 14
test("only so many bytes: those of the records, not of the space taken ahead of them", () => {
  const bench = new Bench().write(zxids(0, 1, 200), 1000);
  const { disk } = bench.machine.host;
  const sizes = disk.names(DIRECTORY).map((name) => disk.stat(`${DIRECTORY}/${name}`)?.size ?? 0);
  expect(sizes.reduce((sum, size) => sum + size)).toBeGreaterThan(2_000_000);
  expect(bench.read(10, 200, 230_000)).toHaveLength(190);
  expect(bench.read(10, 200, 190_000)).toBeUndefined();
  // Near the end it is less, and where it ends counts too.
  expect(bench.read(195, 200, 100_000)).toHaveLength(5);
  expect(bench.read(1, 20, 110_000)).toHaveLength(19);
});

test("what is not durable yet is not in it", () => {
  const bench = new Bench().write([1, 2, 3], 100);
  const payload = txn(4, 100);
  bench.log.append(payload, 0, payload.length, 4);
  bench.log.flush();
  expect(bench.read(1, 4)).toBeUndefined();
  expect(bench.read(1, 3)).toEqual([2, 3]);
  while (bench.machine.world.step());
  expect(bench.read(1, 4)).toEqual([2, 3, 4]);
});

// quorum-protocol S-6, 16/2846, I-13
test("a log that another server left, before the snapshot that is loaded, is never served", () => {
  const { machine } = new Bench().write(zxids(1, 1, 10), 100);
  // As Apache leaves it: the txns from 7 on were never committed, and SNAP brought 2<<32.
  const tree = new DataTree(TREE_OPTIONS);
  tree.lastZxid = makeZxid(2, 0);
  new SnapshotWriter(machine.host, tree, { directory: DIRECTORY }).take(() => {});
  while (machine.world.step());
  const index = new LogIndex();
  const options = { tree: TREE_OPTIONS, trustEmpty: false, mayBeEmpty: false, index };
  expect(recover(machine.host.disk, DIRECTORIES, options).lastZxid).toBe(makeZxid(2, 0));
  const bench = new Bench(index, makeZxid(2, 0), machine).write(zxids(2, 1, 20), 100);
  for (const after of zxids(1, 0, 10)) {
    expect(bench.read(after, makeZxid(2, 20))).toBeUndefined();
  }
  expect(bench.read(makeZxid(2, 0), makeZxid(2, 20))).toEqual([...zxids(2, 1, 20)]);
});

test("what was replayed at start may be sent as well as what was written since", () => {
  const { machine } = new Bench();
  new SnapshotWriter(machine.host, new DataTree(TREE_OPTIONS), { directory: DIRECTORY }).take(
    () => {},
  );
  while (machine.world.step());
  new Bench(new LogIndex(), 0, machine).write(zxids(0, 1, 500), 1500);
  const index = new LogIndex();
  const options = { tree: TREE_OPTIONS, trustEmpty: false, mayBeEmpty: false, index };
  recover(machine.host.disk, DIRECTORIES, options);
  const bench = new Bench(index, 500, machine).write(zxids(0, 501, 800), 1500);
  const all = [...zxids(0, 1, 800)];
  for (const [after, upTo] of [
    [1, 800],
    [499, 502],
    [500, 800],
    [300, 500],
    [250, 700],
  ] as const) {
    expect(bench.read(after, upTo)).toEqual(all.slice(after, upTo));
  }
  // A gap between what is known and what comes: nothing before it is known any more.
  bench.index.add("log", 16, 50, 900, 900);
  expect(bench.read(700, 900)).toBeUndefined();
});

// quorum-protocol 16/2418
test("a file that was purged, cut or damaged meanwhile ends the range with a problem", () => {
  const bench = fourEpochs();
  const { disk } = bench.machine.host;
  const [, , third] = disk
    .names(DIRECTORY)
    .toSorted((a, b) => Number.parseInt(a.slice(4), 16) - Number.parseInt(b.slice(4), 16));
  const path = `${DIRECTORY}/${third}`;
  const read = (): string => {
    const found = bench.read(makeZxid(1, 1), makeZxid(4, 300));
    return typeof found === "string" ? found : "";
  };
  expect(read()).toBe("");
  disk.flip(path, 5000, 3);
  expect(read()).toMatch(/follows 0x/);
  disk.flip(path, 5000, 3);
  expect(read()).toBe("");
  disk.removeNow(path);
  expect(read()).toMatch(/cannot be read/);
});

test("the index forgets the oldest marks beyond its maximum, and what lay there", () => {
  const index = new LogIndex();
  const MARK = 300_000;
  for (let zxid = 1; zxid <= 40_000; zxid++) {
    index.add("log.1", zxid * MARK, (zxid + 1) * MARK, zxid, zxid);
  }
  expect(index.find(1, 40_000)).toBeUndefined();
  expect(index.find(39_000, 40_000)).toMatchObject({ after: 39_000, offset: 39_001 * MARK });
});
