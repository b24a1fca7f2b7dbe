/**
 * Tells the log when the numbers of sequential znodes come to their end. The counter of a parent
 * stops at 2^31 - 1: from then on each sequential create fails with NodeExists, and recipes that go
 * by the order of the names stand still. Only a new parent begins at 0 again.
 *
 * @see server-semantics 2.4 (overflow); operations 7.9, row 29
 */
import type { Clock } from "../../protocol/host.ts";
import { parentPath } from "../../protocol/paths.ts";

export type SequenceReport = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** A million before the end: a day and a night at ten creates a second. */
const WARNING_FROM: number = 2 ** 31 - 1_000_000;
/** Clients decide how often it happens. */
const REPORT_INTERVAL_MS = 60_000;

export class SequenceWarning {
  readonly #clock: Clock;
  readonly #report: SequenceReport;
  #silentUntilMs: number = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, report: SequenceReport) {
    this.#clock = clock;
    this.#report = report;
  }

  /** @param counter Of the creates under the parent of `path`. */
  consider(path: string, counter: number): void {
    if (counter < WARNING_FROM) return;
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#silentUntilMs) return;
    this.#silentUntilMs = nowMs + REPORT_INTERVAL_MS;
    const left = 2 ** 31 - counter;
    this.#report(
      { parent: parentPath(path), left },
      "the numbers of sequential znodes come to an end",
    );
  }
}
