/**
 * A tree that comes from a leader (quorum-protocol 7.5), built while its bytes arrive. They have no
 * length and no frame: that nothing slipped is told by the signature behind them, and by nothing
 * else (Trap 2). Until then nobody sees this tree, and memory and disk are what they were.
 *
 * Chunks are read where they lie. Only an entry that a chunk's end tears is copied, to be whole
 * when the next chunk comes: so much and no more is kept besides the tree.
 */
import { assert } from "../../protocol/assert.ts";
import { JuteError } from "../../protocol/jute.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { DataTree, TreeOptions } from "../tree/data-tree.ts";
import type { Installation } from "../zab/effects.ts";
import { LoadingTree } from "./loading-tree.ts";
import { PAYLOAD_MAX_BYTES } from "./log-format.ts";
import { ttlRefusal } from "./owners.ts";
import { STREAM_SIGNATURE } from "./snapshot-format.ts";
import { SnapshotError, TreeParser } from "./tree-parser.ts";

/** As generous as for the log: a znode is not larger than the txn that made it. */
const ENTRY_MAX_BYTES: number = PAYLOAD_MAX_BYTES;
/** Room for a torn entry at first, and again after a larger one. */
const TORN_BYTES: number = 4 * 1024;
/** A count is an int32: more than are there show soon enough. */
const ENTRIES_MAX: number = 0x7fff_ffff;

export class TreeIntake implements Installation {
  /** What SNAP named: the last txn that is in the tree for certain, later ones may be (S-7). */
  readonly zxid: Zxid;
  problem: string | undefined;

  readonly #loading: LoadingTree;
  readonly #parser: TreeParser;
  #tree: DataTree | undefined;
  /** torn[0, #tornLength) are the first bytes of an entry that is not there as a whole. */
  #torn: Buffer = Buffer.allocUnsafeSlow(TORN_BYTES);
  #tornLength = 0;

  constructor(zxid: Zxid, options: TreeOptions) {
    this.zxid = zxid;
    this.#loading = new LoadingTree(options);
    this.#parser = new TreeParser(this.#loading, {
      position: 0,
      entryMaxBytes: ENTRY_MAX_BYTES,
      entriesMax: ENTRIES_MAX,
    });
  }

  get isComplete(): boolean {
    return this.#tree !== undefined;
  }

  /** The tree that came, with the zxid that SNAP named. */
  get tree(): DataTree {
    assert(this.#tree !== undefined, "a tree was taken before it was there");
    return this.#tree;
  }

  take(bytes: Buffer, start: number, end: number): number {
    if (this.problem !== undefined) return -1;
    let at = start;
    try {
      while (at < end && this.#tree === undefined) {
        at = this.#tornLength > 0 ? this.#mend(bytes, at, end) : this.#takeWhole(bytes, at, end);
      }
    } catch (error) {
      // What the bytes say is wrong; anything else is a bug of ours.
      if (!(error instanceof SnapshotError || error instanceof JuteError)) throw error;
      this.problem = `the leader's tree cannot be read: ${error.message}`;
      return -1;
    }
    return at - start;
  }

  /** Reads what is whole, and keeps the start of what is not. Returns how far it got. */
  #takeWhole(bytes: Buffer, start: number, end: number): number {
    const at = this.#read(bytes, start, end);
    if (at === end || this.#tree !== undefined) return at;
    this.#keep(bytes, at, end);
    return end;
  }

  /** Adds what the torn entry lacks, as far as it is there, and reads it once it is whole. */
  #mend(bytes: Buffer, start: number, end: number): number {
    const at = Math.min(end, start + this.#needed - this.#tornLength);
    this.#keep(bytes, start, at);
    if (this.#tornLength < this.#needed) return at;
    const read = this.#read(this.#torn, 0, this.#tornLength);
    // Either all of it, or nothing: then it is known to be longer.
    assert(read === 0 || read === this.#tornLength, "a torn entry is read as a whole");
    if (read > 0) this.#tornLength = 0;
    if (read > TORN_BYTES) this.#torn = Buffer.allocUnsafeSlow(TORN_BYTES);
    return at;
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const length = this.#tornLength + end - start;
    if (length > this.#torn.length) {
      // With what has come, not with what a length claims.
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#torn.length));
      this.#torn.copy(larger, 0, 0, this.#tornLength);
      this.#torn = larger;
    }
    bytes.copy(this.#torn, this.#tornLength, start, end);
    this.#tornLength = length;
  }

  /** So many bytes the entry at hand has, at least. */
  get #needed(): number {
    return this.#parser.isComplete ? STREAM_SIGNATURE.length : this.#parser.needed;
  }

  /** Reads whole entries, the signature being the last; returns where it stopped. */
  #read(bytes: Buffer, start: number, end: number): number {
    const at = this.#parser.isComplete ? start : this.#parser.read(bytes, start, end);
    if (!this.#parser.isComplete || end - at < STREAM_SIGNATURE.length) return at;
    const signed = at + STREAM_SIGNATURE.length;
    if (STREAM_SIGNATURE.compare(bytes, at, signed) !== 0) {
      throw new SnapshotError(`no signature at byte ${this.#parser.position}`);
    }
    const tree = this.#loading.loaded();
    const refusal = ttlRefusal(tree);
    if (refusal !== undefined) throw new SnapshotError(refusal);
    // Only now: before, it would have been said of a tree that is not there (ZOOKEEPER-2355).
    tree.lastZxid = this.zxid;
    this.#tree = tree;
    return signed;
  }
}
