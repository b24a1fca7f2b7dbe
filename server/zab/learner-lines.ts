/**
 * What the log says of learners that come and go. Whoever reaches the quorum port can bring it to
 * say something, as often as connections can be made: so there are only so many lines in a half
 * tick, and then one that tells how many more there would have been.
 */
import type { ZabLog } from "./effects.ts";

/** An ensemble's members all at once, and then some. */
const LINES_MAX = 16;

export class LearnerLines {
  readonly #log: ZabLog;
  #said = 0;

  constructor(log: ZabLog) {
    this.#log = log;
  }

  info(details: Readonly<Record<string, unknown>>, message: string): void {
    if (this.#said++ < LINES_MAX) this.#log.info(details, message);
  }

  warn(details: Readonly<Record<string, unknown>>, message: string): void {
    if (this.#said++ < LINES_MAX) this.#log.warn(details, message);
  }

  /** Every half tick. */
  tick(): void {
    const unsaid = this.#said - LINES_MAX;
    this.#said = 0;
    if (unsaid > 0)
      this.#log.warn({ unsaid }, "more came and went of learners than a log can hold");
  }
}
