/** Connections that are not read from until there is less to do. */
import type { Requester } from "./requester.ts";

export class Held {
  readonly #requesters = new Set<Requester>();

  hold(requester: Requester): void {
    this.#requesters.add(requester);
    requester.hold(true);
  }

  /** It is gone. */
  forget(requester: Requester): void {
    this.#requesters.delete(requester);
  }

  /** All are read from again, until one more is held. */
  release(): void {
    if (this.#requesters.size === 0) return;
    const requesters = [...this.#requesters];
    this.#requesters.clear();
    for (const requester of requesters) requester.hold(false);
  }
}
