/**
 * Fast leader election (quorum-protocol 3.1 and 4), and what is answered while there is no election.
 *
 *                      start
 *                        │  round + 1, proposal := own vote, told to every voter
 *                        ▼
 *     ┌────────────▶ electing ◀──────────────────────────────────┐
 *     │  better vote,    │                                       │
 *     │  later round:    │ a quorum has given the proposal (F-6) │ a better vote, or the quorum
 *     │  told to all     ▼                                       │ is none any more
 *     └───────────── (same)        finalizing ───────────────────┘
 *                                    │
 *        200 ms of silence, or every │            a quorum has a leader that says so itself,
 *        voter that lives agrees     │            in whatever state this is (F-10, F-11)
 *                                    ▼                              │
 *                     leading | following | observing ◀─────────────┘
 *                        │  answers those who are electing (N-6, N-8)
 *                        ▼
 *                      start, when the term is over
 *
 * How a server stands for election:
 *
 *     voting    with its history; without a claim of its own if it is no voter, or diverged
 *     waiting   it is empty: says so, is not counted, votes for nobody (founding.ts)
 *     founding  it is empty and so is every voter: votes, but with those alone
 *
 * Differs from ZooKeeper, on the safe side of what its servers expect:
 * - The wait before a decision ends as soon as every voter agrees who is not known to be dead: one
 *   whose connection was lost would not speak up in 200 ms either.
 * - Whoever tells a worse vote of this round is told the proposal, once. It did not hear when the
 *   proposal was told to all, because it was not electing yet; else it would hear of it only by
 *   chance or after the back-off.
 *
 * @see ZooKeeper 3.9, FastLeaderElection.java
 */
import { assert } from "../../protocol/assert.ts";
import { NOBODY, type Notification, PeerState } from "../../protocol/election.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import { Ballot } from "./ballot.ts";
import type { ElectionEffects } from "./effects.ts";
import { Founding, isEmptyVote } from "./founding.ts";
import type { QuorumVerifier } from "./quorum-verifier.ts";
import { Supporters } from "./supporters.ts";
import { beats, describeVote, UNCOUNTED, type Vote } from "./vote.ts";

export interface ElectionOptions {
  readonly sid: number;
  readonly quorum: QuorumVerifier;
  /** The text of the committed configuration. Never empty: it would end Apache's receiver (N-2). */
  readonly config: string;
  /** `fastleader.minNotificationInterval`: silence after which the vote is told again, at first. */
  readonly minIntervalMs: number;
  /** `fastleader.maxNotificationInterval`: what that grows to. */
  readonly maxIntervalMs: number;
}

/** How long a quorum waits for somebody with a better vote (F-7). */
const FINALIZE_WAIT_MS = 200;
/** An election that takes longer than this is told to operators, and again after the next. */
const COMPLAIN_AFTER_MS = 5000;
const COMPLAIN_EVERY_MS = 60_000;

/** What a server brings into an election. */
export interface Candidate {
  readonly zxid: Zxid;
  readonly currentEpoch: number;
  /** It never held anything, and nobody said that it may vote nevertheless. */
  readonly isEmpty: boolean;
  /** Its tree is not what its history says: it may elect, and not be elected. */
  readonly isDiverged: boolean;
}

type Standing = "voting" | "waiting" | "founding";

export class Election {
  readonly #options: ElectionOptions;
  readonly #quorum: QuorumVerifier;
  readonly #effects: ElectionEffects;
  readonly #me: number;
  readonly #received: Ballot;
  readonly #outOfElection: Ballot;
  readonly #founding: Founding;
  readonly #supporters: Supporters;
  /** By voter: the epoch of the history with which it stood the last time. */
  readonly #claims = new Map<number, number>();
  /** What this server tells of itself. */
  #state: PeerState = PeerState.LOOKING;
  /** The logical clock. It lives in memory only: after a restart others say which round it is. */
  #round = 0;
  /** What is proposed while LOOKING; from then on what was decided. */
  #vote: Vote = { leader: NOBODY, zxid: NOBODY, electionEpoch: 0, peerEpoch: NOBODY };
  /** Undefined until the first start: nothing is known yet that could be told. */
  #candidate: Candidate | undefined;
  #standing: Standing = "voting";
  /** The leader that was decided on has taken office; or nobody waits for that any more. */
  #isEstablished = false;
  /** A quorum has given the proposal. */
  #isFinalizing = false;
  /** Silence that lets the vote be told again; grows. */
  #waitMs = 0;
  /** When this silence ends: a decision if finalizing, else the vote is told again. */
  #silentAtMs = Number.POSITIVE_INFINITY;
  /** When an empty server votes, if nobody shows any data before. */
  #foundsAtMs = Number.POSITIVE_INFINITY;
  #complainAtMs = Number.POSITIVE_INFINITY;
  /** Who was told the proposal again, since they had not heard it. */
  readonly #reminded = new Set<number>();

