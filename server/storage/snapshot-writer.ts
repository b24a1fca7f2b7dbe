/**
 * Writes fuzzy snapshots while the server works on (storage 4 and 6): the tree is copied in slices
 * between turns (tree-copy.ts).
 *
 *     slice ─▶ buffer ─full─▶ disk          no slice while both buffers are on their way:
 *       ▲                      │            memory stays bounded however slow the disk is
 *       └──────written─────────┘
 *
 * The file gets its name once all of it is on disk, so a crash leaves either a whole snapshot or a
 * `.tmp` that start-up removes.
 */
import { assert } from "../../protocol/assert.ts";
import type { Clock, Disk, DiskFile, HostError, Timer } from "../../protocol/host.ts";
import { Writer } from "../../protocol/jute.ts";
import { DIGEST_VERSION } from "../../protocol/txn.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import { zxidCounter, zxidEpoch } from "../../protocol/zxid.ts";
import type { DataTree } from "../tree/data-tree.ts";
import { ADLER_START, adler32 } from "./adler32.ts";
import { installedName, snapshotName, UNFINISHED } from "./files.ts";
import { writeSeal, writeSnapshotHeader } from "./snapshot-format.ts";
import { TreeCopy } from "./tree-copy.ts";

export interface SnapshotReport {
  /** S: what the file is named for. Replay starts after it. */
  readonly zxid: Zxid;
  /** E: replay up to here is what makes the file whole. */
  readonly endZxid: Zxid;
  /** Applied between the first znode copied and the last: how fuzzy the snapshot is. */
  readonly txnsDuring: number;
  readonly slices: number;
  readonly bytes: number;
  readonly elapsedMs: number;
}

export type SnapshotDone = (
  error: HostError | undefined,
  report: SnapshotReport | undefined,
) => void;

export interface SnapshotWriterOptions {
  /** The version-2 directory of snapshots. */
  readonly directory: string;
  /** A slice ends after so many bytes, or after the moment that a copy takes. */
  readonly sliceBytes?: number;
}

const SLICE_BYTES: number = 128 * 1024;
/**
 * After a slice the loop is left to requests for so many times as long: a snapshot takes a quarter
 * of it, however often the next one is due. Under a load of creates it took half otherwise.
 */
const PAUSE_FACTOR = 3;
/**
 * Synced at a time while copying goes on. A whole snapshot's bytes in one fsync at its end would keep
 * the disk busy for as long as hundreds of megabytes take, and with it every batch of the log.
 */
const SYNC_BYTES: number = 4 * 1024 * 1024;
/** Two of these, each a slice longer at most, are all that a snapshot holds of memory. */
const BUFFER_BYTES: number = 256 * 1024;

export class SnapshotWriter {
  readonly #clock: Clock;
  readonly #disk: Disk;
  readonly #tree: DataTree;
  readonly #directory: string;
  readonly #sliceBytes: number;
  #running: Run | undefined;

  constructor(
    host: { readonly clock: Clock; readonly disk: Disk },
    tree: DataTree,
    options: SnapshotWriterOptions,
  ) {
    this.#clock = host.clock;
    this.#disk = host.disk;
    this.#tree = tree;
    this.#directory = options.directory;
    this.#sliceBytes = options.sliceBytes ?? SLICE_BYTES;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /**
   * Starts a snapshot of the tree. False: one is under way, and `done` is not called.
   *
   * `done` gets the report once the snapshot is durable, or the error that prevented it: a server
   * that cannot take snapshots has to stop, its log would grow without end (storage WP-10).
   */
  take(done: SnapshotDone): boolean {
    return this.#start(snapshotName(this.#tree.lastZxid), PAUSE_FACTOR, done);
  }

  /** As `take`, while nobody is served: it takes no pauses. */
  takeAtOnce(done: SnapshotDone): boolean {
    return this.#start(snapshotName(this.#tree.lastZxid), 0, done);
  }

  /**
   * Starts a snapshot that is to replace all history, once `settleInstalled` lets it. Nobody is
   * served meanwhile: it takes no pauses, and nothing may be applied.
   */
  install(done: SnapshotDone): boolean {
    return this.#start(installedName(this.#tree.lastZxid), 0, done);
  }

  #start(name: string, pauseFactor: number, done: SnapshotDone): boolean {
    if (this.#running !== undefined) return false;
    const run = new Run(this.#clock, this.#disk, this.#tree, {
      path: `${this.#directory}/${name}`,
      directory: this.#directory,
      sliceBytes: this.#sliceBytes,
      pauseFactor,
    });
    this.#running = run;
    run.start((error, report) => {
      this.#running = undefined;
      done(error, report);
    });
    return true;
  }

