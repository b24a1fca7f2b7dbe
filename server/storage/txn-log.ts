/**
 * The log that makes txns durable (storage 2 and 7). Records of many turns share one fsync:
 *
 *     filling ──flush──▶ in flight ──written, datasynced──▶ durable (told in order) ──▶ filling
 *
 * One batch at a time is on its way to the disk; what is committed meanwhile is the next one and
 * starts in the turn in which the disk answers. Nothing here repeats a failed write or fsync: the
 * kernel may have dropped the pages, and a second fsync that succeeds says nothing about them.
 *
 * A file never holds an unsynced record when the next one is created, since a roll waits for the
 * batch in flight: so files are synced oldest first without keeping a list of them.
 *
 * Space is taken ahead of the records, as Apache does, by growing the file with a zero byte at the
 * new end: an fsync then has no new size to record. That leaves a hole, whose blocks the file
 * system still has to find at each fsync; so while batches are small, and the fsync is what a
 * client waits for, the next piece of the hole is filled with real zeros (0.30 against 0.42 ms per
 * batch of 4 KiB; batches that are large gain nothing and are not filled for).
 */
import { assert } from "../../protocol/assert.ts";
import type { Clock, Disk, DiskFile, HostError, Random } from "../../protocol/host.ts";
import type { Writer } from "../../protocol/jute.ts";
import { FILE_HEADER_BYTES } from "../../protocol/persistence.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import { logName } from "./files.ts";
import { LogBatch } from "./log-batch.ts";
import { logHeader } from "./log-format.ts";
import type { LogIndex } from "./log-index.ts";

export interface TxnLogOptions {
  /** The version-2 directory of logs. */
  readonly directory: string;
  /** The zxid of the last record that the directory holds. */
  readonly lastZxid: Zxid;
  /** `preAllocSize` in bytes, 0 for none. */
  readonly preAllocBytes: number;
  /** A file that grew beyond this is followed by a new one; 0 or less: no limit. */
  readonly logSizeLimitBytes: number;
  /** Records after which a snapshot is due, at least 2; the moment is spread over its upper half. */
  readonly snapCount: number;
  /** Record bytes after which a snapshot is due, spread likewise; 0 or less: no limit. */
  readonly snapSizeLimitBytes: number;
  /** False: `forceSync=no`, a crash of the machine may lose what was acknowledged. */
  readonly forceSync: boolean;
  /** An fsync that takes longer is told to `onSlowSync`. */
  readonly syncWarningMs: number;
  /** Is told where records lie once they are durable. */
  readonly index?: LogIndex;
}

export interface TxnLogEvents {
  /** Every record up to `zxid` survives any crash from now on. At once, and in order. */
  onDurable(zxid: Zxid): void;
  /**
   * The records that have become durable, for a server that is alone and applies them now. Batches
   * come in order; walk them with `batch.next()`, to the end of a slice: the next slice comes in
   * another turn, so that a large batch does not keep everybody else waiting. The batch's bytes are
   * the log's again when this returns.
   */
  onBatch?(batch: LogBatch): void;
  /** Enough was logged since the last snapshot: take one, unless one is under way. */
  onSnapshotDue(): void;
  onSlowSync(elapsedMs: number): void;
  /** A write or an fsync failed. Called once; nothing becomes durable afterwards: stop the server. */
  onFailure(error: HostError): void;
}

/** Java grows a file when less than this is left in it. */
const GROW_MARGIN_BYTES = 4096;
/** The piece of the hole that is filled at a time: large enough for dozens of small batches. */
const FILL_BYTES = 256 * 1024;
/** Batches beyond this do not gain from a filled hole. */
const FILL_BATCH_MAX_BYTES = 32 * 1024;

/**
 * What is handed out of a batch in one turn. Small txns that many clients have in flight fit, so
 * that their replies leave together; a megabyte of long paths does not.
 */
const SLICE_BYTES = 128 * 1024;

/** One fills and one is in flight while a third, the durable one, is applied. */
const SPARES_MAX = 2;

const ZERO_BYTE = Buffer.alloc(1);

export class TxnLog {
  /** The last committed zxid. Invariant: durableZxid <= lastZxid. */
  lastZxid: Zxid;
  durableZxid: Zxid;
  /** Counters for operators: fsyncs, those beyond the warning threshold, the last one's time. */
  syncCount = 0;
  slowSyncCount = 0;
  lastSyncMs = 0;
  writtenBytes = 0;

