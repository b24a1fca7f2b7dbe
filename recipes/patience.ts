/**
 * How long a caller waits: until its signal aborts, its time is over, or the client is closed.
 * One listener on each long-lived signal, removed as soon as the wait is settled, whichever way:
 * composed signals leak on Node 20 (nodejs/node issue 54614).
 */

import type { CallOptions, Client } from "../client/index.ts";

export class Patience {
  /**
   * Aborts when the wait is over; its reason is always an Error. Lives as long as the wait, so
   * that it may be handed to every call inside.
   */
  readonly signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #client: Pick<Client, "closed" | "clock">;
  readonly #userSignal: AbortSignal | undefined;
  readonly #timer: { cancel(): void } | undefined;
  /** What the caller is told; meaningful once `signal` has aborted. */
  #reason: unknown;
  readonly #onUserAbort = (): void => this.#end(this.#userSignal?.reason);
  readonly #onClosed = (): void => this.#end(this.#client.closed.reason);

  /**
   * @param timedOut  makes the reason when `timeoutMs` has passed.
   * @throws the user signal's reason, or the client's, if either has aborted already.
   */
  constructor(
    client: Pick<Client, "closed" | "clock">,
    options: CallOptions,
    timedOut: () => Error,
  ) {
    options.signal?.throwIfAborted();
    client.closed.throwIfAborted();
    this.signal = this.#stop.signal;
    this.#client = client;
    this.#userSignal = options.signal;
    options.signal?.addEventListener("abort", this.#onUserAbort, { once: true });
    client.closed.addEventListener("abort", this.#onClosed, { once: true });
    const timeoutMs = options.timeoutMs ?? Number.POSITIVE_INFINITY;
    if (timeoutMs <= TIMER_MAX_MS) {
      this.#timer = client.clock.after(Math.max(0, timeoutMs), () => this.#end(timedOut()));
    }
  }

  /**
   * The caller has its outcome; nothing that happens later changes it.
   * @throws the reason if the wait was over before.
   */
  settle(): void {
    if (this.signal.aborted) throw this.#reason;
    this.#detach();
  }

  /** What to reject with after `error` ended the wait: what ended it, if it did. */
  reasonFor(error: unknown): unknown {
    this.#detach();
    return this.signal.aborted ? this.#reason : error;
  }

  #end(reason: unknown): void {
    this.#detach();
    this.#reason = reason;
    this.#stop.abort(reason instanceof Error ? reason : new Error("aborted", { cause: reason }));
  }

  #detach(): void {
    this.#userSignal?.removeEventListener("abort", this.#onUserAbort);
    this.#client.closed.removeEventListener("abort", this.#onClosed);
    this.#timer?.cancel();
  }
}

/** The longest delay of a timer; more than 24 days of waiting is waiting for ever. */
const TIMER_MAX_MS = 2 ** 31 - 1;
