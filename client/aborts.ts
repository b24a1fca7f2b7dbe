/**
 * Who waits for the abort of which signal: one listener on a signal, however many calls share it,
 * and none when the last of them is settled. Node takes more than ten on one signal for a leak,
 * and a listener that stays behind is one (recipes CL-74).
 */
export class Aborts {
  readonly #waiting = new Map<AbortSignal, Waiting>();

  /** Calls `aborted` once the signal aborts, unless `off` comes first. */
  on(signal: AbortSignal | undefined, aborted: () => void): void {
    if (signal === undefined) return;
    let waiting = this.#waiting.get(signal);
    if (waiting === undefined) {
      const callbacks = new Set<() => void>();
      const listener = (): void => {
        this.#waiting.delete(signal);
        for (const callback of callbacks) callback();
      };
      waiting = { callbacks, listener };
      this.#waiting.set(signal, waiting);
      signal.addEventListener("abort", listener, { once: true });
    }
    waiting.callbacks.add(aborted);
  }

  off(signal: AbortSignal | undefined, aborted: () => void): void {
    if (signal === undefined) return;
    const waiting = this.#waiting.get(signal);
    if (waiting === undefined) return;
    waiting.callbacks.delete(aborted);
    if (waiting.callbacks.size > 0) return;
    this.#waiting.delete(signal);
    signal.removeEventListener("abort", waiting.listener);
  }
}

interface Waiting {
  /** Invariant: not empty while it is known under its signal. */
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}
