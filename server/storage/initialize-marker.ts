/**
 * The file `initialize` in `dataDir`: an empty server may start and vote, since whoever left it there
 * knows that nothing is missing. An operator does, or the server itself when it founds an ensemble
 * (zab/founding.ts).
 */
import type { Disk, HostError } from "../../protocol/host.ts";
import { isHostError } from "./disk-errors.ts";

const NAME = "initialize";

export class InitializeMarker {
  /** As the disk will say after any crash. */
  isThere: boolean;
  readonly #disk: Disk;
  readonly #dataDir: string;

  constructor(disk: Disk, dataDir: string) {
    this.#disk = disk;
    this.#dataDir = dataDir;
    this.isThere = disk.stat(this.#path) !== undefined;
  }

  /** Returns what prevented it, if anything did. */
  leave(): HostError | undefined {
    return this.#change(true, () => this.#disk.openNow(this.#path, "create").closeNow());
  }

  /** Takes it away, if it is there. Returns as `leave`. */
  take(): HostError | undefined {
    if (!this.isThere) return undefined;
    return this.#change(false, () => this.#disk.removeNow(this.#path));
  }

  #change(isThere: boolean, change: () => void): HostError | undefined {
    try {
      change();
      this.#disk.syncDirectoryNow(this.#dataDir);
    } catch (error) {
      if (!isHostError(error)) throw error;
      return error;
    }
    this.isThere = isThere;
    return undefined;
  }

  get #path(): string {
    return `${this.#dataDir}/${NAME}`;
  }
}