  constructor(options: ElectionOptions, effects: ElectionEffects) {
    this.#options = options;
    this.#effects = effects;
    this.#me = options.sid;
    this.#quorum = options.quorum;
    this.#received = new Ballot(options.quorum);
    this.#outOfElection = new Ballot(options.quorum);
    this.#founding = new Founding(options.quorum, options.sid);
    this.#supporters = new Supporters(options.quorum, options.sid);
  }

  get state(): PeerState {
    return this.#state;
  }

  get vote(): Vote {
    return this.#vote;
  }

  get round(): number {
    return this.#round;
  }

  /** When `tick` is due at the latest. */
  get wakeAtMs(): number {
    return Math.min(this.#silentAtMs, this.#foundsAtMs, this.#complainAtMs);
  }

  /** Begins a new round (F-2). The outcome comes through `decided`, which may be within this call. */
  start(nowMs: number, candidate: Candidate): void {
    this.#candidate = candidate;
    this.#state = PeerState.LOOKING;
    // Somebody may have led everybody to the last round that there is: whoever comes from there
    // begins anew, and is told by those who are still in a later one.
    this.#round = this.#round < Number.MAX_SAFE_INTEGER ? this.#round + 1 : 1;
    this.#received.clear();
    this.#outOfElection.clear();
    this.#founding.clear();
    this.#supporters.clear();
    this.#standing = candidate.isEmpty && this.#quorum.isVoter(this.#me) ? "waiting" : "voting";
    this.#waitMs = this.#options.minIntervalMs;
    this.#silentAtMs = nowMs + this.#waitMs;
    this.#complainAtMs = nowMs + COMPLAIN_AFTER_MS;
    this.#effects.log.info(describeVote(this.#ownVote()), "looking for a leader");
    this.#lookForFounders(nowMs);
    this.#propose(this.#ownVote());
    this.#tellVoters();
    this.#count(nowMs);
  }

  /** The ensemble runs: late joiners have to hear its epoch from everybody (F-9, ZOOKEEPER-1732). */
  established(epoch: number): void {
    assert(this.#state !== PeerState.LOOKING, "an epoch is established by servers with a leader");
    this.#isEstablished = true;
    this.#vote = { ...this.#vote, peerEpoch: epoch };
  }

  /** There is a leader without an election: the one before named it. Nothing is called back. */
  appoint(leader: number): void {
    this.#vote = { ...this.#vote, leader, electionEpoch: this.#round };
    this.#supporters.clear();
    this.#become(this.#stateUnder(leader));
  }

  claimedEpochOf(sid: number): number | undefined {
    return this.#claims.get(sid);
  }

  /** What a server says when it is asked: also what is said on a new connection. */
  answerTo(sid: number): Notification {
    // Those who have no vote compare rounds with each other, not with the one of the election (N-6).
    const isVoter = this.#quorum.isVoter(sid);
    const vote = isVoter ? this.#vote : { ...this.#vote, electionEpoch: this.#round };
    return { state: this.#state, ...vote, config: this.#options.config };
  }

  receive(sid: number, news: Notification, nowMs: number): void {
    if (sid === this.#me || this.#candidate === undefined) return;
    if (!this.#quorum.isVoter(sid)) {
      this.#answer(sid);
      return;
    }
    const isLooking = news.state === PeerState.LOOKING;
    if (isLooking && news.leader === sid) this.#claims.set(sid, news.peerEpoch);
    // A round that is over says nothing of this one.
    if (!isLooking || news.electionEpoch >= this.#round) this.#supporters.said(sid, news.leader);
    if (this.#state !== PeerState.LOOKING) {
      if (isLooking) this.#answer(sid);
      this.#considerDesertion();
      return;
    }
    if (isLooking && news.electionEpoch < this.#round) this.#answer(sid);
    this.#silentAtMs = nowMs + (this.#isFinalizing ? FINALIZE_WAIT_MS : this.#waitMs);
    this.#hear(sid, news, nowMs);
    if (!this.#quorum.isVoter(news.leader)) return;
    if (isLooking) this.#considerVote(sid, news, nowMs);
    else if (news.state !== PeerState.OBSERVING) this.#considerLeader(sid, news);
  }

  /** Call when `wakeAtMs` has come, when a connection was lost, and now and then. */
  tick(nowMs: number): void {
    if (this.#state !== PeerState.LOOKING) return;
    if (nowMs >= this.#foundsAtMs) {
      this.#effects.log.info({}, "every voter is empty: this server votes, and is counted");
      this.#stand("founding", nowMs);
      this.#count(nowMs);
    } else if (this.#isFinalizing) {
      if (nowMs >= this.#silentAtMs || this.#isUnanimous()) this.#decide(this.#vote);
    } else if (nowMs >= this.#silentAtMs) {
      this.#repeat(nowMs);
    }
    if (nowMs >= this.#complainAtMs) this.#complain(nowMs);
  }

  // Votes.

  /** F-3. */
  #ownVote(): Vote {
    assert(this.#candidate !== undefined, "an election begins with a start");
    const { zxid, currentEpoch, isDiverged } = this.#candidate;
    const electionEpoch = this.#round;
    if (this.#quorum.observers.includes(this.#me)) {
      return { leader: NOBODY, zxid: NOBODY, electionEpoch, peerEpoch: NOBODY };
    }
    if (this.#standing === "waiting") {
      return { leader: this.#me, zxid: UNCOUNTED, electionEpoch, peerEpoch: 0 };
    }
    // Without a claim it still has a history: who has less is no better.
    const leader = isDiverged || !this.#quorum.isVoter(this.#me) ? NOBODY : this.#me;
    return { leader, zxid, electionEpoch, peerEpoch: currentEpoch };
  }

  /** F-5, of a voter that is LOOKING. */
  #considerVote(sid: number, news: Notification, nowMs: number): void {
    if (this.#standing === "waiting" || news.zxid === UNCOUNTED) return;
    if (news.electionEpoch > this.#round) {
      // While finalizing only a better vote counts (F-7): the others join what is decided.
      if (this.#isFinalizing && !beats(news, this.#vote, this.#quorum)) return;
      this.#round = news.electionEpoch;
      this.#received.clear();
      const own = this.#ownVote();
      this.#propose(beats(news, own, this.#quorum) ? news : own);
      this.#tellVoters();
    } else if (news.electionEpoch < this.#round) {
      return;
    } else if (beats(news, this.#vote, this.#quorum)) {
      this.#propose(news);
      this.#tellVoters();
    } else if (beats(this.#vote, news, this.#quorum) && !this.#reminded.has(sid)) {
      this.#reminded.add(sid);
      this.#answer(sid);
    }
    this.#received.record(sid, news);
    this.#count(nowMs);
  }

  #propose(vote: Vote): void {
    const { leader, zxid, peerEpoch } = vote;
    this.#vote = { leader, zxid, electionEpoch: this.#round, peerEpoch };
    this.#reminded.clear();
    // The message to oneself.
    if (this.#quorum.isVoter(this.#me) && this.#standing !== "waiting") {
      this.#received.record(this.#me, this.answerTo(this.#me));
    }
  }

  /** F-6, F-7: what a quorum makes of the proposal. */
  #count(nowMs: number): void {
    const hasQuorum = this.#received.elects(this.#vote);
    if (hasQuorum && this.#isUnanimous()) {
      this.#decide(this.#vote);
    } else if (hasQuorum !== this.#isFinalizing) {
      this.#isFinalizing = hasQuorum;
      this.#silentAtMs = nowMs + (hasQuorum ? FINALIZE_WAIT_MS : this.#waitMs);
    }
  }

  /** Nobody who lives has another vote, or could have one. */
  #isUnanimous(): boolean {
    return this.#quorum.voters.every(
      (sid) =>
        sid === this.#me ||
        this.#received.isFor(sid, this.#vote) ||
        this.#founding.isUncounted(sid) ||
        !this.#effects.links.isLive(sid),
    );
  }

  // A leader that others have.

  /** F-10 and F-11, of a voter that is FOLLOWING or LEADING. */
  #considerLeader(sid: number, news: Notification): void {
    const { leader, electionEpoch } = news;
    if (electionEpoch === this.#round) {
      this.#received.record(sid, news);
      if (this.#received.confirms(news) && this.#isLeader(this.#received, news)) {
        this.#decide(news);
        return;
      }
    }
    this.#outOfElection.record(sid, news);
    if (this.#outOfElection.follows(news) && this.#isLeader(this.#outOfElection, news)) {
      this.#round = electionEpoch;
      this.#decide({ leader, zxid: news.zxid, electionEpoch, peerEpoch: news.peerEpoch });
      return;
    }
    // Its vote for the proposal, if there was one, is no longer there.
    if (this.#isFinalizing && !this.#received.elects(this.#vote)) this.#isFinalizing = false;
  }

  /** F-12. A leader that restarts hears of itself, and may have to decline: its data may be gone. */
  #isLeader(ballot: Ballot, { leader, electionEpoch }: Notification): boolean {
    if (leader !== this.#me) return ballot.leads(leader);
    return (
      this.#ownVote().leader === this.#me &&
      this.#standing !== "waiting" &&
      electionEpoch === this.#round
    );
  }

  // Empty servers.

  /** Takes note of who has data, which decides whether an empty server may vote. */
  #hear(sid: number, news: Notification, nowMs: number): void {
    this.#founding.hear(sid, news);
    if (this.#standing === "founding" && !isEmptyVote(news)) {
      this.#effects.log.warn({ server: sid }, "there is data after all: this server does not vote");
      this.#stand("waiting", nowMs);
    }
    this.#lookForFounders(nowMs);
  }

  #lookForFounders(nowMs: number): void {
    if (this.#standing !== "waiting" || !this.#founding.isEverybodyEmpty) {
      this.#foundsAtMs = Number.POSITIVE_INFINITY;
    } else if (this.#foundsAtMs === Number.POSITIVE_INFINITY) {
      // What was heard may be old; who has a leader says so on the same connection right after it.
      this.#foundsAtMs = nowMs + FINALIZE_WAIT_MS;
    }
  }

  #stand(standing: Standing, nowMs: number): void {
    this.#standing = standing;
    this.#foundsAtMs = Number.POSITIVE_INFINITY;
    this.#isFinalizing = false;
    this.#silentAtMs = nowMs + this.#waitMs;
    this.#received.clear();
    this.#propose(this.#ownVote());
    this.#tellVoters();
  }

  // The end, and silence.

  /** Until office is taken: without a quorum that may still come it is in vain. */
  #considerDesertion(): void {
    if (this.#state !== PeerState.LEADING || this.#isEstablished) return;
    if (this.#supporters.mayBeQuorum) return;
    // Told once: what follows is another start.
    this.#isEstablished = true;
    this.#effects.deserted();
  }

  #decide(vote: Vote): void {
    const { leader, zxid, electionEpoch, peerEpoch } = vote;
    this.#vote = { leader, zxid, electionEpoch, peerEpoch };
    const state = this.#stateUnder(leader);
    this.#become(state);
    const isFounder = this.#standing === "founding";
    this.#effects.log.info({ ...describeVote(this.#vote), state: nameOf(state) }, "elected");
    this.#effects.decided({ leader, state: nameOf(state), isFounder });
  }

  #stateUnder(leader: number): Exclude<PeerState, typeof PeerState.LOOKING> {
    if (leader === this.#me) return PeerState.LEADING;
    const isObserver = this.#quorum.observers.includes(this.#me);
    return isObserver ? PeerState.OBSERVING : PeerState.FOLLOWING;
  }

  #become(state: PeerState): void {
    this.#state = state;
    this.#isEstablished = false;
    this.#isFinalizing = false;
    this.#silentAtMs = Number.POSITIVE_INFINITY;
    this.#foundsAtMs = Number.POSITIVE_INFINITY;
    this.#complainAtMs = Number.POSITIVE_INFINITY;
  }

  /** F-4: nobody said anything. Either they did not hear, or there is no way to them. */
  #repeat(nowMs: number): void {
    if (this.#effects.links.hasEmptyQueue) this.#tellVoters();
    else this.#effects.links.dialAll();
    this.#waitMs = Math.min(this.#waitMs * 2, this.#options.maxIntervalMs);
    this.#silentAtMs = nowMs + this.#waitMs;
  }

  #complain(nowMs: number): void {
    this.#complainAtMs = nowMs + COMPLAIN_EVERY_MS;
    const { unheard, withData } = this.#founding;
    const reasons = this.#reasonsApart(unheard);
    if (this.#standing === "waiting") {
      this.#effects.log.warn(
        { unheard, withData, ...reasons },
        "this server is empty, so it does not vote: it waits for a leader among the servers that " +
          "have data, or to hear from all voters that they are empty too. Start those that were " +
          "not heard. Only if nothing that was ever written can be missed here, as in an ensemble " +
          "that is new: create the file `initialize` in its dataDir and restart it",
      );
    } else {
      this.#effects.log.warn(
        { unheard, ...reasons },
        "no leader yet: no quorum of the voters agrees. Start those that were not heard",
      );
    }
  }

  /** Of members that were not reached: who was reached and is silent has none. */
  #reasonsApart(sids: readonly number[]): { readonly why?: Readonly<Record<number, string>> } {
    const why: Record<number, string> = {};
    for (const sid of sids) {
      const reason = this.#effects.links.whyApart(sid);
      if (reason !== undefined) why[sid] = reason;
    }
    return Object.keys(why).length > 0 ? { why } : {};
  }

  #tellVoters(): void {
    for (const sid of this.#quorum.voters) if (sid !== this.#me) this.#answer(sid);
  }

  #answer(sid: number): void {
    this.#effects.links.notify(sid, this.answerTo(sid));
  }
}

function nameOf(
  state: Exclude<PeerState, typeof PeerState.LOOKING>,
): "LEADING" | "FOLLOWING" | "OBSERVING" {
  if (state === PeerState.LEADING) return "LEADING";
  return state === PeerState.FOLLOWING ? "FOLLOWING" : "OBSERVING";
}