  /** Gives up the snapshot that is under way, if any; its `done` is not called any more. */
  abandon(done: () => void): void {
    const run = this.#running;
    this.#running = undefined;
    if (run === undefined) done();
    else run.abandon(done);
  }
}

interface RunOptions {
  readonly path: string;
  readonly directory: string;
  readonly sliceBytes: number;
  readonly pauseFactor: number;
}

/** One snapshot. */
class Run {
  readonly #clock: Clock;
  readonly #disk: Disk;
  readonly #tree: DataTree;
  readonly #options: RunOptions;
  readonly #copy: TreeCopy;
  readonly #startedMs: number;
  #done: SnapshotDone | undefined;
  #abandoned: (() => void) | undefined;

  #file: DiskFile | undefined;
  #timer: Timer | undefined;
  #slices = 0;
  /** How long the last slice took. */
  #sliceMs = 0;

  /** Takes what is copied. */
  #filling: Writer = new Writer(BUFFER_BYTES);
  /** The other buffer. Undefined: it is on its way to the disk. */
  #spare: Writer | undefined = new Writer(BUFFER_BYTES);
  #writing: Writer | undefined;
  /** Adler-32 of every byte so far, of which the filling buffer has those up to `#summed`. */
  #sum: number = ADLER_START;
  #summed = 0;
  /** Bytes handed to the disk. */
  #position = 0;
  /** Bytes that the disk was asked to make durable. */
  #syncedTo = 0;
  /** There is more to copy. False before it begins, and when what is left is to write it. */
  #isCopying = false;
  #isCopied = false;

  constructor(clock: Clock, disk: Disk, tree: DataTree, options: RunOptions) {
    this.#clock = clock;
    this.#disk = disk;
    this.#tree = tree;
    this.#options = options;
    this.#copy = new TreeCopy(tree);
    this.#startedMs = clock.nowMs();
  }

