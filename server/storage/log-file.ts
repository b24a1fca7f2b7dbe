/** One log file read from its first record to where its records end (storage ST-6 to ST-9). */
import type { Disk, DiskFile } from "../../protocol/host.ts";
import { FILE_HEADER_BYTES, LOG_FILE_HEADER } from "../../protocol/persistence.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import { fromWords } from "../../protocol/zxid.ts";
import { adler32 } from "./adler32.ts";
import { FileWindow } from "./file-window.ts";
import {
  HEADER_ZXID_AT,
  PAYLOAD_MAX_BYTES,
  RECORD_END,
  RECORD_HEAD_BYTES,
  TXN_HEADER_BYTES,
} from "./log-format.ts";
import type { LogEnding } from "./log-tail.ts";
import { judgeHeader, judgeTail } from "./log-tail.ts";

export interface LogFileOptions {
  /** Where a record begins that is known to: the first to be read. 0: the file's first one. */
  readonly from: number;
  /** Read from the disk at a time. */
  readonly readBytes: number;
}

export class LogFile {
  readonly path: string;
  readonly size: number;
  /** The record that `next` moved to: its payload is bytes[start, end). */
  bytes: Buffer;
  start = 0;
  end = 0;
  zxid: Zxid = 0;

  readonly #file: DiskFile;
  readonly #window: FileWindow;
  readonly #hasHeader: boolean;
  /** Where the next record begins. */
  #offset: number;

  constructor(disk: Disk, path: string, options?: LogFileOptions) {
    this.path = path;
    this.#offset = Math.max(options?.from ?? 0, FILE_HEADER_BYTES);
    this.#file = disk.openNow(path, "read");
    this.#window = new FileWindow(this.#file, options?.readBytes);
    this.size = this.#window.size;
    this.bytes = this.#window.bytes;
    const at = this.#window.locate(0, FILE_HEADER_BYTES);
    this.#hasHeader = at >= 0 && this.#window.bytes.readInt32BE(at) === LOG_FILE_HEADER.magic;
  }

  /** Where the record after the last one begins. */
  get offset(): number {
    return this.#offset;
  }

  /** Moves to the next record that is whole; false where there is none: `ending` tells why. */
  next(): boolean {
    if (!this.#hasHeader) return false;
    const head = this.#window.locate(this.#offset, RECORD_HEAD_BYTES);
    if (head < 0) return false;
    const length = this.#window.bytes.readInt32BE(head + 8);
    if (length < TXN_HEADER_BYTES || length > PAYLOAD_MAX_BYTES) return false;
    const at = this.#window.locate(this.#offset, RECORD_HEAD_BYTES + length + 1);
    if (at < 0) return false;
    const { bytes } = this.#window;
    const start = at + RECORD_HEAD_BYTES;
    const end = start + length;
    if (bytes[end] !== RECORD_END) return false;
    if (bytes.readInt32BE(at) !== 0) return false;
    if (bytes.readUInt32BE(at + 4) !== adler32(bytes, start, end)) return false;
    const zxidAt = start + HEADER_ZXID_AT;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.zxid = fromWords(bytes.readInt32BE(zxidAt), bytes.readInt32BE(zxidAt + 4));
    this.#offset += RECORD_HEAD_BYTES + length + 1;
    return true;
  }

  /** What follows the last whole record. Call once `next` was false. */
  ending(): LogEnding {
    if (!this.#hasHeader) return judgeHeader(this.#file);
    return judgeTail(this.#file, this.#offset, this.zxid);
  }

  close(): void {
    this.#file.closeNow();
  }
}
