/**
 * A term as its leader (quorum-protocol 6 to 8, 10; Zab, DSN 2011, phases 1 to 3):
 *
 *     discovery        collecting     accepted epochs, until a quorum's are known: that fixes e
 *                      promising      acceptedEpoch e is made durable, then LEADERINFO(e) leaves
 *                      electing       ACKEPOCHs, until a quorum has promised to follow e
 *     synchronization  adopting       own history and currentEpoch e are made durable
 *                      synchronizing  learners' histories become ours; NEWLEADER is acknowledged
 *     broadcast        broadcasting   a quorum has: office is taken, clients are served
 *                      closed         the term is over; what still comes is ignored
 *
 * Each phase before broadcast has initLimit ticks. A learner that comes late goes through the same
 * stations by itself (learner-handler.ts).
 *
 * Time is counted in half ticks, not in milliseconds: after a pause of the process what waits in
 * its sockets is read before anybody is taken for dead.
 */
import { assert } from "../../protocol/assert.ts";
import {
  COUNTER_MAX,
  EPOCH_MAX,
  makeZxid,
  type Zxid,
  zxidCounter,
  zxidHex,
} from "../../protocol/zxid.ts";
import { type AdmissionOptions, doubtOf, FAR_EPOCH, refusalOf } from "./admission.ts";
import type {
  LeaderEffects,
  LeaderOffice,
  LeaderService,
  QuorumLink,
  QuorumLinkHandlers,
  Replica,
  ZabLog,
} from "./effects.ts";
import { Handover } from "./handover.ts";
import type { Term } from "./leader-term.ts";
import { LearnerHandler } from "./learner-handler.ts";
import { LearnerLines } from "./learner-lines.ts";
import type { QuorumVerifier } from "./quorum-verifier.ts";
import { Rivals } from "./rivals.ts";
import { planSync, type SyncPlan } from "./sync-plan.ts";
import { type Syncer, SyncRounds } from "./sync-rounds.ts";
import { VoterProgress } from "./voter-progress.ts";

/** Links of learners at once, whoever they are. */
const LEARNERS_MAX = 1024;
/** What the window may keep for learners that lag before the last of them is sent away. */
const RETAINED_BYTES_MAX: number = 256 * 1024 * 1024;
/** Beyond this counter the epoch ends at the next half tick: a million txns before it has to (P-6). */
const ROLLOVER_COUNTER = 0xfff0_0000;

export interface LeaderOptions extends AdmissionOptions {
  /** What NEWLEADER carries. */
  readonly configText: string;
  readonly initLimitTicks: number;
  /** What discovery may take, in which epochs are agreed upon. Default: `initLimitTicks`. */
  readonly epochLimitTicks?: number;
  readonly syncLimitTicks: number;
  /** Every learner is sent the whole tree: for tests of it. */
  readonly forceSnapshotSync: boolean;
  /** Observers beyond these have to come again (S-10). */
  readonly maxConcurrentSnapSyncs: number;
  readonly maxConcurrentDiffSyncs: number;
}

export type LeaderPhase =
  | "collecting"
  | "promising"
  | "electing"
  | "adopting"
  | "synchronizing"
  | "broadcasting"
  | "closed";

export class Leader implements Term {
  readonly replica: Replica;
  readonly log: ZabLog;
  readonly lines: LearnerLines;
  readonly configText: string;
  readonly initLimit: number;
  readonly syncLimit: number;
  /** Invariant: greater than every acceptedEpoch that counted, from `promising` on fixed. */
  epoch: number;
  phase: LeaderPhase = "collecting";
  service: LeaderService | undefined;
  /** Learners that were sent the whole tree, or what they lacked. */
  readonly syncs: Record<"snap" | "diff", number> = { snap: 0, diff: 0 };

  readonly #options: LeaderOptions;
  readonly #effects: LeaderEffects;
  readonly #verifier: QuorumVerifier;
  /** What this server's history was when the term began (D-7). */
  readonly #ownEpoch: number;
  readonly #ownZxid: Zxid;
  /** All links. */
  readonly #links = new Set<LearnerHandler>();
  /** Those that have introduced themselves, by sid. */
  readonly #learners = new Map<number, LearnerHandler>();
  readonly #rivals = new Rivals((newcomer) => this.#admit(newcomer));
  /** Voters, each set a phase's: whose acceptedEpoch is known, who promised, who adopted. */
  readonly #connecting = new Set<number>();
  readonly #electing = new Set<number>();
  readonly #adopted = new Set<number>();
  /** What each voter has durable. */
  readonly #logged: VoterProgress;
  readonly #rounds: SyncRounds;
  #halfTicks = 0;
  #phaseEndsAt: number;
  /** Sids for observers that have none: -1, -2, ... */
  #lastGivenSid = 0;
  /** A learner could not be sent the log to its end: none is sent it any more in this term. */
  #isLogTrusted = true;
  #handover: Handover | undefined;

