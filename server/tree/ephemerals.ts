/** Which znodes end with which session. Keys are `wordsHex` of the session's id. */
import { assert } from "../../protocol/assert.ts";
import type { Slot } from "./znode-records.ts";

const NONE: ReadonlySet<Slot> = new Set();

/** Invariant: a session without ephemerals has no entry. */
export class Ephemerals {
  readonly #bySession = new Map<string, Set<Slot>>();
  #count = 0;

  /** Ephemeral znodes in the tree. */
  get count(): number {
    return this.#count;
  }

  /** Sessions that own at least one. */
  get sessionCount(): number {
    return this.#bySession.size;
  }

  /** A session's ephemerals in order of creation: valid until the next change of the tree. */
  of(session: string): ReadonlySet<Slot> {
    return this.#bySession.get(session) ?? NONE;
  }

  sessions(): IterableIterator<string> {
    return this.#bySession.keys();
  }

  add(session: string, slot: Slot): void {
    const owned = this.#bySession.get(session);
    if (owned === undefined) this.#bySession.set(session, new Set([slot]));
    else owned.add(slot);
    this.#count++;
  }

  remove(session: string, slot: Slot): void {
    const owned = this.#bySession.get(session);
    assert(owned?.delete(slot) === true, "an ephemeral is listed under its session");
    if (owned.size === 0) this.#bySession.delete(session);
    this.#count--;
  }
}
