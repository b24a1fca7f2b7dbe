/**
 * The newest txns in memory, in zxid order and without a hole (quorum-protocol 7.1, S-1):
 *
 *     first ─ ─ ─ applied ─ ─ ─ committed ─ ─ ─ last
 *     └─ committedLog ─┘└ toBeApplied ┘└ outstanding ┘
 *
 * One copy of each serves all: it is applied from here, DIFFs come from here, and since a txn lies
 * here as the PROPOSAL packet that carries it, what a follower lacks is copied to its link in one
 * piece, however many txns that is.
 *
 * Invariant: base <= applied <= committed <= last, and every txn behind base is in it.
 */
import { assert } from "../../protocol/assert.ts";
import type { Writer } from "../../protocol/jute.ts";
import {
  PACKET_HEAD_BYTES,
  PACKET_TAIL_BYTES,
  PacketType,
  writeCommit,
} from "../../protocol/quorum.ts";
import {
  highWord,
  lowWord,
  makeZxid,
  type Zxid,
  zxidCounter,
  zxidEpoch,
} from "../../protocol/zxid.ts";

/** Memory is taken in pieces of this size; a larger txn has one of its own. */
const CHUNK_BYTES: number = 256 * 1024;
/** What is kept for DIFFs beyond what has to be kept. */
const KEPT_BYTES_MAX: number = 64 * 1024 * 1024;
const INITIAL_ENTRIES = 1024;

interface Chunk {
  readonly bytes: Buffer;
  used: number;
}

export class TxnWindow {
  /** The last txn in it, or what its history ends with when it is empty. */
  lastZxid: Zxid;
  /** Settled by a quorum. */
  committedZxid: Zxid;
  /** Handed out by `next`. */
  appliedZxid: Zxid;
  /** What the history has before the first txn in it: a txn, an epoch's marker, a snapshot's zxid. */
  baseZxid: Zxid;
  /** Somebody still has to be sent what comes after this. Infinity: nobody. */
  retainAfter: Zxid = Number.POSITIVE_INFINITY;

  /** The txn that `next` moved to: header, body and digest are bytes[start, end). */
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  zxid: Zxid = 0;

  readonly #keep: number;
  readonly #chunkBytes: number;
  #spare: Chunk | undefined;
  /** A ring: entry i, counted from the first that ever was, is at i & mask. */
  #zxids = new Float64Array(INITIAL_ENTRIES);
  #chunks: (Chunk | undefined)[] = Array.from({ length: INITIAL_ENTRIES });
  /** Where its packet starts in its chunk, and how long the txn is. */
  #starts = new Int32Array(INITIAL_ENTRIES);
  #lengths = new Int32Array(INITIAL_ENTRIES);
  #mask = INITIAL_ENTRIES - 1;
  #head = 0;
  #tail = 0;
  /** The first entry that was not handed out. Invariant: #head <= #next <= #tail. */
  #next = 0;
  /** The sum of the lengths. */
  #bytesKept = 0;
  #sliceBytes = Number.POSITIVE_INFINITY;

  /**
   * @param commitLogCount Applied txns that are kept for DIFFs, at least 1.
   * @param lastZxid What the history ended with before the first txn that will be appended.
   */
  constructor(commitLogCount: number, lastZxid: Zxid, chunkBytes: number = CHUNK_BYTES) {
    this.#keep = commitLogCount;
    this.#chunkBytes = chunkBytes;
    this.lastZxid = lastZxid;
    this.committedZxid = lastZxid;
    this.appliedZxid = lastZxid;
    this.baseZxid = lastZxid;
  }

  /** Txns in it. */
  get count(): number {
    return this.#tail - this.#head;
  }

  get byteCount(): number {
    return this.#bytesKept;
  }

  /** The oldest txn in it; where it is empty, what its history ends with. */
  get firstZxid(): Zxid {
    return this.count === 0 ? this.lastZxid : this.#zxidAt(this.#head);
  }

  /** Whether `zxid` may follow what is there: the next counter, or the first of a later epoch. */
  accepts(zxid: Zxid): boolean {
    if (zxid === this.lastZxid + 1) return zxidCounter(zxid) !== 0;
    return zxidEpoch(zxid) > zxidEpoch(this.lastZxid) && zxidCounter(zxid) === 1;
  }

