/**
 * Reads a snapshot and hands what it finds to a sink: a tree at start-up, nothing where a purge
 * only wants to know that the file is whole. It stops and goes on anywhere between two entries, so
 * that a purge can spread over many turns.
 */
import { assert } from "../../protocol/assert.ts";
import { SNAPSHOT_FILE_HEADER } from "../../protocol/persistence.ts";
import { DIGEST_VERSION } from "../../protocol/txn.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import { fromWords } from "../../protocol/zxid.ts";
import { ADLER_START, adler32 } from "./adler32.ts";
import { FileWindow } from "./file-window.ts";
import {
  LAST_ZXID_SECTION_BYTES,
  SEAL_BYTES,
  SLASH,
  STAT_PERSISTED_BYTES,
} from "./snapshot-format.ts";
import type { ByteSource } from "./snapshot-source.ts";

/** Bytes handed to a sink are valid until the call returns. */
export interface SnapshotSink {
  session(high: number, low: number, timeoutMs: number): void;
  /** bytes[start, end) is a vector<ACL>. */
  list(id: number, bytes: Buffer, start: number, end: number): void;
  /**
   * @param dataLength -1: null.
   * @returns what is wrong with the znode, or undefined.
   */
  znode(
    bytes: Buffer,
    pathStart: number,
    pathEnd: number,
    dataStart: number,
    dataLength: number,
    list: number,
    statStart: number,
  ): string | undefined;
}

/** The digest section. */
export interface SnapshotDigest {
  /** E: the last txn that was applied when copying ended. */
  readonly zxid: Zxid;
  readonly high: number;
  readonly low: number;
}

/** A snapshot that cannot be used: another one may. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}

/** Bytes before the first znode's that are looked for at once. */
const HEADER_BYTES = 16;
/** No entry of a snapshot is longer. */
const ENTRY_MAX_BYTES: number = 1024 * 1024 * 1024;

type Phase = "header" | "sessions" | "lists" | "znodes" | "sections" | "done";

export class SnapshotParser {
  /** Once done: undefined where the section is absent or of an old version. */
  digest: SnapshotDigest | undefined;
  /** Once done: the lastZxid section's; it is checked and has no further use at start-up. */
  lastZxid: Zxid | undefined;
  /** Znodes handed to the sink. */
  znodes = 0;

  readonly #window: FileWindow;
  readonly #sink: SnapshotSink;
  #phase: Phase = "header";
  #position = 0;
  /** Entries of this phase that are still to come. */
  #left = 0;
  /** Adler-32 of the bytes before `#summedTo`: in large pieces, not entry by entry. */
  #sum: number = ADLER_START;
  /** Invariant: summedTo <= position, and what lies between them is in the window. */
  #summedTo = 0;

  constructor(source: ByteSource, sink: SnapshotSink) {
    this.#window = new FileWindow(source);
    this.#sink = sink;
  }

  get position(): number {
    return this.#position;
  }

  /**
   * Reads on for at least `budgetBytes`. False: the snapshot was read to its end and is whole.
   *
   * @throws SnapshotError it is not.
   */
  advance(budgetBytes: number): boolean {
    const enough = this.#position + budgetBytes;
    while (this.#phase !== "done" && this.#position < enough) this.#step();
    return this.#phase !== "done";
  }

  #step(): void {
    switch (this.#phase) {
      case "header":
        this.#header();
        break;
      case "sessions":
        if (this.#left > 0) this.#session();
        else this.#startLists();
        break;
      case "lists":
        if (this.#left > 0) this.#list();
        else this.#phase = "znodes";
        break;
      case "znodes":
        this.#znode();
        break;
      case "sections":
        this.#sections();
        break;
      case "done":
        break;
    }
  }

  #header(): void {
    const at = this.#need(HEADER_BYTES);
    if (this.#window.bytes.readInt32BE(at) !== SNAPSHOT_FILE_HEADER.magic) {
      throw new SnapshotError("it does not start with ZKSN");
    }
    this.#take(at, HEADER_BYTES);
    this.#left = this.#count("sessions");
    this.#phase = "sessions";
  }

  #session(): void {
    const at = this.#need(12);
    const { bytes } = this.#window;
    this.#sink.session(bytes.readInt32BE(at), bytes.readInt32BE(at + 4), bytes.readInt32BE(at + 8));
    this.#take(at, 12);
    this.#left--;
  }

