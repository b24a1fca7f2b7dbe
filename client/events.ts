/**
 * A typed emitter that no listener can break: one that throws or rejects stops neither the others
 * nor the caller, and nothing is ever emitted under a name that ends the process when nobody
 * listens (recipes CL-82 to CL-85).
 */
export type Listener<T> = (value: T) => unknown;

export class Events<E extends object> {
  readonly #listeners: { [K in keyof E]?: Set<Listener<E[K]>> } = {};
  readonly #failed: (error: unknown, event: keyof E) => void;

  /** @param failed Hears of listeners that threw or rejected. */
  constructor(failed: (error: unknown, event: keyof E) => void) {
    this.#failed = failed;
  }

  on<K extends keyof E>(event: K, listener: Listener<E[K]>): void {
    const listeners: Set<Listener<E[K]>> = this.#listeners[event] ?? new Set();
    listeners.add(listener);
    this.#listeners[event] = listeners;
  }

  off<K extends keyof E>(event: K, listener: Listener<E[K]>): void {
    this.#listeners[event]?.delete(listener);
  }

  emit<K extends keyof E>(event: K, value: E[K]): void {
    const listeners = this.#listeners[event];
    if (listeners === undefined) return;
    for (const listener of [...listeners]) {
      try {
        const outcome = listener(value);
        if (outcome instanceof Promise) {
          outcome.catch((error: unknown) => this.#failed(error, event));
        }
      } catch (error) {
        this.#failed(error, event);
      }
    }
  }
}
