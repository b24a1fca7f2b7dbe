/** A disk that writes down what it is asked for, in order. */
import type {
  Disk,
  DiskDone,
  DiskFile,
  HostError,
  OpenMode,
  PathStat,
} from "../../../protocol/host.ts";

export class TracedDisk implements Disk {
  /** As `write log.1 16+48`, files by name alone. */
  readonly trace: string[] = [];
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** What was asked for since the last call. */
  take(): string[] {
    return this.trace.splice(0);
  }

  list(directory: string): string[] {
    return this.#disk.list(directory);
  }

  stat(path: string): PathStat | undefined {
    return this.#disk.stat(path);
  }

  makeDirectory(path: string): void {
    this.#disk.makeDirectory(path);
  }

  openNow(path: string, mode: OpenMode): DiskFile {
    return new TracedFile(this.#disk.openNow(path, mode), name(path), this.trace);
  }

  renameNow(from: string, to: string): void {
    this.#disk.renameNow(from, to);
  }

  removeNow(path: string): void {
    this.trace.push(`removeNow ${name(path)}`);
    this.#disk.removeNow(path);
  }

  syncDirectoryNow(path: string): void {
    this.trace.push(`syncDirectoryNow ${name(path)}`);
    this.#disk.syncDirectoryNow(path);
  }

  open(
    path: string,
    mode: OpenMode,
    done: (error: HostError | undefined, file: DiskFile | undefined) => void,
  ): void {
    this.trace.push(`${mode} ${name(path)}`);
    this.#disk.open(path, mode, (error, file) =>
      done(error, file && new TracedFile(file, name(path), this.trace)),
    );
  }

  rename(from: string, to: string, done: DiskDone): void {
    this.trace.push(`rename ${name(from)} ${name(to)}`);
    this.#disk.rename(from, to, done);
  }

  remove(path: string, done: DiskDone): void {
    this.trace.push(`remove ${name(path)}`);
    this.#disk.remove(path, done);
  }

  syncDirectory(path: string, done: DiskDone): void {
    this.trace.push(`syncDirectory ${name(path)}`);
    this.#disk.syncDirectory(path, done);
  }
}

class TracedFile implements DiskFile {
  readonly #file: DiskFile;
  readonly #name: string;
  readonly #trace: string[];

  constructor(file: DiskFile, fileName: string, trace: string[]) {
    this.#file = file;
    this.#name = fileName;
    this.#trace = trace;
  }

  size(): number {
    return this.#file.size();
  }

  readNow(target: Uint8Array, position: number): number {
    return this.#file.readNow(target, position);
  }

  truncateNow(size: number): void {
    this.#trace.push(`truncateNow ${this.#name} ${size}`);
    this.#file.truncateNow(size);
  }

  datasyncNow(): void {
    this.#trace.push(`datasyncNow ${this.#name}`);
    this.#file.datasyncNow();
  }

  closeNow(): void {
    this.#file.closeNow();
  }

  write(bytes: Uint8Array, position: number, done: DiskDone): void {
    this.#trace.push(`write ${this.#name} ${position}+${bytes.length}`);
    this.#file.write(bytes, position, done);
  }

  datasync(done: DiskDone): void {
    this.#trace.push(`datasync ${this.#name}`);
    this.#file.datasync(done);
  }

  close(done: DiskDone): void {
    this.#trace.push(`close ${this.#name}`);
    this.#file.close(done);
  }
}

function name(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