  constructor(options: LeaderOptions, effects: LeaderEffects) {
    const { sid, verifier } = options;
    this.replica = effects.replica;
    this.log = effects.log;
    this.lines = new LearnerLines(effects.log);
    this.configText = options.configText;
    this.initLimit = options.initLimitTicks * 2;
    this.syncLimit = options.syncLimitTicks * 2;
    this.#options = options;
    this.#effects = effects;
    this.#verifier = verifier;
    this.#ownEpoch = this.replica.currentEpoch;
    this.#ownZxid = this.replica.lastZxid;
    this.#logged = new VoterProgress(verifier);
    this.#rounds = new SyncRounds(sid, verifier, this.replica);
    this.#phaseEndsAt = Math.ceil((options.epochLimitTicks ?? options.initLimitTicks) * 2);
    this.epoch = this.replica.acceptedEpoch + 1;
    assert(this.epoch <= EPOCH_MAX, "no epoch is left");
    this.#connecting.add(sid);
    this.#whenKnown();
  }

  get round(): number {
    return this.#rounds.round;
  }

  get pendingSyncs(): number {
    return this.#rounds.count;
  }

  /** For those who watch: those that have introduced themselves. */
  learners(): IterableIterator<LearnerHandler> {
    return this.#learners.values();
  }

