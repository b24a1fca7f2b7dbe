/**
 * Counts the znodes below one, a slice at a time, while the tree changes between slices. There is
 * no recursion, and no memory but a cursor: the next znode in pre-order that is to be counted. The
 * tree moves it on when that znode is deleted.
 */
import type { Slot } from "./znode-records.ts";

/** What a count needs of the tree. */
export interface CountedTree {
  firstChild(slot: Slot): Slot;
  successorBelow(top: Slot, slot: Slot): Slot;
  endCount(count: SubtreeCount): void;
}

export class SubtreeCount {
  total = 0;
  readonly #tree: CountedTree;
  /** Not looked at once #next is 0: it may have been deleted by then. */
  readonly #top: Slot;
  /** Invariant: a znode below #top, or 0 when all have been counted. */
  #next: Slot;

  constructor(tree: CountedTree, top: Slot) {
    this.#tree = tree;
    this.#top = top;
    this.#next = tree.firstChild(top);
  }

  /** Counts the next `max` znodes. True: there are more. */
  step(max: number): boolean {
    for (let i = 0; i < max && this.#next !== 0; i++) {
      this.total++;
      this.#next = this.#tree.successorBelow(this.#top, this.#next);
    }
    return this.#next !== 0;
  }

  /** For the tree: `slot`, which has no children, is about to be deleted. */
  leave(slot: Slot): void {
    if (this.#next === slot) this.#next = this.#tree.successorBelow(this.#top, slot);
  }

  /** The tree forgets it. */
  close(): void {
    this.#next = 0;
    this.#tree.endCount(this);
  }
}
