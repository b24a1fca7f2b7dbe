/**
 * Takes back the end of a history that its leader does not know (storage 9, quorum-protocol S-18):
 *
 *     look ─▶ snapshots that hold later txns ─▶ later logs, newest first ─▶ cut ─▶ all is durable
 *       └─▶ unreachable: nothing was touched
 *
 * A crash anywhere in between leaves a history that ends between the new end and the old one: what
 * is left is whole, and the leader asks for the same again. Snapshots go first. One that was taken
 * before its txns were settled would bring them back (ZOOKEEPER-1549), and so would an older one
 * whose copying went on while they were applied: its name does not tell, its digest section does.
 *
 * Differs from ZooKeeper, which cuts behind the first record at or after the target: where the
 * target is no record of the log, one record of the dead epoch survives there (ZOOKEEPER-2832).
 *
 * All of it is synchronous: nobody is served, and it is rare.
 */
import type { Disk } from "../../protocol/host.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import {
  fileZxid,
  isLogName,
  isSnapshotName,
  type StorageDirectories,
  UNFINISHED,
} from "./files.ts";
import { LogFile } from "./log-file.ts";
import { follows } from "./recovery.ts";
import { snapshotEnd } from "./snapshot-loader.ts";
import { passesForSnapshot } from "./snapshot-source.ts";

export type TruncationOutcome = "done" | "unreachable";

/**
 * Makes `zxid` the end of the history, which has to be loaded again afterwards.
 *
 * "unreachable": `zxid` is neither a snapshot's nor that of a record that a snapshot and the log
 * behind it lead to. So is a leader's marker, epoch << 32, unless a snapshot is named for it: no
 * log has it, and what came before it here need not be what the leader had before it.
 *
 * @throws HostError the disk refused; what was done until then stays, see above.
 */
export function truncateHistory(
  disk: Disk,
  directories: StorageDirectories,
  zxid: Zxid,
): TruncationOutcome {
  return new Truncation(disk, directories, zxid).run();
}

/** A log file, and where the part of it ends that is kept: 0, none of it is. */
interface KeptLog {
  readonly path: string;
  readonly keptTo: number;
}

class Truncation {
  readonly #disk: Disk;
  readonly #directories: StorageDirectories;
  readonly #zxid: Zxid;
  /** Paths of snapshots that hold, or may hold, what is taken back. */
  readonly #doomed: string[] = [];

  constructor(disk: Disk, directories: StorageDirectories, zxid: Zxid) {
    this.#disk = disk;
    this.#directories = directories;
    this.#zxid = zxid;
  }

  run(): TruncationOutcome {
    const base = this.#findBase();
    const logs = base === undefined ? undefined : this.#readLogs(base);
    if (logs === undefined) return "unreachable";
    const { snapshots, logs: logDirectory } = this.#directories;
    for (const path of this.#doomed) this.#disk.removeNow(path);
    this.#disk.syncDirectoryNow(snapshots);
    // Each removal is durable before the next: a gap within the log is none that a crash explains.
    for (const { path, keptTo } of logs.toReversed()) {
      if (keptTo > 0) {
        this.#cut(path, keptTo);
        break;
      }
      this.#disk.removeNow(path);
      this.#disk.syncDirectoryNow(logDirectory);
    }
    return "done";
  }

  /** The newest snapshot that is whole and holds nothing beyond the target. */
  #findBase(): Zxid | undefined {
    const { snapshots } = this.#directories;
    for (const name of this.#names(snapshots, isSnapshotName).toReversed()) {
      const path = `${snapshots}/${name}`;
      if (fileZxid(name) > this.#zxid) {
        this.#doomed.push(path);
        continue;
      }
      if (!passesForSnapshot(this.#disk, path)) continue;
      const end = snapshotEnd(this.#disk, path);
      if (typeof end === "string") continue;
      if (end <= this.#zxid) return fileZxid(name);
      this.#doomed.push(path);
    }
    return undefined;
  }

  /**
   * The logs that go on from the base, in order. Undefined: they do not lead to the target, or not
   * in one piece to their end, which then no state between here and there would be.
   */
  #readLogs(base: Zxid): readonly KeptLog[] | undefined {
    const { logs } = this.#directories;
    const names = this.#names(logs, isLogName);
    const first = names.findLastIndex((name) => fileZxid(name) <= base);
    const found: KeptLog[] = [];
    let last = base;
    let isReached = base === this.#zxid;
    for (const name of names.slice(Math.max(first, 0))) {
      const log = new LogFile(this.#disk, `${logs}/${name}`);
      try {
        let keptTo = 0;
        while (log.next()) {
          if (log.zxid <= this.#zxid) keptTo = log.offset;
          if (log.zxid <= base) continue;
          if (!follows(last, log.zxid)) return undefined;
          last = log.zxid;
          isReached ||= last === this.#zxid;
        }
        if (log.ending().kind === "corrupt") return undefined;
        found.push({ path: log.path, keptTo });
      } finally {
        log.close();
      }
    }
    return isReached ? found : undefined;
  }

  /** Right behind the last record that stays: no padding is left (ST-28). */
  #cut(path: string, size: number): void {
    const file = this.#disk.openNow(path, "write");
    try {
      file.truncateNow(size);
      file.datasyncNow();
    } finally {
      file.closeNow();
    }
  }

  /** By their zxids, the oldest first. */
  #names(directory: string, isOne: (name: string) => boolean): string[] {
    return this.#disk
      .list(directory)
      .filter((name) => isOne(name) && !name.endsWith(UNFINISHED) && fileZxid(name) >= 0)
      .toSorted((a, b) => fileZxid(a) - fileZxid(b));
  }
}
