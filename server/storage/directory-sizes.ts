/** What the data directories occupy, for `dirs` and `conf`: preallocation included. */
import type { Clock, Disk } from "../../protocol/host.ts";
import type { StorageDirectories } from "./files.ts";

/** How old what is told may be: listing a slow disk at each asking would be felt. */
const AGE_MAX_MS = 10_000;

export interface Sizes {
  readonly snapshots: number;
  readonly logs: number;
}

export class DirectorySizes {
  readonly directories: StorageDirectories;
  readonly #disk: Disk;
  readonly #clock: Clock;
  #known: Sizes = { snapshots: 0, logs: 0 };
  #measuredMs = -Infinity;

  constructor(disk: Disk, clock: Clock, directories: StorageDirectories) {
    this.#disk = disk;
    this.#clock = clock;
    this.directories = directories;
  }

  /** Yields after each file, so that whoever asks can let others have a turn. */
  *measure(): Generator<"", Sizes> {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#measuredMs <= AGE_MAX_MS) return this.#known;
    const { snapshots, logs } = this.directories;
    const snapshotBytes = yield* this.#bytesIn(snapshots);
    const logBytes = logs === snapshots ? snapshotBytes : yield* this.#bytesIn(logs);
    this.#known = { snapshots: snapshotBytes, logs: logBytes };
    this.#measuredMs = nowMs;
    return this.#known;
  }

  *#bytesIn(directory: string): Generator<"", number> {
    let bytes = 0;
    const isThere = this.#disk.stat(directory)?.isDirectory === true;
    for (const name of isThere ? this.#disk.list(directory) : []) {
      bytes += this.#disk.stat(`${directory}/${name}`)?.size ?? 0;
      yield "";
    }
    return bytes;
  }
}
