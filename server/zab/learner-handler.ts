/**
 * One learner's link, from the leader's side (quorum-protocol 6 to 8):
 *
 *     greeting    FOLLOWERINFO | OBSERVERINFO is due
 *     waiting     the epoch is not fixed yet, or another link of the same sid is looked at first
 *     promising   LEADERINFO was sent, ACKEPOCH is due
 *     agreed      waits for a quorum to have promised, and for what the leader makes durable then
 *     syncing     its history becomes ours: DIFF | TRUNC | SNAP, txns (sync-stream.ts)
 *     adopting    NEWLEADER was written, its ACK is due
 *     synced      ACK came; UPTODATE follows once a quorum has acknowledged
 *     serving     UPTODATE was written: proposals, commits, pings, requests
 *     closed
 *
 * From `adopting` on it is sent what is proposed and settled. Two cursors say up to where that was
 * done; what lies between them and the window's end is copied when the link has room. To propose
 * means to mark the link, nothing else: a slow learner has no queue, it lags.
 */
import type { Writer } from "../../protocol/jute.ts";
import { PresentedIds } from "../../protocol/presented-ids.ts";
import {
  type Packet,
  PacketType,
  PROTOCOL_VERSION,
  readAckEpoch,
  readLearnerInfo,
  writeBarePacket,
  writeDesignation,
  writeLeaderInfo,
  writeNewLeader,
  writeRevalidated,
} from "../../protocol/quorum.ts";
import { makeZxid, type Zxid, zxidCounter, zxidEpoch } from "../../protocol/zxid.ts";
import { DeferredReplies } from "./deferred-replies.ts";
import type { LeaderService, QuorumLink, QuorumLinkHandlers } from "./effects.ts";
import { isSync, passRequest, passRevalidate, passSync, passTouched } from "./forwarded-packets.ts";
import type { Term } from "./leader-term.ts";
import { Pings } from "./pings.ts";
import type { SyncPlan } from "./sync-plan.ts";
import { SyncStream } from "./sync-stream.ts";

export type LearnerState =
  | "greeting"
  | "waiting"
  | "promising"
  | "agreed"
  | "syncing"
  | "adopting"
  | "synced"
  | "serving"
  | "closed";

export class LearnerHandler implements QuorumLinkHandlers {
  state: LearnerState = "greeting";
  sid = -1;
  /** It came as one: never counted, whatever the configuration says of its sid (D-3). */
  isObserver = false;
  /** It is a server of ours. */
  isOurs = false;
  /** Its acceptedEpoch when it came. */
  acceptedEpoch = 0;
  configVersion: Zxid = 0;
  /** Of its history when it came (P). */
  lastZxid: Zxid = 0;
  /** Proposals, or informs, were sent up to here. Invariant: ackedZxid <= sentZxid. */
  sentZxid: Zxid = 0;
  /** It has everything up to here on its disk. */
  ackedZxid: Zxid = 0;
  readonly pings: Pings = new Pings();
  /** HANDOVER is to be written to it. */
  isBeingDismissed = false;

  readonly #term: Term;
  readonly #link: QuorumLink;
  /** Commits were sent up to here. */
  #settledZxid: Zxid = 0;
  #sync: SyncStream | undefined;
  /** Half ticks without a packet, or without progress while it is sent its history. */
  #silence = 0;
  /** The proposal whose ACK is waited for, and since how many half ticks; 0: none. */
  #awaitedZxid: Zxid = 0;
  #awaited = 0;
  readonly #replies = new DeferredReplies();
  readonly #presentedIds = new PresentedIds();

  constructor(term: Term, link: QuorumLink) {
    this.#term = term;
    this.#link = link;
  }

  get remoteAddress(): string {
    return this.#link.remoteAddress;
  }

  /** Proposed and settled txns are due to it. */
  get isForwarded(): boolean {
    return this.state === "adopting" || this.state === "synced" || this.state === "serving";
  }

  /** Its history is being sent. */
  get syncMode(): SyncPlan["mode"] | undefined {
    return this.#sync?.plan.mode;
  }

