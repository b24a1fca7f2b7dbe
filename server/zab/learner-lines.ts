/**
 * What the log says of learners that come and go. Whoever reaches the quorum port can bring it to
 * say something, as often as connections can be made: so the same is said of one server once in a
 * while, then how often it happened again; and there are only so many lines in a half tick.
 */
import type { ZabLog } from "./effects.ts";

/** An ensemble's members all at once, and then some. */
const LINES_MAX = 16;
/** Half ticks in which the same is not said again: a minute where a tick is ZooKeeper's 2 s. */
const QUIET_HALF_TICKS = 60;
/** What is kept apart; whatever else happens meanwhile is held by `LINES_MAX` alone. */
const KINDS_MAX = 256;

type Details = Readonly<Record<string, unknown>>;

interface Kind {
  readonly details: Details;
  readonly message: string;
  /** When the same may be said again. */
  readonly until: number;
  /** Since it was said. */
  unsaid: number;
}

export class LearnerLines {
  readonly #log: ZabLog;
  /** In the order in which they were said. */
  readonly #kinds = new Map<string, Kind>();
  #halfTicks = 0;
  #said = 0;

  constructor(log: ZabLog) {
    this.#log = log;
  }

  info(details: Details, message: string): void {
    if (this.#said++ < LINES_MAX) this.#log.info(details, message);
  }

  warn(details: Details & { readonly sid: number }, message: string): void {
    const key = `${details.sid} ${message}`;
    const known = this.#kinds.get(key);
    if (known !== undefined) {
      known.unsaid++;
      return;
    }
    if (this.#kinds.size < KINDS_MAX) {
      const until = this.#halfTicks + QUIET_HALF_TICKS;
      this.#kinds.set(key, { details, message, until, unsaid: 0 });
    }
    if (this.#said++ < LINES_MAX) this.#log.warn(details, message);
  }

  /** Every half tick. */
  tick(): void {
    this.#halfTicks++;
    const unsaid = this.#said - LINES_MAX;
    this.#said = 0;
    if (unsaid > 0)
      this.#log.warn({ unsaid }, "more came and went of learners than a log can hold");
    for (const [key, kind] of this.#kinds) {
      if (this.#halfTicks < kind.until) return;
      this.#kinds.delete(key);
      if (kind.unsaid > 0) this.#log.warn({ ...kind.details, again: kind.unsaid }, kind.message);
    }
  }
}
