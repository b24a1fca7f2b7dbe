/**
 * From what lies on disk to the tree as of the last txn that survived (storage 8): the newest
 * snapshot that is whole, and over it every later record of the logs.
 *
 * The rule behind all details: what was acknowledged is there, or the server does not start.
 * Directories are only changed once it is certain that it does; but for a leader's tree that was
 * taking the place of all that is there when the server stopped (installed.ts).
 */
import type { Disk } from "../../protocol/host.ts";
import { JuteError } from "../../protocol/jute.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import { zxidCounter, zxidEpoch, zxidHex } from "../../protocol/zxid.ts";
import { DataTree, type TreeOptions } from "../tree/data-tree.ts";
import { removeUnfinished } from "./directories.ts";
import {
  fileZxid,
  isLogName,
  isSnapshotName,
  REPLACED_DIRECTORY,
  type StorageDirectories,
  UNFINISHED,
} from "./files.ts";
import { settleInstalledNow } from "./installed.ts";
import { LogFile } from "./log-file.ts";
import { RECORD_OVERHEAD_BYTES } from "./log-format.ts";
import type { LogIndex } from "./log-index.ts";
import type { LogEnding } from "./log-tail.ts";
import { findOrphans, ttlRefusal } from "./owners.ts";
import { RecoveryError } from "./recovery-error.ts";
import { ReplayChecks } from "./replay-checks.ts";
import { loadSnapshot } from "./snapshot-loader.ts";
import type { SnapshotDigest } from "./snapshot-parser.ts";
import { passesForSnapshot } from "./snapshot-source.ts";

export interface RecoveryOptions {
  readonly tree: TreeOptions;
  /** `snapshot.trust.empty`: logs without a snapshot are the whole history. */
  readonly trustEmpty: boolean;
  /** An empty directory is a first start (`db.autocreate`, or the `initialize` marker). */
  readonly mayBeEmpty: boolean;
  /**
   * Is shown each record that is replayed, in order, with what the history has before it; the bytes
   * are the reader's again afterwards.
   */
  readonly replayed?: (bytes: Buffer, start: number, end: number, zxid: Zxid, before: Zxid) => void;
  /** Is told where those records lie. */
  readonly index?: LogIndex;
}

export interface Recovered {
  readonly tree: DataTree;
  readonly lastZxid: Zxid;
  /**
   * The snapshot that was loaded; -1: there was none, and one has to be taken and be durable before
   * the first txn is logged, or the log would be of unknown beginning.
   */
  readonly snapshotZxid: Zxid;
  /**
   * Up to here the tree may hold effects of txns that the log lacks: those of a snapshot that was
   * taken while they were applied, by a server that had not logged them yet. They have to be
   * applied as a replay does it. 0: the tree is that of `lastZxid`.
   */
  readonly fuzzyUpTo: Zxid;
  readonly report: RecoveryReport;
}

export interface RecoveryReport {
  /** Records replayed over the snapshot. */
  readonly replayed: number;
  readonly znodes: number;
  /** zxids of txns after which the tree was not what they say: a bug, here or where they were made. */
  readonly digestMismatches: readonly Zxid[];
  /** Sessions that own ephemerals and do not exist, as 16 digits: to be closed by a txn (F-5). */
  readonly orphans: readonly string[];
  /** What an operator should know: snapshots skipped, tails cut, files removed. */
  readonly warnings: readonly string[];
}

/** How far back bad snapshots are passed over. */
const SNAPSHOTS_TRIED_MAX = 100;

/** @throws RecoveryError the server must not start; HostError. */
export function recover(
  disk: Disk,
  directories: StorageDirectories,
  options: RecoveryOptions,
): Recovered {
  return new Recovery(disk, directories, options).run();
}

/** A log file with what was found behind its last record. */
interface ReadLog {
  readonly path: string;
  readonly size: number;
  readonly hasRecords: boolean;
  readonly ending: LogEnding;
}

interface Base {
  readonly tree: DataTree;
  /** -1: there was no snapshot. */
  readonly zxid: Zxid;
  readonly digest: SnapshotDigest | undefined;
}

class Recovery {
  readonly #disk: Disk;
  readonly #directories: StorageDirectories;
  readonly #options: RecoveryOptions;
  readonly #warnings: string[] = [];
  /** The newest snapshot that was passed over: replay has to reach it. -1: none. */
  #skippedZxid: Zxid = -1;
  #replayed = 0;

  constructor(disk: Disk, directories: StorageDirectories, options: RecoveryOptions) {
    this.#disk = disk;
    this.#directories = directories;
    this.#options = options;
  }

