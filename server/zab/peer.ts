/**
 * One server of an ensemble through its terms (quorum-protocol 1.3):
 *
 *     ┌─▶ settling ──▶ looking ──vote for me──▶ leading ───────────────┐
 *     │    │  ▲           └──vote for another──▶ following, observing ─┤
 *     │    │  └ resting ◀─ observers, terms in vain ◀─────────────┐    │
 *     │    └───── a leader that went named its successor ────▶ ────────┤
 *     └──────────────────────────── term over ────────────────────┴────┘
 *
 * Settling makes memory and disk agree: what was on its way to the disk arrives, then everything in
 * the log is applied, the unsettled tail too (B-20). Only then is `lastZxid` a vote's (P-7). A term
 * has its own Leader or Learner, its own sockets and its own clients; nothing of it outlives it.
 *
 * Whoever drives it calls `tick` when `wakeAtMs` has come, whatever it is that is due.
 */

import { type Notification, PeerState } from "../../protocol/election.ts";
import { EPOCH_MAX, type Zxid } from "../../protocol/zxid.ts";
import type {
  ElectionLinks,
  ElectionOutcome,
  LeaderAccess,
  LeaderOffice,
  LeaderService,
  LearnerService,
  QuorumLink,
  QuorumLinkHandlers,
  Replica,
  ZabLog,
} from "./effects.ts";
import { Election } from "./election.ts";
import { Leader, type LeaderOptions } from "./leader.ts";
import { Learner } from "./learner.ts";
import { VainTerms } from "./vain-terms.ts";

export interface PeerOptions extends LeaderOptions {
  readonly tickMs: number;
  /** What dialling the leader may take in all. */
  readonly connectLimitMs: number;
  readonly minNotificationMs: number;
  readonly maxNotificationMs: number;
  /** An observer that lost its leader looks for one after this at the latest, at random. */
  readonly observerDelayMs: number;
}

/** A replica that can be made one with its disk. */
export interface SettlingReplica extends Replica {
  /** Waits for the disk, then applies the whole log: `lastZxid` is what a vote may tell. */
  settle(done: () => void): void;
  /**
   * It is one of those that found an ensemble, and remembers that: its emptiness hides nothing,
   * until it adopts a history (founding.ts). At once, once in its life.
   */
  found(): void;
}

export interface PeerEffects {
  readonly replica: SettlingReplica;
  readonly links: ElectionLinks;
  readonly log: ZabLog;
  nowMs(): number;
  /** 0 <= x < 1. */
  fraction(): number;
  /** Opens the quorum port to learners, until `closePort`. */
  openPort(accept: (link: QuorumLink) => QuorumLinkHandlers): void;
  closePort(): void;
  /** Connects to a leader's quorum port: one of the two follows within `limitMs`, unless `hangUp`. */
  dial(
    sid: number,
    limitMs: number,
    opened: (link: QuorumLink) => QuorumLinkHandlers,
    failed: (reason: string) => void,
  ): void;
  hangUp(): void;
  /** Clients are served from now on, by the leader. */
  lead(office: LeaderOffice): LeaderService;
  /** Clients are served from now on, by a learner. */
  follow(leader: LeaderAccess, epoch: number): LearnerService;
  /** Clients are served no more: their connections are closed. Harmless where nobody was. */
  endService(reason: string): void;
  /** There is something new to see, and `wakeAtMs` may be another. */
  changed(): void;
  /** The server must stop. */
  fail(exitCode: number, message: string): void;
}

export type Role = "looking" | "leading" | "following" | "observing";

type State =
  | { readonly name: "settling" }
  /** Until `atMs`: many observers lose one leader together, or terms were in vain. */
  | { readonly name: "resting"; readonly atMs: number }
  | { readonly name: "looking" }
  | { readonly name: "leading"; readonly leader: Leader }
  | { readonly name: "learning"; readonly learner: Learner; readonly leaderSid: number }
  | { readonly name: "stopped" };

const NEVER = Number.POSITIVE_INFINITY;
/** As where a history cannot be led on (operations 1.2). */
const EXIT_NO_EPOCH = 13;

export class Peer {
  readonly #options: PeerOptions;
  readonly #effects: PeerEffects;
  readonly #election: Election;
  readonly #isObserver: boolean;
  readonly #vainTerms: VainTerms;
  #state: State = { name: "settling" };
  /** When the term hears its next tick. */
  #tickAtMs = NEVER;
  /** Who leads next, as the leader that went has said. */
  #successor: number | undefined;
  /** It was told to end. */
  #stopped: (() => void) | undefined;
  /** Of the term: clients are served. */
  #serves = false;
  /** It had a leader once: whoever lost it, lost it together with others. */
  #hasFollowed = false;

