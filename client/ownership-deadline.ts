/**
 * Until when no other client can own what this session owns (recipes A.3, "Ownership deadline").
 *
 * A ping proves nothing about the leader: a server that was cut off goes on answering while the
 * leader expires our session. So the deadline counts from requests whose answer needs the leader:
 *
 *     k  the newest answered proof: a sync, a write, or the handshake
 *     j  the newest answered request of any kind whose answer was here a quarter of the session
 *        timeout before k was sent: by then the server had reported it to the leader.
 *        None, or k is the handshake: j is the handshake
 *     deadline = when j was sent + session timeout - reserve
 *
 * Send times are real ones, so a stalled event loop only ever makes the deadline earlier. All that
 * is rounded is rounded so too.
 */
import type { Clock } from "../protocol/host.ts";
import { leftMs, type Moment } from "./moments.ts";

/** An answered request: when it was sent, and when its answer was here. */
interface Sample {
  readonly sentAt: Moment;
  readonly answeredMs: number;
}

/** Of a session timeout, between an answer and the proof that it counts for. */
const REPORT_SHARE = 1 / 4;

/** Answers closer together than this share of a session timeout count as the first of them. */
const SAMPLE_SHARE = 1 / 256;

/** A quarter of a timeout's worth of samples, and as many again for slow answers. */
const SAMPLES_MAX = 512;

const RESERVE_MIN_MS = 50;
const RESERVE_SHARE = 1 / 100;

export class OwnershipDeadline {
  readonly #clock: Clock;
  /** When j was sent; undefined: nothing is assured. */
  #safeFrom: Moment | undefined;
  #timeoutMs = 0;
  /** Answered requests that no proof has reached yet. Invariant: in the order of their answers. */
  #samples: Sample[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A session was opened or validated by a handshake sent at `sentAt`. */
  established(sentAt: Moment, timeoutMs: number): void {
    this.#safeFrom = sentAt;
    this.#timeoutMs = timeoutMs;
    this.#samples = [];
  }

  /** The session is over, or its server has no leader. */
  revoke(): void {
    this.#safeFrom = undefined;
    this.#samples = [];
  }

  /** A request was answered; `proves`: by the leader. */
  answered(sentAt: Moment, answeredMs: number, proves: boolean): void {
    if (this.#safeFrom === undefined) return;
    if (proves) this.#advance(sentAt.monotonicMs - this.#timeoutMs * REPORT_SHARE);
    const last = this.#samples.at(-1);
    const gapMs = last === undefined ? Number.POSITIVE_INFINITY : answeredMs - last.answeredMs;
    if (gapMs < this.#timeoutMs * SAMPLE_SHARE) return;
    if (this.#samples.length === SAMPLES_MAX) this.#samples.shift();
    this.#samples.push({ sentAt, answeredMs });
  }

  /** Milliseconds left by the clocks now; 0 or less: ownership is not assured. */
  remainingMs(): number {
    return this.#safeFrom === undefined ? 0 : leftMs(this.#clock, this.#safeFrom, this.#spanMs);
  }

  /** When it passes, on the monotonic clock. */
  get dueMs(): number {
    return this.#safeFrom === undefined ? 0 : this.#safeFrom.monotonicMs + this.#spanMs;
  }

  get #spanMs(): number {
    return this.#timeoutMs - Math.max(RESERVE_MIN_MS, this.#timeoutMs * RESERVE_SHARE);
  }

  /** Makes j the newest sample that was answered by `latestMs`. */
  #advance(latestMs: number): void {
    let reached = 0;
    for (const sample of this.#samples) {
      if (sample.answeredMs > latestMs) break;
      this.#safeFrom = sample.sentAt;
      reached++;
    }
    if (reached > 0) this.#samples.splice(0, reached);
  }
}
