/**
 * Settled txns on their way from the window into the tree, in slices, so that no burst of commits
 * stops the server for longer than a few milliseconds:
 *
 *     commit ─▶ end of the turn ─▶ slice ─▶ end of the turn ─▶ slice ... ─▶ all is delivered
 *
 * Never within the call that asks for it: whoever applies a txn answers clients, and these may send
 * the next request to the very core that is being told of the commit.
 */
import type { Clock } from "../../protocol/host.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { TxnWindow } from "../zab/txn-window.ts";

/** Applies what `window.next()` hands out: the pipeline while a term serves. */
export interface Applier {
  committed(window: TxnWindow): void;
}

/** Applied in one turn; a txn at least. */
const SLICE_BYTES: number = 128 * 1024;

export class Delivery {
  /** Who applies now. */
  applier: Applier;
  readonly #clock: Clock;
  readonly #window: TxnWindow;
  #isScheduled = false;
  /** Ascending. A term asks once or twice, and a learner for each session that comes back to it. */
  #waiting: { readonly zxid: Zxid; readonly done: () => void }[] = [];

  constructor(clock: Clock, window: TxnWindow, applier: Applier) {
    this.#clock = clock;
    this.#window = window;
    this.applier = applier;
  }

  /** The window's committed zxid has moved. */
  start(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.endOfTurn(this.#slice);
  }

  /** Calls back when all that is committed now has been applied. */
  whenDone(done: () => void): void {
    this.#waiting.push({ zxid: this.#window.committedZxid, done });
    this.start();
  }

  /** Those who wait for txns of a history that is no more are not called. */
  forget(): void {
    this.#waiting = [];
  }

  readonly #slice = (): void => {
    this.#isScheduled = false;
    const window = this.#window;
    const before = window.appliedZxid;
    window.beginSlice(SLICE_BYTES);
    this.applier.committed(window);
    // An applier that takes nothing has stopped for good.
    const isMore = window.appliedZxid < window.committedZxid && window.appliedZxid > before;
    if (isMore) this.start();
    while ((this.#waiting[0]?.zxid ?? Number.POSITIVE_INFINITY) <= window.appliedZxid) {
      this.#waiting.shift()?.done();
    }
  };
}
