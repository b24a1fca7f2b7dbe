/**
 * The last long path that was found. The next long one shares most of its names with it, as a rule:
 * a znode and then its parent, a child and then the next. So it is looked up from where the two
 * part, not from the root, and a tree that somebody made fifty thousand levels deep does not cost
 * fifty thousand lookups for each request.
 */
import { lastSlash } from "./bytes.ts";
import type { Slot } from "./znode-records.ts";

const SLASH = 0x2f;

/** Compared at once. */
const BLOCK_BYTES = 1024;

export class PathTrail {
  /** Where the two paths part, as `follow` found it: the znode, and where its path ends. */
  slot: Slot = 0;
  end = 0;

  readonly #parentOf: (slot: Slot) => Slot;
  /** Invariant: bytes[0, length) are the path of `last`, which exists; 0: there is none. */
  #last: Slot = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  constructor(parentOf: (slot: Slot) => Slot) {
    this.#parentOf = parentOf;
  }

  /** `bytes` from `start` up to `end` are the path of a znode. */
  keep(slot: Slot, bytes: Uint8Array, start: number, end: number): void {
    if (slot === this.#last) return;
    const length = end - start;
    if (length > this.#bytes.length) this.#bytes = Buffer.allocUnsafeSlow(length * 2);
    this.#bytes.set(bytes.subarray(start, end), 0);
    this.#last = slot;
    this.#length = length;
  }

  /** A znode with a name of so many bytes is about to be deleted. */
  leave(slot: Slot, nameLength: number): void {
    if (slot !== this.#last) return;
    this.#length -= 1 + nameLength;
    this.#last = this.#length === 0 ? 0 : this.#parentOf(slot);
  }

  /** Sets `slot` and `end` to what a path has in common with the last one; false: nothing. */
  follow(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#last === 0) return false;
    const common = this.#commonLength(bytes, start, end);
    const parts =
      endsName(bytes, start + common, end) && endsName(this.#bytes, common, this.#length)
        ? common
        : lastSlash(this.#bytes, 0, common);
    if (parts <= 0) return false;
    this.slot = this.#last;
    for (let at = parts; at < this.#length; at++) {
      if (this.#bytes[at] === SLASH) this.slot = this.#parentOf(this.slot);
    }
    this.end = start + parts;
    return true;
  }

  #commonLength(bytes: Uint8Array, start: number, end: number): number {
    const length = Math.min(end - start, this.#length);
    let at = 0;
    while (at < length) {
      const step = Math.min(BLOCK_BYTES, length - at);
      const from = start + at;
      if (this.#bytes.compare(bytes, from, from + step, at, at + step) !== 0) break;
      at += step;
    }
    while (at < length && this.#bytes[at] === bytes[start + at]) at++;
    return at;
  }
}

function endsName(bytes: Uint8Array, at: number, end: number): boolean {
  return at === end || bytes[at] === SLASH;
}