  constructor(options: PeerOptions, effects: PeerEffects) {
    this.#options = options;
    this.#effects = effects;
    this.#isObserver = options.verifier.observers.includes(options.sid);
    this.#vainTerms = new VainTerms(effects.log, () => effects.nowMs(), options.tickMs);
    this.#election = new Election(
      {
        sid: options.sid,
        quorum: options.verifier,
        config: options.configText,
        minIntervalMs: options.minNotificationMs,
        maxIntervalMs: options.maxNotificationMs,
      },
      {
        links: effects.links,
        log: this.#vainTerms,
        decided: (outcome) => this.#decided(outcome),
        deserted: () => this.leader?.resign("a quorum wants another leader"),
      },
    );
  }

  get role(): Role {
    const { name } = this.#state;
    if (name === "leading") return "leading";
    if (name !== "learning") return "looking";
    return this.#isObserver ? "observing" : "following";
  }

  /** It has no leader, and seeks one. */
  get isLooking(): boolean {
    return this.#state.name === "looking" || this.#state.name === "resting";
  }

  /** Who leads, as far as this server knows. */
  get leaderSid(): number | undefined {
    const state = this.#state;
    if (state.name === "leading") return this.#options.sid;
    return state.name === "learning" ? state.leaderSid : undefined;
  }

  /** Clients are served: the term is established here. */
  get serves(): boolean {
    return this.#serves;
  }

  get election(): Election {
    return this.#election;
  }

  get leader(): Leader | undefined {
    return this.#state.name === "leading" ? this.#state.leader : undefined;
  }

  get learner(): Learner | undefined {
    return this.#state.name === "learning" ? this.#state.learner : undefined;
  }

  /** When `tick` is due at the latest. */
  get wakeAtMs(): number {
    switch (this.#state.name) {
      case "resting":
        return this.#state.atMs;
      case "looking":
        return this.#election.wakeAtMs;
      default:
        return this.#tickAtMs;
    }
  }

  start(): void {
    this.#settle();
  }

  /**
   * Ends in good order: a leader hands over, a learner leaves. Clients were served their last
   * answers. `stopped` follows, once nothing is on its way to the disk.
   */
  stop(stopped: () => void): void {
    this.#stopped = stopped;
    const state = this.#state;
    if (state.name === "leading") state.leader.handOver();
    else if (state.name === "learning") state.learner.leave("the server stops");
    else if (state.name !== "settling") this.#settle();
  }

  // Inputs

  /** Something was said on the election port. */
  heard(sid: number, notification: Notification): void {
    const { name } = this.#state;
    if (name === "stopped") return;
    // It leads no more: there is something new to find.
    const isOver = sid === this.#vainTerms.leaderSid && notification.state === PeerState.LOOKING;
    if (name === "resting" && isOver) this.#look();
    this.#election.receive(sid, notification, this.#effects.nowMs());
    this.#effects.changed();
  }

  /** A connection of the election port was made or lost. */
  linksChanged(): void {
    if (this.#state.name === "looking") this.#election.tick(this.#effects.nowMs());
    this.#effects.changed();
  }

  /** The log is durable up to `zxid`. */
  logged(zxid: Zxid): void {
    const state = this.#state;
    if (state.name === "leading") state.leader.logged(zxid);
    else if (state.name === "learning") state.learner.logged(zxid);
  }

  /** The tree here is not the leader's. */
  diverged(): void {
    const state = this.#state;
    const reason = "the tree here is not what the digests of its txns say";
    if (state.name === "leading") state.leader.resign(reason);
    else if (state.name === "learning") state.learner.leave(reason);
  }

  tick(): void {
    const nowMs = this.#effects.nowMs();
    const state = this.#state;
    if (state.name === "resting") {
      if (nowMs >= state.atMs) this.#look();
    } else if (state.name === "looking") {
      this.#election.tick(nowMs);
    } else if (nowMs >= this.#tickAtMs) {
      this.#tickAtMs = nowMs + this.#options.tickMs / 2;
      if (state.name === "leading") state.leader.tick();
      else if (state.name === "learning") state.learner.tick(nowMs);
    }
    this.#effects.changed();
  }

  // Transitions

  #settle(): void {
    this.#state = { name: "settling" };
    this.#tickAtMs = NEVER;
    this.#effects.changed();
    this.#effects.replica.settle(() => this.#settled());
  }

  #settled(): void {
    const stopped = this.#stopped;
    const successor = this.#successor;
    this.#successor = undefined;
    if (stopped !== undefined) {
      this.#state = { name: "stopped" };
      this.#effects.changed();
      stopped();
    } else if (successor !== undefined && this.#mayLead(successor)) {
      this.#election.appoint(successor);
      this.#begin(successor, true);
    } else {
      this.#rest();
    }
  }

  #rest(): void {
    const isOneOfMany = this.#isObserver && this.#hasFollowed;
    const delayMs = isOneOfMany ? this.#effects.fraction() * this.#options.observerDelayMs : 0;
    const restMs = Math.max(delayMs, this.#vainTerms.pauseMs);
    if (!isOneOfMany && restMs === 0) return this.#look();
    this.#state = { name: "resting", atMs: this.#effects.nowMs() + restMs };
    this.#effects.changed();
  }

  /** What a leader says that goes may be wrong, or no longer true. */
  #mayLead(sid: number): boolean {
    const { verifier, sid: me } = this.#options;
    return verifier.weight(sid) > 0 && !(sid === me && this.#effects.replica.isDiverged);
  }

  #look(): void {
    const { replica } = this.#effects;
    this.#state = { name: "looking" };
    this.#election.start(this.#effects.nowMs(), {
      zxid: replica.lastZxid,
      currentEpoch: replica.currentEpoch,
      isEmpty: replica.isEmpty,
      isDiverged: replica.isDiverged,
    });
    this.#effects.changed();
  }

  #decided({ leader, isFounder }: ElectionOutcome): void {
    if (isFounder) this.#effects.replica.found();
    this.#begin(leader, isFounder);
  }

  #begin(leaderSid: number, mayVoteEmpty: boolean): void {
    this.#tickAtMs = this.#effects.nowMs() + this.#options.tickMs / 2;
    if (leaderSid === this.#options.sid) this.#becomeLeading();
    else this.#becomeLearning(leaderSid, mayVoteEmpty);
    this.#effects.changed();
  }

  #becomeLeading(): void {
    if (this.#effects.replica.acceptedEpoch >= EPOCH_MAX) {
      this.#effects.fail(
        EXIT_NO_EPOCH,
        "this server has promised the last epoch that there is, so it can lead no other: empty its " +
          "directories and start it again, while the others have a leader",
      );
      return;
    }
    const leader: Leader = new Leader(this.#options, {
      replica: this.#effects.replica,
      log: this.#effects.log,
      claimedEpochOf: (sid) => this.#election.claimedEpochOf(sid),
      lead: (office) => {
        this.#established(office.epoch);
        return this.#effects.lead(office);
      },
      stepDown: (reason) => this.#endTerm(reason),
    });
    this.#state = { name: "leading", leader };
    this.#effects.openPort((link) => leader.learnerConnected(link));
  }

  #becomeLearning(leaderSid: number, mayVoteEmpty: boolean): void {
    const { sid, tickMs, initLimitTicks, syncLimitTicks } = this.#options;
    const learner: Learner = new Learner(
      {
        sid,
        role: this.#isObserver ? "observer" : "follower",
        isVoter: mayVoteEmpty,
        leaderSid,
        tickMs,
        initLimitTicks,
        syncLimitTicks,
        configVersion: this.#options.verifier.version,
      },
      {
        replica: this.#effects.replica,
        log: this.#vainTerms,
        follow: (access, epoch) => {
          this.#established(epoch);
          return this.#effects.follow(access, epoch);
        },
        handover: (successor) => {
          this.#successor = successor;
        },
        redial: () => this.#dial(learner, leaderSid),
        stepDown: (reason) => this.#endTerm(reason),
      },
      this.#effects.nowMs(),
    );
    this.#state = { name: "learning", learner, leaderSid };
    this.#hasFollowed = true;
    this.#dial(learner, leaderSid);
  }

  #dial(learner: Learner, leaderSid: number): void {
    this.#effects.dial(
      leaderSid,
      this.#options.connectLimitMs,
      (link) => learner.connected(link),
      (reason) => learner.connectFailed(reason),
    );
  }

  #established(epoch: number): void {
    this.#serves = true;
    this.#vainTerms.clear();
    this.#election.established(epoch);
    this.#effects.changed();
  }

  #endTerm(reason: string): void {
    const { leaderSid } = this;
    const message = `the term is over: ${reason}`;
    // What was asked for, here or at the leader, is nothing to warn of.
    const isMeant = this.#stopped !== undefined || this.#successor !== undefined;
    if (isMeant) this.#effects.log.info({ was: this.role }, message);
    else this.#vainTerms.warn({ was: this.role }, message);
    if (this.#state.name === "learning" && !this.#serves && leaderSid !== undefined) {
      this.#vainTerms.ended(leaderSid, reason);
    }
    this.#serves = false;
    this.#effects.closePort();
    this.#effects.hangUp();
    this.#effects.endService(reason);
    this.#settle();
  }
}