  readonly #clock: Clock;
  readonly #random: Random;
  readonly #disk: Disk;
  readonly #options: TxnLogOptions;
  readonly #events: TxnLogEvents;

  /** Takes the records of this turn. */
  #filling = new LogBatch();
  /** Full ones, oldest first: what came between `isFull` and the caller's taking no more. */
  readonly #waiting: LogBatch[] = [];
  /** On its way to the disk. */
  #inFlight: LogBatch | undefined;
  /** Durable, and handed out slice by slice. */
  #handedOut: LogBatch | undefined;
  /** Who waits for what was committed to be durable; a term asks once or twice. */
  readonly #awaiting: { readonly zxid: Zxid; readonly done: () => void }[] = [];
  /** The batch in flight has become durable before the one ahead of it was handed out. */
  #isDurableEarly = false;
  /** Empty ones, SPARES_MAX at most. */
  readonly #spares: LogBatch[] = [];

  /** The file that is appended to. Undefined: the next batch creates one. */
  #file: DiskFile | undefined;
  #path = "";
  /** Where the next record goes. Invariant, with a file: header <= position <= size. */
  #position = 0;
  /** Up to here the file is durable, and so is its name. Invariant: durableTo <= position. */
  #durableTo = 0;
  /** The size of the file, the hole ahead included. */
  #size = 0;
  /** The hole starts here, or at `position` where that is further. */
  #filledTo = 0;
  /** The directory has an entry that no fsync confirmed yet. */
  #directoryDirty = false;
  #syncStartedMs = 0;

  /** Towards the next snapshot: what was committed since the last one, and when one is due. */
  #recordsSinceDue = 0;
  #bytesSinceDue = 0;
  #dueRecords = 0;
  #dueBytes = 0;

  #failed = false;
  #isClosing = false;
  /** Who waits for the end. Cleared when told. */
  #closed: (() => void) | undefined;
  #zeros: Buffer | undefined;

  constructor(
    host: { readonly clock: Clock; readonly random: Random; readonly disk: Disk },
    options: TxnLogOptions,
    events: TxnLogEvents,
  ) {
    assert(options.snapCount >= 2, "snapCount below 2");
    this.#clock = host.clock;
    this.#random = host.random;
    this.#disk = host.disk;
    this.#options = options;
    this.#events = events;
    this.lastZxid = options.lastZxid;
    this.durableZxid = options.lastZxid;
    this.#drawDue();
  }

  /**
   * While true, read no more writes: a batch that waits has its maximum (BATCH_MAX_BYTES). What has
   * been read already is still taken.
   */
  get isFull(): boolean {
    return this.#waiting.length > 0 || this.#filling.isFull;
  }

  /** Nothing waits for the disk. */
  get isIdle(): boolean {
    return (
      this.#inFlight === undefined &&
      this.#handedOut === undefined &&
      this.#waiting.length === 0 &&
      this.#filling.count === 0
    );
  }

  /**
   * The writer to put one payload into: TxnHeader, body, digest. `commit` makes it a record;
   * another `begin` instead drops what was written.
   */
  begin(): Writer {
    if (this.#filling.isFull) {
      this.#waiting.push(this.#filling);
      this.#filling = this.#spare();
    }
    return this.#filling.begin();
  }