  #startLists(): void {
    this.#left = this.#count("access lists");
    this.#phase = "lists";
  }

  /** i64 id, vector<ACL>; an ACL is i32 perms, ustring scheme, ustring id. */
  #list(): void {
    let length = 12;
    const entries = this.#window.bytes.readInt32BE(this.#need(length) + 8);
    for (let i = 0; i < entries; i++) {
      length += 4;
      length += this.#stringBytes(length);
      length += this.#stringBytes(length);
    }
    const at = this.#need(length);
    const { bytes } = this.#window;
    const id = fromWords(bytes.readInt32BE(at), bytes.readInt32BE(at + 4));
    this.#sink.list(id, bytes, at + 8, at + length);
    this.#take(at, length);
    this.#left--;
  }

  /** Bytes of the string that begins `skipped` bytes from here, its length included. */
  #stringBytes(skipped: number): number {
    const at = this.#need(skipped + 4);
    return 4 + this.#checkLength(this.#window.bytes.readInt32BE(at + skipped));
  }

  #znode(): void {
    let at = this.#need(5);
    const pathLength = this.#checkLength(this.#window.bytes.readInt32BE(at));
    if (pathLength === 1 && this.#window.bytes[at + 4] === SLASH) {
      this.#take(at, 5);
      this.#checkSeal();
      this.#phase = "sections";
      return;
    }
    const dataAt = 4 + pathLength;
    at = this.#need(dataAt + 4);
    const dataLength = this.#window.bytes.readInt32BE(at + dataAt);
    const listAt = dataAt + 4 + this.#checkLength(dataLength);
    const length = listAt + 8 + STAT_PERSISTED_BYTES;
    at = this.#need(length);
    const { bytes } = this.#window;
    const list = fromWords(bytes.readInt32BE(at + listAt), bytes.readInt32BE(at + listAt + 4));
    const pathStart = at + 4;
    const wrong = this.#sink.znode(
      bytes,
      pathStart,
      pathStart + pathLength,
      at + dataAt + 4,
      dataLength,
      list,
      at + listAt + 8,
    );
    if (wrong !== undefined) {
      const path = bytes.toString("utf8", pathStart, pathStart + pathLength);
      throw new SnapshotError(`${wrong} at byte ${this.#position}: ${JSON.stringify(path)}`);
    }
    this.znodes++;
    this.#take(at, length);
  }

  /**
   * By what is left of the file, not by settings: either section may be missing (ST-17). Bytes that
   * no section explains are ignored.
   */
  #sections(): void {
    const left = (): number => this.#window.size - this.#position;
    if (left() > LAST_ZXID_SECTION_BYTES) this.#digestSection();
    if (left() >= LAST_ZXID_SECTION_BYTES) {
      this.lastZxid = this.#zxid();
      this.#checkSeal();
    }
    this.#phase = "done";
  }

  #digestSection(): void {
    const zxid = this.#zxid();
    const at = this.#need(4);
    const version = this.#window.bytes.readInt32BE(at);
    this.#take(at, 4);
    if (version < DIGEST_VERSION) {
      const length = this.#stringBytes(0);
      this.#take(this.#need(length), length);
    } else {
      const digestAt = this.#need(8);
      const { bytes } = this.#window;
      const high = bytes.readInt32BE(digestAt);
      const low = bytes.readInt32BE(digestAt + 4);
      if (version === DIGEST_VERSION) this.digest = { zxid, high, low };
      this.#take(digestAt, 8);
    }
    this.#checkSeal();
  }

  #zxid(): Zxid {
    const at = this.#need(8);
    const { bytes } = this.#window;
    const zxid = fromWords(bytes.readInt32BE(at), bytes.readInt32BE(at + 4));
    this.#take(at, 8);
    return zxid;
  }

  #count(what: string): number {
    const at = this.#need(4);
    const count = this.#window.bytes.readInt32BE(at);
    if (count < 0 || count > this.#window.size) {
      throw new SnapshotError(`${count} ${what} at byte ${this.#position}`);
    }
    this.#take(at, 4);
    return count;
  }

  #checkSeal(): void {
    this.#sumRead();
    const expected = this.#sum;
    const at = this.#need(SEAL_BYTES);
    const { bytes } = this.#window;
    const holds =
      bytes.readInt32BE(at) === 0 &&
      bytes.readUInt32BE(at + 4) === expected &&
      bytes.readInt32BE(at + 8) === 1 &&
      bytes[at + 12] === SLASH;
    if (!holds) throw new SnapshotError(`the checksum at byte ${this.#position} does not match`);
    this.#take(at, SEAL_BYTES);
  }

  /** A null string or buffer has no bytes. */
  #checkLength(length: number): number {
    if (length < -1 || length > ENTRY_MAX_BYTES) {
      throw new SnapshotError(`a field of ${length} bytes in the entry at byte ${this.#position}`);
    }
    return Math.max(length, 0);
  }

  /** Where in the window the next `count` bytes are. */
  #need(count: number): number {
    // The window is about to move on.
    if (this.#window.available(this.#position) < count) this.#sumRead();
    const at = this.#window.locate(this.#position, count);
    if (at < 0) throw new SnapshotError(`it ends inside the entry at byte ${this.#position}`);
    return at;
  }

  /** The next `count` bytes, which are at `at`, have been read. */
  #take(at: number, count: number): void {
    assert(at >= 0, "bytes were located before they were taken");
    this.#position += count;
  }

  #sumRead(): void {
    const count = this.#position - this.#summedTo;
    const at = this.#window.locate(this.#summedTo, count);
    this.#sum = adler32(this.#window.bytes, at, at + count, this.#sum);
    this.#summedTo = this.#position;
  }
}
