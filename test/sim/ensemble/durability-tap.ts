// A server's disk, listened in on: what of it would survive a power cut from when on. Txns count once
// their bytes are synced; epochs and snapshots once their name is.

import type {
  Disk,
  DiskDone,
  DiskFile,
  HostError,
  OpenMode,
  PathStat,
} from "../../../protocol/host.ts";
import { eachPayloadOf, LogTap } from "../log-reader.ts";
import { contentOf, type ZabRecorder } from "./zab-tap.ts";

const EPOCH_FILE = /\/(acceptedEpoch|currentEpoch)$/;
const SNAPSHOT_FILE = /\/version-2\/snapshot\.([0-9a-f]+)$/;

const EPOCH_BYTES_MAX = 16;
/** TxnHeader: long clientId, int cxid, long zxid */
const ZXID_AT = 12;

/** A txn whose bytes were written and not synced. */
interface Written {
  readonly zxid: number;
  readonly content: string;
}

export class DurabilityTap implements Disk {
  readonly #inner: Disk;
  readonly #recorder: ZabRecorder;
  readonly #server: string;
  /** What was written to the files that become epochs. */
  readonly #texts = new Map<string, string>();
  /** Renamed, and their directory not synced since. */
  #named: string[] = [];

  constructor(inner: Disk, recorder: ZabRecorder, server: string) {
    this.#inner = inner;
    this.#recorder = recorder;
    this.#server = server;
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
    const file = this.#inner.openNow(path, mode);
    if (EPOCH_FILE.test(path)) this.#found(path, file);
    return this.#tapped(path, file);
  }

  /** At a start: the name may be an earlier process's, and not synced. */
  #found(path: string, file: DiskFile): void {
    const bytes = Buffer.alloc(EPOCH_BYTES_MAX);
    this.#texts.set(path, bytes.toString("latin1", 0, file.readNow(bytes, 0)));
    this.#named.push(path);
  }

  renameNow(from: string, to: string): void {
    this.#inner.renameNow(from, to);
    this.#renamed(from, to);
  }

  removeNow(path: string): void {
    this.#inner.removeNow(path);
  }

  syncDirectoryNow(path: string): void {
    const named = this.#takeNamed(path);
    this.#inner.syncDirectoryNow(path);
    for (const name of named) this.#tell(name);
  }

  open(
    path: string,
    mode: OpenMode,
    done: (error: HostError | undefined, file: DiskFile | undefined) => void,
  ): void {
    this.#inner.open(path, mode, (error, file) => done(error, file && this.#tapped(path, file)));
  }

  rename(from: string, to: string, done: DiskDone): void {
    this.#inner.rename(from, to, (error) => {
      if (error === undefined) this.#renamed(from, to);
      done(error);
    });
  }

  remove(path: string, done: DiskDone): void {
    this.#inner.remove(path, done);
  }

  syncDirectory(path: string, done: DiskDone): void {
    const named = this.#takeNamed(path);
    this.#inner.syncDirectory(path, (error) => {
      if (error === undefined) for (const name of named) this.#tell(name);
      done(error);
    });
  }

  #tapped(path: string, file: DiskFile): DiskFile {
    if (path.includes("/log.")) {
      const synced = (txns: readonly Written[]): void => {
        for (const { zxid, content } of txns) {
          const when = this.#recorder.now();
          this.#recorder.hasBecomeDurable(this.#server, { kind: "txn", when, zxid, content });
        }
      };
      return new TappedLog(file, synced);
    }
    if (/\/(accepted|current)Epoch/.test(path)) {
      return new TappedText(file, (text) => this.#texts.set(path, text));
    }
    return file;
  }

  #renamed(from: string, to: string): void {
    this.#texts.set(to, this.#texts.get(from) ?? "");
    if (EPOCH_FILE.test(to) || SNAPSHOT_FILE.test(to)) this.#named.push(to);
  }

  #takeNamed(directory: string): string[] {
    const isIn = (path: string): boolean => path.slice(0, path.lastIndexOf("/")) === directory;
    const taken = this.#named.filter(isIn);
    this.#named = this.#named.filter((path) => !isIn(path));
    return taken;
  }

  #tell(path: string): void {
    const when = this.#recorder.now();
    const epochFile = EPOCH_FILE.exec(path);
    const snapshot = SNAPSHOT_FILE.exec(path);
    if (epochFile !== null) {
      const kind = epochFile[1] === "acceptedEpoch" ? "acceptedEpoch" : "currentEpoch";
      const epoch = Number.parseInt(this.#texts.get(path) ?? "", 10);
      this.#recorder.hasBecomeDurable(this.#server, { kind, when, epoch });
    } else if (snapshot !== null) {
      const zxid = Number.parseInt(snapshot[1] ?? "", 16);
      this.#recorder.hasBecomeDurable(this.#server, { kind: "snapshot", when, zxid });
    }
  }
}

/** Hands every call on. */
class HandingOn implements DiskFile {
  protected readonly inner: DiskFile;

  constructor(inner: DiskFile) {
    this.inner = inner;
  }

  size(): number {
    return this.inner.size();
  }

  readNow(target: Uint8Array, position: number): number {
    return this.inner.readNow(target, position);
  }

  truncateNow(size: number): void {
    this.inner.truncateNow(size);
  }

  datasyncNow(): void {
    this.inner.datasyncNow();
  }

  closeNow(): void {
    this.inner.closeNow();
  }

  write(bytes: Uint8Array, position: number, done: DiskDone): void {
    this.inner.write(bytes, position, done);
  }

  datasync(done: DiskDone): void {
    this.inner.datasync(done);
  }

  close(done: DiskDone): void {
    this.inner.close(done);
  }
}

/** A log: its txns count when a sync that began after they were written has ended. */
class TappedLog extends HandingOn {
  readonly #tap: LogTap;
  readonly #synced: (txns: readonly Written[]) => void;
  #written: Written[] = [];

  constructor(inner: DiskFile, synced: (txns: readonly Written[]) => void) {
    super(inner);
    this.#synced = synced;
    this.#tap = new LogTap((zxid, payload) => {
      this.#written.push({ zxid, content: contentOf(payload) });
    });
  }

  /** At a start: what an earlier process wrote, and may not have synced, counts as well. */
  override datasyncNow(): void {
    super.datasyncNow();
    this.#written = [];
    eachPayloadOf(this.inner, (payload) => {
      const zxid = Number(payload.readBigInt64BE(ZXID_AT));
      this.#written.push({ zxid, content: contentOf(payload) });
    });
    this.#synced(this.#take());
  }

  override write(bytes: Uint8Array, position: number, done: DiskDone): void {
    this.#tap.wrote(bytes, position);
    super.write(bytes, position, done);
  }

  override datasync(done: DiskDone): void {
    const txns = this.#take();
    super.datasync((error) => {
      if (error === undefined) this.#synced(txns);
      done(error);
    });
  }

  #take(): Written[] {
    const written = this.#written;
    this.#written = [];
    return written;
  }
}

/** A file of a few characters, written at once. */
class TappedText extends HandingOn {
  readonly #wrote: (text: string) => void;

  constructor(inner: DiskFile, wrote: (text: string) => void) {
    super(inner);
    this.#wrote = wrote;
  }

  override write(bytes: Uint8Array, position: number, done: DiskDone): void {
    this.#wrote(Buffer.from(bytes).toString("latin1"));
    super.write(bytes, position, done);
  }
}
