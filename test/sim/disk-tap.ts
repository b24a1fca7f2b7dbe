// Listens in on the server's disk: which txn is handed to it when.

import type {
  Disk,
  DiskDone,
  DiskFile,
  HostError,
  OpenMode,
  PathStat,
} from "../../protocol/host.ts";
import { LogTap } from "./log-reader.ts";
import type { Recorder } from "./tap.ts";

/** The server's disk: when which txn is handed to it. */
export class TappedDisk implements Disk {
  readonly #inner: Disk;
  readonly #recorder: Recorder;
  readonly #touched: () => void;
  readonly #snapshotBegun: () => void;

  /** @param touched called whenever something is asked of the disk that a crash could interrupt */
  constructor(inner: Disk, recorder: Recorder, touched: () => void, snapshotBegun: () => void) {
    this.#inner = inner;
    this.#recorder = recorder;
    this.#touched = touched;
    this.#snapshotBegun = snapshotBegun;
  }

  list(directory: string): string[] {
    return this.#inner.list(directory);
  }

  stat(path: string): PathStat | undefined {
    return this.#inner.stat(path);
  }

  makeDirectory(path: string): void {
    this.#inner.makeDirectory(path);
  }

  openNow(path: string, mode: OpenMode): DiskFile {
    return this.#tapped(path, this.#inner.openNow(path, mode));
  }

  renameNow(from: string, to: string): void {
    this.#inner.renameNow(from, to);
  }

  removeNow(path: string): void {
    this.#inner.removeNow(path);
  }

  syncDirectoryNow(path: string): void {
    this.#inner.syncDirectoryNow(path);
  }

  open(
    path: string,
    mode: OpenMode,
    done: (error: HostError | undefined, file: DiskFile | undefined) => void,
  ): void {
    this.#touched();
    if (path.includes("/snapshot.")) this.#snapshotBegun();
    this.#inner.open(path, mode, (error, file) => done(error, file && this.#tapped(path, file)));
  }

  rename(from: string, to: string, done: DiskDone): void {
    this.#touched();
    this.#inner.rename(from, to, done);
  }

  remove(path: string, done: DiskDone): void {
    this.#touched();
    this.#inner.remove(path, done);
  }

  syncDirectory(path: string, done: DiskDone): void {
    this.#touched();
    this.#inner.syncDirectory(path, done);
  }

  #tapped(path: string, file: DiskFile): DiskFile {
    const tap = path.includes("/log.")
      ? new LogTap((zxid) => this.#recorder.logged(zxid))
      : undefined;
    return new TappedFile(file, tap, this.#touched);
  }
}

class TappedFile implements DiskFile {
  readonly #inner: DiskFile;
  readonly #tap: LogTap | undefined;
  readonly #touched: () => void;

  constructor(inner: DiskFile, tap: LogTap | undefined, touched: () => void) {
    this.#inner = inner;
    this.#tap = tap;
    this.#touched = touched;
  }

  size(): number {
    return this.#inner.size();
  }

  readNow(target: Uint8Array, position: number): number {
    return this.#inner.readNow(target, position);
  }

  truncateNow(size: number): void {
    this.#inner.truncateNow(size);
  }

  datasyncNow(): void {
    this.#inner.datasyncNow();
  }

  closeNow(): void {
    this.#inner.closeNow();
  }

  write(bytes: Uint8Array, position: number, done: DiskDone): void {
    this.#touched();
    this.#tap?.wrote(bytes, position);
    this.#inner.write(bytes, position, done);
  }

  datasync(done: DiskDone): void {
    this.#touched();
    this.#inner.datasync(done);
  }

  close(done: DiskDone): void {
    this.#inner.close(done);
  }
}
