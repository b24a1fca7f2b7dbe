/**
 * From (parent, name) to the znode: linear hashing (Litwin 1980), chained through the records.
 *
 * The number of buckets grows by one with each insert that needs it, by splitting the next bucket
 * in turn: there is no moment at which everything is hashed again, whatever the tree's size. It
 * never shrinks: a bucket is 4 bytes.
 */
import { assert } from "../../protocol/assert.ts";
import type { BlobSlab } from "./blob-slab.ts";
import { equalBytes } from "./bytes.ts";
import type { NameHash } from "./name-hash.ts";
import { Field, type Slot, type ZnodeRecords } from "./znode-records.ts";

const CHUNK_BITS = 14;
const CHUNK_MASK = (1 << CHUNK_BITS) - 1;

/** Invariant: buckets = mask + 1 + split, and split <= mask. */
export class NameIndex {
  readonly #records: ZnodeRecords;
  readonly #slab: BlobSlab;
  readonly #hash: NameHash;
  /** First znode of each bucket, 4 bytes each. */
  readonly #buckets: DataView[] = [];
  /** Hashes are taken modulo this + 1, or twice that for buckets that were split. */
  #mask = 0;
  /** The bucket that is split next. */
  #split = 0;
  #count = 0;
  /** Slots from the first up to the last, 0 if none: deferred, in no bucket yet. */
  #deferredFrom: Slot = 0;
  #deferredTo: Slot = 0;

  constructor(records: ZnodeRecords, slab: BlobSlab, hash: NameHash) {
    this.#records = records;
    this.#slab = slab;
    this.#hash = hash;
    this.#buckets.push(new DataView(new ArrayBuffer(4 << CHUNK_BITS)));
  }

  /** The child of `parent` whose name is `bytes` from `start` up to `end`, or 0. */
  find(parent: Slot, bytes: Uint8Array, start: number, end: number): Slot {
    const hash = this.#hash.of(parent, bytes, start, end);
    let slot = this.#first(this.#bucket(hash));
    while (slot !== 0) {
      const view = this.#records.view(slot);
      const at = this.#records.offset(slot);
      if (
        view.getInt32(at + Field.hash) === hash &&
        view.getInt32(at + Field.parent) === parent &&
        view.getInt32(at + Field.nameLength) === end - start &&
        this.#isName(view.getInt32(at + Field.blob), bytes, start, end)
      ) {
        return slot;
      }
      slot = view.getInt32(at + Field.chain);
    }
    return 0;
  }

