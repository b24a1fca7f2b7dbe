/**
 * Who asks for a session with a wrong password is guessing: passwords follow from ids, so that no
 * client ever has a wrong one. After a few of them an address waits for each refusal.
 *
 * This slows a guess down and no more. Whoever knows how Apache ZooKeeper makes passwords computes
 * the right one (operations 7.7): only who may reach the port keeps sessions apart.
 */
import type { Clock } from "../../protocol/host.ts";

/** Refused at once. */
const FREE_GUESSES = 5;
const DELAY_MS = 1000;
/** Without a guess for so long an address begins anew. */
const FORGET_MS = 60_000;
/** Addresses that are remembered; beyond this many the one that guessed first is forgotten. */
const ADDRESSES_MAX = 4096;

interface Guesser {
  readonly count: number;
  readonly lastMs: number;
}

export class Guesses {
  readonly #clock: Clock;
  /** The address that guessed last is the last one. */
  readonly #guessers = new Map<string, Guesser>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Refuses one more guess from there: in this turn, or later. */
  after(address: string, refuse: () => void): void {
    const nowMs = this.#clock.nowMs();
    const known = this.#guessers.get(address);
    const isKnown = known !== undefined && nowMs - known.lastMs < FORGET_MS;
    const count = isKnown ? known.count + 1 : 1;
    this.#guessers.delete(address);
    this.#guessers.set(address, { count, lastMs: nowMs });
    if (this.#guessers.size > ADDRESSES_MAX) {
      const [first] = this.#guessers.keys();
      if (first !== undefined) this.#guessers.delete(first);
    }
    if (count <= FREE_GUESSES) refuse();
    else this.#clock.after(DELAY_MS, refuse);
  }
}