  run(): Recovered {
    const installed = settleInstalledNow(this.#disk, this.#directories);
    if (installed !== undefined) {
      this.#warnings.push(
        `the tree of 0x${zxidHex(installed)} that a leader sent takes its place: what was here ` +
          `before lies in ${this.#directories.snapshots}/${REPLACED_DIRECTORY}`,
      );
    }
    const base = this.#loadNewest();
    const { tree } = base;
    this.#options.index?.reset(Math.max(base.zxid, 0));
    const checks = new ReplayChecks(tree, Math.max(base.zxid, 0), base.digest);
    const logs = this.#replay(base, checks);
    if (base.zxid < 0 && this.#replayed === 0) this.#refuseUnlessMayBeEmpty();
    this.#refuseUnlessReached(tree.lastZxid);
    tree.quotas.recount();
    const fuzzyUpTo = checks.pendingZxid;
    this.#warnings.push(...checks.finish());
    const orphans = findOrphans(tree);
    const refusal = ttlRefusal(tree);
    if (refusal !== undefined) throw new RecoveryError("TtlZnodes", refusal);
    this.#repair(logs);
    return {
      tree,
      lastZxid: tree.lastZxid,
      snapshotZxid: base.zxid,
      fuzzyUpTo,
      report: {
        replayed: this.#replayed,
        znodes: tree.count,
        digestMismatches: checks.mismatches,
        orphans,
        warnings: this.#warnings,
      },
    };
  }

  /** ST-21, ST-22: from empty structures for each attempt. */
  #loadNewest(): Base {
    const { snapshots } = this.#directories;
    const names = this.#disk
      .list(snapshots)
      .filter((name) => isSnapshotName(name) && !name.endsWith(UNFINISHED) && fileZxid(name) >= 0)
      .toSorted((a, b) => fileZxid(b) - fileZxid(a));
    let tried = 0;
    for (const name of names) {
      const path = `${snapshots}/${name}`;
      const zxid = fileZxid(name);
      if (!passesForSnapshot(this.#disk, path)) {
        this.#skip(zxid, `${path} is incomplete`);
        continue;
      }
      if (tried++ >= SNAPSHOTS_TRIED_MAX) break;
      const loaded = loadSnapshot(this.#disk, path, this.#options.tree);
      if (typeof loaded !== "string") {
        loaded.tree.lastZxid = zxid;
        return { tree: loaded.tree, zxid, digest: loaded.digest };
      }
      this.#skip(zxid, `${path} is damaged: ${loaded}`);
    }
    // A torn snapshot.0 is the rest of a first start: nothing was acknowledged before it.
    if (this.#skippedZxid > 0) {
      throw new RecoveryError(
        "BadSnapshot",
        `no snapshot in ${snapshots} can be read: ${this.#warnings.join("; ")}. ` +
          "Restore one from a backup, or in an ensemble empty the directory and let it sync",
      );
    }
    return { tree: new DataTree(this.#options.tree), zxid: -1, digest: undefined };
  }

  #skip(zxid: Zxid, warning: string): void {
    this.#skippedZxid = Math.max(this.#skippedZxid, zxid);
    this.#warnings.push(warning);
  }

  /** ST-23: the log that may hold S and all later ones, in order. */
  #replay(base: Base, checks: ReplayChecks): ReadLog[] {
    const { logs } = this.#directories;
    const all = this.#disk
      .list(logs)
      .filter((name) => isLogName(name) && !name.endsWith(UNFINISHED) && fileZxid(name) >= 0)
      .toSorted((a, b) => fileZxid(a) - fileZxid(b));
    const first = all.findLastIndex((name) => fileZxid(name) <= base.zxid);
    const read: ReadLog[] = [];
    for (const name of all.slice(Math.max(first, 0))) {
      read.push(this.#replayFile(`${logs}/${name}`, base, checks));
    }
    return read;
  }

  #replayFile(path: string, base: Base, checks: ReplayChecks): ReadLog {
    const log = new LogFile(this.#disk, path);
    try {
      let hasRecords = false;
      while (log.next()) {
        hasRecords = true;
        if (log.zxid > base.zxid) this.#replayRecord(log, base, checks);
      }
      const ending = log.ending();
      if (ending.kind === "corrupt") {
        throw new RecoveryError(
          "BadLog",
          `${path} is damaged at byte ${ending.offset}: ${ending.reason}. What follows may have ` +
            "been acknowledged, so it is not cut. In an ensemble, empty this server's directories " +
            "and let it sync; alone, restore a backup, or, giving up every txn after " +
            `0x${zxidHex(Math.max(log.zxid, 0))}, truncate -s ${ending.offset} ${path} and move ` +
            "later logs and snapshots away",
        );
      }
      return { path, size: log.size, hasRecords, ending };
    } finally {
      log.close();
    }
  }

  #replayRecord(log: LogFile, base: Base, checks: ReplayChecks): void {
    const { tree } = base;
    const at = `${log.path}, before byte ${log.offset}`;
    if (base.zxid < 0 && !this.#options.trustEmpty) {
      throw new RecoveryError(
        "NoSnapshot",
        `${log.path} holds txns and there is no snapshot in ${this.#directories.snapshots} that ` +
          "they go on from: find the snapshot, or, if the logs are the whole history, start once " +
          "with snapshot.trust.empty=true",
      );
    }
    const isFirst = base.zxid < 0 && this.#replayed === 0;
    if (!Number.isSafeInteger(log.zxid) || !(isFirst || follows(tree.lastZxid, log.zxid))) {
      throw new RecoveryError(
        "Gap",
        `${at}: txn 0x${zxidHex(log.zxid)} follows 0x${zxidHex(tree.lastZxid)}. ` +
          "The txns between them are lost or out of order: put the missing log file back, or in " +
          "an ensemble empty this server's directories and let it sync",
      );
    }
    const before = isFirst ? log.zxid - 1 : tree.lastZxid;
    try {
      tree.apply(log.bytes, log.start, log.end, "replay");
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      throw new RecoveryError(
        "BadLog",
        `${at}: txn 0x${zxidHex(log.zxid)} cannot be read: ${error.message}. Its checksum holds, ` +
          "so whoever wrote it knew more kinds of txn: start with that version",
      );
    }
    checks.applied(log.zxid);
    this.#replayed++;
    this.#options.replayed?.(log.bytes, log.start, log.end, log.zxid, before);
    const from = log.offset - RECORD_OVERHEAD_BYTES - (log.end - log.start);
    this.#options.index?.add(log.path, from, log.offset, log.zxid, log.zxid);
  }

  /** ST-25 */
  #refuseUnlessMayBeEmpty(): void {
    if (this.#options.mayBeEmpty) return;
    throw new RecoveryError(
      "Empty",
      `${this.#directories.snapshots} is empty. If that is as it should be, create the file ` +
        "'initialize' in dataDir or set db.autocreate=true; otherwise restore a backup",
    );
  }

  /** ST-22: else a damaged snapshot would take with it what was acknowledged. */
  #refuseUnlessReached(lastZxid: Zxid): void {
    if (lastZxid >= this.#skippedZxid) return;
    throw new RecoveryError(
      "BadSnapshot",
      `the snapshot of 0x${zxidHex(this.#skippedZxid)} is damaged, and older snapshots with the ` +
        `logs only reach 0x${zxidHex(lastZxid)}: ${this.#warnings.join("; ")}. Restore it from a ` +
        "backup, or in an ensemble empty this server's directories and let it sync",
    );
  }

  /**
   * Now it is certain that the server starts: what a crash left is removed, and what was read is
   * made durable. It may come from the page cache of a server that died before its fsync, and is
   * about to be served.
   */
  #repair(logs: readonly ReadLog[]): void {
    const { snapshots } = this.#directories;
    for (const name of removeUnfinished(this.#disk, snapshots)) {
      this.#warnings.push(`${snapshots}/${name} was unfinished and is removed`);
    }
    const last = logs.at(-1);
    for (const log of logs) {
      const isTorn = log.ending.kind === "torn";
      if (log.size === 0 || (isTorn && !log.hasRecords && log.ending.offset === 0)) {
        this.#disk.removeNow(log.path);
        this.#warnings.push(`${log.path} was created and never written: removed`);
        continue;
      }
      const file = this.#disk.openNow(log.path, "write");
      try {
        if (isTorn) {
          this.#warnings.push(
            `${log.path} ends with an unfinished write at byte ${log.ending.offset}: ` +
              log.ending.reason,
          );
          // A later file goes on where this one breaks off, or it would not have come to this.
          if (log === last) file.truncateNow(log.ending.offset);
        }
        file.datasyncNow();
      } finally {
        file.closeNow();
      }
    }
    this.#disk.syncDirectoryNow(this.#directories.logs);
  }
}

/** ST-27: the next in the same epoch, or the first of a later one. */
export function follows(last: Zxid, next: Zxid): boolean {
  if (next === last + 1) return true;
  return zxidEpoch(next) > zxidEpoch(last) && zxidCounter(next) === 1;
}
