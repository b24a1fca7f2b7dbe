/**
 * CRC-32 (IEEE 802.3) for the tree digest (storage 5), four bytes a step with four tables.
 *
 * A CRC is an int32 that can be continued: `crc32(b, …, crc32(a, …))` is the CRC of a ++ b, and
 * the CRC of nothing is 0.
 */
import { byteAt } from "./bytes.ts";

/** Table k of 256 entries starts at k * 256: the CRC of one byte followed by k zero bytes. */
const TABLES = buildTables();

/** Continues `crc` over `bytes` from `start` up to `end`. */
export function crc32(bytes: Uint8Array, start: number, end: number, crc = 0): number {
  let state = ~crc;
  let at = start;
  for (const last = end - 3; at < last; at += 4) {
    state ^=
      byteAt(bytes, at) |
      (byteAt(bytes, at + 1) << 8) |
      (byteAt(bytes, at + 2) << 16) |
      (byteAt(bytes, at + 3) << 24);
    state =
      entry(768 + (state & 0xff)) ^
      entry(512 + ((state >>> 8) & 0xff)) ^
      entry(256 + ((state >>> 16) & 0xff)) ^
      entry(state >>> 24);
  }
  for (; at < end; at++) state = entry((state ^ byteAt(bytes, at)) & 0xff) ^ (state >>> 8);
  return ~state;
}

/** Continues `crc` over the four bytes of a big-endian word. */
export function crc32Word(crc: number, word: number): number {
  const state = ~crc;
  return ~(
    entry(768 + ((state ^ (word >>> 24)) & 0xff)) ^
    entry(512 + (((state >>> 8) ^ (word >>> 16)) & 0xff)) ^
    entry(256 + (((state >>> 16) ^ (word >>> 8)) & 0xff)) ^
    entry(((state >>> 24) ^ word) & 0xff)
  );
}

/** An index within the tables: the 0 is for the type alone and costs nothing compiled. */
function entry(index: number): number {
  return TABLES[index] ?? 0;
}

function buildTables(): Int32Array {
  const tables = new Int32Array(4 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const shorter = tables[i - 256] ?? 0;
    tables[i] = (shorter >>> 8) ^ (tables[shorter & 0xff] ?? 0);
  }
  return tables;
}
