/**
 * A copy of the tree as bytes, made in slices while the tree changes: the body of a snapshot file
 * and of a SNAP to a learner, which are the same up to the terminator (snapshot-format.ts).
 *
 * It is fuzzy (storage 6): every part of it is the tree of some moment between S, the last txn
 * applied when copying began, and E, the last one when it ended; replaying the txns behind S makes
 * the tree of E out of it, and of any later txn. Sessions and access lists are copied first and at
 * once, then znodes, parents before children.
 */
import type { Clock } from "../../protocol/host.ts";
import type { Writer } from "../../protocol/jute.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { DataTree } from "../tree/data-tree.ts";
import type { TreeWalk } from "../tree/tree-walk.ts";
import { writeTerminator } from "./snapshot-format.ts";

/** Copied between two looks at the clock. */
const STEP_BYTES: number = 16 * 1024;
/** A slice is over after this long: what others feel of it. */
export const SLICE_MS = 1.5;

export class TreeCopy {
  /** S: replay starts after it. */
  readonly zxid: Zxid;
  /** The last txn applied when the first znode was copied. */
  firstZnodeZxid: Zxid = 0;
  /** E, once `slice` has returned false. */
  endZxid: Zxid = 0;

  readonly #tree: DataTree;
  /** Undefined before `begin`, and once all is copied. */
  #walk: TreeWalk | undefined;

  constructor(tree: DataTree) {
    this.#tree = tree;
    // Read before anything is copied (storage F-2).
    this.zxid = tree.lastZxid;
  }

  /** Copies the sessions and the access lists. */
  begin(writer: Writer): void {
    this.#tree.sessions.write(writer);
    this.#tree.acls.write(writer);
    this.firstZnodeZxid = this.#tree.lastZxid;
    this.#walk = this.#tree.walk();
  }

  /**
   * Copies znodes until there are `bytes` more of them, or `sliceMs` have passed; one at least. False:
   * all of them are copied, terminator included, and the tree is the one of E in this very turn.
   */
  slice(writer: Writer, bytes: number, clock: Clock, sliceMs: number = SLICE_MS): boolean {
    const walk = this.#walk;
    if (walk === undefined) return false;
    const enough = writer.length + bytes;
    const startedMs = clock.nowMs();
    let isMore = true;
    do {
      isMore = walk.write(writer, Math.min(STEP_BYTES, enough - writer.length));
    } while (isMore && writer.length < enough && clock.nowMs() - startedMs < sliceMs);
    if (isMore) return true;
    this.#walk = undefined;
    this.endZxid = this.#tree.lastZxid;
    writeTerminator(writer);
    return false;
  }

  /** Gives up: the tree forgets the walk. */
  close(): void {
    this.#walk?.close();
    this.#walk = undefined;
  }
}
