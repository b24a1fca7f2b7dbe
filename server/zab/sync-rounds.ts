/**
 * Syncs that wait until it is sure that this leader still led when they came: until a quorum has
 * answered a ping that was sent after that, and all that was proposed before is settled (design.md;
 * quorum-protocol B-18, which leaves the first part out).
 *
 *     sync ─▶ round n: open ─first ping of it written─▶ asked ─a quorum has answered─▶ over
 *
 * Syncs that come while a round is open share it, later ones wait for the next. A link has one ping
 * at a time that stands for a round, so rounds follow each other as fast as answers come, however
 * many syncs there are.
 */
import { assert } from "../../protocol/assert.ts";
import type { Zxid } from "../../protocol/zxid.ts";

/** Of all clients together. Each waits with a request that is counted where it came in. */
const WAITING_MAX = 1_000_000;

interface Waiting<T> {
  readonly round: number;
  readonly zxid: Zxid;
  readonly who: T;
}

export class SyncRounds<T> {
  /** The newest one. */
  round = 0;
  #isOpen = false;
  /** In order of arrival. Invariant: neither `round` nor `zxid` decreases. */
  #waiting: Waiting<T>[] = [];
  #head = 0;

  get count(): number {
    return this.#waiting.length - this.#head;
  }

  /** True: a new round begins, everybody has to be pinged. */
  add(zxid: Zxid, who: T): boolean {
    assert(this.count < WAITING_MAX, "more syncs wait than any client could have sent");
    const isNew = !this.#isOpen;
    if (isNew) this.round++;
    this.#isOpen = true;
    this.#waiting.push({ round: this.round, zxid, who });
    return isNew;
  }

  /** A ping of the newest round has been written: who comes now comes too late for it. */
  asked(): void {
    this.#isOpen = false;
  }

  /** Takes out the oldest one that is due; undefined: none is. */
  take(answeredRound: number, committedZxid: Zxid): T | undefined {
    const first = this.#waiting[this.#head];
    if (first === undefined) return undefined;
    if (first.round > answeredRound || first.zxid > committedZxid) return undefined;
    this.#head++;
    if (this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    return first.who;
  }
}
