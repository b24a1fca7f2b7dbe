/**
 * The text of a quota's limits and of its statistics (server-semantics 9.1; ZooKeeper 3.9,
 * StatsTrack): `count=2,bytes=8`, and where there are more keys, sorted and behind a lone `=` that
 * older clients stop at, `count=-1,bytes=-1=;byteHardLimit=12;countHardLimit=3`.
 *
 * Clients write these texts too, so anything may stand there. It is read where it lies, since each
 * change below a quota does.
 */
import { byteAt, equalBytes } from "./bytes.ts";

/** A longer text is read by nobody: each change below its quota would have to. */
export const QUOTA_TEXT_BYTES_MAX = 1024;

const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const PLUS = 0x2b;
const MINUS = 0x2d;
const ZERO = 0x30;

const COUNT = Buffer.from("count");
const BYTES = Buffer.from("bytes");
const COUNT_HARD_LIMIT = Buffer.from("countHardLimit");
const BYTE_HARD_LIMIT = Buffer.from("byteHardLimit");

/** What a text says; -1 is also what it does not say. */
export class QuotaText {
  count = -1;
  bytes = -1;
  countHardLimit = -1;
  byteHardLimit = -1;
  /** It holds `count` and `bytes` alone, and numbers hold their values exactly. */
  isPlain = true;

  // Of the number that was read last.
  #value = -1;

  /** False: it is no such text, and the fields mean nothing. */
  read(text: Buffer, start: number, end: number): boolean {
    this.count = -1;
    this.bytes = -1;
    this.countHardLimit = -1;
    this.byteHardLimit = -1;
    this.isPlain = true;
    if (end - start > QUOTA_TEXT_BYTES_MAX) return false;
    for (let at = start; at < end; ) {
      if (isSeparator(byteAt(text, at))) {
        at++;
        continue;
      }
      let pairEnd = at;
      while (pairEnd < end && !isSeparator(byteAt(text, pairEnd))) pairEnd++;
      if (!this.#readPair(text, at, pairEnd)) return false;
      at = pairEnd;
    }
    return true;
  }

  // key=value; what follows a second "=" counts for nothing
  #readPair(text: Buffer, start: number, end: number): boolean {
    const keyEnd = find(text, EQUALS, start, end);
    if (keyEnd === end) return false;
    const valueStart = keyEnd + 1;
    if (!this.#readValue(text, valueStart, find(text, EQUALS, valueStart, end))) return false;
    if (isKey(COUNT, text, start, keyEnd)) {
      this.count = this.#value;
    } else if (isKey(BYTES, text, start, keyEnd)) {
      this.bytes = this.#value;
    } else {
      this.isPlain = false;
      if (isKey(COUNT_HARD_LIMIT, text, start, keyEnd)) this.countHardLimit = this.#value;
      else if (isKey(BYTE_HARD_LIMIT, text, start, keyEnd)) this.byteHardLimit = this.#value;
    }
    return true;
  }

  /** A decimal number, or nothing, which is -1. */
  #readValue(text: Buffer, start: number, end: number): boolean {
    if (start === end) {
      this.#value = -1;
      return true;
    }
    const sign = byteAt(text, start);
    const digits = sign === PLUS || sign === MINUS ? start + 1 : start;
    if (digits === end) return false;
    let value = 0;
    for (let at = digits; at < end; at++) {
      const digit = byteAt(text, at) - ZERO;
      if (digit < 0 || digit > 9) return false;
      value = value * 10 + digit;
    }
    if (value > Number.MAX_SAFE_INTEGER) {
      const exact = BigInt(text.toString("latin1", digits, end)) * (sign === MINUS ? -1n : 1n);
      if (BigInt.asIntN(64, exact) !== exact) return false;
      this.isPlain = false;
    }
    this.#value = sign === MINUS ? -value : value;
    return true;
  }
}

/** Writes `count=<count>,bytes=<bytes>` to `target` and returns its length; 48 bytes are enough. */
export function writePlainText(target: Buffer, count: number, bytes: number): number {
  let at = target.write("count=", "latin1");
  at = writeDecimal(target, at, count);
  at += target.write(",bytes=", at, "latin1");
  return writeDecimal(target, at, bytes);
}

/** A readable text, whatever it holds, with the differences added as Java adds 64-bit numbers. */
export function adjustedText(text: string, countDiff: number, bytesDiff: number): string {
  const values = new Map<string, bigint>();
  for (const pair of text.split(/[,;]+/)) {
    const [key = "", value = ""] = pair.split("=");
    if (pair !== "") values.set(key, value === "" ? -1n : BigInt(value.replace(/^\+/, "")));
  }
  const added = (key: string, difference: number): bigint =>
    BigInt.asIntN(64, (values.get(key) ?? -1n) + BigInt(difference));
  const plain = `count=${added("count", countDiff)},bytes=${added("bytes", bytesDiff)}`;
  values.delete("count");
  values.delete("bytes");
  const others = [...values].sort(([a], [b]) => (a < b ? -1 : 1));
  if (others.length === 0) return plain;
  return `${plain}=${others.map(([key, value]) => `;${key}=${value}`).join("")}`;
}

function writeDecimal(target: Buffer, start: number, value: number): number {
  let at = start;
  let rest = Math.abs(value);
  if (value < 0) target[at++] = MINUS;
  let end = at + 1;
  for (let more = Math.floor(rest / 10); more > 0; more = Math.floor(more / 10)) end++;
  for (let to = end - 1; to >= at; to--) {
    target[to] = ZERO + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return end;
}

function find(text: Buffer, byte: number, start: number, end: number): number {
  let at = start;
  while (at < end && text[at] !== byte) at++;
  return at;
}

function isSeparator(byte: number): boolean {
  return byte === COMMA || byte === SEMICOLON;
}

function isKey(key: Uint8Array, text: Buffer, start: number, end: number): boolean {
  return end - start === key.length && equalBytes(text, start, key, 0, key.length);
}