  /** Copies a txn in, behind the last one. */
  append(bytes: Buffer, start: number, end: number, zxid: Zxid): void {
    assert(this.accepts(zxid), "a txn that does not follow the last one");
    const length = end - start;
    const size = PACKET_HEAD_BYTES + length + PACKET_TAIL_BYTES;
    const chunk = this.#chunkFor(size);
    const at = chunk.used;
    chunk.used += size;
    const target = chunk.bytes;
    target.writeInt32BE(PacketType.PROPOSAL, at);
    target.writeInt32BE(highWord(zxid), at + 4);
    target.writeInt32BE(lowWord(zxid), at + 8);
    target.writeInt32BE(length, at + 12);
    bytes.copy(target, at + PACKET_HEAD_BYTES, start, end);
    target.writeInt32BE(-1, at + PACKET_HEAD_BYTES + length);
    if (this.count > this.#mask) this.#grow();
    const i = this.#tail & this.#mask;
    this.#zxids[i] = zxid;
    this.#chunks[i] = chunk;
    this.#starts[i] = at;
    this.#lengths[i] = length;
    this.#tail++;
    this.#bytesKept += length;
    this.lastZxid = zxid;
  }

  /** Everything up to `zxid` is settled. */
  commitTo(zxid: Zxid): void {
    assert(zxid >= this.committedZxid && zxid <= this.lastZxid, "a commit of what is not there");
    this.committedZxid = zxid;
  }

  /** A new epoch begins with its marker, which is no txn (P-5). All before it has been applied. */
  beginEpoch(epoch: number): void {
    const marker = makeZxid(epoch, 0);
    assert(this.appliedZxid === this.lastZxid, "an epoch began before the last one was applied");
    assert(marker > this.lastZxid, "an epoch began in the past");
    this.lastZxid = marker;
    this.committedZxid = marker;
    this.appliedZxid = marker;
  }

  /** Forgets the txns behind `zxid`, none of which is settled or in the log. */
  dropAfter(zxid: Zxid): void {
    assert(zxid >= this.committedZxid, "a settled txn is forgotten");
    while (this.#tail > this.#head && this.#zxidAt(this.#tail - 1) > zxid) {
      const i = (this.#tail - 1) & this.#mask;
      const chunk = this.#chunks[i];
      // What comes next takes its place: packets of one chunk lie without a gap.
      if (chunk !== undefined) chunk.used = this.#starts[i] ?? 0;
      this.#bytesKept -= this.#lengths[i] ?? 0;
      this.#chunks[i] = undefined;
      this.#tail--;
    }
    this.lastZxid = Math.min(this.lastZxid, zxid);
  }

  /** Empties it: the history is now another one, that ends with `lastZxid` (S-2). */
  reset(lastZxid: Zxid): void {
    while (this.#head < this.#tail) this.#dropHead();
    this.#next = this.#head;
    this.lastZxid = lastZxid;
    this.committedZxid = lastZxid;
    this.appliedZxid = lastZxid;
    this.baseZxid = lastZxid;
  }

  /**
   * Counts a txn as applied that recovery or a sync put into the tree without this window:
   * what is handed out goes on behind it.
   */
  appliedTo(zxid: Zxid): void {
    assert(zxid >= this.appliedZxid && zxid <= this.committedZxid, "applied but not committed");
    while (this.#next < this.#tail && this.#zxidAt(this.#next) <= zxid) this.#next++;
    this.appliedZxid = zxid;
    this.#trim();
  }

  // As a batch to apply.

  /** Lets `next` go on until it has passed so many bytes: a txn at least. */
  beginSlice(bytes: number): void {
    this.#sliceBytes = bytes;
  }

  /** Moves to the next committed txn and counts it as applied; false behind the last one. */
  next(): boolean {
    this.#trim();
    if (this.#next === this.#tail || this.#sliceBytes <= 0) return false;
    const i = this.#next & this.#mask;
    const zxid = this.#zxids[i] ?? 0;
    if (zxid > this.committedZxid) return false;
    const chunk = this.#chunks[i];
    assert(chunk !== undefined, "an entry without its bytes");
    const length = this.#lengths[i] ?? 0;
    this.bytes = chunk.bytes;
    this.start = (this.#starts[i] ?? 0) + PACKET_HEAD_BYTES;
    this.end = this.start + length;
    this.zxid = zxid;
    this.#next++;
    this.appliedZxid = zxid;
    this.#sliceBytes -= length;
    return true;
  }

  // To be sent, or logged.

  /** Whether every txn behind `zxid` is in it. */
  coversAfter(zxid: Zxid): boolean {
    return zxid >= this.baseZxid;
  }

  /** Whether this very txn is in it. */
  has(zxid: Zxid): boolean {
    const i = this.#indexAfter(zxid) - 1;
    return i >= this.#head && this.#zxidAt(i) === zxid;
  }

  /** The last txn in it at or before `zxid`; undefined: it has none. */
  atOrBefore(zxid: Zxid): Zxid | undefined {
    const i = this.#indexAfter(zxid) - 1;
    return i < this.#head ? undefined : this.#zxidAt(i);
  }

  /** The first txn in it behind `zxid`; undefined: it has none. */
  firstAfter(zxid: Zxid): Zxid | undefined {
    const i = this.#indexAfter(zxid);
    return i >= this.#tail ? undefined : this.#zxidAt(i);
  }

  /**
   * Writes the PROPOSAL packets of the txns behind `after` up to `upTo`, as far as `bytesMax` goes:
   * one at least. Returns the zxid of the last one written, or `after`.
   */
  writeProposals(after: Zxid, upTo: Zxid, bytesMax: number, out: Writer): Zxid {
    let last = after;
    let i = this.#indexAfter(after);
    let left = bytesMax;
    while (i < this.#tail && left > 0) {
      // As much as lies in one chunk, at once.
      const chunk = this.#chunks[i & this.#mask];
      const from = this.#starts[i & this.#mask] ?? 0;
      let to = from;
      while (i < this.#tail && left > 0) {
        const j = i & this.#mask;
        const zxid = this.#zxids[j] ?? 0;
        if (this.#chunks[j] !== chunk || zxid > upTo) break;
        const size = PACKET_HEAD_BYTES + (this.#lengths[j] ?? 0) + PACKET_TAIL_BYTES;
        to = (this.#starts[j] ?? 0) + size;
        left -= size;
        last = zxid;
        i++;
      }
      if (to === from || chunk === undefined) break;
      const at = out.reserve(to - from);
      chunk.bytes.copy(out.bytes, at, from, to);
    }
    return last;
  }

  /** As `writeProposals`, but INFORM packets, for observers: `upTo` is settled. */
  writeInforms(after: Zxid, upTo: Zxid, bytesMax: number, out: Writer): Zxid {
    return this.#writeEach(after, upTo, bytesMax, out, false);
  }

  /** As `writeProposals`, with its COMMIT behind each: `upTo` is settled. */
  writeSettled(after: Zxid, upTo: Zxid, bytesMax: number, out: Writer): Zxid {
    return this.#writeEach(after, upTo, bytesMax, out, true);
  }

  /** Writes the COMMIT packets of the txns behind `after` up to `upTo`; returns as `writeProposals`. */
  writeCommits(after: Zxid, upTo: Zxid, bytesMax: number, out: Writer): Zxid {
    const end = out.length + bytesMax;
    let last = after;
    for (let i = this.#indexAfter(after); i < this.#tail && out.length < end; i++) {
      const zxid = this.#zxidAt(i);
      if (zxid > upTo) break;
      writeCommit(out, zxid);
      last = zxid;
    }
    return last;
  }

  #writeEach(after: Zxid, upTo: Zxid, bytesMax: number, out: Writer, isPair: boolean): Zxid {
    const end = out.length + bytesMax;
    let last = after;
    for (let i = this.#indexAfter(after); i < this.#tail && out.length < end; i++) {
      const j = i & this.#mask;
      const zxid = this.#zxids[j] ?? 0;
      const chunk = this.#chunks[j];
      if (zxid > upTo || chunk === undefined) break;
      const from = this.#starts[j] ?? 0;
      const size = PACKET_HEAD_BYTES + (this.#lengths[j] ?? 0) + PACKET_TAIL_BYTES;
      const at = out.reserve(size);
      chunk.bytes.copy(out.bytes, at, from, from + size);
      if (isPair) writeCommit(out, zxid);
      else out.patchInt(at, PacketType.INFORM);
      last = zxid;
    }
    return last;
  }

  /** Calls for each txn behind `after` up to `upTo`, in order; `visit` returns false to stop. */
  forEach(
    after: Zxid,
    upTo: Zxid,
    visit: (bytes: Buffer, start: number, end: number, zxid: Zxid) => boolean,
  ): void {
    for (let i = this.#indexAfter(after); i < this.#tail; i++) {
      const j = i & this.#mask;
      const zxid = this.#zxids[j] ?? 0;
      const chunk = this.#chunks[j];
      if (zxid > upTo || chunk === undefined) return;
      const start = (this.#starts[j] ?? 0) + PACKET_HEAD_BYTES;
      if (!visit(chunk.bytes, start, start + (this.#lengths[j] ?? 0), zxid)) return;
    }
  }

  /** The first entry whose zxid is beyond `zxid`. */
  #indexAfter(zxid: Zxid): number {
    let low = this.#head;
    let high = this.#tail;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#zxidAt(middle) <= zxid) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #zxidAt(index: number): Zxid {
    return this.#zxids[index & this.#mask] ?? 0;
  }

  /** Forgets applied txns beyond those that are kept, unless somebody has to be sent them. */
  #trim(): void {
    while (this.#head < this.#next) {
      const isKept = this.#next - this.#head <= this.#keep && this.#bytesKept <= KEPT_BYTES_MAX;
      if (isKept || this.#zxidAt(this.#head) > this.retainAfter) return;
      this.#dropHead();
    }
  }

  #dropHead(): void {
    const i = this.#head & this.#mask;
    const chunk = this.#chunks[i];
    this.#bytesKept -= this.#lengths[i] ?? 0;
    this.baseZxid = this.#zxids[i] ?? 0;
    this.#chunks[i] = undefined;
    this.#head++;
    const isShared = this.#head < this.#tail && this.#chunks[this.#head & this.#mask] === chunk;
    if (chunk === undefined || isShared || chunk === this.#filling()) return;
    // What `next` gave out last may lie in it, until the next call of any method here.
    if (chunk.bytes.length === this.#chunkBytes && chunk.bytes !== this.bytes) {
      chunk.used = 0;
      this.#spare = chunk;
    }
  }

  /** The chunk that the last entry lies in. */
  #filling(): Chunk | undefined {
    return this.count === 0 ? undefined : this.#chunks[(this.#tail - 1) & this.#mask];
  }

  #chunkFor(size: number): Chunk {
    const filling = this.#filling();
    if (filling !== undefined && filling.used + size <= filling.bytes.length) return filling;
    const spare = this.#spare;
    if (spare !== undefined && size <= spare.bytes.length) {
      this.#spare = undefined;
      return spare;
    }
    return { bytes: Buffer.allocUnsafeSlow(Math.max(size, this.#chunkBytes)), used: 0 };
  }

  #grow(): void {
    const size = (this.#mask + 1) * 2;
    const zxids = new Float64Array(size);
    const starts = new Int32Array(size);
    const lengths = new Int32Array(size);
    const chunks: (Chunk | undefined)[] = Array.from({ length: size });
    for (let i = this.#head; i < this.#tail; i++) {
      const from = i & this.#mask;
      const to = i & (size - 1);
      zxids[to] = this.#zxids[from] ?? 0;
      starts[to] = this.#starts[from] ?? 0;
      lengths[to] = this.#lengths[from] ?? 0;
      chunks[to] = this.#chunks[from];
    }
    this.#zxids = zxids;
    this.#starts = starts;
    this.#lengths = lengths;
    this.#chunks = chunks;
    this.#mask = size - 1;
  }
}
