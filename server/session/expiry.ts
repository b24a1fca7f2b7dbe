import { assert } from "../../protocol/assert.ts";

/** What the queue moves from bucket to bucket. */
export interface Expiring {
  /** The end of its bucket in ms of the monotonic clock; 0: in no bucket. */
  expiresAtMs: number;
}

/**
 * Deadlines in buckets of a tick, so that touching a session is a comparison and expiring costs a
 * step per tick, not per session (server-semantics 5.2; ZooKeeper 3.9, ExpiryQueue).
 *
 * A deadline is rounded up to the next tick boundary: an element lives between its timeout and its
 * timeout plus one tick after its last touch, never less.
 */
export class ExpiryQueue<T extends Expiring> {
  readonly tickMs: number;
  readonly #buckets = new Map<number, Set<T>>();
  /** Invariant: no bucket ends before it. */
  #nextMs: number;

  constructor(tickMs: number, nowMs: number) {
    assert(tickMs > 0, "a tick lasts longer than nothing");
    this.tickMs = tickMs;
    this.#nextMs = this.#roundUp(nowMs);
  }

  /** Moves an element's deadline to `timeoutMs` from now, whether it has one or not. */
  touch(element: T, nowMs: number, timeoutMs: number): void {
    const at = this.#roundUp(nowMs + timeoutMs);
    if (at === element.expiresAtMs) return;
    this.remove(element);
    element.expiresAtMs = at;
    let bucket = this.#buckets.get(at);
    if (bucket === undefined) {
      bucket = new Set();
      this.#buckets.set(at, bucket);
    }
    bucket.add(element);
  }

  remove(element: T): void {
    if (element.expiresAtMs === 0) return;
    const bucket = this.#buckets.get(element.expiresAtMs);
    if (bucket !== undefined) {
      bucket.delete(element);
      if (bucket.size === 0) this.#buckets.delete(element.expiresAtMs);
    }
    element.expiresAtMs = 0;
  }

  /** Deadlines with what ends then, the nearest first. The sets are live. */
  buckets(): (readonly [endMs: number, elements: ReadonlySet<T>])[] {
    return [...this.#buckets].sort(([a], [b]) => a - b);
  }

  /** Milliseconds until the next bucket may be due; 0 when it is. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#nextMs - nowMs);
  }

  /**
   * Takes out the elements whose bucket ended at or before now, oldest first, as long as `mayGoOn`.
   * What is left is still due, unless it is touched: `waitMs` is 0 then.
   */
  expire(nowMs: number, mayGoOn: () => boolean, expired: (element: T) => void): void {
    while (this.#nextMs <= nowMs) {
      // What an element's end removes is still found in here, and does not expire as well.
      for (const element of this.#buckets.get(this.#nextMs) ?? []) {
        if (!mayGoOn()) return;
        this.remove(element);
        expired(element);
      }
      this.#nextMs += this.tickMs;
    }
  }

  #roundUp(ms: number): number {
    return (Math.floor(ms / this.tickMs) + 1) * this.tickMs;
  }
}
