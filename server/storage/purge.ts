/**
 * Removes snapshots and logs that newer ones have replaced (storage 10).
 *
 * The newest snapshot is read to its end first, checksums and all: a file that only looks whole
 * must not be the reason to delete the ones that are (ST-36). That reading is spread over turns,
 * and files go one by one, oldest first, so that a crash in between leaves a shorter history
 * without gaps.
 */
import type { Clock, Disk, HostError } from "../../protocol/host.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import { isHostError } from "./disk-errors.ts";
import {
  fileZxid,
  isLogName,
  isSnapshotName,
  type StorageDirectories,
  UNFINISHED,
} from "./files.ts";
import { listReplaced } from "./installed.ts";
import { NO_SINK } from "./snapshot-loader.ts";
import { SnapshotParser } from "./snapshot-parser.ts";
import {
  type ByteSource,
  compressionOf,
  openSnapshot,
  passesForSnapshot,
} from "./snapshot-source.ts";
import { SnapshotError } from "./tree-parser.ts";

export interface PurgeReport {
  /** Paths, in the order in which they were removed. */
  readonly removed: readonly string[];
  /** Why nothing was removed, where that is not as it should be. */
  readonly refusal: string | undefined;
}

export type PurgeDone = (error: HostError | undefined, report: PurgeReport | undefined) => void;

/** Fewer are never kept. */
const RETAIN_MIN = 3;

/** Verified in one turn: about a millisecond of work. */
const SLICE_BYTES: number = 256 * 1024;

/**
 * Keeps the `retain` newest snapshots and every log that they need.
 *
 * `done` gets what was removed. An error of the disk ends the purge; what was removed stays so, and
 * the directory is as good as before.
 */
export function purge(
  host: { readonly clock: Clock; readonly disk: Disk },
  directories: StorageDirectories,
  retain: number,
  done: PurgeDone,
): void {
  new Purge(host.clock, host.disk, directories, Math.max(retain, RETAIN_MIN), done).start();
}

class Purge {
  readonly #clock: Clock;
  readonly #disk: Disk;
  readonly #directories: StorageDirectories;
  readonly #retain: number;
  readonly #done: PurgeDone;
  readonly #removed: string[] = [];
  /** Still to be removed, in order. */
  #doomed: string[] = [];

  constructor(
    clock: Clock,
    disk: Disk,
    directories: StorageDirectories,
    retain: number,
    done: PurgeDone,
  ) {
    this.#clock = clock;
    this.#disk = disk;
    this.#directories = directories;
    this.#retain = retain;
    this.#done = done;
  }

  start(): void {
    this.#clock.after(0, () => this.#guard(() => this.#choose()));
  }

  /** ST-33, ST-34 */
  #choose(): void {
    const { snapshots, logs } = this.#directories;
    const all = this.#named(snapshots, isSnapshotName);
    const kept = all
      .filter((name) => passesForSnapshot(this.#disk, `${snapshots}/${name}`))
      .slice(-this.#retain);
    const [oldest] = kept;
    const newest = kept.at(-1);
    if (oldest === undefined || newest === undefined) {
      this.#end(undefined, `there is no whole snapshot in ${snapshots}`);
      return;
    }
    const from = fileZxid(oldest);
    const oldSnapshots = all.filter((name) => fileZxid(name) < from);
    const oldLogs = this.#replacedLogs(this.#named(logs, isLogName), from);
    // Snapshots first: none is left without its logs.
    this.#doomed = [
      ...oldSnapshots.map((name) => `${snapshots}/${name}`),
      ...oldLogs.map((name) => `${logs}/${name}`),
      // What a leader's tree has replaced stays as long as the snapshot of that tree would.
      ...listReplaced(this.#disk, this.#directories)
        .filter(({ zxid }) => zxid < from)
        .map(({ path }) => path),
    ];
    if (this.#doomed.length === 0) this.#end(undefined, undefined);
    else this.#verify(`${snapshots}/${newest}`);
  }

  /** Those before the one that may hold the first record after `from`. */
  #replacedLogs(names: readonly string[], from: Zxid): string[] {
    const needed = names.findLastIndex((name) => fileZxid(name) <= from);
    return names.slice(0, Math.max(needed, 0));
  }

  #named(directory: string, isOne: (name: string) => boolean): string[] {
    return this.#disk
      .list(directory)
      .filter((name) => isOne(name) && !name.endsWith(UNFINISHED) && fileZxid(name) >= 0)
      .toSorted((a, b) => fileZxid(a) - fileZxid(b));
  }

  #verify(path: string): void {
    if (compressionOf(path) !== "none") {
      // Decompressing stops the server for as long as it takes. Our own next snapshot is plain.
      this.#end(undefined, `${path} is compressed, and is not verified while the server runs`);
      return;
    }
    const source = openSnapshot(this.#disk, path);
    const parser = new SnapshotParser(source, NO_SINK);
    this.#verifySlice(path, source, parser);
  }

  #verifySlice(path: string, source: ByteSource, parser: SnapshotParser): void {
    let isMore = false;
    let damage: string | undefined;
    try {
      isMore = parser.advance(SLICE_BYTES);
    } catch (error) {
      if (!(error instanceof SnapshotError)) {
        source.closeNow();
        throw error;
      }
      damage = error.message;
    }
    if (isMore) {
      this.#clock.after(0, () => this.#guard(() => this.#verifySlice(path, source, parser)));
      return;
    }
    source.closeNow();
    if (damage === undefined) this.#removeNext();
    else this.#end(undefined, `${path} is damaged: ${damage}`);
  }

  #removeNext(): void {
    const path = this.#doomed.shift();
    if (path === undefined) {
      this.#syncDirectories();
      return;
    }
    this.#disk.remove(path, (error) => {
      if (error !== undefined) {
        this.#end(error, undefined);
        return;
      }
      this.#removed.push(path);
      this.#removeNext();
    });
  }

  #syncDirectories(): void {
    const { snapshots, logs } = this.#directories;
    this.#disk.syncDirectory(snapshots, (error) => {
      if (error !== undefined || snapshots === logs) this.#end(error, undefined);
      else this.#disk.syncDirectory(logs, (logsError) => this.#end(logsError, undefined));
    });
  }

  /** What the disk refuses synchronously goes to `done` too; anything else is a bug of ours. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!isHostError(error)) throw error;
      this.#end(error, undefined);
    }
  }

  #end(error: HostError | undefined, refusal: string | undefined): void {
    if (error !== undefined) this.#done(error, undefined);
    else this.#done(undefined, { removed: this.#removed, refusal });
  }
}
