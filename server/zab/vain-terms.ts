/**
 * Terms as a learner, one behind the other, that ended before clients were served. Mostly there is
 * one at most: the next one succeeds. But a server that its leader does not take in, for a wrong
 * myid or another ensemble's data, would come again as fast as connections can be made. So from the
 * second on there is a pause before the next one, and from the fourth on the log tells of one
 * a minute.
 *
 * Differs from ZooKeeper: there such a server comes again at once, for ever.
 */
import type { ZabLog } from "./effects.ts";

/** The second pause; each is twice the one before it. */
const PAUSE_MS = 50;
/** Told as ever. */
const TOLD_MAX = 3;
const QUIET_MS = 60_000;

/** Invariant: `leaderSid` is defined if and only if the last term was in vain. */
export class VainTerms implements ZabLog {
  /** Whose the last one was. */
  leaderSid: number | undefined;
  readonly #log: ZabLog;
  readonly #nowMs: () => number;
  readonly #pauseMaxMs: number;
  #count = 0;
  /** Nothing is told before. */
  #quietUntilMs = 0;

  constructor(log: ZabLog, nowMs: () => number, pauseMaxMs: number) {
    this.#log = log;
    this.#nowMs = nowMs;
    this.#pauseMaxMs = pauseMaxMs;
  }

  /** How long to wait before the next term. */
  get pauseMs(): number {
    return this.#count < 2 ? 0 : Math.min(PAUSE_MS * 2 ** (this.#count - 2), this.#pauseMaxMs);
  }

  ended(leaderSid: number, reason: string): void {
    this.leaderSid = leaderSid;
    if (++this.#count <= TOLD_MAX || this.#isQuiet) return;
    this.#log.warn(
      { leader: leaderSid, attempts: this.#count },
      "this server does not get in step with its leader. It goes on trying, and tells of it once " +
        `a minute; the leader's log may say more. The last attempt: ${reason}`,
    );
    this.#quietUntilMs = this.#nowMs() + QUIET_MS;
  }

  /** A term was not in vain. */
  clear(): void {
    this.leaderSid = undefined;
    this.#count = 0;
    this.#quietUntilMs = 0;
  }

  // What elections and learners tell.

  info(details: Readonly<Record<string, unknown>>, message: string): void {
    if (!this.#isQuiet) this.#log.info(details, message);
  }

  warn(details: Readonly<Record<string, unknown>>, message: string): void {
    if (!this.#isQuiet) this.#log.warn(details, message);
  }

  error(details: Readonly<Record<string, unknown>>, message: string): void {
    this.#log.error(details, message);
  }

  get #isQuiet(): boolean {
    return this.#nowMs() < this.#quietUntilMs;
  }
}
