/**
 * The hash of a znode's name under its parent, keyed per process: the rounds of HalfSipHash-1-2
 * (Aumasson, Bernstein), with parent and length mixed into the key instead of into the message.
 * Names come from clients: with a hash that can be foreseen, one of them could put a million znodes
 * into one chain of the index.
 */
import { byteAt } from "./bytes.ts";

/** Two rounds without input at the end, as bytes of input. */
const FINAL_BYTES = 8;

export class NameHash {
  readonly #key0: number;
  readonly #key1: number;

  constructor(key0: number, key1: number) {
    this.#key0 = key0 | 0;
    this.#key1 = key1 | 0;
  }

  /** An int32 from the slot `parent` and `bytes` from `start` up to `end`. */
  of(parent: number, bytes: Uint8Array, start: number, end: number): number {
    let v0 = this.#key0;
    let v1 = this.#key1 ^ parent;
    let v2 = this.#key0 ^ 0x6c796765 ^ (end - start);
    let v3 = this.#key1 ^ 0x74656462;
    for (let at = start; at < end + FINAL_BYTES; at += 4) {
      let word = 0;
      if (at + 4 <= end) {
        word = byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8);
        word |= (byteAt(bytes, at + 2) << 16) | (byteAt(bytes, at + 3) << 24);
      } else if (at < end) {
        for (let last = end - 1; last >= at; last--) word = (word << 8) | byteAt(bytes, last);
      } else {
        v2 ^= 0xff;
      }
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    return v1 ^ v3;
  }
}
