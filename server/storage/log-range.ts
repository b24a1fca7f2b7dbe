/**
 * A part of the log for a learner that lags further behind than memory reaches (quorum-protocol
 * 7.4): record after record, in small reads, while the server goes on.
 *
 * In doubt there is none, and the learner is sent the tree: a txn too few would be lost there for
 * good, and one that was never committed would be brought back to life.
 */
import { assert } from "../../protocol/assert.ts";
import type { Disk } from "../../protocol/host.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import { zxidCounter, zxidHex } from "../../protocol/zxid.ts";
import type { LogRange } from "../zab/effects.ts";
import { isHostError } from "./disk-errors.ts";
import { LogFile } from "./log-file.ts";
import type { LogIndex, LogPosition } from "./log-index.ts";
import { follows } from "./recovery.ts";

/** Read at a time: far below a millisecond. */
const READ_BYTES: number = 64 * 1024;

/**
 * The txns behind `after` up to `upTo`, which is settled: what lies in the log beyond may never be.
 * Undefined: the log does not surely have all of them, `after` itself is not in this history, or
 * they have more than `maxBytes`.
 */
export function openLogRange(
  disk: Disk,
  index: LogIndex,
  after: Zxid,
  upTo: Zxid,
  maxBytes: number,
): LogRange | undefined {
  const position = index.find(after, upTo);
  if (position === undefined || position.bytes > maxBytes) return undefined;
  const range = new StoredRange(disk, position, upTo);
  if (range.seek(after)) return range;
  range.close();
  return undefined;
}

class StoredRange implements LogRange {
  zxid: Zxid;
  problem: string | undefined;

  readonly #disk: Disk;
  readonly #upTo: Zxid;
  /** Files after the one that is open. */
  readonly #paths: string[];
  #log: LogFile | undefined;
  /** Where the first file is begun with. */
  #offset: number;
  /** `seek` has met the record that comes first. */
  #isAhead = false;

  constructor(disk: Disk, position: LogPosition, upTo: Zxid) {
    this.#disk = disk;
    this.#upTo = upTo;
    this.#paths = [...position.paths];
    this.#offset = position.offset;
    this.zxid = position.after;
  }

  get bytes(): Buffer {
    return this.#record().bytes;
  }

  get start(): number {
    return this.#record().start;
  }

  get end(): number {
    return this.#record().end;
  }

  /**
   * Goes to the txn `after`. False: it is not there, so whoever has it does not have this history;
   * an epoch's marker, which is no record, is between two.
   */
  seek(after: Zxid): boolean {
    while (this.zxid < after) {
      const before = this.zxid;
      if (!this.#advance()) return false;
      if (this.zxid <= after) continue;
      this.#isAhead = true;
      return before < after && zxidCounter(after) === 0 && follows(after, this.zxid);
    }
    return true;
  }

  next(): boolean {
    if (this.#isAhead) {
      this.#isAhead = false;
      return true;
    }
    return this.#advance();
  }

  close(): void {
    this.#log?.close();
    this.#log = undefined;
    this.#paths.length = 0;
  }

  #advance(): boolean {
    try {
      return this.#read();
    } catch (error) {
      if (!isHostError(error)) throw error;
      this.problem = `the log cannot be read: ${error.message}`;
      return false;
    }
  }

  #read(): boolean {
    if (this.problem !== undefined || this.zxid >= this.#upTo) return false;
    const last = this.zxid;
    while (!(this.#log?.next() ?? false)) {
      this.#log?.close();
      this.#log = undefined;
      const path = this.#paths.shift();
      if (path === undefined) {
        // Nothing comes before an epoch's marker but what has come.
        if (zxidCounter(this.#upTo) !== 0) this.problem = `the log ends at 0x${zxidHex(last)}`;
        return false;
      }
      this.#log = new LogFile(this.#disk, path, { from: this.#offset, readBytes: READ_BYTES });
      this.#offset = 0;
    }
    const { zxid } = this.#record();
    if (!follows(last, zxid)) {
      this.problem = `0x${zxidHex(zxid)} follows 0x${zxidHex(last)} in the log`;
      return false;
    }
    // Beyond an epoch's marker: what this is belongs to memory.
    if (zxid > this.#upTo) return false;
    this.zxid = zxid;
    return true;
  }

  #record(): LogFile {
    assert(this.#log !== undefined, "a record was asked for that is not at hand");
    return this.#log;
  }
}
