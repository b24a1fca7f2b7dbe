/**
 * The fixed part of every znode: a record of raw big-endian bytes in a chunk of records, outside
 * of the JavaScript heap (docs/architecture.md has the measurement against objects).
 *
 * A record begins with the 60 bytes of StatPersisted in wire order, so that a stat in a reply or
 * in a snapshot is a copy and every 64-bit value is kept exactly. A slot is a record's number;
 * 0 is no znode. Freed records are chained through their first word and used again first.
 */
import { assert } from "../../protocol/assert.ts";
import { fromWords } from "../../protocol/zxid.ts";

/** A znode's record: a number from 1 on, used again once the znode is deleted. 0: none. */
export type Slot = number;

/** Offsets within a record. Longs first word high. */
export const Field = {
  czxid: 0,
  mzxid: 8,
  ctime: 16,
  mtime: 24,
  version: 32,
  /** As stored: the number of creates of children. */
  cversion: 36,
  aversion: 40,
  owner: 44,
  pzxid: 52,
  firstChild: 60,
  nextSibling: 64,
  previousSibling: 68,
  childCount: 72,
  acl: 76,
  /** CRC-32 of path and data, which a digest continues over the stat. */
  contentCrc: 80,
  /** What the znode adds to the tree digest; 0 for one that does not count. */
  digest: 84,
  // What a lookup reads lies together, to be one line of the processor's cache.
  hash: 88,
  /** The next znode in the same bucket of the index. */
  chain: 92,
  parent: 96,
  nameLength: 100,
  /** Name bytes followed by data bytes. */
  blob: 104,
  /** -1: null. */
  dataLength: 108,
} as const;

const RECORD_BYTES = 112;
/** StatPersisted. */
export const STAT_BYTES = 60;

const CHUNK_BITS = 10;
const CHUNK_MASK = (1 << CHUNK_BITS) - 1;

/** Slots stay below 2^31, as references in records are int32. */
const CHUNKS_MAX = 1 << (31 - CHUNK_BITS);

export class ZnodeRecords {
  readonly #chunks: DataView[] = [];
  /** The first freed record. */
  #free: Slot = 0;
  /** The first record never used. */
  #untouched: Slot = 1;

  /** A record of zeros. */
  allocate(): Slot {
    const slot = this.#free;
    if (slot !== 0) {
      this.#free = this.int(slot, 0);
      this.setInt(slot, 0, 0);
      return slot;
    }
    if (this.#untouched >>> CHUNK_BITS === this.#chunks.length) {
      assert(this.#chunks.length < CHUNKS_MAX, "znodes are fewer than 2^31");
      this.#chunks.push(new DataView(new ArrayBuffer(RECORD_BYTES << CHUNK_BITS)));
    }
    return this.#untouched++;
  }

  free(slot: Slot): void {
    const view = this.view(slot);
    const at = this.offset(slot);
    for (let i = 4; i < RECORD_BYTES; i += 4) view.setInt32(at + i, 0);
    view.setInt32(at, this.#free);
    this.#free = slot;
  }

  /** The chunk that holds a record, which starts at `offset(slot)`. */
  view(slot: Slot): DataView {
    const view = this.#chunks[slot >>> CHUNK_BITS];
    assert(view !== undefined, "a slot was allocated");
    return view;
  }

  offset(slot: Slot): number {
    return (slot & CHUNK_MASK) * RECORD_BYTES;
  }

  int(slot: Slot, field: number): number {
    return this.view(slot).getInt32(this.offset(slot) + field);
  }

  setInt(slot: Slot, field: number, value: number): void {
    this.view(slot).setInt32(this.offset(slot) + field, value);
  }

  /** A zxid or a time. */
  long(slot: Slot, field: number): number {
    const view = this.view(slot);
    const at = this.offset(slot) + field;
    return fromWords(view.getInt32(at), view.getInt32(at + 4));
  }

  setLong(slot: Slot, field: number, high: number, low: number): void {
    const view = this.view(slot);
    const at = this.offset(slot) + field;
    view.setInt32(at, high);
    view.setInt32(at + 4, low);
  }

  /** Slots that were ever used are below it. */
  get end(): Slot {
    return this.#untouched;
  }

  /** Bytes of memory taken, used or not. */
  get capacityBytes(): number {
    return this.#chunks.length * (RECORD_BYTES << CHUNK_BITS);
  }
}
