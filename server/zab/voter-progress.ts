/**
 * How far each voter has come, and with that how far a quorum has: what every server of some quorum
 * has durable is settled (quorum-protocol B-6), what every server of one has answered is true now.
 *
 * What a voter has reached is forgotten with its link: when it comes back it may have been told to
 * truncate, so it has to say anew what it holds.
 */
import type { QuorumVerifier } from "./quorum-verifier.ts";

export class VoterProgress {
  readonly #verifier: QuorumVerifier;
  /** Parallel to the verifier's voters. */
  readonly #values: Float64Array;

  constructor(verifier: QuorumVerifier) {
    this.#verifier = verifier;
    this.#values = new Float64Array(verifier.voters.length);
  }

  /** Who is no voter counts for nothing. */
  reach(sid: number, value: number): void {
    const index = this.#verifier.indexOf(sid);
    if (index >= 0 && value > (this.#values[index] ?? 0)) this.#values[index] = value;
  }

  forget(sid: number): void {
    const index = this.#verifier.indexOf(sid);
    if (index >= 0) this.#values[index] = 0;
  }

  /** What every server of a quorum has reached. */
  get reached(): number {
    return this.#verifier.reachedByQuorum(this.#values);
  }
}
