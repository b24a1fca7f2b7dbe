/** A data directory in a temporary folder, with what recovery and tests need of it. */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeDisk } from "../../../protocol/node-disk.ts";
import type { StorageDirectories } from "../../../server/storage/files.ts";
import { type Recovered, type RecoveryOptions, recover } from "../../../server/storage/recovery.ts";
import { RecoveryError } from "../../../server/storage/recovery-error.ts";
import { goldenDataDirectory } from "../../golden/data-directory.ts";

export const OPTIONS: RecoveryOptions = {
  tree: { hashSeed: 42, extendedTypes: true },
  trustEmpty: false,
  mayBeEmpty: true,
};

export class RealDirectory implements Disposable {
  readonly disk: NodeDisk = new NodeDisk();
  /** Holds version-2. */
  readonly root: string = mkdtempSync(join(tmpdir(), "quorate-storage-"));
  readonly path: string = join(this.root, "version-2");
  readonly directories: StorageDirectories = { snapshots: this.path, logs: this.path };

  constructor(files: Readonly<Record<string, Buffer>> = {}) {
    mkdirSync(this.path);
    for (const [name, bytes] of Object.entries(files)) this.put(name, bytes);
  }

  /** With the snapshot of a server's first start, as ZooKeeper 3.8.0 writes it. */
  static withSnapshot0(files: Readonly<Record<string, Buffer>>): RealDirectory {
    const directory = new RealDirectory(files);
    const golden = join(goldenDataDirectory("3.8.0"), "version-2", "snapshot.0");
    copyFileSync(golden, join(directory.path, "snapshot.0"));
    return directory;
  }

  put(name: string, bytes: Buffer): void {
    writeFileSync(join(this.path, name), bytes);
  }

  names(): string[] {
    return readdirSync(this.path).toSorted();
  }

  recover(options: Partial<RecoveryOptions> = {}): Recovered {
    return recover(this.disk, this.directories, { ...OPTIONS, ...options });
  }

  /** Why it does not start. */
  refusal(options: Partial<RecoveryOptions> = {}): RecoveryError {
    const before = this.names();
    const error = this.#thrown(options);
    if (this.names().join() !== before.join()) throw new Error("a refused start changed files");
    return error;
  }

  #thrown(options: Partial<RecoveryOptions>): RecoveryError {
    try {
      this.recover(options);
    } catch (error) {
      if (error instanceof RecoveryError) return error;
      throw error;
    }
    throw new Error("it started");
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}
