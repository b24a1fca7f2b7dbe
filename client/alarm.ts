/**
 * One timer for all that a session must do in time. It is armed for what is due first and looks
 * again when it runs: most deadlines move only later, so most requests touch no timer at all.
 *
 * A timer that runs late shows that the event loop stood still. What came meanwhile waits in the
 * socket behind it, so that it gives those bytes a moment before anything is called silent.
 */
import type { Clock, Timer } from "../protocol/host.ts";

export interface AlarmDuties {
  /** When something is due, on the monotonic clock; Infinity: nothing is. */
  dueMs(): number;
  /** The timer runs: what the clocks say comes first, however late it is. */
  woken(): void;
  /** Does what is due. */
  tick(nowMs: number): void;
  /** From how much lateness on the event loop stood still. */
  stallMs(): number;
  stalled(lateMs: number): void;
}

/** The longest delay a timer takes; it is armed again for the rest. */
const TIMER_MAX_MS = 0x7fff_ffff;

/** How long the bytes that came during a stall have until silence is concluded. */
const GRACE_MS = 1;

export class Alarm {
  readonly #clock: Clock;
  readonly #duties: AlarmDuties;
  #timer: Timer | undefined;
  /** Invariant: not later than what is due first, while there is a timer. */
  #armedForMs = Number.POSITIVE_INFINITY;
  #graceGiven = false;
  #stopped = false;

  constructor(clock: Clock, duties: AlarmDuties) {
    this.#clock = clock;
    this.#duties = duties;
  }

  /** Sees to it that the timer runs no later than what is due first. */
  arm(): void {
    if (this.#stopped) return;
    const dueMs = this.#duties.dueMs();
    if (this.#timer === undefined || dueMs < this.#armedForMs) this.#start(dueMs);
  }

  /** For good. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #start(dueMs: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#stopped || dueMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(Math.max(0, dueMs - this.#clock.nowMs()), TIMER_MAX_MS);
    this.#armedForMs = dueMs;
    this.#timer = this.#clock.after(delayMs, () => this.#run());
  }

  #run(): void {
    this.#timer = undefined;
    this.#duties.woken();
    if (this.#stopped) return;
    const nowMs = this.#clock.nowMs();
    const lateMs = nowMs - this.#armedForMs;
    if (lateMs > this.#duties.stallMs() && !this.#graceGiven) {
      this.#graceGiven = true;
      this.#duties.stalled(lateMs);
      this.#start(nowMs + GRACE_MS);
      return;
    }
    this.#graceGiven = false;
    this.#duties.tick(nowMs);
    this.arm();
  }
}
