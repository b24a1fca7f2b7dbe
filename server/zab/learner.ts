/**
 * A term as follower or observer of one leader: it promises the leader's epoch, takes over its
 * history, then keeps up with it (quorum-protocol 6, 7.8, 8.3, 8.4).
 *
 *     connecting ─link─▶ discovery ─LEADERINFO─▶ promising ─durable─▶ synchronization ─▶ broadcast
 *         ▲                                                                  │                │
 *         └── redial ──────── closing ◀── link gone, silence, bad packet ────┴────────────────┘
 *                                └── stepDown ─▶ closed
 *
 * `closing` lasts until nothing is asked of the disk any more and memory says what the disk says:
 * what this server votes with next has to be true. In `promising` nothing is read: ACKEPOCH leaves
 * from inside the completion (D-6).
 *
 * The same leader is dialled again within the term by an empty voter, which comes as an observer
 * until it holds a history, and by a server whose own history is of no use: it asks for the tree.
 *
 * @see ZooKeeper 3.9, Learner.java, Follower.java, Observer.java
 */
import { assert } from "../../protocol/assert.ts";
import {
  type Packet,
  PacketType,
  PROTOCOL_VERSION,
  readLeaderInfo,
  writeAckEpoch,
  writeLearnerInfo,
} from "../../protocol/quorum.ts";
import { EPOCH_LEAP_MAX, makeZxid, type Zxid, zxidEpoch, zxidHex } from "../../protocol/zxid.ts";
import type { LearnerEffects, QuorumLink, QuorumLinkHandlers } from "./effects.ts";
import { LearnerBroadcast } from "./learner-broadcast.ts";
import { LearnerSync } from "./learner-sync.ts";
import type { LearnerTerm } from "./learner-term.ts";

export interface LearnerOptions {
  readonly sid: number;
  readonly role: "follower" | "observer";
  /**
   * It may be counted in quorums even if it holds nothing. False: an empty disk may be a wiped one
   * (design.md, "An empty voter").
   */
  readonly isVoter: boolean;
  readonly leaderSid: number;
  readonly tickMs: number;
  /** Ticks of silence before UPTODATE. */
  readonly initLimitTicks: number;
  /** Ticks of silence behind it. */
  readonly syncLimitTicks: number;
  /** Of the committed configuration. */
  readonly configVersion: Zxid;
}

type State =
  | { readonly name: "connecting" }
  | { readonly name: "discovery"; readonly link: QuorumLink }
  | { readonly name: "promising"; readonly link: QuorumLink }
  | { readonly name: "synchronization"; readonly link: QuorumLink; readonly sync: LearnerSync }
  | { readonly name: "broadcast"; readonly link: QuorumLink; readonly broadcast: LearnerBroadcast }
  | {
      readonly name: "closing";
      readonly next: "redial" | "stepDown";
      readonly reason: string;
      /** Undefined: it was not there yet, or is over. */
      readonly sync: LearnerSync | undefined;
    }
  | { readonly name: "closed" };

const DEAF: QuorumLinkHandlers = { packet() {}, fill() {}, closed() {} };

export class Learner {
  readonly #options: LearnerOptions;
  readonly #effects: LearnerEffects;
  #state: State = { name: "connecting" };
  /** It presented itself with OBSERVERINFO on this link. */
  #isObserver = false;
  /** The history here cannot be led on. */
  #needsTree = false;
  /** It said so, on this link. */
  #hasAskedForTree = false;
  /** Something came since the last tick. */
  #isHeard = false;
  #tickedAtMs: number;
  #silentMs = 0;
  #mayWarn = true;

  constructor(options: LearnerOptions, effects: LearnerEffects, nowMs: number) {
    this.#options = options;
    this.#effects = effects;
    this.#tickedAtMs = nowMs;
  }

  /** Where it stands, for operators. */
  get phase(): State["name"] {
    return this.#state.name;
  }

  // Inputs

