/**
 * A walk over all znodes in slices, while the tree changes between them: the body of a fuzzy
 * snapshot, and of a snapshot that is sent to a learner (storage 6).
 *
 * The cursor is the next znode in pre-order. A deleted znode has no children left, so the tree
 * moves a cursor that stands on it to its successor. New znodes become the first child of their
 * parent, which lies behind the cursor whenever the parent does: hence parents come before their
 * children, no path is met twice, and a znode that lives throughout is met exactly once.
 */
import type { Writer } from "../../protocol/jute.ts";
import type { Slot } from "./znode-records.ts";

/** What a walk needs of the tree. */
export interface WalkedTree {
  successor(slot: Slot): Slot;
  writeSnapshotRecord(slot: Slot, writer: Writer): void;
  endWalk(walk: TreeWalk): void;
}

export class TreeWalk {
  readonly #tree: WalkedTree;
  /** Invariant: a znode of the tree, or 0 when all have been met. */
  #next: Slot;

  constructor(tree: WalkedTree, root: Slot) {
    this.#tree = tree;
    this.#next = root;
  }

  get done(): boolean {
    return this.#next === 0;
  }

  /**
   * Writes the snapshot records of the next znodes, at least `budgetBytes` of them if there are so
   * many. Once it returns false the walk is over.
   */
  write(writer: Writer, budgetBytes: number): boolean {
    const enough = writer.length + budgetBytes;
    while (this.#next !== 0 && writer.length < enough) {
      const slot = this.#next;
      this.#tree.writeSnapshotRecord(slot, writer);
      this.#next = this.#tree.successor(slot);
    }
    if (this.#next === 0) this.#tree.endWalk(this);
    return this.#next !== 0;
  }

  /** Gives up: the tree forgets the walk. */
  close(): void {
    this.#next = 0;
    this.#tree.endWalk(this);
  }

  /** For the tree: `slot`, which has no children, is about to be deleted. */
  leave(slot: Slot): void {
    if (this.#next === slot) this.#next = this.#tree.successor(slot);
  }
}
