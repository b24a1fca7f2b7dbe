/**
 * Ids of new sessions (client-protocol 3.6): the server's number in the top byte, then 40 bits of
 * the clock at its start, then 16 bits of counter, which may run on into the clock's.
 *
 *     (serverId << 56) | ((millis << 24) >>> 8)
 *
 * The wall clock, so that a restart does not meet old ids. They are counted on from term to term.
 */
import type { Clock } from "../../protocol/host.ts";

export class SessionIds {
  /** The id that `take` gave. */
  high = 0;
  low = 0;
  #nextHigh: number;
  #nextLow: number;

  /** @param serverId Its low 8 bits are taken. */
  constructor(clock: Clock, serverId: number) {
    const millis = clock.wallMs() % 2 ** 40;
    this.#nextHigh = (serverId << 24) | Math.floor(millis / 2 ** 16) | 0;
    this.#nextLow = ((millis % 2 ** 16) << 16) | 0;
  }

  /** Moves to the next id, which may have been given out by a process whose clock was ahead. */
  take(): void {
    this.high = this.#nextHigh;
    this.low = this.#nextLow;
    this.#nextLow = (this.#nextLow + 1) | 0;
    if (this.#nextLow === 0) this.#nextHigh = (this.#nextHigh + 1) | 0;
  }
}
