/**
 * The hash of a znode's name under its parent: HalfSipHash-1-3 (Aumasson, Bernstein) keyed per
 * process. Names come from clients: with a hash that can be foreseen, one of them could put a
 * million znodes into one chain of the index.
 */
import { byteAt } from "./bytes.ts";

export class NameHash {
  readonly #key0: number;
  readonly #key1: number;

  constructor(key0: number, key1: number) {
    this.#key0 = key0 | 0;
    this.#key1 = key1 | 0;
  }

  /** An int32 from the word `parent` followed by `bytes` from `start` up to `end`. */
  of(parent: number, bytes: Uint8Array, start: number, end: number): number {
    let v0 = this.#key0;
    let v1 = this.#key1;
    let v2 = this.#key0 ^ 0x6c796765;
    let v3 = this.#key1 ^ 0x74656462;
    let word = parent;
    let at = start;
    // One round for each word, the last with what remains and the length; three to finish.
    for (let finishing = 0; finishing < 5; ) {
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
      if (at + 4 <= end) {
        word = byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8);
        word |= (byteAt(bytes, at + 2) << 16) | (byteAt(bytes, at + 3) << 24);
        at += 4;
      } else if (finishing++ === 0) {
        word = (end - start) << 24;
        for (let shift = 0; at < end; at++, shift += 8) word |= byteAt(bytes, at) << shift;
      } else {
        if (finishing === 2) v2 ^= 0xff;
        word = 0;
      }
    }
    return v1 ^ v3;
  }
}
