/**
 * What follows the last whole record of a log file: nothing, the rest of a write that a crash cut
 * short, or damage.
 *
 * This decides between two ways to be wrong. To cut a tail that was acknowledged loses writes in
 * silence; to refuse a tail that a crash left makes a power cut need an operator. What tells them
 * apart is what a crash can do. The log has one batch under way, and a sector that did not reach
 * the disk reads as the zeros that were there before. So a crash leaves zeros, in whole sectors,
 * with at most a batch of other bytes behind them; it never changes a byte to another one.
 *
 * Apache ends a file at the first record that has length 0, no end byte or too few bytes, whatever
 * comes after it, and refuses every wrong checksum.
 * Differs from ZooKeeper: the first three are refused too when whole records follow that no crash
 * explains, since these may have been acknowledged (Trap 3); and a wrong checksum is a torn write
 * when a hole of zeros explains it (storage 12).
 */
import type { DiskFile } from "../../protocol/host.ts";
import { FILE_HEADER_BYTES, LOG_FILE_HEADER } from "../../protocol/persistence.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import { fromWords } from "../../protocol/zxid.ts";
import { adler32 } from "./adler32.ts";
import { BATCH_MAX_BYTES } from "./log-batch.ts";
import {
  HEADER_ZXID_AT,
  PAYLOAD_MAX_BYTES,
  RECORD_END,
  RECORD_HEAD_BYTES,
  TXN_HEADER_BYTES,
} from "./log-format.ts";

export type LogEnding =
  /** Zeros, or nothing. */
  | { readonly kind: "clean" }
  /** What an unfinished write left: it may be cut at `offset`. */
  | { readonly kind: "torn"; readonly offset: number; readonly reason: string }
  | { readonly kind: "corrupt"; readonly offset: number; readonly reason: string };

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;
/** The most that a crash leaves behind a hole: a batch and the record that made it full. */
const BEHIND_HOLE_MAX_BYTES: number = 2 * BATCH_MAX_BYTES;
/** Zeros within a last record that are taken for a hole: no header has as many side by side. */
const HOLE_MIN_BYTES = 20;
/** The first bytes of every record, which are 0: a lost sector may end behind them. */
const RECORD_ZEROS_BYTES = 4;
/** Zeros up to the next sector tell of a lost sector only if there are more than those. */
const LOST_HEAD_MIN_BYTES: number = RECORD_ZEROS_BYTES + 1;
const READ_BYTES: number = 128 * 1024;

/** The whole of the shortest record. */
const RECORD_MIN_BYTES: number = RECORD_HEAD_BYTES + TXN_HEADER_BYTES + 1;

/** For a file that does not start with a header. */
export function judgeHeader(file: DiskFile): LogEnding {
  if (file.size() === 0) return { kind: "clean" };
  const head = Buffer.alloc(Math.min(file.size(), SECTOR_BYTES));
  file.readNow(head, 0);
  if (isZero(head, 0, head.length) && findDataEnd(file, 0) <= BEHIND_HOLE_MAX_BYTES) {
    return { kind: "torn", offset: 0, reason: "the header was never written" };
  }
  const magic = Buffer.alloc(FILE_HEADER_BYTES);
  magic.writeInt32BE(LOG_FILE_HEADER.magic);
  if (head.length < FILE_HEADER_BYTES && head.compare(magic, 0, 4, 0, 4) === 0) {
    return { kind: "torn", offset: 0, reason: "the header is cut" };
  }
  return { kind: "corrupt", offset: 0, reason: "it does not start with ZKLG" };
}

/** For the bytes from `offset` on, where no whole record begins. `lastZxid` is the last one's. */
export function judgeTail(file: DiskFile, offset: number, lastZxid: Zxid): LogEnding {
  const dataEnd = findDataEnd(file, offset);
  if (dataEnd <= offset) return { kind: "clean" };
  if (dataEnd - offset > BATCH_MAX_BYTES + PAYLOAD_MAX_BYTES) {
    const reason = `a bad record with ${dataEnd - offset} bytes after it`;
    return { kind: "corrupt", offset, reason };
  }
  const bytes = Buffer.alloc(dataEnd - offset + RECORD_HEAD_BYTES);
  file.readNow(bytes, offset);
  const tail = new Tail(bytes, dataEnd - offset, file.size() - offset, offset);
  const defect = tail.defect();
  // Apache ignores the checksum of a record of length 0.
  if (defect === "length 0" && tail.length <= 8) return { kind: "clean" };

  const next = tail.findRecord(lastZxid);
  const badEnd = next >= 0 ? next + RECORD_ZEROS_BYTES : tail.length;
  if (tail.length <= BEHIND_HOLE_MAX_BYTES && tail.hasLostSector(badEnd)) {
    return { kind: "torn", offset, reason: `${defect}, where a sector was never written` };
  }
  if (next >= 0) {
    const reason = `${defect}, and whole records follow from byte ${offset + next} on`;
    return { kind: "corrupt", offset, reason };
  }
  return { kind: tail.isUnfinished(defect) ? "torn" : "corrupt", offset, reason: defect };
}

