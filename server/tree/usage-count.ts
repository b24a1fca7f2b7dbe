/**
 * How many znodes a subtree has and how many bytes of data: what a quota starts from, and what
 * getAllChildrenNumber is told.
 *
 * A walk takes some 60 ns a znode (1,000,000 of them under 1,000 parents: 60 ms), which is nothing
 * for a small subtree and a pause for a large one. So there are two ways: a walk that gives up
 * beyond a limit, and for what is larger a count in slices that is exact all the same.
 *
 * The slices go over all records in the order of their slots, not of the tree: whether a znode has
 * been passed is then one comparison. The count is of the moment at which it was begun. What changes
 * later behind the cursor was counted as it was; what changes ahead of it will be met as it is then,
 * and the difference is taken back when it changes.
 */
import type { Slot } from "./znode-records.ts";

/** What counting needs of the tree. */
export interface CountedTree {
  /** Slots in use are below it. */
  readonly slotsEnd: Slot;
  /** 0 for the root, and for a slot that is free. */
  parent(slot: Slot): Slot;
  firstChild(slot: Slot): Slot;
  nextSibling(slot: Slot): Slot;
  /** -1: null. */
  dataLength(slot: Slot): number;
  endCount(count: UsageCount): void;
}

export interface Usage {
  readonly count: number;
  readonly bytes: number;
}

/**
 * The znodes of a subtree, its root among them, and their bytes of data. Undefined: there are more
 * than `max`.
 *
 * @param known Subtrees within this one that have been counted, by their roots.
 */
export function measure(
  tree: CountedTree,
  root: Slot,
  max: number,
  known?: ReadonlyMap<Slot, Usage>,
): Usage | undefined {
  let count = 0;
  let bytes = 0;
  for (let slot = root; ; slot = tree.nextSibling(slot)) {
    // Down to the first leaf, or to what is known.
    for (;;) {
      const inner = slot === root ? undefined : known?.get(slot);
      if (inner !== undefined) {
        count += inner.count;
        bytes += inner.bytes;
        break;
      }
      if (++count > max) return undefined;
      bytes += Math.max(tree.dataLength(slot), 0);
      const child = tree.firstChild(slot);
      if (child === 0) break;
      slot = child;
    }
    while (slot !== root && tree.nextSibling(slot) === 0) slot = tree.parent(slot);
    if (slot === root) return { count, bytes };
  }
}

export class UsageCount {
  /** Of the znodes passed, and what changed ahead of the cursor. */
  count = 0;
  bytes = 0;
  readonly #tree: CountedTree;
  /** 0 once it has been deleted: then nothing of the subtree is left to be met. */
  #root: Slot;
  /** Slots below it have been passed. */
  #cursor: Slot = 1;

  constructor(tree: CountedTree, root: Slot) {
    this.#tree = tree;
    this.#root = root;
  }

  /** Passes the next `slots` slots. True: the count is complete. */
  step(slots: number): boolean {
    const tree = this.#tree;
    if (this.#root === 0) return true;
    const end = Math.min(this.#cursor + slots, tree.slotsEnd);
    // Siblings often lie together.
    let lastParent = -1;
    let isLastWithin = false;
    for (let slot = this.#cursor; slot < end; slot++) {
      const parent = tree.parent(slot);
      if (parent !== lastParent) {
        lastParent = parent;
        isLastWithin = this.#isWithin(parent);
      }
      if (isLastWithin || slot === this.#root) {
        this.count++;
        this.bytes += Math.max(tree.dataLength(slot), 0);
      }
    }
    this.#cursor = end;
    return end === tree.slotsEnd;
  }

  // What the tree tells.

  created(slot: Slot, parent: Slot, bytes: number): void {
    if (slot < this.#cursor || !this.#isWithin(parent)) return;
    this.count--;
    this.bytes -= bytes;
  }

  /** `slot`, which has this parent, goes. */
  deleted(slot: Slot, parent: Slot, bytes: number): void {
    if (slot >= this.#cursor && (slot === this.#root || this.#isWithin(parent))) {
      this.count++;
      this.bytes += bytes;
    }
    if (slot === this.#root) this.#root = 0;
  }

  dataChanged(slot: Slot, bytesDiff: number): void {
    if (slot >= this.#cursor && this.#isWithin(slot)) this.bytes -= bytesDiff;
  }

  /** The tree forgets it. */
  close(): void {
    this.#tree.endCount(this);
  }

  #isWithin(slot: Slot): boolean {
    const root = this.#root;
    let at = slot;
    while (at !== 0 && at !== root) at = this.#tree.parent(at);
    return at !== 0;
  }
}
