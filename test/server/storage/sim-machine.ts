/** A simulated machine whose tree, log and snapshots are fed a random history. */
import type { HostError } from "../../../protocol/host.ts";
import type { StorageDirectories } from "../../../server/storage/files.ts";
import { type Recovered, recover } from "../../../server/storage/recovery.ts";
import { type SnapshotReport, SnapshotWriter } from "../../../server/storage/snapshot-writer.ts";
import { TxnLog, type TxnLogOptions } from "../../../server/storage/txn-log.ts";
import { type SimHost, SimRandom, World } from "../../../server/testing/index.ts";
import type { DataTree } from "../../../server/tree/data-tree.ts";
import type { History, Step } from "../tree/history.ts";

export const DIRECTORY = "/data/version-2";
export const DIRECTORIES: StorageDirectories = { snapshots: DIRECTORY, logs: DIRECTORY };
export const TREE_OPTIONS = { hashSeed: 42, extendedTypes: true };

const LOG_OPTIONS: TxnLogOptions = {
  directory: DIRECTORY,
  lastZxid: 0,
  preAllocBytes: 64 * 1024,
  logSizeLimitBytes: -1,
  snapCount: 40,
  snapSizeLimitBytes: 0,
  forceSync: true,
  syncWarningMs: 1_000_000,
};

export function randomStep(draw: SimRandom): Step {
  const size = draw.chance(0.1) ? 1000 + draw.below(4000) : draw.below(draw.chance(0.2) ? 700 : 40);
  return { kind: draw.below(100), where: draw.below(1000), name: draw.below(12), size };
}

/** Adds a child of the root to a tree, past all txns. */
export function addZnode(tree: DataTree, path: string, data: Buffer): void {
  const bytes = Buffer.concat([Buffer.from(path), data]);
  const pathEnd = bytes.length - data.length;
  const acl = tree.acls.acquireFileId(-1);
  const slot = tree.insert(tree.findText("/"), bytes, 0, pathEnd, pathEnd, data.length, acl);
  tree.settleNew(slot);
}

export function newMachine(seed: number): { readonly world: World; readonly host: SimHost } {
  const world = new World(seed);
  const host = world.host("server");
  host.disk.makeDirectory(DIRECTORY);
  host.disk.syncDirectoryNow("/data");
  host.disk.syncDirectoryNow("/");
  return { world, host };
}

/** One life of a server that is only storage: txns come, become durable and are applied. */
export class Life {
  readonly recovered: Recovered;
  readonly tree: DataTree;
  readonly log: TxnLog;
  readonly snapshots: SnapshotWriter;
  readonly reports: SnapshotReport[] = [];
  readonly errors: HostError[] = [];
  /** Applied, and so acknowledged. */
  acknowledged: number;
  #history: History;

  constructor(
    host: SimHost,
    history: History,
    options: { readonly log?: Partial<TxnLogOptions>; readonly sliceBytes?: number } = {},
  ) {
    this.recovered = recover(host.disk, DIRECTORIES, {
      tree: TREE_OPTIONS,
      trustEmpty: false,
      mayBeEmpty: true,
    });
    this.tree = this.recovered.tree;
    this.acknowledged = this.recovered.lastZxid;
    this.#history = history;
    const { clock, random, disk } = host;
    this.snapshots = new SnapshotWriter(host, this.tree, {
      directory: DIRECTORY,
      sliceBytes: options.sliceBytes ?? 300,
    });
    this.log = new TxnLog(
      { clock, random, disk },
      { ...LOG_OPTIONS, ...options.log, lastZxid: this.recovered.lastZxid },
      {
        onDurable: () => {},
        onBatch: (batch) => {
          while (batch.next()) {
            this.tree.apply(batch.bytes, batch.start, batch.end, "live");
            this.acknowledged = batch.zxid;
          }
        },
        onSnapshotDue: () => this.takeSnapshot(),
        onSlowSync: () => {},
        onFailure: (error) => this.errors.push(error),
      },
    );
  }

  /** The first snapshot of an empty directory has to be there before the first txn. */
  start(world: World): void {
    if (this.recovered.snapshotZxid >= 0) return;
    this.takeSnapshot();
    while (this.snapshots.isRunning && world.step());
  }

  /** What was not recovered did not happen: other txns follow. */
  goOnWith(history: History): void {
    this.#history = history;
  }

  takeSnapshot(): void {
    this.snapshots.take((error, report) => {
      if (error !== undefined) this.errors.push(error);
      if (report !== undefined) this.reports.push(report);
    });
  }

  /** Logs the next txn of the history. */
  write(step: Step): void {
    this.log.begin().raw(this.#history.next(step));
    this.log.commit(this.#history.zxid);
  }
}