  start(done: SnapshotDone): void {
    this.#done = done;
    this.#disk.open(this.#unfinishedPath(), "create", (error, file) => {
      this.#file = file;
      if (error !== undefined || file === undefined) this.#end(error ?? noFile());
      else if (this.#abandoned !== undefined) this.#discard();
      else this.#begin();
    });
  }

  /** Nothing is copied from now on; calls back when the unfinished file is gone. */
  abandon(done: () => void): void {
    this.#done = undefined;
    this.#abandoned = done;
    this.#stopCopying();
    // While the disk works, its answer ends the run; otherwise nothing else would.
    if (this.#file !== undefined && this.#writing === undefined && !this.#isCopied) {
      this.#discard();
    }
  }

  #begin(): void {
    writeSnapshotHeader(this.#filling);
    this.#copy.begin(this.#filling);
    this.#isCopying = true;
    this.#slice();
  }

  /** Copies for a moment, hands over what is full, and comes back after other turns. */
  readonly #slice = (): void => {
    this.#timer = undefined;
    assert(this.#isCopying, "a slice was copied after the last one");
    this.#slices++;
    const startedMs = this.#clock.nowMs();
    this.#isCopying = this.#copy.slice(this.#filling, this.#options.sliceBytes, this.#clock);
    this.#addToSum();
    this.#sliceMs = this.#clock.nowMs() - startedMs;
    if (!this.#isCopying) this.#finishCopying();
    this.#writeFull();
    this.#scheduleSlice();
  };

  #scheduleSlice(): void {
    if (!this.#isCopying || this.#timer !== undefined) return;
    // Both buffers are taken: the disk's answer goes on.
    if (this.#filling.length >= BUFFER_BYTES) return;
    this.#timer = this.#clock.after(this.#sliceMs * this.#options.pauseFactor, this.#slice);
  }

  /** All znodes are in: the digest and the zxid that go with them are those of this very turn. */
  #finishCopying(): void {
    const writer = this.#filling;
    this.#isCopied = true;
    this.#seal();
    writer.long(this.#copy.endZxid);
    writer.int(DIGEST_VERSION);
    writer.words(this.#tree.digestHigh, this.#tree.digestLow);
    this.#seal();
    writer.long(this.#copy.endZxid);
    this.#seal();
  }

  #seal(): void {
    this.#addToSum();
    writeSeal(this.#filling, this.#sum);
  }

  #addToSum(): void {
    const writer = this.#filling;
    this.#sum = adler32(writer.bytes, this.#summed, writer.length, this.#sum);
    this.#summed = writer.length;
  }

  /**
   * Hands a full buffer to the disk, or the last one, unless the other is still on its way.
   * True: it did.
   */
  #writeFull(): boolean {
    const full = this.#filling;
    const isDue = full.length >= BUFFER_BYTES || (this.#isCopied && full.length > 0);
    if (!isDue || this.#spare === undefined) return false;
    this.#addToSum();
    this.#writing = full;
    this.#filling = this.#spare;
    this.#spare = undefined;
    this.#summed = 0;
    this.#open().write(full.written(), this.#position, this.#written);
    this.#position += full.length;
    return true;
  }

  /** A buffer counts as written once its piece is synced: copying waits for a disk that is slow. */
  readonly #written = (error: HostError | undefined): void => {
    const isDue = this.#position - this.#syncedTo >= SYNC_BYTES && !this.#isCopied;
    if (error !== undefined || this.#abandoned !== undefined || !isDue) {
      this.#emptied(error);
      return;
    }
    this.#syncedTo = this.#position;
    this.#open().datasync(this.#emptied);
  };

  readonly #emptied = (error: HostError | undefined): void => {
    const emptied = this.#writing;
    assert(emptied !== undefined, "a buffer was written");
    this.#writing = undefined;
    emptied.clear();
    this.#spare = emptied;
    if (this.#abandoned !== undefined) {
      this.#discard();
    } else if (error !== undefined) {
      this.#fail(error);
    } else {
      const isMore = this.#writeFull() || !this.#isCopied;
      if (isMore) this.#scheduleSlice();
      else this.#open().datasync(this.#synced);
    }
  };

  readonly #synced = (error: HostError | undefined): void => {
    if (this.#abandoned !== undefined) this.#discard();
    else if (error !== undefined) this.#fail(error);
    else this.#open().close(this.#closed);
  };

  readonly #closed = (error: HostError | undefined): void => {
    this.#file = undefined;
    if (error !== undefined) this.#fail(error);
    else this.#disk.rename(this.#unfinishedPath(), this.#options.path, this.#renamed);
  };

  readonly #renamed = (error: HostError | undefined): void => {
    if (error !== undefined) this.#fail(error);
    else this.#disk.syncDirectory(this.#options.directory, (syncError) => this.#end(syncError));
  };

  #fail(error: HostError): void {
    this.#stopCopying();
    this.#removeFile(error);
  }

  #discard(): void {
    this.#removeFile(undefined);
  }

  /**
   * Gives back the space, which a full disk needs. What goes wrong here changes nothing: the first
   * error is the one that counts, and start-up removes what is left.
   */
  #removeFile(error: HostError | undefined): void {
    const file = this.#file;
    this.#file = undefined;
    const remove = (): void => {
      this.#disk.remove(this.#unfinishedPath(), () => this.#end(error));
    };
    if (file === undefined) remove();
    else file.close(remove);
  }

  #stopCopying(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#copy.close();
    this.#isCopying = false;
  }

  #end(error: HostError | undefined): void {
    const done = this.#done;
    this.#done = undefined;
    if (error === undefined) done?.(undefined, this.#report());
    else done?.(error, undefined);
    this.#abandoned?.();
  }

  #report(): SnapshotReport {
    const { zxid, firstZnodeZxid: first, endZxid: last } = this.#copy;
    const isOneEpoch = zxidEpoch(first) === zxidEpoch(last);
    return {
      zxid,
      endZxid: last,
      txnsDuring: isOneEpoch ? last - first : zxidCounter(last),
      slices: this.#slices,
      bytes: this.#position,
      elapsedMs: this.#clock.nowMs() - this.#startedMs,
    };
  }

  #open(): DiskFile {
    assert(this.#file !== undefined, "the snapshot's file is open");
    return this.#file;
  }

  #unfinishedPath(): string {
    return `${this.#options.directory}/${snapshotName(this.#copy.zxid)}${UNFINISHED}`;
  }
}

function noFile(): HostError {
  return new Error("the disk gave neither a file nor an error");
}
