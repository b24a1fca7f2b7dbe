/**
 * The encoding of every ZooKeeper record: big-endian, fields in order, no tags (client-protocol 1).
 * A `Reader` walks bytes in place; a `Writer` fills one growing buffer. Both are reused for the
 * life of a connection: neither makes an object per record.
 */
import { highWord, lowWord } from "./zxid.ts";

/** The default of `jute.maxbuffer`: the largest frame that a server accepts. */
export const MAX_BUFFER_DEFAULT = 0xfffff;

/** Bytes that do not decode. From outside it closes a link or answers MarshallingError. */
export class JuteError extends Error {
  override readonly name = "JuteError";
}

const EMPTY = Buffer.alloc(0);

/** Invariant: offset <= end <= bytes.length. */
export class Reader {
  bytes: Buffer = EMPTY;
  offset = 0;
  end = 0;
  /** The largest string or buffer that is read. */
  limit: number;
  #view: DataView = new DataView(EMPTY.buffer, 0, 0);

  constructor(limit: number = MAX_BUFFER_DEFAULT * 2) {
    this.limit = limit;
  }

  /** Reads `bytes` from `start` up to `end` from here on. */
  reset(bytes: Buffer, start = 0, end: number = bytes.length): this {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.offset = start;
    this.end = end;
    return this;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  byte(): number {
    const at = this.#take(1);
    return this.#view.getUint8(at);
  }

  /** Any byte but zero is true. */
  boolean(): boolean {
    return this.byte() !== 0;
  }

  int(): number {
    const at = this.#take(4);
    return this.#view.getInt32(at);
  }

  /** A 64-bit value; beyond 2^53 it comes rounded: good to compare with, never to be kept. */
  long(): number {
    const at = this.#take(8);
    return this.#view.getInt32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4);
  }

  /** A zxid or a time. @throws JuteError for a value that a number does not hold exactly. */
  safeLong(): number {
    const value = this.long();
    if (!Number.isSafeInteger(value)) throw new JuteError("a 64-bit value beyond 2^53");
    return value;
  }

  /** A 64-bit value for the client's public face. */
  bigint(): bigint {
    const at = this.#take(8);
    return this.#view.getBigInt64(at);
  }

  /** A string, or null where the length is -1. Bytes that are no UTF-8 become U+FFFD. */
  string(): string | null {
    const length = this.bufferLength();
    if (length < 0) return null;
    const start = this.offset;
    this.offset += length;
    return this.bytes.toString("utf8", start, this.offset);
  }

  /** A view of the bytes, which live as long as what is read; null where the length is -1. */
  buffer(): Buffer | null {
    const length = this.bufferLength();
    if (length < 0) return null;
    const start = this.offset;
    this.offset += length;
    return this.bytes.subarray(start, this.offset);
  }

  /**
   * Reads the length of a string or buffer and stops at its first byte: for callers that use the
   * bytes in place and then `skip` them. -1 is null.
   */
  bufferLength(): number {
    const length = this.int();
    if (length < -1 || length > this.limit) throw new JuteError(`unreasonable length ${length}`);
    if (length > this.end - this.offset) throw new JuteError("the record ends inside a field");
    return length;
  }

  skip(bytes: number): void {
    this.#take(bytes);
  }

  /** The number of elements that follow, each at least `elementBytes` long; -1 is a null vector. */
  vectorLength(elementBytes: number): number {
    const length = this.int();
    if (length < -1 || length * elementBytes > this.end - this.offset) {
      throw new JuteError(`unreasonable vector of ${length} elements`);
    }
    return length;
  }

  #take(bytes: number): number {
    const at = this.offset;
    const next = at + bytes;
    if (next > this.end) throw new JuteError("the record ends inside a field");
    this.offset = next;
    return at;
  }
}

/**
 * Fills `bytes` from 0 to `length`. `clear` starts again on the same memory; `take` hands the
 * memory over and goes on with new memory.
 */
export class Writer {
  bytes: Buffer;
  length = 0;
  #view: DataView;

  constructor(capacity = 1024) {
    this.bytes = Buffer.allocUnsafeSlow(capacity);
    this.#view = new DataView(this.bytes.buffer);
  }

  clear(): void {
    this.length = 0;
  }

  /** The bytes written so far, in place: valid until the next write, `clear` or `take`. */
  written(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  /**
   * Hands over the written bytes with their memory. @param memory To go on with: a buffer that
   * `allocUnsafeSlow` made.
   */
  take(memory: Buffer = Buffer.allocUnsafeSlow(this.bytes.length)): Buffer {
    const taken = this.written();
    this.bytes = memory;
    this.#view = new DataView(this.bytes.buffer);
    this.length = 0;
    return taken;
  }

  /** Makes room for `bytes` more and returns where they start: for callers that fill them. */
  reserve(bytes: number): number {
    const at = this.length;
    const next = at + bytes;
    if (next > this.bytes.length) this.#grow(next);
    this.length = next;
    return at;
  }

  /** Grows once for what comes next, so that a large value is not copied for the few bytes behind. */
  makeRoom(bytes: number): void {
    const next = this.length + bytes;
    if (next > this.bytes.length) this.#grow(next);
  }

  byte(value: number): void {
    const at = this.reserve(1);
    this.#view.setUint8(at, value);
  }

  boolean(value: boolean): void {
    this.byte(value ? 1 : 0);
  }

  int(value: number): void {
    const at = this.reserve(4);
    this.#view.setInt32(at, value);
  }

  /** A safe integer as 64 bits. */
  long(value: number): void {
    const at = this.reserve(8);
    this.#view.setInt32(at, highWord(value));
    this.#view.setInt32(at + 4, lowWord(value));
  }

  words(high: number, low: number): void {
    const at = this.reserve(8);
    this.#view.setInt32(at, high);
    this.#view.setInt32(at + 4, low);
  }

  bigint(value: bigint): void {
    const at = this.reserve(8);
    this.#view.setBigInt64(at, value);
  }

  string(value: string | null): void {
    if (value === null) {
      this.int(-1);
      return;
    }
    // Three bytes hold any UTF-16 unit; the length is patched once the bytes are there.
    const at = this.reserve(4 + value.length * 3);
    const written = this.bytes.write(value, at + 4, "utf8");
    this.#view.setInt32(at, written);
    this.length = at + 4 + written;
  }

  buffer(value: Uint8Array | null): void {
    if (value === null) {
      this.int(-1);
      return;
    }
    this.int(value.length);
    this.raw(value);
  }

  raw(value: Uint8Array): void {
    const at = this.reserve(value.length);
    this.bytes.set(value, at);
  }

  /** Overwrites four bytes that were written before. */
  patchInt(at: number, value: number): void {
    this.#view.setInt32(at, value);
  }

  /** Overwrites eight bytes that were written before with a safe integer. */
  patchLong(at: number, value: number): void {
    this.#view.setInt32(at, highWord(value));
    this.#view.setInt32(at + 4, lowWord(value));
  }

  #grow(needed: number): void {
    const bytes = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(bytes, 0, 0, this.length);
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
