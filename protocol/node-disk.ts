/** Files through Node: positions are explicit, descriptors plain, nothing is buffered here. */
import {
  close,
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  open,
  openSync,
  readdirSync,
  readSync,
  rename,
  renameSync,
  statSync,
  unlink,
  unlinkSync,
  write,
} from "node:fs";
import type { Disk, DiskDone, DiskFile, HostError, OpenMode, PathStat } from "./host.ts";

const FLAGS: Readonly<Record<OpenMode, string>> = { read: "r", create: "w+", write: "r+" };

/**
 * Windows opens no directory for syncing and orders its names itself. Servers are for Linux; a
 * client that keeps a file must still start there.
 */
const DIRECTORIES_SYNC: boolean = process.platform !== "win32";

export class NodeDisk implements Disk {
  list(directory: string): string[] {
    return readdirSync(directory);
  }

  stat(path: string): PathStat | undefined {
    const found = statSync(path, { throwIfNoEntry: false });
    return found && { isDirectory: found.isDirectory(), size: found.size };
  }

  makeDirectory(path: string): void {
    mkdirSync(path, { recursive: true });
  }

  openNow(path: string, mode: OpenMode): DiskFile {
    return new NodeFile(openSync(path, FLAGS[mode]));
  }

  renameNow(from: string, to: string): void {
    renameSync(from, to);
  }

  removeNow(path: string): void {
    unlinkSync(path);
  }

  syncDirectoryNow(path: string): void {
    if (!DIRECTORIES_SYNC) return;
    const descriptor = openSync(path, "r");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  open(
    path: string,
    mode: OpenMode,
    done: (error: HostError | undefined, file: DiskFile | undefined) => void,
  ): void {
    open(path, FLAGS[mode], (error, descriptor) => {
      if (error) done(hostError(error), undefined);
      else done(undefined, new NodeFile(descriptor));
    });
  }

  rename(from: string, to: string, done: DiskDone): void {
    rename(from, to, (error) => done(hostError(error)));
  }

  remove(path: string, done: DiskDone): void {
    unlink(path, (error) => done(hostError(error)));
  }

  syncDirectory(path: string, done: DiskDone): void {
    if (!DIRECTORIES_SYNC) {
      setImmediate(done, undefined);
      return;
    }
    open(path, "r", (openError, descriptor) => {
      if (openError) {
        done(hostError(openError));
        return;
      }
      fsync(descriptor, (error) => {
        // Nothing hangs on how it is closed, and elections wait for what is called here.
        close(descriptor, () => undefined);
        done(hostError(error));
      });
    });
  }
}

class NodeFile implements DiskFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  size(): number {
    return fstatSync(this.#descriptor).size;
  }

  readNow(target: Uint8Array, position: number): number {
    let filled = 0;
    while (filled < target.length) {
      const rest = target.length - filled;
      const got = readSync(this.#descriptor, target, filled, rest, position + filled);
      if (got === 0) break;
      filled += got;
    }
    return filled;
  }

  truncateNow(size: number): void {
    ftruncateSync(this.#descriptor, size);
  }

  datasyncNow(): void {
    fdatasyncSync(this.#descriptor);
  }

  closeNow(): void {
    closeSync(this.#descriptor);
  }

  write(bytes: Uint8Array, position: number, done: DiskDone): void {
    this.#writeRest(bytes, 0, position, done);
  }

  datasync(done: DiskDone): void {
    fdatasync(this.#descriptor, (error) => done(hostError(error)));
  }

  close(done: DiskDone): void {
    close(this.#descriptor, (error) => done(hostError(error)));
  }

  /** The kernel may take a part; the disk that is full says so only when asked for the rest. */
  #writeRest(bytes: Uint8Array, from: number, position: number, done: DiskDone): void {
    const rest = bytes.length - from;
    write(this.#descriptor, bytes, from, rest, position, (error, written) => {
      if (error) done(hostError(error));
      else if (written === rest) done(undefined);
      else if (written === 0) done(new Error("the disk took nothing of a write"));
      else this.#writeRest(bytes, from + written, position + written, done);
    });
  }
}

/** Node's errors carry the system's code under the same name. */
function hostError(error: Error | null | undefined): HostError | undefined {
  return error ?? undefined;
}
