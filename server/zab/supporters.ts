/**
 * Whom the voters want to lead, as far as they have said. A server that was elected and has not taken
 * office may be left again: a better candidate spoke up a moment after the decision, and those who
 * had not decided yet went over to it. Nobody comes to such a leader; it should not wait for them
 * until initLimit has passed.
 *
 * Differs from ZooKeeper: there it does, or leaves after `leader.maxTimeToWaitForEpoch` if a voter
 * is seen to be LOOKING again.
 */
import type { QuorumVerifier } from "./quorum-verifier.ts";

export class Supporters {
  readonly #quorum: QuorumVerifier;
  readonly #me: number;
  readonly #choices = new Map<number, number>();

  constructor(quorum: QuorumVerifier, me: number) {
    this.#quorum = quorum;
    this.#me = me;
  }

  clear(): void {
    this.#choices.clear();
  }

  /** A voter votes for, or follows, `leader`. */
  said(sid: number, leader: number): void {
    this.#choices.set(sid, leader);
  }

  /** Those who were not heard since may still come: only who said another name has left. */
  get mayBeQuorum(): boolean {
    return this.#quorum.containsQuorum((sid) => {
      const choice = this.#choices.get(sid);
      return choice === undefined || choice === this.#me || sid === this.#me;
    });
  }
}
