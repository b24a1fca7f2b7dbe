/**
 * Reads a tree as TreeCopy writes it (snapshot-format.ts) and hands what it finds to a sink. Bytes
 * are pushed in, in pieces of any size: those of a file as they are read, those of a SNAP as they
 * arrive. Nothing is kept here; an entry that is not there as a whole comes again with the bytes
 * behind it.
 */
import { fromWords } from "../../protocol/zxid.ts";
import { SLASH, STAT_PERSISTED_BYTES } from "./snapshot-format.ts";

/** Bytes handed to a sink are valid until the call returns. */
export interface TreeSink {
  session(high: number, low: number, timeoutMs: number): void;
  /** bytes[start, end) is a vector<ACL>. @throws JuteError it is none. */
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

/** A snapshot that cannot be used: another one may. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}

export interface TreeParserOptions {
  /** Where the tree begins, for messages. */
  readonly position: number;
  /** No entry is longer: so much has to be kept of one that is not there as a whole. */
  readonly entryMaxBytes: number;
  /** No section has more entries. */
  readonly entriesMax: number;
}

const COUNT_BYTES = 4;
const SESSION_BYTES = 12;
/** i64 id, i32 count. */
const LIST_HEAD_BYTES = 12;
/** Perms and two empty strings. */
const ACL_MIN_BYTES = 12;
/** The terminator, which is shorter than any znode. */
const TERMINATOR_BYTES = 5;

type Phase = "session count" | "sessions" | "list count" | "lists" | "znodes" | "done";

export class TreeParser {
  /** Znodes handed to the sink. */
  znodes = 0;
  /** Where the entry begins that comes next: bytes before it were read. */
  position: number;
  /** The entry at hand is so long, at least: with fewer bytes `read` does nothing. */
  needed: number = COUNT_BYTES;

  readonly #sink: TreeSink;
  readonly #entryMaxBytes: number;
  readonly #entriesMax: number;
  #phase: Phase = "session count";
  /** Entries of this phase that are still to come. */
  #left = 0;

  constructor(sink: TreeSink, options: TreeParserOptions) {
    this.#sink = sink;
    this.position = options.position;
    this.#entryMaxBytes = options.entryMaxBytes;
    this.#entriesMax = options.entriesMax;
  }

  /** All was read, terminator included. */
  get isComplete(): boolean {
    return this.#phase === "done";
  }

  /**
   * Reads the entries that lie in bytes[start, end) as a whole. Returns where the first one starts
   * that does not, `end` if there is none, or where the tree ends.
   *
   * @throws SnapshotError, JuteError for bytes that are no tree.
   */
  read(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (end - at >= this.needed && this.#phase !== "done") {
      const length = this.#entry(bytes, at, end);
      if (length > end - at) {
        if (length > this.#entryMaxBytes) throw this.#wrong(`${length} bytes or more`);
        this.needed = length;
        break;
      }
      at += length;
      this.position += length;
      this.#settle();
    }
    return at;
  }

  /** Reads the entry at `at` if it lies before `end`; returns its length, or what is known of it. */
  #entry(bytes: Buffer, at: number, end: number): number {
    switch (this.#phase) {
      case "session count":
        this.#left = this.#count(bytes, at, "sessions");
        return COUNT_BYTES;
      case "sessions":
        this.#sink.session(
          bytes.readInt32BE(at),
          bytes.readInt32BE(at + 4),
          bytes.readInt32BE(at + 8),
        );
        return SESSION_BYTES;
      case "list count":
        this.#left = this.#count(bytes, at, "access lists");
        return COUNT_BYTES;
      case "lists":
        return this.#list(bytes, at, end);
      case "znodes":
        return this.#znode(bytes, at, end);
      case "done":
        return 0;
    }
  }

  /** An entry was read: what comes next, and how long it is at least. */
  #settle(): void {
    switch (this.#phase) {
      case "session count":
        this.#begin("sessions");
        break;
      case "list count":
        this.#begin("lists");
        break;
      case "sessions":
      case "lists":
        this.#left--;
        this.#begin(this.#phase);
        break;
      case "znodes":
        this.needed = TERMINATOR_BYTES;
        break;
      case "done":
        break;
    }
  }

  /** The next entry of a section, or what follows the section. */
  #begin(section: "sessions" | "lists"): void {
    if (this.#left > 0) {
      this.#phase = section;
      this.needed = section === "sessions" ? SESSION_BYTES : LIST_HEAD_BYTES;
    } else if (section === "sessions") {
      this.#phase = "list count";
      this.needed = COUNT_BYTES;
    } else {
      this.#phase = "znodes";
      this.needed = TERMINATOR_BYTES;
    }
  }

  /** i64 id, vector<ACL>; an ACL is i32 perms, ustring scheme, ustring id. */
  #list(bytes: Buffer, at: number, end: number): number {
    const entries = Math.max(bytes.readInt32BE(at + 8), 0);
    let length = LIST_HEAD_BYTES;
    for (let i = 0; i < entries; i++) {
      // What is not there yet: this one's scheme and id, and the entries behind it.
      const rest = (entries - i) * ACL_MIN_BYTES;
      if (at + length + 8 > end) return length + rest;
      length += 8 + this.#length(bytes.readInt32BE(at + length + 4));
      if (at + length + 4 > end) return length + rest - 8;
      length += 4 + this.#length(bytes.readInt32BE(at + length));
    }
    if (at + length > end) return length;
    const id = fromWords(bytes.readInt32BE(at), bytes.readInt32BE(at + 4));
    this.#sink.list(id, bytes, at + 8, at + length);
    return length;
  }

  #znode(bytes: Buffer, at: number, end: number): number {
    const pathLength = this.#length(bytes.readInt32BE(at));
    if (pathLength === 1 && bytes[at + 4] === SLASH) {
      this.#phase = "done";
      this.needed = 0;
      return TERMINATOR_BYTES;
    }
    const dataAt = 4 + pathLength;
    if (at + dataAt + 4 > end) return dataAt + 4 + 8 + STAT_PERSISTED_BYTES;
    const dataLength = bytes.readInt32BE(at + dataAt);
    const listAt = dataAt + 4 + this.#length(dataLength);
    const length = listAt + 8 + STAT_PERSISTED_BYTES;
    if (at + length > end) return length;
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
      throw new SnapshotError(`${wrong} at byte ${this.position}: ${JSON.stringify(path)}`);
    }
    this.znodes++;
    return length;
  }

  #count(bytes: Buffer, at: number, what: string): number {
    const count = bytes.readInt32BE(at);
    if (count < 0 || count > this.#entriesMax) {
      throw new SnapshotError(`${count} ${what} at byte ${this.position}`);
    }
    return count;
  }

  /** A null string or buffer has no bytes. */
  #length(length: number): number {
    if (length < -1 || length > this.#entryMaxBytes)
      throw this.#wrong(`a field of ${length} bytes`);
    return Math.max(length, 0);
  }

  #wrong(what: string): SnapshotError {
    return new SnapshotError(`${what} in the entry at byte ${this.position}`);
  }
}