  /** Makes what was written since `begin` the record of `zxid`, the highest so far. */
  commit(zxid: Zxid): void {
    assert(zxid > this.lastZxid, "a txn was logged out of order");
    assert(!this.#isClosing, "a txn was logged after close");
    const batch = this.#filling;
    const before = batch.length;
    batch.commit(zxid);
    this.lastZxid = zxid;
    this.#recordsSinceDue++;
    this.#bytesSinceDue += batch.length - before;
    if (this.#recordsSinceDue > this.#dueRecords || this.#bytesSinceDue > this.#dueBytes) {
      batch.snapshotDue = true;
      this.#drawDue();
    }
  }

  /** Makes a txn that is there already the record of `zxid`. */
  append(bytes: Buffer, start: number, end: number, zxid: Zxid): void {
    const writer = this.begin();
    const at = writer.reserve(end - start);
    bytes.copy(writer.bytes, at, start, end);
    this.commit(zxid);
  }

  /** Call at the end of each turn: starts the batch, unless one is in flight and will start it. */
  flush(): void {
    if (this.#inFlight !== undefined || this.#filling.count === 0 || this.#failed) return;
    const waiting = this.#waiting.shift();
    this.#inFlight = waiting ?? this.#filling;
    if (waiting === undefined) this.#filling = this.#spare();
    if (this.#file === undefined) this.#createFile();
    else this.#takeSpace();
  }

  /** Calls back, in a later turn, once all that was committed is durable; never after a failure. */
  whenDurable(done: () => void): void {
    this.flush();
    if (this.durableZxid === this.lastZxid) this.#clock.endOfTurn(done);
    else this.#awaiting.push({ zxid: this.lastZxid, done });
  }

  /**
   * The directory's history has become another one, which ends with `zxid`: what comes next begins
   * a file of its own (storage ST-11, ST-32). Only when nothing is on its way.
   */
  resetTo(zxid: Zxid): void {
    assert(this.isIdle, "the log's history was changed under a batch");
    if (this.#file !== undefined) this.#roll();
    this.lastZxid = zxid;
    this.durableZxid = zxid;
    this.#drawDue();
  }

  /** Makes durable what was committed, closes the file and calls back, also after a failure. */
  close(done: () => void): void {
    this.flush();
    this.#isClosing = true;
    this.#closed = done;
    if (this.isIdle || this.#failed) this.#closeFile();
  }

  #createFile(): void {
    this.#path = `${this.#options.directory}/${logName(this.#batch().firstZxid)}`;
    this.#directoryDirty = true;
    this.#disk.open(this.#path, "create", (error, file) => {
      this.#file = file;
      if (!this.#goesOn(error) || file === undefined) return;
      this.#position = FILE_HEADER_BYTES;
      this.#durableTo = 0;
      this.#size = FILE_HEADER_BYTES;
      this.#filledTo = 0;
      file.write(logHeader(), 0, this.#headerWritten);
    });
  }

  readonly #headerWritten = (error: HostError | undefined): void => {
    if (this.#goesOn(error)) this.#takeSpace();
  };

  /** storage ST-10: grows the file by `preAllocBytes` before it is full. */
  #takeSpace(): void {
    const { preAllocBytes } = this.#options;
    const end = this.#position + this.#batch().length;
    const before = this.#size;
    if (preAllocBytes > 0) {
      while (end + GROW_MARGIN_BYTES >= this.#size) this.#size += preAllocBytes;
    }
    if (this.#size > before) this.#open().write(ZERO_BYTE, this.#size - 1, this.#spaceTaken);
    else this.#fillHole();
  }

  readonly #spaceTaken = (error: HostError | undefined): void => {
    if (this.#goesOn(error)) this.#fillHole();
  };

  #fillHole(): void {
    const { length } = this.#batch();
    const end = this.#position + length;
    if (
      length > FILL_BATCH_MAX_BYTES ||
      end <= this.#filledTo ||
      this.#options.preAllocBytes <= 0
    ) {
      this.#writeBatch();
      return;
    }
    const from = end;
    const to = Math.min(from + FILL_BYTES, this.#size - 1);
    this.#filledTo = to;
    this.#zeros ??= Buffer.alloc(FILL_BYTES);
    this.#open().write(this.#zeros.subarray(0, to - from), from, this.#holeFilled);
  }

  readonly #holeFilled = (error: HostError | undefined): void => {
    if (this.#goesOn(error)) this.#writeBatch();
  };

  #writeBatch(): void {
    this.#open().write(this.#batch().written(), this.#position, this.#batchWritten);
  }

  readonly #batchWritten = (error: HostError | undefined): void => {
    if (!this.#goesOn(error)) return;
    const { length } = this.#batch();
    this.#position += length;
    this.#size = Math.max(this.#size, this.#position);
    this.writtenBytes += length;
    this.#syncStartedMs = this.#clock.nowMs();
    if (this.#options.forceSync) this.#open().datasync(this.#batchSynced);
    else this.#becomeDurable();
  };

  readonly #batchSynced = (error: HostError | undefined): void => {
    if (!this.#goesOn(error)) return;
    if (this.#directoryDirty) {
      this.#disk.syncDirectory(this.#options.directory, this.#directorySynced);
    } else {
      this.#countSync();
      this.#becomeDurable();
    }
  };

  readonly #directorySynced = (error: HostError | undefined): void => {
    if (!this.#goesOn(error)) return;
    this.#directoryDirty = false;
    this.#countSync();
    this.#becomeDurable();
  };

  #countSync(): void {
    this.lastSyncMs = this.#clock.nowMs() - this.#syncStartedMs;
    this.syncCount++;
    if (this.lastSyncMs <= this.#options.syncWarningMs) return;
    this.slowSyncCount++;
    this.#events.onSlowSync(this.lastSyncMs);
  }

  #becomeDurable(): void {
    const batch = this.#batch();
    this.durableZxid = batch.lastZxid;
    const from = this.#position - batch.length;
    this.#options.index?.add(this.#path, from, this.#position, batch.firstZxid, batch.lastZxid);
    this.#durableTo = this.#position;
    this.#events.onDurable(batch.lastZxid);
    if (this.#handedOut === undefined) this.#pass();
    else this.#isDurableEarly = true;
    this.#tellAwaiting();
  }

  /** The batch in flight, which is durable, makes place for the next one. */
  #pass(): void {
    const batch = this.#batch();
    this.#inFlight = undefined;
    const { logSizeLimitBytes } = this.#options;
    const isLarge = logSizeLimitBytes > 0 && this.#position > logSizeLimitBytes;
    if (batch.snapshotDue || isLarge) this.#roll();
    // The disk goes on with what waits before the caller works through what is durable.
    this.flush();
    batch.rewind();
    this.#handedOut = batch;
    this.#handOut();
  }

  readonly #handOut = (): void => {
    const batch = this.#handedOut;
    if (batch === undefined || this.#failed) return;
    const before = batch.passed;
    batch.beginSlice(SLICE_BYTES);
    this.#events.onBatch?.(batch);
    const isWalked = batch.passed > before;
    if (isWalked && batch.passed < batch.length) {
      this.#clock.endOfTurn(this.#handOut);
      return;
    }
    const due = batch.snapshotDue;
    this.#handedOut = undefined;
    batch.clear();
    if (this.#spares.length < SPARES_MAX) this.#spares.push(batch);
    if (due) this.#events.onSnapshotDue();
    if (this.#isDurableEarly) {
      this.#isDurableEarly = false;
      this.#pass();
    } else if (this.#closed !== undefined && this.isIdle) this.#closeFile();
  };

  #tellAwaiting(): void {
    while ((this.#awaiting[0]?.zxid ?? Number.POSITIVE_INFINITY) <= this.durableZxid) {
      this.#awaiting.shift()?.done();
    }
  }

  /** Ends the file: the next batch creates its own. */
  #roll(): void {
    const file = this.#open();
    this.#file = undefined;
    file.close((error) => this.#goesOn(error));
  }

  /** storage WP-7: half of the limit and a random part of the other half. */
  #drawDue(): void {
    const { snapCount, snapSizeLimitBytes } = this.#options;
    this.#recordsSinceDue = 0;
    this.#bytesSinceDue = 0;
    const half = Math.floor(snapCount / 2);
    this.#dueRecords = half + Math.floor(this.#random.fraction() * half);
    this.#dueBytes =
      snapSizeLimitBytes > 0
        ? (snapSizeLimitBytes / 2) * (1 + this.#random.fraction())
        : Number.POSITIVE_INFINITY;
  }

  /**
   * Whether the batch in flight goes on after this answer of the disk. The first error ends the
   * log, whatever it was about: steps that were under way beside it come to nothing.
   */
  #goesOn(error: HostError | undefined): boolean {
    if (this.#failed) return false;
    if (error === undefined) return true;
    this.#failed = true;
    this.#cutUndurable();
    this.#events.onFailure(error);
    if (this.#closed !== undefined) this.#closeFile();
    return false;
  }

  /**
   * After a failed fsync the kernel holds the pages for clean: a restart would read from the cache
   * what the disk never got, build on it, and lose it with the next power cut. So it is cut off.
   */
  #cutUndurable(): void {
    try {
      this.#file?.truncateNow(this.#durableTo);
    } catch (error) {
      // A disk that takes this neither has failed altogether, and `onFailure` says so.
      if (!(error instanceof Error && "code" in error)) throw error;
    }
  }

  #closeFile(): void {
    const done = this.#closed;
    const file = this.#file;
    this.#closed = undefined;
    this.#file = undefined;
    if (file === undefined) {
      done?.();
      return;
    }
    file.close((error) => {
      this.#goesOn(error);
      done?.();
    });
  }

  #spare(): LogBatch {
    return this.#spares.pop() ?? new LogBatch();
  }

  #batch(): LogBatch {
    assert(this.#inFlight !== undefined, "no batch is in flight");
    return this.#inFlight;
  }

  #open(): DiskFile {
    assert(this.#file !== undefined, "no log file is open");
    return this.#file;
  }
}