  /** Adds a znode under its name `bytes` from `start` up to `end`, which is not there yet. */
  insert(slot: Slot, parent: Slot, bytes: Uint8Array, start: number, end: number): void {
    const hash = this.#hash.of(parent, bytes, start, end);
    this.#records.setInt(slot, Field.hash, hash);
    this.#count++;
    if (this.#count > this.#mask + 1 + this.#split) this.#splitOne();
    this.#push(this.#bucket(hash), slot);
  }

  /**
   * Promises to add a znode with the next `settle`; until then it is not found. Slots are deferred
   * one after the other, each the last one plus 1.
   */
  defer(slot: Slot, parent: Slot, bytes: Uint8Array, start: number, end: number): void {
    this.#records.setInt(slot, Field.hash, this.#hash.of(parent, bytes, start, end));
    if (this.#deferredFrom === 0) this.#deferredFrom = slot;
    else assert(slot === this.#deferredTo + 1, "slots are deferred in order");
    this.#deferredTo = slot;
  }

  /**
   * Adds what was deferred, in order of the records; an index that is empty takes on its final size
   * at once. False: two znodes have one name under one parent, and only the first is found.
   */
  settle(): boolean {
    const from = this.#deferredFrom;
    if (from === 0) return true;
    this.#deferredFrom = 0;
    if (this.#count === 0) return this.#fill(from, this.#deferredTo);
    for (let slot = from; slot <= this.#deferredTo; slot++) {
      const hash = this.#records.int(slot, Field.hash);
      let other = this.#first(this.#bucket(hash));
      while (other !== 0) {
        if (this.#records.int(other, Field.hash) === hash && this.#isTwin(other, slot))
          return false;
        other = this.#records.int(other, Field.chain);
      }
      this.#count++;
      if (this.#count > this.#mask + 1 + this.#split) this.#splitOne();
      this.#push(this.#bucket(hash), slot);
    }
    return true;
  }

  remove(slot: Slot): void {
    const bucket = this.#bucket(this.#records.int(slot, Field.hash));
    const after = this.#records.int(slot, Field.chain);
    let previous = this.#first(bucket);
    this.#count--;
    if (previous === slot) {
      this.#setFirst(bucket, after);
      return;
    }
    for (;;) {
      assert(previous !== 0, "a znode is in the bucket of its hash");
      const next = this.#records.int(previous, Field.chain);
      if (next === slot) break;
      previous = next;
    }
    this.#records.setInt(previous, Field.chain, after);
  }

  #isName(blob: number, bytes: Uint8Array, start: number, end: number): boolean {
    return equalBytes(this.#slab.bytes(blob), this.#slab.offset(blob), bytes, start, end - start);
  }

  /**
   * As `settle` for an empty index. Chains are followed in arrays beside the records: to look at a
   * record anywhere for each of a million znodes would be a third of the time.
   */
  #fill(from: Slot, to: Slot): boolean {
    this.#reserve(to - from + 1);
    const hashes = new Int32Array(to - from + 1);
    const chains = new Int32Array(to - from + 1);
    for (let slot = from; slot <= to; slot++) {
      const hash = this.#records.int(slot, Field.hash);
      const bucket = this.#bucket(hash);
      const first = this.#first(bucket);
      for (let other = first; other !== 0; other = chains[other - from] ?? 0) {
        if (hashes[other - from] === hash && this.#isTwin(other, slot)) return false;
      }
      hashes[slot - from] = hash;
      chains[slot - from] = first;
      this.#records.setInt(slot, Field.chain, first);
      this.#setFirst(bucket, slot);
    }
    this.#count = to - from + 1;
    return true;
  }

  /** Whether two znodes have one name and one parent. */
  #isTwin(slot: Slot, other: Slot): boolean {
    const records = this.#records;
    const length = records.int(slot, Field.nameLength);
    if (records.int(other, Field.nameLength) !== length) return false;
    if (records.int(other, Field.parent) !== records.int(slot, Field.parent)) return false;
    const blob = records.int(other, Field.blob);
    const start = this.#slab.offset(blob);
    return this.#isName(
      records.int(slot, Field.blob),
      this.#slab.bytes(blob),
      start,
      start + length,
    );
  }

  /** Makes an empty index as large as `count` inserts would. */
  #reserve(count: number): void {
    this.#mask = 2 ** Math.floor(Math.log2(count)) - 1;
    this.#split = count - 1 - this.#mask;
    while (this.#buckets.length << CHUNK_BITS < count) {
      this.#buckets.push(new DataView(new ArrayBuffer(4 << CHUNK_BITS)));
    }
  }

  #bucket(hash: number): number {
    const bucket = hash & this.#mask;
    return bucket < this.#split ? hash & (this.#mask * 2 + 1) : bucket;
  }

  /** Moves the znodes of the next bucket in turn whose hash has the new bit to a new bucket. */
  #splitOne(): void {
    const from = this.#split;
    const bit = this.#mask + 1;
    const to = from + bit;
    if (to >>> CHUNK_BITS === this.#buckets.length) {
      this.#buckets.push(new DataView(new ArrayBuffer(4 << CHUNK_BITS)));
    }
    let slot = this.#first(from);
    this.#setFirst(from, 0);
    while (slot !== 0) {
      const next = this.#records.int(slot, Field.chain);
      const moves = (this.#records.int(slot, Field.hash) & bit) !== 0;
      this.#push(moves ? to : from, slot);
      slot = next;
    }
    this.#split++;
    if (this.#split > this.#mask) {
      this.#mask = this.#mask * 2 + 1;
      this.#split = 0;
    }
  }

  #push(bucket: number, slot: Slot): void {
    this.#records.setInt(slot, Field.chain, this.#first(bucket));
    this.#setFirst(bucket, slot);
  }

  #first(bucket: number): Slot {
    return this.#chunk(bucket).getInt32((bucket & CHUNK_MASK) * 4);
  }

  #setFirst(bucket: number, slot: Slot): void {
    this.#chunk(bucket).setInt32((bucket & CHUNK_MASK) * 4, slot);
  }

  #chunk(bucket: number): DataView {
    const chunk = this.#buckets[bucket >>> CHUNK_BITS];
    assert(chunk !== undefined, "a bucket lies inside the index");
    return chunk;
  }
}
