/**
 * The votes that were heard in an election, the last one of each voter. There are two ballots: of
 * those who are electing, in this round (`recv` in the specification), and of those who have a
 * leader already, in whatever round that was (`ooe`).
 */
import { type Notification, PeerState } from "../../protocol/election.ts";
import type { QuorumVerifier } from "./quorum-verifier.ts";
import { isSameVote, type Vote } from "./vote.ts";

export class Ballot {
  readonly #quorum: QuorumVerifier;
  /** Invariant: keys are voters. */
  readonly #casts = new Map<number, Notification>();

  constructor(quorum: QuorumVerifier) {
    this.#quorum = quorum;
  }

  clear(): void {
    this.#casts.clear();
  }

  record(sid: number, cast: Notification): void {
    this.#casts.set(sid, cast);
  }

  /** F-6: a quorum has given this very vote. */
  elects(vote: Vote): boolean {
    return this.#quorum.containsQuorum((sid) => this.isFor(sid, vote));
  }

  isFor(sid: number, vote: Vote): boolean {
    const cast = this.#casts.get(sid);
    return cast !== undefined && isSameVote(cast, vote);
  }

  /**
   * F-10: in the round that decided it, a quorum is for the leader that `news` tells of. Who had not
   * decided when it was heard has to have meant the very same vote.
   */
  confirms(news: Notification): boolean {
    return this.#quorum.containsQuorum((sid) => {
      const cast = this.#casts.get(sid);
      if (cast === undefined) return false;
      return cast.state === PeerState.LOOKING
        ? isSameVote(cast, news)
        : cast.leader === news.leader;
    });
  }

  /**
   * F-11: a quorum has the leader that `news` tells of, in its epoch. Zxid and round differ between
   * servers that joined at different times (ZOOKEEPER-1805). The oldest format had no epoch.
   */
  follows(news: Notification): boolean {
    const hasEpoch = news.config !== undefined;
    return this.#quorum.containsQuorum((sid) => {
      const cast = this.#casts.get(sid);
      if (cast?.leader !== news.leader) return false;
      const isComparable = (cast.config !== undefined) === hasEpoch;
      return !isComparable || cast.peerEpoch === news.peerEpoch;
    });
  }

  /** F-12: it says itself that it leads. Else one that died would be elected for ever (ZOOKEEPER-569). */
  leads(sid: number): boolean {
    return this.#casts.get(sid)?.state === PeerState.LEADING;
  }
}
