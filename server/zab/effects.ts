/**
 * What consensus asks of the world, and hears from it. Everything in this room is synchronous:
 * packets, ticks and completions come in, calls of these interfaces go out, in an order that tests
 * can read. Whoever implements them calls back in a later turn, never inside the call.
 *
 *     election ──notifications──▶ ElectionLinks                        (net/election-port.ts)
 *     leader, learner ──packets──▶ QuorumLink                          (net/quorum-port.ts)
 *     leader, learner ──log, tree, epochs──▶ Replica                   (server/replica/replica.ts)
 *     leader ──requests of learners──▶ LeaderService                   (pipeline)
 *     learner ──answers of the leader──▶ LearnerService                (pipeline)
 */

import type { Notification } from "../../protocol/election.ts";
import type { Writer } from "../../protocol/jute.ts";
import type { Packet } from "../../protocol/quorum.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { TxnWindow } from "./txn-window.ts";

/** The connections of the election port: one for each other server (quorum-protocol 2). */
export interface ElectionLinks {
  /** Replaces what waits for `sid` unsent; dials it if there is no connection. */
  notify(sid: number, notification: Notification): void;
  /** Dials everybody who is not connected. */
  dialAll(): void;
  /** Nothing waits for some server (F-4). */
  readonly hasEmptyQueue: boolean;
  /** No connection to it has ended and not come back: it is not known to be dead. */
  isLive(sid: number): boolean;
  /** For operators: why there is no way to it, as far as was tried. */
  whyApart(sid: number): string | undefined;
}

/** One connection of the quorum port, from either side. */
export interface QuorumLink {
  readonly remoteAddress: string;
  /** What was written has not all left: what is in the window waits there until it has. */
  readonly isBlocked: boolean;
  /** Where packets are written. They leave together at the end of the turn, once `mark` was called. */
  readonly out: Writer;
  /**
   * There is, or will be, something to send: at the end of this turn `fill` is called and then all
   * is written at once. Harmless to repeat. While the link is blocked it comes when it has drained.
   */
  mark(): void;
  /**
   * What follows is no packet: hands the stream's bytes to `take`, which returns how many of them
   * were its own. Fewer than all ends it, and what follows are packets again. -1: they are wrong,
   * and the link is closed.
   */
  readRaw(take: (bytes: Buffer, start: number, end: number) => number): void;
  /** Reads no more until `resume`; what has come already is kept. */
  pause(): void;
  resume(): void;
  /** Closes, after what was written. The reason is for the log; `closed` follows. */
  close(reason: string): void;
}

/** Who hears of a link. */
export interface QuorumLinkHandlers {
  /** One packet. It is the link's again when this returns. */
  packet(packet: Packet): void;
  /** The turn ends, or the link has drained: write what is due to `out`, no more than `room` bytes or so. */
  fill(room: number): void;
  /** The last call. @param reason For the log: who ended it, and why. */
  closed(reason: string): void;
}

/** A tree that comes from the leader, on its way (quorum-protocol 7.5). */
export interface Installation {
  /** As `QuorumLink.readRaw` wants it: ends behind the signature. */
  take(bytes: Buffer, start: number, end: number): number;
  /** The signature was there and the tree is whole. */
  readonly isComplete: boolean;
  /** Why `take` returned -1. */
  readonly problem: string | undefined;
}

/** A part of the log on disk, read for a learner that the window does not reach (7.4). */
export interface LogRange {
  /** The txn at hand. */
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly zxid: Zxid;
  /** Moves to the next one; false: there is none, or `problem` says why not. */
  next(): boolean;
  readonly problem: string | undefined;
  close(): void;
}

/**
 * What this server holds: the tree, the log, the epochs. A disk that fails stops the server, so
 * completions bring no error.
 */