  /** A link of the quorum port was accepted. */
  learnerConnected(link: QuorumLink): QuorumLinkHandlers {
    const learner = new LearnerHandler(this, link);
    if (this.phase === "closed") learner.end("the leader's term is over");
    else if (this.#links.size >= LEARNERS_MAX) learner.end("there are too many learners");
    else this.#links.add(learner);
    return learner;
  }

  /** This server's log is durable up to `zxid`. */
  logged(zxid: Zxid): void {
    if (this.phase !== "broadcasting") return;
    this.#logged.reach(this.#options.sid, zxid);
    this.#commit();
  }

  /** Every tick / 2. */
  tick(): void {
    if (this.phase === "closed") return;
    this.#halfTicks++;
    for (const learner of this.#links) learner.tick();
    this.#rivals.tick();
    this.lines.tick();
    if (this.phase === "broadcasting") this.#watch();
    else if (this.#halfTicks > this.#phaseEndsAt) {
      this.resign(`no quorum of learners came in time (${this.phase})`);
    }
  }

  /** The term is over: links are closed, what is outstanding is left to the next leader (T-10). */
  resign(reason: string): void {
    if (this.phase === "closed") return;
    this.phase = "closed";
    this.replica.window.retainAfter = Number.POSITIVE_INFINITY;
    for (const learner of this.#links) learner.end(reason);
    this.#links.clear();
    this.#learners.clear();
    this.#effects.stepDown(reason);
  }

  get isLeaving(): boolean {
    return this.#handover !== undefined;
  }

  /** Goes in good order, once the pipeline takes no more writes (handover.ts). */
  handOver(): void {
    if (this.phase !== "broadcasting") return this.resign("it is to stop");
    this.#handover ??= new Handover(this.#verifier, this.replica, this.log, () =>
      this.resign("it is to stop, and all is settled"),
    );
    this.dismissed();
  }

  // Discovery

  introduced(learner: LearnerHandler): string | undefined {
    const refusal = refusalOf(learner, this.#options, this.epoch);
    if (refusal !== undefined) return refusal;
    if (learner.sid < 0) learner.sid = --this.#lastGivenSid;
    const holder = this.#learners.get(learner.sid);
    if (holder?.state === "serving") this.#rivals.add(learner, holder);
    else {
      holder?.close("the same server has connected again");
      this.#admit(learner);
    }
    return undefined;
  }

  /** D-3 */
  #admit(learner: LearnerHandler): void {
    const { sid, acceptedEpoch } = learner;
    this.#learners.set(sid, learner);
    if (this.phase === "collecting") {
      this.epoch = Math.max(this.epoch, acceptedEpoch + 1);
      if (this.#counts(learner)) this.#connecting.add(sid);
      this.#whenKnown();
      return;
    }
    if (acceptedEpoch > this.epoch && this.#yieldsTo(learner)) return;
    if (this.phase !== "promising") learner.promise();
  }

  /** Who promised a later epoch cannot follow in this one. True: the term is over for its sake. */
  #yieldsTo(learner: LearnerHandler): boolean {
    const { sid, acceptedEpoch } = learner;
    const doubt = doubtOf(acceptedEpoch, this.#effects.claimedEpochOf(sid), this.epoch);
    if (doubt !== undefined || !this.#counts(learner)) {
      this.lines.warn({ sid, acceptedEpoch, epoch: this.epoch }, doubt ?? FAR_EPOCH);
      return false;
    }
    // Before office is taken nothing is disturbed by its coming again.
    if (this.phase !== "broadcasting") return false;
    this.resign(`server ${sid} has promised epoch ${acceptedEpoch}, which is later than this one`);
    return true;
  }

  #whenKnown(): void {
    if (!this.#isQuorum(this.#connecting)) return;
    this.#enter("promising");
    this.replica.saveAcceptedEpoch(this.epoch, () => {
      if (this.phase === "promising") this.#elect();
    });
  }

  #elect(): void {
    this.#enter("electing");
    for (const learner of this.#learners.values()) learner.promise();
    this.#electing.add(this.#options.sid);
    this.#whenPromised();
  }

  /** D-7: who is late is no part of the quorum, and what it has beyond ours was never settled. */
  agreed(learner: LearnerHandler, currentEpoch: number): string | undefined {
    if (this.phase === "adopting") return undefined;
    if (this.phase !== "electing") {
      this.#synchronize(learner);
      return undefined;
    }
    if (currentEpoch === -1) return undefined;
    const { sid, lastZxid } = learner;
    const isSameEpoch = currentEpoch === this.#ownEpoch;
    if (currentEpoch > this.#ownEpoch || (isSameEpoch && lastZxid > this.#ownZxid)) {
      return (
        `its history, epoch ${currentEpoch} zxid ${zxidHex(lastZxid)}, is ahead of this ` +
        `leader's, epoch ${this.#ownEpoch} zxid ${zxidHex(this.#ownZxid)}`
      );
    }
    if (this.#counts(learner) && lastZxid !== -1) this.#electing.add(sid);
    this.#whenPromised();
    return undefined;
  }

  #whenPromised(): void {
    if (!this.#isQuorum(this.#electing)) return;
    this.#enter("adopting");
    // In this order: an epoch on disk says that its leader's history is there too (S-23).
    this.replica.whenLogged(() => {
      if (this.phase !== "adopting") return;
      this.replica.saveCurrentEpoch(this.epoch, () => {
        if (this.phase === "adopting") this.#beginSynchronization();
      });
    });
  }

  // Synchronization

  #beginSynchronization(): void {
    this.#enter("synchronizing");
    for (const learner of this.#learners.values()) {
      if (learner.state === "agreed") this.#synchronize(learner);
    }
    this.#adopted.add(this.#options.sid);
    this.#whenAdopted();
  }

  #synchronize(learner: LearnerHandler): void {
    const { lastZxid } = learner;
    const plan = this.#plan(lastZxid);
    const mode = plan.mode === "snap" ? "snap" : "diff";
    if (learner.isObserver && this.#isCrowded(mode)) {
      plan.range?.close();
      learner.close("too many learners are being synchronized; it is to come again");
      return;
    }
    this.lines.info(
      { sid: learner.sid, mode: plan.mode, lastZxid: zxidHex(lastZxid), from: zxidHex(plan.from) },
      "a learner is being synchronized",
    );
    this.syncs[mode]++;
    learner.sync(plan);
    this.#retain();
  }

  #plan(learnerZxid: Zxid): SyncPlan {
    const { window } = this.replica;
    if (this.#options.forceSnapshotSync) {
      return { mode: "snap", zxid: window.committedZxid, from: window.appliedZxid };
    }
    return planSync(learnerZxid, window, (after, upTo) =>
      this.#isLogTrusted ? this.replica.readLog(after, upTo) : undefined,
    );
  }

  #isCrowded(mode: "snap" | "diff"): boolean {
    const { maxConcurrentSnapSyncs, maxConcurrentDiffSyncs } = this.#options;
    let count = 0;
    for (const { syncMode } of this.#links) {
      if (syncMode !== undefined && (syncMode === "snap") === (mode === "snap")) count++;
    }
    return count >= (mode === "snap" ? maxConcurrentSnapSyncs : maxConcurrentDiffSyncs);
  }

  rangeFailed(reason: string): void {
    this.#isLogTrusted = false;
    this.log.error({ reason }, "the log could not be sent to a learner: it is sent the tree next");
  }

  adopted(learner: LearnerHandler): void {
    if (!this.#counts(learner)) return;
    this.#adopted.add(learner.sid);
    if (this.phase === "synchronizing") this.#whenAdopted();
  }

  /** S-16 */
  #whenAdopted(): void {
    if (!this.#isQuorum(this.#adopted)) return;
    this.#enter("broadcasting");
    this.replica.beginEpoch(this.epoch);
    const marker = makeZxid(this.epoch, 0);
    for (const learner of this.#learners.values()) learner.establish(marker);
    this.#retain();
    this.log.info({ epoch: this.epoch }, "leads: a quorum has adopted this server's history");
    this.service = this.#effects.lead(this.#office());
  }

  // Broadcast

  #office(): LeaderOffice {
    return {
      epoch: this.epoch,
      propose: (bytes, start, end, zxid) => this.#propose(bytes, start, end, zxid),
      sync: (done) => this.#sync(done),
    };
  }

  #propose(bytes: Buffer, start: number, end: number, zxid: Zxid): void {
    if (this.phase === "closed") return;
    assert(zxidCounter(zxid) !== COUNTER_MAX, "an epoch's counter is used up");
    this.replica.window.append(bytes, start, end, zxid);
    for (const learner of this.#learners.values()) learner.mark();
  }

  acknowledged(learner: LearnerHandler): void {
    this.#logged.reach(learner.sid, learner.ackedZxid);
    this.#commit();
  }

  /** B-6: what a quorum has durable is settled, and with it all before it. */
  #commit(): void {
    const { window } = this.replica;
    const zxid = Math.min(this.#logged.reached, window.lastZxid);
    if (zxid <= window.committedZxid) return;
    window.commitTo(zxid);
    for (const learner of this.#learners.values()) learner.mark();
    this.replica.deliver();
    this.#rounds.advance();
    this.dismissed();
  }

  advanced(before: Zxid): void {
    if (before <= this.replica.window.retainAfter) this.#retain();
  }

  /** What any learner still has to be sent stays in the window; to be called whenever that moves. */
  #retain(): void {
    let least = Number.POSITIVE_INFINITY;
    for (const { retainAfter } of this.#learners.values()) least = Math.min(least, retainAfter);
    this.replica.window.retainAfter = least;
  }

  // Syncs

  syncRequested(learner: LearnerHandler): void {
    if (this.#rounds.isFull) learner.close("more syncs wait than a leader keeps");
    else this.#sync(learner);
  }

  #sync(who: Syncer): void {
    if (this.phase === "closed") return;
    if (this.#rounds.add(who)) for (const learner of this.#learners.values()) learner.ask();
    this.#rounds.advance();
  }

  asked(): void {
    this.#rounds.asked();
  }

  answered(learner: LearnerHandler): void {
    if (this.#counts(learner)) this.#rounds.answered(learner.sid, learner.pings.answeredRound);
  }

  // Liveness

  /** Every half tick of an established term. */
  #watch(): void {
    const { window } = this.replica;
    if (this.#handover?.tick() === true) {
      this.resign("it is to stop, and could not hand over in time");
    } else if (zxidCounter(window.lastZxid) >= ROLLOVER_COUNTER) {
      this.resign("the counter of this epoch is nearly used up: another epoch has to begin");
    } else if (this.#halfTicks % 2 === 0 && !this.#hasQuorum()) {
      this.resign("no quorum of followers is in step with this leader any more");
    } else if (window.byteCount > RETAINED_BYTES_MAX) {
      this.#sendLaggardAway();
    }
  }

  /** T-3: those on their way to be in step count too. */
  #hasQuorum(): boolean {
    return this.#verifier.containsQuorum((sid) => {
      if (sid === this.#options.sid) return true;
      const learner = this.#learners.get(sid);
      if (learner === undefined || !this.#counts(learner)) return false;
      return learner.state === "agreed" || learner.state === "syncing" || learner.isForwarded;
    });
  }

  #sendLaggardAway(): void {
    const { retainAfter } = this.replica.window;
    for (const learner of this.#learners.values()) {
      if (learner.retainAfter !== retainAfter) continue;
      learner.close("it lags so far behind that memory does not suffice: it is to come again");
      return;
    }
  }

  left(learner: LearnerHandler): void {
    const { sid } = learner;
    this.#links.delete(learner);
    if (this.#learners.get(sid) === learner) {
      this.#learners.delete(sid);
      this.#logged.forget(sid);
      this.service?.left(sid);
      this.#retain();
      this.dismissed();
    }
    this.#rivals.left(learner);
  }

  dismissed(): void {
    this.#handover?.advance(this.#learners.values());
  }

  // Quorums

  /** Whether it is a voter that came as one. */
  #counts(learner: LearnerHandler): boolean {
    return !learner.isObserver && this.#verifier.isVoter(learner.sid);
  }

  #isQuorum(sids: ReadonlySet<number>): boolean {
    return this.#verifier.containsQuorum((sid) => sids.has(sid));
  }

  #enter(phase: LeaderPhase): void {
    this.phase = phase;
    this.#phaseEndsAt = this.#halfTicks + this.initLimit;
  }
}
