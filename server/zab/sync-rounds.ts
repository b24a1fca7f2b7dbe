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
import type { Zxid } from "../../protocol/zxid.ts";
import type { Replica } from "./effects.ts";
import type { QuorumVerifier } from "./quorum-verifier.ts";
import { VoterProgress } from "./voter-progress.ts";

/** Of all clients of all servers. Beyond it a learner that brings another is sent away. */
const WAITING_MAX = 1_000_000;

/** Who is told: a learner's link, or a client of this server. */
export type Syncer = { answerSync(): void } | (() => void);

interface Waiting {
  readonly round: number;
  readonly zxid: Zxid;
  readonly who: Syncer;
}

export class SyncRounds {
  /** The newest one. */
  round = 0;
  readonly #replica: Replica;
  readonly #answered: VoterProgress;
  #isOpen = false;
  /** In order of arrival, those that were answered before `#head`. Invariant: neither `round` nor `zxid` decreases. */
  #waiting: Waiting[] = [];
  #head = 0;

  /** @param sid This server: it needs no ping. */
  constructor(sid: number, verifier: QuorumVerifier, replica: Replica) {
    this.#replica = replica;
    this.#answered = new VoterProgress(verifier);
    this.#answered.reach(sid, Number.POSITIVE_INFINITY);
  }

  /** Those that wait. */
  get count(): number {
    return this.#waiting.length - this.#head;
  }

  get isFull(): boolean {
    return this.count >= WAITING_MAX;
  }

  /** True: a new round begins, everybody has to be pinged. */
  add(who: Syncer): boolean {
    const isNew = !this.#isOpen;
    if (isNew) this.round++;
    this.#isOpen = true;
    this.#waiting.push({ round: this.round, zxid: this.#replica.window.lastZxid, who });
    return isNew;
  }

  /** A ping of the newest round has been written: who comes now comes too late for it. */
  asked(): void {
    this.#isOpen = false;
  }

  /** That stays true when its link is gone: it followed this leader when it answered. */
  answered(sid: number, round: number): void {
    this.#answered.reach(sid, round);
    this.advance();
  }

  /** Answers those that are due: to be called whenever something was settled. */
  advance(): void {
    if (this.count === 0) return;
    const { reached } = this.#answered;
    const { committedZxid } = this.#replica.window;
    for (;;) {
      const first = this.#waiting[this.#head];
      if (first === undefined || first.round > reached || first.zxid > committedZxid) break;
      this.#head++;
      // Here it is answered once all that is settled has been applied; there it is behind it anyway.
      if (typeof first.who === "function") this.#replica.whenDelivered(first.who);
      else first.who.answerSync();
    }
    if (this.#head * 2 < this.#waiting.length) return;
    this.#waiting = this.#waiting.slice(this.#head);
    this.#head = 0;
  }
}