  /** The leader was reached. */
  connected(link: QuorumLink): QuorumLinkHandlers {
    if (this.#state.name !== "connecting") {
      link.close("the term is over");
      return DEAF;
    }
    this.#becomeDiscovering(link);
    return {
      packet: (packet) => {
        if (this.#link === link) this.#packet(packet);
      },
      fill: (room) => {
        const state = this.#state;
        if (state.name === "broadcast" && state.link === link) state.broadcast.fill(room);
      },
      closed: (reason) => {
        if (this.#link === link) this.#leave(`the link to the leader is gone: ${reason}`);
      },
    };
  }

  connectFailed(reason: string): void {
    if (this.#state.name === "connecting") this.#leave(`no way to the leader: ${reason}`);
  }

  /** The log is durable up to `zxid`. */
  logged(zxid: Zxid): void {
    if (this.#state.name === "broadcast") this.#state.broadcast.logged(zxid);
  }

  /** Every tickTime/2. */
  tick(nowMs: number): void {
    // Of a process that was stopped for long, what waits in its sockets is read before it is
    // missed: one call is never more than a tick.
    const passedMs = Math.min(nowMs - this.#tickedAtMs, this.#options.tickMs);
    this.#tickedAtMs = nowMs;
    this.#mayWarn = true;
    this.#silentMs = this.#isHeard || this.#isDiskBusy ? 0 : this.#silentMs + passedMs;
    this.#isHeard = false;
    const { tickMs, initLimitTicks, syncLimitTicks } = this.#options;
    // Pings begin when the leader is established, not before: a learner that is done early waits
    // for slower ones as long as for everything before UPTODATE (Trap 8).
    const limitTicks = this.#state.name === "broadcast" ? syncLimitTicks : initLimitTicks;
    if (this.#silentMs < limitTicks * tickMs) return;
    this.#leave(`nothing was heard of the leader for ${Math.round(this.#silentMs)} ms`);
  }

  /** Ends the term, as when the tree has diverged; `stepDown` follows. */
  leave(reason: string): void {
    this.#leave(reason);
  }

  // Transitions

  #becomeDiscovering(link: QuorumLink): void {
    const { role, isVoter, sid, configVersion } = this.#options;
    const { replica } = this.#effects;
    this.#isObserver = role === "observer" || (!isVoter && replica.isEmpty);
    this.#state = { name: "discovery", link };
    this.#silentMs = 0;
    const type = this.#isObserver ? PacketType.OBSERVERINFO : PacketType.FOLLOWERINFO;
    writeLearnerInfo(link.out, type, makeZxid(replica.acceptedEpoch, 0), sid, configVersion);
    link.mark();
  }

  /** D-6. Promised before it is said: no other leader gets this epoch's promise. */
  #processLeaderInfo(link: QuorumLink, packet: Packet): void {
    const { replica } = this.#effects;
    const info = packet.type === PacketType.LEADERINFO ? readLeaderInfo(packet) : undefined;
    if (info === undefined || info.protocolVersion < PROTOCOL_VERSION) {
      this.#leave(`packet type ${packet.type} where LEADERINFO of ZooKeeper 3.4 or later was due`);
      return;
    }
    const epoch = zxidEpoch(packet.zxid);
    const { acceptedEpoch } = replica;
    if (epoch < acceptedEpoch) {
      this.#leave(`the leader's epoch ${epoch} is before ${acceptedEpoch}, which was promised`);
      return;
    }
    if (acceptedEpoch > 0 && epoch > acceptedEpoch + EPOCH_LEAP_MAX) {
      this.#leave(
        `the leader's epoch ${epoch} is not believed behind ${acceptedEpoch}: server ` +
          `${this.#options.leaderSid} at ${link.remoteAddress} must be another ensemble's. If this ` +
          "server was away for so long, empty its directories and start it again",
      );
      return;
    }
    const term = this.#termOf(link, epoch, info.isOurs);
    if (epoch === acceptedEpoch) {
      this.#becomeSyncing(term, -1);
      return;
    }
    this.#state = { name: "promising", link };
    link.pause();
    replica.saveAcceptedEpoch(epoch, () => {
      if (this.#state.name === "closing") {
        this.#conclude();
        return;
      }
      // What nobody may count says so: it may have forgotten what it promised (D-7).
      const isEmptyVoter = this.#isObserver && this.#options.role === "follower";
      this.#becomeSyncing(term, isEmptyVoter ? -1 : replica.currentEpoch);
      link.resume();
    });
  }

  /**
   * Says where the history here ends. A server that needs the tree says 0, which no DIFF begins
   * with, but only where it is not counted: who is counted vouches for what it holds, or a leader
   * that lacks acknowledged txns could be established with its help.
   *
   * @param countedEpoch The current epoch; -1: it does not count.
   */
  #becomeSyncing(term: LearnerTerm, countedEpoch: number): void {
    const { replica, log } = this.#effects;
    const { link } = term;
    const needsTree = this.#needsTree || replica.isDiverged;
    this.#hasAskedForTree = needsTree && countedEpoch === -1;
    const { window, isDiverged, lastZxid } = replica;
    // A tree that diverged took no more txns, but the log did.
    const last = isDiverged ? window.lastZxid : lastZxid;
    const zxid = this.#hasAskedForTree ? 0 : last;
    this.#state = { name: "synchronization", link, sync: new LearnerSync(term, needsTree) };
    writeAckEpoch(link.out, zxid, countedEpoch);
    link.mark();
    const { leaderSid } = this.#options;
    log.info({ leader: leaderSid, epoch: term.epoch, zxid: zxidHex(zxid) }, "joins the leader");
  }

  #becomeBroadcasting(term: LearnerTerm, sync: LearnerSync): void {
    const { link, epoch } = term;
    this.#needsTree = false;
    const { leaderSid, role } = this.#options;
    const how = { leader: leaderSid, epoch, role, sync: sync.mode };
    if (this.#isObserver && role === "follower") {
      const why = "it holds a history now, and comes back as a voter";
      this.#effects.log.info(how, why);
      this.#close("redial", why);
      return;
    }
    if (this.#effects.replica.isDiverged) {
      this.#leave("the tree here is not what the leader's digests say: it has to be sent anew");
      return;
    }
    const { window } = this.#effects.replica;
    const pending = window.firstAfter(sync.keptZxid);
    if (pending !== undefined && zxidEpoch(pending) !== epoch) {
      this.#leave(`txn 0x${zxidHex(pending)} of an old epoch was not settled by the new one`);
      return;
    }
    const broadcast = new LearnerBroadcast(term, sync.keptZxid);
    this.#state = { name: "broadcast", link, broadcast };
    broadcast.begin(sync.settledZxid, () => this.#effects.follow(broadcast, epoch));
    this.#effects.log.info(how, "in step with the leader");
  }

  #leave(reason: string): void {
    this.#close("stepDown", reason);
  }

  #close(next: "redial" | "stepDown", reason: string): void {
    const state = this.#state;
    if (state.name === "closed") return;
    if (state.name === "closing") {
      // What waits for the disk was to come back; now it is not.
      if (state.next === "redial") this.#state = { ...state, next, reason };
      state.sync?.giveUp();
      return;
    }
    const sync = state.name === "synchronization" ? state.sync : undefined;
    this.#state = { name: "closing", next, reason, sync };
    if (state.name !== "connecting") state.link.close(reason);
    if (state.name === "broadcast") state.broadcast.end();
    if (sync !== undefined) {
      sync.abort(() => {
        this.#conclude();
      });
    } else if (state.name !== "promising") {
      this.#conclude();
    }
  }

