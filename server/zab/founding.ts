/**
 * What an empty voter has to know before it votes. Its disk may have been wiped, and then its vote
 * could make up a quorum that knows nothing of a write which an earlier quorum acknowledged, itself
 * among it. So it waits for a leader to join, uncounted, unless every voter presents itself empty:
 * then nothing was ever acknowledged, and they found the ensemble together.
 *
 * Evidence can be out of date: a server repeats the last it said on a new connection, however long
 * ago that was (E-11). Hence a founder votes with those who are as empty as it is, and with nobody
 * else: the first sign of data makes it wait again.
 *
 * A server without a txn that has adopted an epoch is no founder, and this cannot be otherwise as
 * long as evidence may be old: of three, 1 and 3 acknowledged a txn of that epoch, 1 is wiped, and 3,
 * one of Apache's, repeats what it said when it was empty, and is gone. 2, which lacks the txn, must
 * not get the vote of 1.
 *
 * A first start may be cut short where some have adopted its epoch and others have not. These would
 * wait for ever, so a founder leaves itself the marker `initialize` before it is counted anywhere,
 * and takes it away once it has adopted an epoch, before it acknowledges anything. Who finds the
 * marker is empty because it never had anything, not because its disk was wiped, and votes with
 * whomever. The first epoch is adopted only with a quorum of founders: enough to begin again.
 *
 * Differs from ZooKeeper: there an empty server votes, unless `zookeeper.db.autocreate` is false.
 */
import type { Notification } from "../../protocol/election.ts";
import type { QuorumVerifier } from "./quorum-verifier.ts";
import { UNCOUNTED } from "./vote.ts";

export class Founding {
  readonly #quorum: QuorumVerifier;
  readonly #me: number;
  /** What the voters said last. */
  readonly #heard = new Map<number, Notification>();

  constructor(quorum: QuorumVerifier, me: number) {
    this.#quorum = quorum;
    this.#me = me;
  }

  clear(): void {
    this.#heard.clear();
  }

  hear(sid: number, notification: Notification): void {
    this.#heard.set(sid, notification);
  }

  /** Everybody else was heard, and has nothing. */
  get isEverybodyEmpty(): boolean {
    return this.#quorum.voters.every((sid) => {
      if (sid === this.#me) return true;
      const last = this.#heard.get(sid);
      return last !== undefined && isEmptyVote(last);
    });
  }

  /** It was heard, and has no vote to give. */
  isUncounted(sid: number): boolean {
    return this.#heard.get(sid)?.zxid === UNCOUNTED;
  }

  /** Voters of whom nothing was heard. */
  get unheard(): number[] {
    return this.#quorum.voters.filter((sid) => sid !== this.#me && !this.#heard.has(sid));
  }

  /** Voters who have, or know of, data. */
  get withData(): number[] {
    const sids = [...this.#heard].filter(([, last]) => !isEmptyVote(last)).map(([sid]) => sid);
    return sids.toSorted((a, b) => a - b);
  }
}

/**
 * Who gives this vote has nothing: it says so, or the best that it has heard of is a history without
 * a txn in the epoch before all epochs, which its own cannot exceed.
 */
export function isEmptyVote(vote: Notification): boolean {
  return vote.zxid === UNCOUNTED || (vote.zxid === 0 && vote.peerEpoch === 0);
}
