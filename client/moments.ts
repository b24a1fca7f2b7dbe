import type { Clock } from "../protocol/host.ts";

/** A point in time on both clocks of a machine. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** More than this between the two clocks is a machine that slept, not a clock that drifts. */
const SLEEP_MIN_MS = 1000;

export function momentOf(clock: Clock): Moment {
  return { monotonicMs: clock.nowMs(), wallMs: clock.wallMs() };
}

/**
 * What is left of `spanMs` since `start`; 0 or less: it is over. The monotonic clock stands still
 * while a machine sleeps; the wall clock then shows more, and that counts. Where the wall clock went
 * back, or drifts, the monotonic one counts. A wall clock that is set forward makes time seem
 * longer: the safe direction for a deadline.
 *
 * A timer set for `start.monotonicMs + spanMs` never finds something left: both are one sum.
 */
export function leftMs(clock: Clock, start: Moment, spanMs: number): number {
  const nowMs = clock.nowMs();
  const sleptMs = clock.wallMs() - start.wallMs - (nowMs - start.monotonicMs);
  const endMs = start.monotonicMs + spanMs;
  return endMs - nowMs - (sleptMs > SLEEP_MIN_MS ? sleptMs : 0);
}