type Defect =
  | "length 0"
  | "an impossible length"
  | "a cut record"
  | "no end byte"
  | "a wrong checksum";

/** The bytes after the last whole record, up to the last one that is not zero. */
class Tail {
  readonly #bytes: Buffer;
  /** Up to the last byte that is not zero. */
  readonly length: number;
  /** Up to the end of the file. */
  readonly #toEnd: number;
  /** Where in the file the tail begins. */
  readonly #offset: number;

  constructor(bytes: Buffer, length: number, toEnd: number, offset: number) {
    this.#bytes = bytes;
    this.length = length;
    this.#toEnd = toEnd;
    this.#offset = offset;
  }

  /** Why no whole record begins here. */
  defect(): Defect {
    if (this.#toEnd < RECORD_HEAD_BYTES) return "a cut record";
    const payload = this.#bytes.readInt32BE(8);
    if (payload === 0) return "length 0";
    if (payload < TXN_HEADER_BYTES || payload > PAYLOAD_MAX_BYTES) return "an impossible length";
    const end = RECORD_HEAD_BYTES + payload;
    if (end >= this.#toEnd) return "a cut record";
    if (end >= this.length || this.#bytes[end] !== RECORD_END) return "no end byte";
    return "a wrong checksum";
  }

  /** Where the next whole record is that a log could have here; -1: nowhere. */
  findRecord(lastZxid: Zxid): number {
    const last = this.length - RECORD_MIN_BYTES;
    for (let at = 1; at <= last; at++) {
      const payload = this.#bytes.readInt32BE(at + 8);
      if (payload < TXN_HEADER_BYTES || at + RECORD_HEAD_BYTES + payload >= this.length) continue;
      const zxidAt = at + RECORD_HEAD_BYTES + HEADER_ZXID_AT;
      const zxid = fromWords(this.#bytes.readInt32BE(zxidAt), this.#bytes.readInt32BE(zxidAt + 4));
      if (zxid > lastZxid && this.#isRecord(at, payload)) return at;
    }
    return -1;
  }

  /** A sector of zeros between the start of the tail and `to`, or from the start to a sector's end. */
  hasLostSector(to: number): boolean {
    const first = SECTOR_BYTES - (this.#offset % SECTOR_BYTES);
    if (first >= LOST_HEAD_MIN_BYTES && first <= to && isZero(this.#bytes, 0, first)) return true;
    for (let at = first % SECTOR_BYTES; at + SECTOR_BYTES <= to; at += SECTOR_BYTES) {
      if (isZero(this.#bytes, at, at + SECTOR_BYTES)) return true;
    }
    return false;
  }

  /** With no whole record behind: whether a write that did not finish explains the defect. */
  isUnfinished(defect: Defect): boolean {
    if (defect === "length 0") return true;
    if (defect === "a cut record") return !this.#isWholeButForItsLength();
    if (defect === "no end byte") return this.#endByteIsZero() && !this.#isWholeButForItsLength();
    return defect === "a wrong checksum" && this.#endsWithRecord() && this.#hasHole();
  }

  /** A record that was written as a whole, and whose length was changed afterwards. */
  #isWholeButForItsLength(): boolean {
    return (
      this.length >= RECORD_MIN_BYTES && this.#isRecord(0, this.length - RECORD_HEAD_BYTES - 1)
    );
  }

  #endByteIsZero(): boolean {
    const end = RECORD_HEAD_BYTES + this.#bytes.readInt32BE(8);
    return end >= this.length || this.#bytes[end] === 0;
  }

  /** Nothing but zeros follows the record that begins here. */
  #endsWithRecord(): boolean {
    return RECORD_HEAD_BYTES + this.#bytes.readInt32BE(8) + 1 === this.length;
  }

  #hasHole(): boolean {
    let zeros = 0;
    for (let at = RECORD_HEAD_BYTES; at < this.length; at++) {
      zeros = this.#bytes[at] === 0 ? zeros + 1 : 0;
      if (zeros === HOLE_MIN_BYTES) return true;
    }
    return false;
  }

  #isRecord(at: number, payload: number): boolean {
    const start = at + RECORD_HEAD_BYTES;
    const end = start + payload;
    return (
      this.#bytes[end] === RECORD_END &&
      this.#bytes.readInt32BE(at) === 0 &&
      this.#bytes.readUInt32BE(at + 4) === adler32(this.#bytes, start, end)
    );
  }
}

/** Behind the last byte from `offset` on that is not zero. */
function findDataEnd(file: DiskFile, offset: number): number {
  const most = Math.min(READ_BYTES, Math.max(0, file.size() - offset));
  const chunk = Buffer.alloc(most);
  const zeros = Buffer.alloc(most);
  let dataEnd = offset;
  for (let position = offset; ; ) {
    const count = file.readNow(chunk, position);
    if (count === 0) return dataEnd;
    if (chunk.compare(zeros, 0, count, 0, count) !== 0) {
      let last = count - 1;
      while (chunk[last] === 0) last--;
      dataEnd = position + last + 1;
    }
    position += count;
  }
}

function isZero(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}