  /** The window has to keep what comes after this. */
  get retainAfter(): Zxid {
    if (this.#sync !== undefined) return this.#sync.zxid;
    if (!this.isForwarded) return Number.POSITIVE_INFINITY;
    return this.isObserver ? this.sentZxid : Math.min(this.sentZxid, this.#settledZxid);
  }

  // From the leader.

  /** The epoch is fixed. */
  promise(): void {
    this.#become("promising");
    writeLeaderInfo(this.#link.out, makeZxid(this.#term.epoch, 0));
    this.#link.mark();
  }

  /** Registers it: from here on it is sent everything, first what the plan says (S-11). */
  sync(plan: SyncPlan): void {
    this.#become("syncing");
    this.#sync = new SyncStream(plan, this.#link, this.#term.replica, this.lastZxid);
    this.#link.mark();
  }

  /** The term is established: its marker follows what was sent, and it is up to date. */
  establish(marker: Zxid): void {
    if (!this.isForwarded) return;
    this.sentZxid = marker;
    this.#settledZxid = marker;
    this.ackedZxid = marker;
    this.#link.mark();
  }

  /** Something was proposed, or settled. */
  mark(): void {
    if (this.isForwarded) this.#link.mark();
  }

  ping(): void {
    if (this.state !== "serving") return;
    this.pings.isDue = true;
    this.#link.mark();
  }

  /** A round of pings begins: one is due unless another is on its way for an earlier round. */
  ask(): void {
    if (!this.pings.isAsking) this.ping();
  }

  /** The oldest sync that it has forwarded is due. */
  answerSync(): void {
    const replies = this.#beginReply();
    if (replies !== undefined) writeBarePacket(replies, PacketType.SYNC, 0);
  }

  /** The leader goes; that server is to lead. */
  dismiss(successor: number): void {
    const replies = this.#beginReply();
    if (replies === undefined) return;
    this.isBeingDismissed = true;
    writeDesignation(replies, PacketType.HANDOVER, -1, successor);
  }

  /** Every half tick. */
  tick(): void {
    if (this.#isAwaited()) {
      this.#silence++;
      const { initLimit, syncLimit } = this.#term;
      const limit = this.state === "serving" ? syncLimit : initLimit;
      if (this.#silence > limit) {
        this.close("nothing was heard of it for too long");
        return;
      }
    }
    if (this.state !== "serving") return;
    if (this.#awaitedZxid !== 0 && ++this.#awaited > this.#term.syncLimit) {
      this.close("a proposal was not acknowledged for too long");
      return;
    }
    this.ping();
  }

  close(reason: string): void {
    if (this.state === "closed") return;
    const { sid, state, remoteAddress } = this;
    const details = { sid, state, address: remoteAddress };
    this.#term.lines.warn(details, `a learner is sent away: ${reason}`);
    this.end(reason);
    this.#term.left(this);
  }

  /** Closes with the term: the leader has forgotten it already. */
  end(reason: string): void {
    if (this.state === "closed") return;
    this.#stop();
    this.#link.close(reason);
  }

  // From the link.

  closed(reason: string): void {
    if (this.state === "closed") return;
    const { sid, state, remoteAddress } = this;
    const details = { sid, state, address: remoteAddress, reason };
    this.#term.lines.warn(details, "a learner has left");
    this.#stop();
    this.#term.left(this);
  }

  packet(packet: Packet): void {
    this.#silence = 0;
    switch (this.state) {
      case "greeting":
        this.#refuse(this.#greet(packet));
        return;
      case "promising":
        this.#refuse(this.#agree(packet));
        return;
      case "adopting":
        this.#refuse(this.#adopt(packet));
        return;
      case "synced":
      case "serving":
        this.#refuse(this.#serve(packet));
        return;
      case "waiting":
      case "agreed":
      case "syncing":
        this.#refuse(`a packet of type ${packet.type} where none is due`);
        return;
      case "closed":
        return;
    }
  }

  fill(room: number): void {
    const { out } = this.#link;
    const end = out.length + room;
    const before = this.retainAfter;
    if (this.#sync !== undefined) {
      this.#silence = 0;
      this.#fillSync(this.#sync, room);
    }
    if (this.isForwarded) {
      this.#forward(end);
      this.#settle();
    }
    this.#term.advanced(before);
  }

  // Discovery

  #greet(packet: Packet): string | undefined {
    const { FOLLOWERINFO, OBSERVERINFO } = PacketType;
    const { type } = packet;
    if (type !== FOLLOWERINFO && type !== OBSERVERINFO) {
      return `a packet of type ${type} instead of FOLLOWERINFO`;
    }
    const info = readLearnerInfo(packet);
    if (info === undefined) return "FOLLOWERINFO says nothing that can be read";
    if (info.protocolVersion < PROTOCOL_VERSION) return "a server older than ZooKeeper 3.4";
    if (packet.zxid < 0) return "an accepted epoch below zero";
    this.sid = info.sid ?? -1;
    this.isOurs = info.isOurs;
    this.isObserver = type === OBSERVERINFO;
    this.configVersion = info.configVersion;
    this.acceptedEpoch = zxidEpoch(packet.zxid);
    this.#become("waiting");
    return this.#term.introduced(this);
  }

  #agree(packet: Packet): string | undefined {
    if (packet.type !== PacketType.ACKEPOCH) {
      return `a packet of type ${packet.type} instead of ACKEPOCH`;
    }
    const currentEpoch = readAckEpoch(packet);
    if (currentEpoch === undefined || currentEpoch < -1) return "ACKEPOCH without an epoch";
    this.lastZxid = packet.zxid;
    this.#become("agreed");
    return this.#term.agreed(this, currentEpoch);
  }

  // Synchronization

  #fillSync(sync: SyncStream, room: number): void {
    const isDone = sync.fill(room);
    if (sync.problem !== undefined) {
      this.#term.rangeFailed(sync.problem);
      this.close(sync.problem);
      return;
    }
    if (!isDone) {
      // A tree's stream says itself when there is more of it.
      if (!sync.isTreeUnderWay) this.#link.mark();
      return;
    }
    const { replica, epoch, configText } = this.#term;
    const reached = Math.max(sync.zxid, replica.window.committedZxid);
    this.sentZxid = reached;
    this.#settledZxid = reached;
    this.ackedZxid = reached;
    this.#sync = undefined;
    writeNewLeader(this.#link.out, makeZxid(epoch, 0), configText);
    this.#become("adopting");
  }

  #adopt(packet: Packet): string | undefined {
    if (packet.type !== PacketType.ACK) return `a packet of type ${packet.type} instead of ACK`;
    if (packet.zxid !== makeZxid(this.#term.epoch, 0)) {
      // Releases before 3.9.3 log what a DIFF brought before they acknowledge NEWLEADER, and now
      // and then that ACK comes first: it says nothing new (ZOOKEEPER-4685). Of a proposal it would
      // be lost, so that learner has to come again.
      if (zxidCounter(packet.zxid) !== 0 && packet.zxid <= this.ackedZxid) return undefined;
      return "its ACK is not of this epoch's NEWLEADER";
    }
    this.#become("synced");
    this.#link.mark();
    this.#term.adopted(this);
    return undefined;
  }

  // Broadcast

  /** What is proposed and settled, as far as `end`. */
  #forward(end: number): void {
    const { out } = this.#link;
    const { window } = this.#term.replica;
    const { committedZxid, lastZxid } = window;
    if (this.isObserver) {
      if (this.sentZxid < committedZxid) {
        this.sentZxid = window.writeInforms(this.sentZxid, committedZxid, end - out.length, out);
      }
    } else {
      // However much there is to propose, what is settled does not wait for it.
      this.#forwardCommits(end);
      if (this.sentZxid < lastZxid) {
        this.sentZxid = window.writeProposals(this.sentZxid, lastZxid, end - out.length, out);
        this.#awaitAck();
      }
      this.#forwardCommits(end);
    }
    // There may be more.
    if (out.length >= end) this.#link.mark();
  }

