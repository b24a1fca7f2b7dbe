/**
 * Txn records one after another as they go into the log file (log-format.ts). A record is built
 * where it will be written from, and what applies it walks it there too: no object and no copy per
 * record.
 */
import { assert } from "../../protocol/assert.ts";
import { Writer } from "../../protocol/jute.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import { fromWords } from "../../protocol/zxid.ts";
import { adler32 } from "./adler32.ts";
import { HEADER_ZXID_AT, RECORD_END, RECORD_HEAD_BYTES, TXN_HEADER_BYTES } from "./log-format.ts";

/** A batch takes records until it holds this much; the last one may go beyond. */
export const BATCH_MAX_BYTES: number = 4 * 1024 * 1024;

/** Memory that an emptied batch keeps; what a burst needed beyond is given back. */
const KEPT_BYTES = 1024 * 1024;
const INITIAL_BYTES = 64 * 1024;

/** Invariant: bytes[0, end of the last committed record) are whole records with ascending zxids. */
export class LogBatch {
  /** Records in the batch. */
  count = 0;
  firstZxid: Zxid = 0;
  lastZxid: Zxid = 0;
  /** A snapshot is due once this batch is durable. */
  snapshotDue = false;

  /** The record that `next` moved to: its payload is bytes[start, end). */
  start = 0;
  end = 0;
  zxid: Zxid = 0;

  #writer = new Writer(INITIAL_BYTES);
  /** Where the committed records end. */
  #length = 0;
  /** Where the cursor goes on. */
  #nextAt = 0;
  /** Where the cursor stops for this turn. */
  #sliceEnd = 0;

  get bytes(): Buffer {
    return this.#writer.bytes;
  }

  /** Bytes of all committed records. */
  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length >= BATCH_MAX_BYTES;
  }

  /** The writer, positioned where a payload starts. What an earlier `begin` left is dropped. */
  begin(): Writer {
    assert(!this.isFull, "a record was begun in a full batch");
    this.#writer.length = this.#length;
    this.#writer.reserve(RECORD_HEAD_BYTES);
    return this.#writer;
  }

  /** Seals what was written since `begin` as the record of `zxid`. */
  commit(zxid: Zxid): void {
    const writer = this.#writer;
    const payload = this.#length + RECORD_HEAD_BYTES;
    const length = writer.length - payload;
    assert(length >= TXN_HEADER_BYTES, "a record without a header was committed");
    writer.patchInt(this.#length, 0);
    writer.patchInt(this.#length + 4, adler32(writer.bytes, payload, writer.length) | 0);
    writer.patchInt(this.#length + 8, length);
    writer.byte(RECORD_END);
    this.#length = writer.length;
    if (this.count === 0) this.firstZxid = zxid;
    this.lastZxid = zxid;
    this.count++;
  }

  /** All committed records, in place. */
  written(): Buffer {
    return this.#writer.bytes.subarray(0, this.#length);
  }

  /** Moves `start`, `end` and `zxid` to the next record; false after the last one of the slice. */
  next(): boolean {
    if (this.#nextAt >= this.#length || this.#nextAt >= this.#sliceEnd) return false;
    const bytes = this.#writer.bytes;
    this.start = this.#nextAt + RECORD_HEAD_BYTES;
    this.end = this.start + bytes.readInt32BE(this.#nextAt + 8);
    const zxidAt = this.start + HEADER_ZXID_AT;
    this.zxid = fromWords(bytes.readInt32BE(zxidAt), bytes.readInt32BE(zxidAt + 4));
    this.#nextAt = this.end + 1;
    return true;
  }

  /** Sets the cursor before the first record again. */
  rewind(): void {
    this.#nextAt = 0;
  }

  /** Lets the cursor go on until it has passed so many bytes: a record at least. */
  beginSlice(bytes: number): void {
    this.#sliceEnd = this.#nextAt + bytes;
  }

  /** Bytes that the cursor has passed. */
  get passed(): number {
    return this.#nextAt;
  }

  clear(): void {
    if (this.#writer.bytes.length > KEPT_BYTES) this.#writer = new Writer(INITIAL_BYTES);
    this.#writer.clear();
    this.#length = 0;
    this.#nextAt = 0;
    this.count = 0;
    this.snapshotDue = false;
  }
}
