/**
 * The simulator's randomness: xoshiro128** (Blackman and Vigna, 2018) seeded by splitmix32, in
 * 32-bit arithmetic only, so that a seed means the same on every machine.
 */
import type { Random } from "../../protocol/host.ts";

export class SimRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** @param seed any number; its lower 53 bits count. */
  constructor(seed: number) {
    let state = (seed ^ Math.imul(Math.floor(seed / 0x1_0000_0000), 0x85ebca6b)) | 0;
    const word = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0aaad);
      mixed ^= mixed >>> 15;
      mixed = Math.imul(mixed, 0x735a2d97);
      return mixed ^ (mixed >>> 15);
    };
    this.#a = word();
    this.#b = word();
    this.#c = word();
    this.#d = word() | 1; // the state must not be all zero
  }

  /** 0 <= x < 2^32 */
  word(): number {
    const scrambled = Math.imul(this.#b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  fraction(): number {
    return this.word() / 0x1_0000_0000;
  }

  fill(target: Uint8Array): void {
    for (let at = 0; at < target.length; at++) target[at] = this.word();
  }

  /** A whole number, 0 <= x < `below`. */
  below(below: number): number {
    return Math.floor(this.fraction() * below);
  }

  /** A whole number, `low` <= x <= `high`. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True `share` of the times. */
  chance(share: number): boolean {
    return this.fraction() < share;
  }

  /** One of `choices`, which is not empty. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  /** A stream of its own: what one part draws does not move what another sees. */
  fork(): SimRandom {
    return new SimRandom(this.word() * 0x20_0000 + (this.word() & 0x1f_ffff));
  }
}