  #conclude(): void {
    const state = this.#state;
    assert(state.name === "closing", "a term ended that was not ending");
    if (state.next === "redial") {
      this.#state = { name: "connecting" };
      this.#silentMs = 0;
      this.#effects.redial(state.reason);
    } else {
      this.#state = { name: "closed" };
      this.#effects.stepDown(state.reason);
    }
  }

  // Packets

  get #link(): QuorumLink | undefined {
    return "link" in this.#state ? this.#state.link : undefined;
  }

  #packet(packet: Packet): void {
    this.#isHeard = true;
    const state = this.#state;
    switch (state.name) {
      case "discovery":
        this.#processLeaderInfo(state.link, packet);
        return;
      case "synchronization":
        state.sync.packet(packet);
        return;
      case "broadcast":
        state.broadcast.packet(packet);
        return;
      default:
        assert(state.name !== "promising", "a packet of a paused link");
    }
  }

  /** Nothing is read because the disk works: the silence is ours. */
  get #isDiskBusy(): boolean {
    const state = this.#state;
    if (state.name === "synchronization") return state.sync.isBusy;
    return state.name === "promising" || state.name === "closing";
  }

  #termOf(link: QuorumLink, epoch: number, isLeaderOurs: boolean): LearnerTerm {
    const { replica, log } = this.#effects;
    const term: LearnerTerm = {
      link,
      replica,
      epoch,
      isObserver: this.#isObserver,
      isLeaderOurs,
      heard: () => {
        this.#isHeard = true;
      },
      end: (reason) => {
        this.#leave(reason);
      },
      needTree: (reason) => {
        this.#needsTree = true;
        if (this.#hasAskedForTree) this.#leave(reason);
        else this.#close("redial", reason);
      },
      upToDate: () => {
        const state = this.#state;
        if (state.name === "synchronization") this.#becomeBroadcasting(term, state.sync);
      },
      handover: (sid) => {
        // It lacks nothing: the rest of that term is its leader's own.
        this.#effects.handover(sid);
        this.#leave(`the leader hands over to server ${sid}`);
      },
      warn: (details, message) => {
        if (!this.#mayWarn) return;
        this.#mayWarn = false;
        log.warn({ leader: this.#options.leaderSid, ...details }, message);
      },
    };
    return term;
  }
}
