/**
 * Syncs on their way: each is answered in its order once it is due and all that it has to show has
 * been applied (server-semantics 8). Where this server stands alone it is due at once; else the
 * leader confirms it, in the order in which they were asked (quorum-protocol B-18).
 */
import type { Zxid } from "../../protocol/zxid.ts";
import type { Session } from "../session/sessions.ts";
import type { Requester } from "./requester.ts";

/** Answered ones that the queue may carry at its head before it is copied down. */
const ANSWERED_MAX = 64;

export interface Sync {
  readonly session: Session<Requester>;
  readonly requester: Requester;
  readonly xid: number;
  /** What it echoes. */
  readonly path: string | null;
  readonly code: number;
  readonly arrivedMs: number;
  /** Of its frame. */
  readonly bytes: number;
  /** The last txn that has to be applied before the answer. */
  zxid: Zxid;
  isDue: boolean;
}

export class Syncs {
  #queue: Sync[] = [];
  /** Invariant: 0 <= #head <= #undue <= #queue.length; what is before the head was answered. */
  #head = 0;
  /** All before it have been confirmed. */
  #undue = 0;
  readonly #answer: (sync: Sync) => void;

  constructor(answer: (sync: Sync) => void) {
    this.#answer = answer;
  }

  get length(): number {
    return this.#queue.length - this.#head;
  }

  push(sync: Sync): void {
    this.#queue.push(sync);
    if (!sync.isDue) sync.session.syncs++;
    this.#passDue();
  }

  /**
   * The oldest that nobody confirmed yet is due, once `zxid` has been applied. A leader that
   * confirms what nobody asked for is not believed.
   */
  confirm(zxid: Zxid): void {
    const sync = this.#queue[this.#undue];
    if (sync === undefined) return;
    sync.isDue = true;
    sync.session.syncs--;
    sync.zxid = Math.max(sync.zxid, zxid);
    this.#passDue();
  }

  /** Answers those that are due now that `applied` has been applied. */
  settle(applied: Zxid): void {
    for (;;) {
      const sync = this.#queue[this.#head];
      if (sync === undefined || !sync.isDue || sync.zxid > applied) break;
      this.#head++;
      // What this lets in may be a sync again.
      this.#answer(sync);
    }
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
      this.#undue = 0;
    } else if (this.#head > ANSWERED_MAX && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#undue -= this.#head;
      this.#head = 0;
    }
  }

  #passDue(): void {
    while (this.#queue[this.#undue]?.isDue === true) this.#undue++;
  }
}
