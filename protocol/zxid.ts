/**
 * The one home of 64-bit values. Two representations, chosen by `npm run bench:int64`
 * (docs/architecture.md has its result):
 *
 * - A position or a time is a `number`. Invariant: it is a safe integer. A zxid is
 *   epoch * 2^32 + counter, so the epoch stays below 2^21: at an election a minute, four years.
 *   What would exceed that is refused where it is read, never rounded.
 * - An id whose bits are all in use (session, owner, digest) is a pair of 32-bit words, and as a
 *   key of a map the 16 hexadecimal digits of both.
 *
 * `bigint` appears at the client's public face only.
 */
export type Zxid = number;

const TWO_32 = 0x1_0000_0000;

/** The highest epoch whose zxids are safe integers. */
export const EPOCH_MAX = 0x1f_ffff;

/**
 * How far an epoch may lie beyond the one that a server knows of and still be believed: six weeks of
 * an election each minute. What claims more has another ensemble's data, or is no server: believing
 * it a few times would use up all epochs that there are.
 */
export const EPOCH_LEAP_MAX = 0x1_0000;

/** The last counter of an epoch. */
export const COUNTER_MAX = 0xffff_ffff;

export function makeZxid(epoch: number, counter: number): Zxid {
  return epoch * TWO_32 + counter;
}

export function zxidEpoch(zxid: Zxid): number {
  return Math.floor(zxid / TWO_32);
}

export function zxidCounter(zxid: Zxid): number {
  return zxid >>> 0;
}

/** As in file names and in logs for people: lower-case hexadecimal, no prefix. -1 gives 16 f's. */
export function zxidHex(zxid: Zxid): string {
  return zxid >= 0 ? zxid.toString(16) : wordsHex(highWord(zxid), lowWord(zxid));
}

/** The upper 32 bits of a safe integer, signed. */
export function highWord(value: number): number {
  return Math.floor(value / TWO_32) | 0;
}

/** The lower 32 bits of a safe integer, signed. */
export function lowWord(value: number): number {
  return value | 0;
}

/**
 * The number that two words make. Beyond 2^53 it is rounded: enough to compare with what a peer
 * claims, never to be stored. Callers that store check `Number.isSafeInteger`.
 */
export function fromWords(high: number, low: number): number {
  return high * TWO_32 + (low >>> 0);
}

const hexWords: Buffer = Buffer.alloc(8);

/** The words of an id as a map's key and as people read it: 16 hexadecimal digits. */
export function wordsHex(high: number, low: number): string {
  // Through bytes it is one flat string, a third of the time of two numbers' texts joined.
  hexWords.writeInt32BE(high | 0, 0);
  hexWords.writeInt32BE(low | 0, 4);
  return hexWords.toString("hex");
}

/** The words of a key that `wordsHex` made. */
export function keyHighWord(key: string): number {
  return Number.parseInt(key.slice(0, 8), 16) | 0;
}

export function keyLowWord(key: string): number {
  return Number.parseInt(key.slice(8), 16) | 0;
}

/** A session id as logs and four-letter words print it: 0x, no leading zeros. */
export function sessionHex(high: number, low: number): string {
  return `0x${BigInt.asUintN(64, wordsToBigInt(high, low)).toString(16)}`;
}

/** The signed 64-bit value of two words, for the client's public face. */
export function wordsToBigInt(high: number, low: number): bigint {
  return (BigInt(high | 0) << 32n) | BigInt(low >>> 0);
}

export function bigIntHighWord(value: bigint): number {
  return Number(BigInt.asIntN(32, value >> 32n));
}

export function bigIntLowWord(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}
