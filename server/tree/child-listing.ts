/**
 * The names of a znode's children at one moment, written a slice at a time while the tree goes on
 * changing. Children that come later stand before all others in their parent's chain, where the
 * cursor never looks; of one that goes, the tree tells before it is gone, and its name is kept if
 * it has not been written yet. One bit for each slot tells that.
 */
import { Writer } from "../../protocol/jute.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { Slot } from "./znode-records.ts";

/** What a listing needs of the tree. */
export interface ListedTree {
  readonly lastZxid: Zxid;
  /** Greater than every slot in use. */
  readonly slotsEnd: Slot;
  parent(slot: Slot): Slot;
  firstChild(slot: Slot): Slot;
  nextSibling(slot: Slot): Slot;
  childCount(slot: Slot): number;
  czxid(slot: Slot): Zxid;
  writeName(slot: Slot, writer: Writer): void;
  endListing(listing: ChildListing): void;
}

export class ChildListing {
  /** How many there were. */
  readonly count: number;
  /** When that was. */
  readonly zxid: Zxid;
  readonly #tree: ListedTree;
  readonly #parent: Slot;
  /** Invariant: a child that was there at `zxid`, or 0 when all have been written. */
  #next: Slot;
  readonly #written: Uint8Array;
  /** Names of those that went before their turn came. */
  readonly #gone = new Writer(256);

  constructor(tree: ListedTree, parent: Slot) {
    this.#tree = tree;
    this.#parent = parent;
    this.zxid = tree.lastZxid;
    this.count = tree.childCount(parent);
    this.#next = tree.firstChild(parent);
    this.#written = new Uint8Array((tree.slotsEnd >>> 3) + 1);
  }

  /** Writes the next `max` names. True: there are more. */
  step(max: number, writer: Writer): boolean {
    for (let i = 0; i < max && this.#next !== 0; i++) {
      const slot = this.#next;
      this.#tree.writeName(slot, writer);
      this.#written[slot >>> 3] = (this.#written[slot >>> 3] ?? 0) | (1 << (slot & 7));
      this.#next = this.#tree.nextSibling(slot);
    }
    if (this.#next !== 0) return true;
    writer.raw(this.#gone.written());
    this.#gone.clear();
    return false;
  }

  /** For the tree: `slot` is about to be deleted. */
  leave(slot: Slot): void {
    const tree = this.#tree;
    if (tree.parent(slot) !== this.#parent || tree.czxid(slot) > this.zxid) return;
    if (((this.#written[slot >>> 3] ?? 0) & (1 << (slot & 7))) !== 0) return;
    tree.writeName(slot, this.#gone);
    if (slot === this.#next) this.#next = tree.nextSibling(slot);
  }

  /** The tree forgets it. */
  close(): void {
    this.#next = 0;
    this.#tree.endListing(this);
  }
}