  /** No commit before its proposal. */
  #forwardCommits(end: number): void {
    const { out } = this.#link;
    const { window } = this.#term.replica;
    const upTo = Math.min(window.committedZxid, this.sentZxid);
    if (this.#settledZxid >= upTo) return;
    this.#settledZxid = window.writeCommits(this.#settledZxid, upTo, end - out.length, out);
  }

  /** The last proposal sent is to be acknowledged in time, if none before it is waited for (T-4). */
  #awaitAck(): void {
    if (this.#awaitedZxid !== 0 || this.sentZxid <= this.ackedZxid) return;
    this.#awaitedZxid = this.sentZxid;
    this.#awaited = 0;
  }

  /** What goes between and behind proposals and commits. */
  #settle(): void {
    const { out } = this.#link;
    const term = this.#term;
    if (this.state === "synced" && term.service !== undefined) {
      writeBarePacket(out, PacketType.UPTODATE, -1);
      this.#become("serving");
    }
    if (this.state !== "serving") return;
    this.#replies.write(this.isObserver ? this.sentZxid : this.#settledZxid, out);
    if (this.isBeingDismissed && this.#replies.isEmpty) {
      this.isBeingDismissed = false;
      term.dismissed();
    }
    if (!this.pings.isDue) return;
    if (this.pings.write(out, term.replica.window.lastZxid, term.round)) term.asked();
  }

  #serve(packet: Packet): string | undefined {
    const { lines, service } = this.#term;
    switch (packet.type) {
      case PacketType.ACK:
        return this.#acknowledge(packet.zxid);
      case PacketType.PING:
        return this.#answer(packet, service);
      case PacketType.REQUEST:
        if (service === undefined) return "a REQUEST before UPTODATE";
        // Its client hears that the connection is lost when the term ends, as T-10 says.
        if (this.#term.isLeaving) return undefined;
        if (!isSync(packet)) return passRequest(packet, this.sid, service, this.#presentedIds);
        passSync(packet, this.sid, service);
        this.#term.syncRequested(this);
        return undefined;
      case PacketType.REVALIDATE:
        if (service === undefined) return "a REVALIDATE before UPTODATE";
        return passRevalidate(packet, this.sid, service, this.#revalidated);
      default:
        lines.warn(
          { sid: this.sid, type: packet.type },
          "a learner sent a packet of no known type",
        );
        return undefined;
    }
  }

  #acknowledge(zxid: Zxid): string | undefined {
    // UPTODATE is acknowledged with the marker again; observers do not count (Trap 9).
    if (zxidCounter(zxid) === 0 || this.isObserver) return undefined;
    if (zxid > this.sentZxid) return "an ACK of what it was not sent";
    if (zxid <= this.ackedZxid) return undefined;
    this.ackedZxid = zxid;
    if (zxid >= this.#awaitedZxid) {
      this.#awaitedZxid = 0;
      this.#awaitAck();
    }
    this.#term.acknowledged(this);
    return undefined;
  }

  #answer(packet: Packet, service: LeaderService | undefined): string | undefined {
    const { pings } = this;
    if (service === undefined || pings.answered === pings.sent) return "an answer to no ping";
    const problem = passTouched(packet, this.sid, service);
    if (problem !== undefined) return problem;
    if (!pings.answer()) return undefined;
    if (this.#term.round > pings.answeredRound) this.ping();
    this.#term.answered(this);
    return undefined;
  }

  readonly #revalidated = (high: number, low: number, isValid: boolean): void => {
    // What the session asked for at its last server may be on its way: who comes back sees all of it
    // or nothing, never a part of it later.
    const replies = this.#beginReply(this.#term.replica.window.lastZxid);
    if (replies !== undefined) writeRevalidated(replies, high, low, isValid);
  };

  /** Where an answer is written that must not overtake `zxid`: what is settled by now (B-18). */
  #beginReply(zxid: Zxid = this.#term.replica.window.committedZxid): Writer | undefined {
    if (this.state === "closed") return undefined;
    if (this.#replies.isFull) {
      this.close("more answers wait for it than are kept for a learner");
      return undefined;
    }
    this.#link.mark();
    return this.#replies.begin(zxid);
  }

  // States

  /** Whether silence means that something is wrong with it (T-5). */
  #isAwaited(): boolean {
    const { state } = this;
    return state !== "waiting" && state !== "agreed" && state !== "synced" && state !== "closed";
  }

  #become(state: LearnerState): void {
    this.state = state;
    this.#silence = 0;
  }

  #refuse(problem: string | undefined): void {
    if (problem !== undefined) this.close(problem);
  }

  #stop(): void {
    this.#become("closed");
    this.isBeingDismissed = false;
    this.#sync?.abandon();
    this.#sync = undefined;
  }
}
