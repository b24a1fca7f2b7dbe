// `npm run bench:restart [ZNODES]`: what a start costs, part by part and without a network: loading a
// snapshot, and replaying a log. Each measurement is a process of its own, as a start is. Processor
// time is what counts; on a busy machine the time on the wall tells nothing.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Writer } from "../../protocol/jute.ts";
import { nodeHost } from "../../protocol/node-host.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { recover } from "../../server/storage/recovery.ts";
import { SnapshotWriter } from "../../server/storage/snapshot-writer.ts";
import { TxnLog } from "../../server/storage/txn-log.ts";
import { DataTree } from "../../server/tree/data-tree.ts";
import { median, table } from "./table.ts";

const ROUNDS = 5;
const FAN = 1000;
const DATA = Buffer.alloc(100, "x");
const TREE = { hashSeed: 4711 };
const FIRST_MS = 1_700_000_000_000;
/** Records between two turns of the event loop, so that the log can write. */
const TURN_RECORDS = 1000;

interface Start {
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly residentMb: number;
}

const [first = "1000000", directory] = process.argv.slice(2);
if (directory === undefined) await compare(Number(first));
else console.log(JSON.stringify(start(directory)));

async function compare(znodes: number): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "quorate-bench-restart-"));
  try {
    for (const name of ["snapshot", "log"]) mkdirSync(join(home, name));
    const seconds = await fill(home, znodes);
    const loads = measure(join(home, "snapshot"));
    const replays = measure(join(home, "log"));
    const bytes = statSync(join(home, "snapshot", `snapshot.${last(znodes).toString(16)}`)).size;
    const cpuMs = (starts: readonly Start[]): number => median(starts.map((one) => one.cpuMs));
    const row = (name: string, starts: readonly Start[], rate: string): string[] => [
      name,
      `${Math.round(cpuMs(starts))} ms`,
      `${Math.round(median(starts.map((one) => one.wallMs)))} ms`,
      `${Math.round(median(starts.map((one) => one.residentMb)))} MB`,
      rate,
    ];
    console.log(
      table([
        [`${znodes} znodes of ${DATA.length} bytes`, "CPU", "wall", "resident", ""],
        row("load a snapshot", loads, `${Math.round(bytes / cpuMs(loads) / 1000)} MB/s`),
        row("replay a log", replays, `${Math.round((cpuMs(replays) / znodes) * 1e6)} ns/record`),
      ]),
    );
    console.log(`snapshot written in ${seconds.toFixed(1)} s`);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function measure(directory: string): Start[] {
  const [script = ""] = process.argv.slice(1);
  const starts: Start[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const args = [...process.execArgv, script, "0", directory];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    starts.push(JSON.parse(stdout) as Start);
  }
  return starts;
}

function start(path: string): Start {
  const { disk } = nodeHost();
  const startedMs = performance.now();
  const cpu = process.cpuUsage();
  recover(
    disk,
    { logs: path, snapshots: path },
    { tree: TREE, trustEmpty: true, mayBeEmpty: false },
  );
  const used = process.cpuUsage(cpu);
  return {
    cpuMs: (used.user + used.system) / 1000,
    wallMs: performance.now() - startedMs,
    residentMb: process.memoryUsage.rss() / 1e6,
  };
}

/** A log of creates and a snapshot of what they make; returns how long the snapshot took. */
async function fill(home: string, znodes: number): Promise<number> {
  const host = nodeHost();
  const tree = new DataTree(TREE);
  const options = {
    directory: join(home, "log"),
    lastZxid: 0,
    preAllocBytes: 64 * 1024 * 1024,
    logSizeLimitBytes: 0,
    snapCount: 2 ** 40,
    snapSizeLimitBytes: 0,
    forceSync: false,
    syncWarningMs: 60_000,
  };
  const log = new TxnLog(host, options, {
    onDurable() {},
    onBatch(batch) {
      while (batch.next()) tree.apply(batch.bytes, batch.start, batch.end, "live");
    },
    onSnapshotDue() {},
    onSlowSync() {},
    onFailure(error) {
      throw error;
    },
  });
  for (let zxid = 1; zxid <= last(znodes); zxid++) {
    const at = zxid - 2;
    if (zxid === 1) create(log.begin(), zxid, "/bench", 1);
    else if (at % (FAN + 1) === 0) create(log.begin(), zxid, parent(at), at / (FAN + 1) + 1);
    else create(log.begin(), zxid, `${parent(at)}/n${at}`, at % (FAN + 1));
    log.commit(zxid);
    if (zxid % TURN_RECORDS === 0) {
      log.flush();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  await new Promise<void>((resolve) => log.close(resolve));
  const writer = new SnapshotWriter(host, tree, { directory: join(home, "snapshot") });
  return new Promise((resolve, reject) => {
    writer.take((error, report) => {
      if (report === undefined) reject(error ?? new Error("no snapshot"));
      else resolve(report.elapsedMs / 1000);
    });
  });
}

/** /bench, and a directory for each FAN znodes. */
function last(znodes: number): number {
  return 1 + znodes + Math.ceil(znodes / FAN);
}

function parent(at: number): string {
  return `/bench/d${Math.floor(at / (FAN + 1))}`;
}

// TxnHeader: long clientId, int cxid, long zxid, long time, int type
// CreateTxn: ustring path, buffer data, vector<ACL> acl, bool ephemeral, int parentCVersion
function create(writer: Writer, zxid: number, path: string, parentCversion: number): void {
  writer.long(1);
  writer.int(zxid);
  writer.long(zxid);
  writer.long(FIRST_MS + zxid);
  writer.int(OpCode.create);
  writer.string(path);
  writer.buffer(DATA);
  writer.int(1);
  writer.int(31);
  writer.string("world");
  writer.string("anyone");
  writer.boolean(false);
  writer.int(parentCversion);
}