export interface Replica {
  /** The newest txns, also those that are not settled. */
  readonly window: TxnWindow;
  /**
   * The last zxid of memory, with the whole log applied (P-7). What votes and ACKEPOCH tell.
   * While a term runs it is the last one applied.
   */
  readonly lastZxid: Zxid;
  /** The promise to take part in no earlier epoch (f.p). */
  readonly acceptedEpoch: number;
  /** The last epoch whose leader's history was adopted (f.a). */
  readonly currentEpoch: number;
  /**
   * It never adopted a leader's history (zxid 0, currentEpoch 0): its disk may have been wiped. A
   * promise changes nothing about that: it is made before the first txn comes.
   */
  readonly isEmpty: boolean;
  /** The tree here is not what the leader's digests say: it has to be sent anew. */
  readonly isDiverged: boolean;

  saveAcceptedEpoch(epoch: number, done: () => void): void;
  saveCurrentEpoch(epoch: number, done: () => void): void;

  /** Puts the window's txns that are not in the log yet into it, up to `zxid`; `logged` follows for each batch. */
  logTo(zxid: Zxid): void;
  /** Calls back when all that was put into the log is durable. */
  whenLogged(done: () => void): void;
  /** The window's committed zxid has moved: the txns up to it are applied, in slices. */
  deliver(): void;
  /** Calls back when everything that is committed has been applied. */
  whenDelivered(done: () => void): void;

  /** For the leader: office is taken, the history of the new epoch begins with its marker. */
  beginEpoch(epoch: number): void;

  /**
   * Forgets every txn after `zxid`, on disk and in memory, snapshots included.
   * "unreachable": `zxid` is not in this history, nothing was touched (S-18).
   */
  truncate(zxid: Zxid, done: (outcome: "done" | "unreachable") => void): void;
  /** Begins to take in a tree; nothing on disk changes. */
  install(zxid: Zxid): Installation;
  /** The tree that came is ours now, in memory; the window is empty and ends with its zxid. */
  adopt(installation: Installation): void;
  /**
   * Makes the tree in memory durable as a snapshot (S-21). After `adopt` the history before it is
   * put aside as well (storage ST-31), and the log goes on behind `lastZxid`.
   */
  saveTree(done: () => void): void;
  /** Memory is what the disk says again (S-27). Needed where `adopt` was not followed by `saveTree`. */
  reload(done: () => void): void;

  /** Sends the tree, ended by its signature, into a link; `done` once the last byte is written to it. */
  streamTree(link: QuorumLink, done: () => void): TreeStream;
  /** The log's settled txns behind `after`, if it surely has them all and `maxBytes` is enough. */
  readLog(after: Zxid, upTo: Zxid): LogRange | undefined;
}

/** A tree on its way to a learner. */
export interface TreeStream {
  /** The last txn applied when it began: what SNAP names. */
  readonly zxid: Zxid;
  /** Called from the link's `fill`: writes the next slice. */
  fill(room: number): void;
  abandon(): void;
}

/** Requests that learners forward, sessions that they hear of: the leader's pipeline. */
export interface LeaderService {
  /**
   * A request of a learner's client becomes a txn, whatever comes of it (B-16). Never a sync, which
   * makes none: that is the leader's own (B-18).
   */
  request(request: ForwardedRequest): void;
  /** A learner's client asks for a sync: it is alive, and the learner may not get to say so. */
  asksForSync(sid: number, sessionHigh: number, sessionLow: number): void;
  /** A session was heard of at a learner. */
  touch(sessionHigh: number, sessionLow: number, timeoutMs: number): void;
  /** Whether a session is there; if so it belongs to that learner from now on (W-3). */
  revalidate(sid: number, sessionHigh: number, sessionLow: number, timeoutMs: number): boolean;
  /**
   * A learner has answered a PING, and what it heard of has been told by `touch`: of its sessions
   * whose time was over before, those not among them have expired. Call it for empty answers too.
   */
  reported(sid: number): void;
  /** The learner's link is gone: there is nothing of it to be waited for. */
  left(sid: number): void;
}

