/**
 * The tree's digest after every 128th txn, the last 1024 of them: what `hash` prints, so that
 * servers of an ensemble can be compared at the same zxid (ZooKeeper 3.9, DataTree.digestLog).
 */
import type { Zxid } from "../../protocol/zxid.ts";

/** A power of two: the applier looks at the low bits of each zxid. */
const INTERVAL = 128;
const ENTRIES_MAX = 1024;

/** The digest in two int32 words. */
export interface LoggedDigest {
  readonly zxid: Zxid;
  readonly high: number;
  readonly low: number;
}

export class DigestLog {
  /** Invariant: at most ENTRIES_MAX, in zxid order from `#oldest` on, round the end. */
  readonly #entries: LoggedDigest[] = [];
  #oldest = 0;

  /** Whether a txn with this low word of its zxid is one of those that are kept. */
  static keeps(zxidLow: number): boolean {
    return (zxidLow & (INTERVAL - 1)) === 0;
  }

  add(zxid: Zxid, high: number, low: number): void {
    const entry = { zxid, high, low };
    if (this.#entries.length < ENTRIES_MAX) {
      this.#entries.push(entry);
    } else {
      this.#entries[this.#oldest] = entry;
      this.#oldest = (this.#oldest + 1) % ENTRIES_MAX;
    }
  }

  /** Oldest first. */
  entries(): LoggedDigest[] {
    return [...this.#entries.slice(this.#oldest), ...this.#entries.slice(0, this.#oldest)];
  }
}
