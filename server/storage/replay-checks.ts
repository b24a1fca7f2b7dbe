/**
 * Compares the tree with the digests that come with it while logs are replayed (storage F-10).
 *
 * Over a fuzzy snapshot the tree is that of no moment until E, the txn that its digest section
 * names: digests before E are ignored, then each txn's has to match. A mismatch does not stop the
 * start, since the data is what was acknowledged; it is reported, and a bug.
 */
import type { Zxid } from "../../protocol/zxid.ts";
import { zxidHex } from "../../protocol/zxid.ts";
import type { DataTree } from "../tree/data-tree.ts";
import type { SnapshotDigest } from "./snapshot-parser.ts";

/** Mismatches that are kept: after the first, each txn's is likely wrong. */
const MISMATCHES_MAX = 100;

export class ReplayChecks {
  readonly mismatches: Zxid[] = [];
  readonly #tree: DataTree;
  /** Not yet compared. */
  #pending: SnapshotDigest | undefined;

  /** @param zxid S, what the snapshot is named for. */
  constructor(tree: DataTree, zxid: Zxid, digest: SnapshotDigest | undefined) {
    this.#tree = tree;
    const isUsable = digest !== undefined && digest.zxid > 0 && digest.zxid >= zxid;
    this.#pending = isUsable ? digest : undefined;
    tree.compareDigestsFrom = this.#pending?.zxid ?? 0;
    tree.observer = {
      applied: () => {},
      digestMismatch: (mismatch) => this.#mismatch(mismatch),
    };
    // Nothing was applied while it was copied.
    if (this.#pending?.zxid === zxid) this.#compare(zxid);
  }

  /** The txn `zxid` was applied. */
  applied(zxid: Zxid): void {
    if (this.#pending !== undefined && zxid >= this.#pending.zxid) this.#compare(zxid);
  }

  /** Up to here the tree is that of no moment; 0: it is whole. */
  get pendingZxid(): Zxid {
    return this.#pending?.zxid ?? 0;
  }

  /** Nothing more is replayed. Returns what an operator should know. */
  finish(): string[] {
    this.#tree.observer = undefined;
    this.#tree.compareDigestsFrom = 0;
    const warnings: string[] = [];
    const [first] = this.mismatches;
    if (first !== undefined) {
      warnings.push(`from txn 0x${zxidHex(first)} on the tree is not what its digest says`);
    }
    if (this.#pending !== undefined) {
      warnings.push(
        `the snapshot was taken up to txn 0x${zxidHex(this.#pending.zxid)} and the logs end before`,
      );
    }
    return warnings;
  }

  #compare(zxid: Zxid): void {
    const section = this.#pending;
    this.#pending = undefined;
    if (section === undefined || section.zxid !== zxid) return;
    const holds = this.#tree.digestHigh === section.high && this.#tree.digestLow === section.low;
    if (!holds) this.#mismatch(zxid);
  }

  #mismatch(zxid: Zxid): void {
    if (this.mismatches.length < MISMATCHES_MAX && this.mismatches.at(-1) !== zxid) {
      this.mismatches.push(zxid);
    }
  }
}
