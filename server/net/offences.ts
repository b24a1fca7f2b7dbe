/**
 * Why connections were closed or turned away, for the log: at most one line a minute for each
 * address and reason, however often it happens; what was left out is counted and told later.
 */
import type { EndDetails } from "../pipeline/requester.ts";

/** Takes one line: the reason is one of a few constant sentences. */
export type OffenceLine = (reason: string, details: EndDetails) => void;

/** How long an address is not named again for the same reason. */
const QUIET_MS = 60_000;
/** Addresses and reasons that are kept apart; beyond this many they share one line a minute. */
const KINDS_MAX = 4096;

/** Invariant: told less than `QUIET_MS` ago, or due to be swept. */
interface Kind {
  readonly address: string;
  readonly reason: string;
  readonly toldMs: number;
  /** Since it was told. */
  suppressed: number;
}

export class Offences {
  readonly #write: OffenceLine;
  /** In the order in which they were told. */
  readonly #kinds = new Map<string, Kind>();

  constructor(write: OffenceLine) {
    this.#write = write;
  }

  note(nowMs: number, address: string, reason: string, details: EndDetails): void {
    this.sweep(nowMs);
    let key = `${address} ${reason}`;
    let name = address;
    if (!this.#kinds.has(key) && this.#kinds.size >= KINDS_MAX) {
      key = reason;
      name = "many";
    }
    const known = this.#kinds.get(key);
    if (known !== undefined) {
      known.suppressed++;
      return;
    }
    this.#kinds.set(key, { address: name, reason, toldMs: nowMs, suppressed: 0 });
    this.#write(reason, { address, ...details });
  }

  /** Tells how often it happened again, where the minute is over. */
  sweep(nowMs: number): void {
    for (const [key, kind] of this.#kinds) {
      if (nowMs - kind.toldMs < QUIET_MS) return;
      this.#kinds.delete(key);
      const { address, reason, suppressed } = kind;
      if (suppressed > 0) this.#write(reason, { address, again: suppressed });
    }
  }
}
