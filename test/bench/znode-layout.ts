// One object per znode, or records of bytes in arenas: memory, rates and garbage-collector pauses
// at one and five million znodes of 100 bytes. docs/architecture.md has the outcome.
//
//   node --import ./test/tools/typescript.mjs test/bench/znode-layout.ts [millions ...]
//
// Each layout and size runs in a process of its own, which is this file again. Rates are per second
// of processor time, pauses are what the clock saw.

import { spawnSync } from "node:child_process";
import { PerformanceObserver, performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { DataTree } from "../../server/tree/data-tree.ts";
import { Field } from "../../server/tree/znode-records.ts";
import { table, thousands } from "./table.ts";

const PARENTS = 1000;
const DATA_BYTES = 100;
const LOOKUPS = 2_000_000;
const UPDATES = 2_000_000;
/** Creates and updates are timed in batches of this many, the longest of which is reported. */
const BATCH = 100;

/** What a layout must do. Paths and data lie in `bytes`, as in a txn. */
interface Layout {
  create(bytes: Buffer, pathEnd: number, zxid: number): void;
  /** The version, or -1; makes whatever object a request would make. */
  find(bytes: Buffer, pathEnd: number): number;
  setData(bytes: Buffer, pathEnd: number, zxid: number): void;
}

/** A znode as one would write it first. */
class ObjectZnode {
  readonly name: string;
  readonly parent: ObjectZnode | undefined;
  children: Set<string> | undefined;
  data: Buffer;
  acl = 1;
  czxid: number;
  mzxid: number;
  pzxid: number;
  ctime: number;
  mtime: number;
  version = 0;
  cversion = 0;
  aversion = 0;
  owner: string | undefined;

  constructor(name: string, parent: ObjectZnode | undefined, data: Buffer, zxid: number) {
    this.name = name;
    this.parent = parent;
    this.data = data;
    this.czxid = zxid;
    this.mzxid = zxid;
    this.pzxid = zxid;
    this.ctime = timeOf(zxid);
    this.mtime = timeOf(zxid);
  }
}

/** As ZooKeeper's own tree: one map from whole paths, names of children in sets. */
class ObjectLayout implements Layout {
  readonly #znodes = new Map([["", new ObjectZnode("", undefined, Buffer.alloc(0), 0)]]);

  create(bytes: Buffer, pathEnd: number, zxid: number): void {
    const path = bytes.toString("latin1", 0, pathEnd);
    const slash = path.lastIndexOf("/");
    const parent = this.#znodes.get(path.slice(0, slash));
    if (parent === undefined) throw new Error(`no parent of ${path}`);
    const name = path.slice(slash + 1);
    const data = Buffer.from(bytes.subarray(pathEnd, pathEnd + DATA_BYTES));
    this.#znodes.set(path, new ObjectZnode(name, parent, data, zxid));
    parent.children ??= new Set();
    parent.children.add(name);
    parent.cversion++;
    parent.pzxid = zxid;
  }

  find(bytes: Buffer, pathEnd: number): number {
    return this.#znodes.get(bytes.toString("latin1", 0, pathEnd))?.version ?? -1;
  }

  setData(bytes: Buffer, pathEnd: number, zxid: number): void {
    const znode = this.#znodes.get(bytes.toString("latin1", 0, pathEnd));
    if (znode === undefined) throw new Error("no such znode");
    znode.data = Buffer.from(bytes.subarray(pathEnd, pathEnd + DATA_BYTES));
    znode.version++;
    znode.mzxid = zxid;
    znode.mtime = timeOf(zxid);
  }
}

/** The tree that the server has, its digest included, which the objects do not keep. */
class ArenaLayout implements Layout {
  readonly #tree = new DataTree({ hashSeed: 1 });
  readonly #acl: Buffer = Buffer.from(
    "000000010000001f00000005776f726c6400000006616e796f6e65",
    "hex",
  );

  create(bytes: Buffer, pathEnd: number, zxid: number): void {
    const tree = this.#tree;
    const parent = tree.find(bytes, 0, bytes.lastIndexOf(0x2f, pathEnd - 1));
    if (parent === 0) throw new Error("no parent");
    const acl = tree.acls.acquire(this.#acl, 0, this.#acl.length);
    const slot = tree.insert(parent, bytes, 0, pathEnd, pathEnd, DATA_BYTES, acl);
    for (const field of [Field.czxid, Field.mzxid, Field.pzxid]) tree.setLong(slot, field, 0, zxid);
    const time = timeOf(zxid);
    for (const field of [Field.ctime, Field.mtime]) {
      tree.setLong(slot, field, Math.floor(time / 2 ** 32), time | 0);
    }
    tree.settleNew(slot);
    tree.setInt(parent, Field.cversion, tree.cversion(parent) + 1);
    tree.setLong(parent, Field.pzxid, 0, zxid);
    tree.settle(parent);
  }

  find(bytes: Buffer, pathEnd: number): number {
    const slot = this.#tree.find(bytes, 0, pathEnd);
    return slot === 0 ? -1 : this.#tree.version(slot);
  }

  setData(bytes: Buffer, pathEnd: number, zxid: number): void {
    const tree = this.#tree;
    const slot = tree.find(bytes, 0, pathEnd);
    if (slot === 0) throw new Error("no such znode");
    tree.setData(slot, bytes, 0, pathEnd, pathEnd, DATA_BYTES);
    tree.setInt(slot, Field.version, tree.version(slot) + 1);
    tree.setLong(slot, Field.mzxid, 0, zxid);
    tree.settle(slot);
  }
}

interface Figures {
  readonly residentMb: number;
  readonly createsPerSecond: number;
  readonly lookupsPerSecond: number;
  readonly updatesPerSecond: number;
  /** Of all pauses by the garbage collector while creating, looking up and updating. */
  readonly longestPauseMs: number;
  readonly pausesTotalMs: number;
  /** The longest that BATCH creates or updates took, whatever the reason. */
  readonly longestBatchMs: number;
}

function timeOf(zxid: number): number {
  return 1_700_000_000_000 + zxid;
}

/** Puts the path of znode `i` and its data into `bytes`, and returns where the path ends. */
function writePath(bytes: Buffer, i: number): number {
  const end = bytes.write(`/d${i % PARENTS}/znode-${i.toString().padStart(10, "0")}`, "latin1");
  bytes.fill(i & 0xff, end, end + DATA_BYTES);
  return end;
}

/** Visits 0 to count - 1 in an order without locality: a full-period linear congruence. */
function scattered(i: number, count: number): number {
  return (i * 1_000_003 + 12_345) % count;
}

/** Of all threads, the garbage collector's too: what does not depend on who else is busy. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function perCpuSecond(count: number, fromMs: number): number {
  return (count * 1000) / (cpuMs() - fromMs);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function measure(layout: Layout, count: number, baseMb: number): Promise<Figures> {
  let longestPauseMs = 0;
  let pausesTotalMs = 0;
  let longestBatchMs = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      longestPauseMs = Math.max(longestPauseMs, duration);
      pausesTotalMs += duration;
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  const inBatches = async (total: number, one: (i: number) => void): Promise<void> => {
    for (let i = 0; i < total; ) {
      const fromMs = performance.now();
      for (const end = Math.min(i + BATCH, total); i < end; i++) one(i);
      longestBatchMs = Math.max(longestBatchMs, performance.now() - fromMs);
      // The observer hears of pauses between turns.
      if (i % (BATCH * 100) === 0) await turn();
    }
  };
  const bytes = Buffer.alloc(256);
  let zxid = 0;
  for (let i = 0; i < PARENTS; i++) layout.create(bytes, bytes.write(`/d${i}`), ++zxid);

  let start = cpuMs();
  await inBatches(count, (i) => layout.create(bytes, writePath(bytes, i), ++zxid));
  const createsPerSecond = perCpuSecond(count, start);
  globalThis.gc?.();
  const residentMb = process.memoryUsage().rss / 1e6 - baseMb;

  start = cpuMs();
  for (let i = 0; i < LOOKUPS; i++) {
    if (layout.find(bytes, writePath(bytes, scattered(i, count))) < 0) throw new Error("lost");
  }
  const lookupsPerSecond = perCpuSecond(LOOKUPS, start);

  start = cpuMs();
  await inBatches(UPDATES, (i) => {
    layout.setData(bytes, writePath(bytes, scattered(i, count)), ++zxid);
  });
  const updatesPerSecond = perCpuSecond(UPDATES, start);

  await turn();
  observer.disconnect();
  return {
    residentMb,
    createsPerSecond,
    lookupsPerSecond,
    updatesPerSecond,
    longestPauseMs,
    pausesTotalMs,
    longestBatchMs,
  };
}

function runChild(name: string, count: number): Figures {
  const file = fileURLToPath(import.meta.url);
  const flags = [...process.execArgv, "--expose-gc", "--max-old-space-size=16384"];
  const child = spawnSync(process.execPath, [...flags, file, name, String(count)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.status !== 0) throw new Error(`${name} with ${count} znodes failed`);
  return JSON.parse(child.stdout) as Figures;
}

function compare(counts: readonly number[]): void {
  const head = ["znodes", "layout", "resident MB", "bytes each", "creates/s", "lookups/s"];
  const rows = [[...head, "updates/s", "longest pause ms", "pauses ms", "longest 100 ops ms"]];
  for (const count of counts) {
    for (const name of ["objects", "arenas"]) {
      const figures = runChild(name, count);
      rows.push([
        thousands(count),
        name,
        thousands(figures.residentMb),
        thousands((figures.residentMb * 1e6) / count),
        thousands(figures.createsPerSecond),
        thousands(figures.lookupsPerSecond),
        thousands(figures.updatesPerSecond),
        figures.longestPauseMs.toFixed(1),
        thousands(figures.pausesTotalMs),
        figures.longestBatchMs.toFixed(1),
      ]);
    }
  }
  process.stdout.write(`${table(rows)}\n`);
}

const [first = "1", ...rest] = process.argv.slice(2);
if (first === "objects" || first === "arenas") {
  const baseMb = process.memoryUsage().rss / 1e6;
  const layout = first === "objects" ? new ObjectLayout() : new ArenaLayout();
  const figures = await measure(layout, Number(rest[0]), baseMb);
  process.stdout.write(JSON.stringify(figures));
} else {
  const millions = process.argv.length > 2 ? [first, ...rest] : ["1", "5"];
  compare(millions.map((text) => Number(text) * 1e6));
}