/** REQUEST, in place: the bytes are the packet's. */
export interface ForwardedRequest {
  /** The server that sent it. */
  readonly sid: number;
  readonly sessionHigh: number;
  readonly sessionLow: number;
  readonly cxid: number;
  readonly type: number;
  /** The request's record without its header. */
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly ids: readonly { readonly scheme: string; readonly id: string }[];
}

/** What the leader does for the pipeline beside it. */
export interface LeaderOffice {
  readonly epoch: number;
  /** A txn that prep has written is in the log's batch: it goes to everybody. */
  propose(bytes: Buffer, start: number, end: number, zxid: Zxid): void;
  /**
   * Calls back once a quorum has answered a ping sent after this call and all that was proposed
   * before it is settled: what is applied then is the latest (design.md, `sync`).
   */
  sync(done: () => void): void;
}

/** What the leader's answers mean to the pipeline of a learner. */
export interface LearnerService {
  /** The answer to REVALIDATE. */
  revalidated(sessionHigh: number, sessionLow: number, isValid: boolean): void;
  /** The oldest sync that was forwarded is due (B-18). */
  synced(): void;
  /** Writes the sessions heard of since the last call, (long session, int timeoutMs) each. */
  takeTouched(out: Writer): void;
}

/** What a learner's pipeline asks of the leader. */
export interface LeaderAccess {
  /** REQUEST: a write, a sync, or the creation or end of a session. `start` to `end`: its record. */
  forward(
    sessionHigh: number,
    sessionLow: number,
    cxid: number,
    type: number,
    bytes: Buffer,
    start: number,
    end: number,
    ids: readonly { readonly scheme: string; readonly id: string }[],
  ): void;
  revalidate(sessionHigh: number, sessionLow: number, timeoutMs: number): void;
}

/** Lines for operators; details as the log has them. */
export interface ZabLog {
  info(details: Readonly<Record<string, unknown>>, message: string): void;
  warn(details: Readonly<Record<string, unknown>>, message: string): void;
  error(details: Readonly<Record<string, unknown>>, message: string): void;
}

/** Of the election, which lives as long as the process. */
export interface ElectionEffects {
  readonly links: ElectionLinks;
  readonly log: ZabLog;
  /** There is a leader: this server leads, follows or observes from now on. */
  decided(outcome: ElectionOutcome): void;
  /** This server was elected, and those who did so have gone over to another before it took office. */
  deserted(): void;
}

export interface ElectionOutcome {
  readonly leader: number;
  readonly state: "LEADING" | "FOLLOWING" | "OBSERVING";
  /**
   * Every voter presented itself empty: this one, empty too, is counted from the beginning. If not,
   * an empty voter has to join uncounted.
   */
  readonly isFounder: boolean;
}

/** Of a term as its leader. */
export interface LeaderEffects {
  readonly replica: Replica;
  readonly log: ZabLog;
  /** The epoch of the history with which a voter stood for election when it was heard last. */
  claimedEpochOf(sid: number): number | undefined;
  /** Office is taken: clients are served from now on (S-16). */
  lead(office: LeaderOffice): LeaderService;
  /** The term is over. Called once, and nothing else after it. */
  stepDown(reason: string): void;
}

/** Of a term as a learner. */
export interface LearnerEffects {
  readonly replica: Replica;
  readonly log: ZabLog;
  /** In step with the leader: clients are served from now on (S-28). */
  follow(leader: LeaderAccess, epoch: number): LearnerService;
  /** The leader hands over to that server (operations 9.4): no election is needed. */
  handover(sid: number): void;
  /**
   * The link was closed, the term goes on: the same leader is dialled again, and `connected` or
   * `connectFailed` follows. Asks for a whole tree, or comes back as a voter; twice in a row at most.
   */
  redial(reason: string): void;
  /**
   * The term is over. Called once, and nothing else after it. Nothing that was asked of the replica
   * is under way then, except that its log may be flushing: what is in the window is in the log.
   */
  stepDown(reason: string): void;
}
