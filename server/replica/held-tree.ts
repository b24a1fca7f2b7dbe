/**
 * The tree that a replica holds, and how far it can be believed:
 *
 *     whole ──a txn's digest is not the tree's──▶ diverged: it takes no more txns
 *       ▲                                            │
 *       └──the last txn it may have come from── fuzzy ◀──another one in its place
 *
 * A fuzzy tree was copied while txns were applied (storage 6): it may have effects of txns that are
 * still to come, which are applied as a replay does it and whose digests say nothing.
 */
import { type Zxid, zxidHex } from "../../protocol/zxid.ts";
import type { DataTree } from "../tree/data-tree.ts";
import type { ZabLog } from "../zab/effects.ts";
import type { TxnWindow } from "../zab/txn-window.ts";
import type { Applier } from "./delivery.ts";
import { txnPaths } from "./txn-paths.ts";

/** Applies while nobody is served. */
export class HeldTree implements Applier {
  /** It is not the leader's: what comes next would not fit it. */
  isDiverged = false;
  /** The last txn that was applied here, none by who serves. */
  appliedZxid: Zxid = 0;
  #tree: DataTree;
  /** 0: it is whole. */
  #fuzzyUpTo: Zxid = 0;
  readonly #window: TxnWindow;
  readonly #comparesDigests: boolean;
  readonly #log: ZabLog;
  readonly #diverged: (zxid: Zxid) => void;

  constructor(
    tree: DataTree,
    window: TxnWindow,
    comparesDigests: boolean,
    log: ZabLog,
    diverged: (zxid: Zxid) => void,
  ) {
    this.#tree = tree;
    this.#window = window;
    this.#comparesDigests = comparesDigests;
    this.#log = log;
    this.#diverged = diverged;
  }

  get tree(): DataTree {
    return this.#tree;
  }

  get isWhole(): boolean {
    return this.#fuzzyUpTo === 0;
  }

  /** Another one, in place of the one that was. */
  replace(tree: DataTree, fuzzyUpTo: Zxid): void {
    this.#tree = tree;
    this.#fuzzyUpTo = fuzzyUpTo;
    this.appliedZxid = 0;
    tree.compareDigestsFrom = fuzzyUpTo;
    this.observe();
  }

  /** Hears of its own digests, until whoever serves does. */
  observe(): void {
    this.#tree.observer = this.#observer;
  }

  committed(window: TxnWindow): void {
    while (!this.isDiverged && window.next()) {
      const mode = window.zxid <= this.#fuzzyUpTo ? "replay" : "live";
      this.#tree.apply(window.bytes, window.start, window.end, mode);
      this.appliedZxid = window.zxid;
      if (window.zxid >= this.#fuzzyUpTo) this.becomeWhole();
    }
  }

  /** Every txn whose effects it may have had before has been applied. */
  becomeWhole(): void {
    if (this.isWhole) return;
    this.#fuzzyUpTo = 0;
    this.#tree.compareDigestsFrom = 0;
    // Replay does not count for quotas (storage F-8).
    this.#tree.quotas.recount();
  }

  /**
   * The txn at hand, which the window handed out last, says that the tree is another one. What is
   * wrong may be here or at the leader; either way the two must not go on side by side.
   */
  digestMismatch(zxid: Zxid): void {
    if (this.isDiverged || !this.#comparesDigests) return;
    this.isDiverged = true;
    const { bytes, start, end } = this.#window;
    // What follows does not fit the tree.
    this.#window.beginSlice(0);
    this.#log.error(
      { zxid: zxidHex(zxid), paths: txnPaths(bytes, start, end) },
      "after this txn the tree here is not the leader's: this server stops serving and takes the " +
        "leader's tree. Keep its directories for the search; what differs may be older than this",
    );
    this.#diverged(zxid);
  }

  readonly #observer = {
    applied: (): void => {},
    digestMismatch: (zxid: Zxid): void => this.digestMismatch(zxid),
  };
}
