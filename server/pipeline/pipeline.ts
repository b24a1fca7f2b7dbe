/**
 * A request's way to its reply.
 *
 *     read ───────────────────────────────────────────▶ tree ─▶ reply
 *       └─ behind a write of its session: waits ──────────┘
 *     write ─▶ proposer ─▶ ... ─▶ commit ─▶ tree ─▶ events, reply, waiting reads
 *
 * Writes are answered when they are durable and applied, in zxid order, one at a time; nothing
 * reads between two steps of one txn. A session's requests take effect in the order it sent them:
 * its reads wait for its own earlier writes, those of other sessions do not.
 *
 * A pipeline lives for one term of its server. Who makes txns of writes, and what they pass through
 * until they are settled, is the proposer's matter: here they come back as commits, among those
 * that clients of other servers asked for.
 */
import { AssertionError, assert } from "../../protocol/assert.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Clock } from "../../protocol/host.ts";
import { JuteError, MAX_BUFFER_DEFAULT, Reader } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { type Zxid, zxidHex } from "../../protocol/zxid.ts";
import type { Session, SessionRoom } from "../session/sessions.ts";
import type { DataTree, Slot } from "../tree/data-tree.ts";
import { Answers, type AnswersOptions } from "./answers.ts";
import { makesEphemeral } from "./ephemeral-request.ts";
import { Held } from "./held.ts";
import { type InFlight, InFlightRing } from "./in-flight.ts";
import { type LargeRequestOptions, LargeRequests } from "./large-requests.ts";
import type { DurableBatch, Proposer } from "./proposer.ts";
import { Replies } from "./replies.ts";
import { isAnswered, isChange } from "./request-kinds.ts";
import type { AuthId, Requester } from "./requester.ts";
import { SessionDesk } from "./session-desk.ts";
import type { Adding, PipelineStats } from "./stats.ts";
import { type Sync, Syncs } from "./syncs.ts";
import { XID_BYTES } from "./waiting.ts";

export interface PipelineOptions extends AnswersOptions, LargeRequestOptions {
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  /** A session that only this server knows becomes global before it makes an ephemeral (W-4). */
  readonly localSessionsUpgrading?: boolean;
  /** Writes on their way, above which no more is read from those who sent them. */
  readonly globalOutstandingLimit: number;
  /**
   * The tree is not what the leader's txn says: it has to come anew. Without this it is memory or
   * code of ours that is wrong, since the txn was made from this very tree.
   */
  readonly onDigestMismatch?: (zxid: Zxid) => void;
  /** The leader has left out a request of ours: neither it nor what is behind it is ever answered. */
  readonly onRequestLost?: () => void;
}

/** Bytes on their way, above which no more is read from those who sent them: links may be slow. */
const BYTES_IN_WORK_MAX: number = 16 * 1024 * 1024;

/** Watches that are forgotten at once, and the pause until the next: a millisecond or two each. */
const WATCHES_SLICE = 1000;
const WATCHES_PAUSE_MS = 1;

// TxnHeader: long clientId, int cxid, long zxid, long time, int type
const TXN_TYPE_AT = 28;

export class Pipeline {
  readonly stats: PipelineStats<Adding>;
  readonly large: LargeRequests;
  /** Called when requests have been answered, so that there may be room for others. */
  onSettled: (() => void) | undefined;
  readonly #tree: DataTree;
  readonly #sessions: SessionRoom<Requester>;
  readonly #proposer: Proposer;
  readonly #desk: SessionDesk;
  readonly #clock: Clock;
  readonly #options: PipelineOptions;
  readonly #answers: Answers;
  readonly #replies: Replies;
  readonly #inFlight: InFlightRing;
  readonly #syncs = new Syncs((sync) => this.#answerSync(sync));
  /** Those who are not read from until less is in flight. */
  readonly #held = new Held();
  /** For requests that waited; the others bring the reader that found them. */
  readonly #reader: Reader;
  /** Who is being given what waited. */
  #draining: Requester | undefined;
  #nowMs = 0;
  /** Of the request at hand. */
  #frameBytes = 0;
  /** Of the frames whose requests are on their way. */
  #bytesInWork = 0;
  #stopped: (() => void) | undefined;

  constructor(
    clock: Clock,
    tree: DataTree,
    sessions: SessionRoom<Requester>,
    proposer: Proposer,
    stats: PipelineStats<Adding>,
    options: PipelineOptions,
  ) {
    this.#clock = clock;
    this.#tree = tree;
    this.#sessions = sessions;
    this.#proposer = proposer;
    this.#desk = new SessionDesk(tree, sessions, proposer, stats);
    this.stats = stats;
    this.#options = options;
    this.#inFlight = new InFlightRing(() => options.onRequestLost?.());
    this.large = new LargeRequests(options);
    this.#answers = new Answers(clock, tree, stats, options);
    this.#replies = new Replies(tree);
    this.#reader = new Reader(Math.max(options.maxBufferBytes, MAX_BUFFER_DEFAULT) * 2);
    tree.observer = this;
  }

  /** It serves reads alone, to clients that take that. */
  get isReadOnly(): boolean {
    return this.#proposer.isReadOnly;
  }

  /** What a client that comes here may have seen at most. */
  get lastZxid(): Zxid {
    return this.#tree.shownZxid;
  }

  /** Requests on their way. */
  get outstanding(): number {
    return this.#inFlight.length + this.#syncs.length;
  }

  /** Bytes of a connection are about to be worked through. */
  beginChunk(requester: Requester, nowMs: number, bytes: number): void {
    this.#nowMs = nowMs;
    this.stats.bytesReceived += bytes;
    if (requester.session !== undefined) this.#sessions.touch(requester.session, nowMs);
  }

  /** The timeout that a client gets for the one it asks for. */
  negotiate(timeoutMs: number): number {
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = this.#options;
    return Math.min(Math.max(timeoutMs, minSessionTimeoutMs), maxSessionTimeoutMs);
  }

  /** Creates a session; its holder hears `sessionReady` once that is durable and applied. */
  createSession(holder: Requester, timeoutMs: number): Session<Requester> {
    const session = this.#desk.create(holder, timeoutMs, this.#nowMs);
    if (session.isLocal) {
      holder.sessionReady(session);
      return session;
    }
    const zxid = this.#proposer.createSession(session);
    this.#enqueue(OpCode.createSession, 0, zxid, session, holder);
    return session;
  }

  /** Gives a session to a new connection, which hears `sessionReady`. The password was checked. */
  attachSession(holder: Requester, high: number, low: number, timeoutMs: number): void {
    this.#desk.attach(holder, high, low, timeoutMs, this.#nowMs);
  }

  /** The leader says whether a session that came here is alive (quorum-protocol W-3). */
  revalidated(high: number, low: number, isValid: boolean): void {
    this.#desk.revalidated(high, low, isValid, this.#clock.nowMs());
  }

  /** A session that only this server knew is over. */
  ended(session: Session<Requester>): void {
    this.#desk.end(session, undefined);
  }

  connectionClosed(requester: Requester): void {
    this.#removeWatches(requester);
    this.#held.forget(requester);
  }

  /** Whether a connection may be told of changes to znodes with this access list. */
  mayRead(requester: Requester, acl: number): boolean {
    return this.#answers.mayRead(requester, acl);
  }

  /**
   * Takes one request of a connection whose handshake is done.
   *
   * @param reader Behind the request's header.
   * @param frameStart Where its frame starts in the reader's bytes.
   * @param ids Those that it was read with.
   */
  request(
    requester: Requester,
    xid: number,
    type: number,
    reader: Reader,
    frameStart: number,
    ids: readonly AuthId[] = requester.authIds,
  ): void {
    const { session } = requester;
    assert(session !== undefined, "a request without a session");
    // Its end is on the way, and the connection's with it: nothing behind that is answered.
    if (session.closing) return;
    this.#frameBytes = reader.end - frameStart;
    const changes = isChange(type);
    const { waiting } = requester;
    const isLocalEnd = type === OpCode.closeSession && session.isLocal;
    if (isLocalEnd && !mustWait(requester, session)) {
      this.#answerRefused(requester, xid, ErrorCode.Ok);
      this.#desk.end(session, requester);
    } else if (this.isReadOnly && (changes || type === OpCode.sync)) {
      this.#answerRefused(requester, xid, ErrorCode.NotReadOnly);
    } else if (type === OpCode.sync) {
      this.#sync(requester, session, xid, ids, reader);
    } else if (changes && session.syncs === 0 && !isLocalEnd) {
      this.#change(requester, session, xid, type, reader, ids);
    } else if (changes) {
      // Its commit may come before the sync is confirmed: it waits, and what is behind is not read.
      waiting.push(session.submitted, ids.length, reader.bytes, frameStart, reader.end);
      waiting.seal();
    } else if (requester.isOpen && mustWait(requester, session)) {
      waiting.push(session.submitted, ids.length, reader.bytes, frameStart, reader.end);
      if (!isAnswered(type)) requester.readNoFurther();
      else if (this.#answers.mayTakeTurns(type, reader)) waiting.seal();
    } else if (requester.isOpen) {
      this.#answers.answer(requester, xid, type, reader, ids, this.#nowMs);
    }
  }

  /** Answers with ThrottledOp, when it is the request's turn. */
  refuse(requester: Requester, xid: number): void {
    const { session } = requester;
    if (session === undefined || session.closing || !requester.isOpen) return;
    if (mustWait(requester, session)) requester.waiting.pushRefused(session.submitted, xid);
    else this.#answerRefused(requester, xid, ErrorCode.ThrottledOp);
  }

  /** Runs what waited for writes that have been answered, or for a long read. */
  drain(requester: Requester): void {
    const { session } = requester;
    if (session === undefined || requester.waiting.isEmpty || requester.hasLongRead) return;
    this.#draining = requester;
    requester.waiting.drain(session.answered, this.#runWaiting);
    this.#draining = undefined;
  }

  /** Txns are settled: applies them and answers who waits. */
  committed(batch: DurableBatch): void {
    this.#nowMs = this.#clock.nowMs();
    while (batch.next()) {
      const { bytes, start, end, zxid } = batch;
      const entry = this.#inFlight.settledBy(bytes, start, zxid, this.#proposer.cxid);
      const txnType = bytes.readInt32BE(start + TXN_TYPE_AT);
      if (entry === undefined) this.#replies.beginOthers();
      else this.#replies.begin(bytes, txnType, entry.askedTypes);
      this.#tree.apply(bytes, start, end, "live");
      this.#proposer.applied(zxid);
      if (entry !== undefined) this.#settle(entry, zxid);
      else if (txnType === OpCode.createSession) this.#desk.beganElsewhere(bytes, start);
      else if (txnType === OpCode.closeSession) this.#desk.endedElsewhere(bytes, start);
      if (this.#syncs.length > 0) this.#syncs.settle(zxid);
    }
    this.#desk.applied(this.#nowMs);
    this.#goOn();
  }

  /** The leader has confirmed the oldest sync: it is due once `zxid` has been applied. */
  synced(zxid: Zxid): void {
    this.#nowMs = this.#clock.nowMs();
    this.#syncs.confirm(zxid);
    this.#syncs.settle(this.#tree.lastZxid);
    this.#goOn();
  }

  /** Calls back when nothing is on its way any more; the caller lets no more in, nor is it here. */
  whenIdle(done: () => void): void {
    this.#stopped = done;
    if (this.outstanding === 0) done();
  }

  /** The term is over: what is on its way is answered no more, whatever becomes of it. */
  stop(): void {
    if (this.#tree.observer === this) this.#tree.observer = undefined;
  }

  // From the tree.

  applied(type: number, code: number, slot: Slot, pathStart: number, pathEnd: number): void {
    this.#replies.applied(type, code, slot, pathStart, pathEnd);
  }

  digestMismatch(zxid: Zxid): void {
    const { onDigestMismatch } = this.#options;
    if (onDigestMismatch !== undefined) onDigestMismatch(zxid);
    else
      throw new AssertionError(`after zxid 0x${zxidHex(zxid)} the tree has not its txn's digest`);
  }

  #change(
    requester: Requester,
    session: Session<Requester>,
    xid: number,
    type: number,
    reader: Reader,
    ids: readonly AuthId[],
  ): void {
    const proposer = this.#proposer;
    if (type === OpCode.closeSession) {
      this.#sessions.markClosing(session);
      this.#enqueue(type, xid, proposer.closeSession(session, xid), session, requester);
      return;
    }
    const needsGlobal = session.isLocal && makesEphemeral(type, reader);
    const isUpgraded = needsGlobal && this.#options.localSessionsUpgrading === true;
    if (isUpgraded) {
      this.#sessions.adopt(session);
      const zxid = proposer.createSession(session);
      this.#enqueue(OpCode.createSession, 0, zxid, session, requester);
    }
    const zxid = proposer.request(type, session, xid, ids, reader);
    const entry = this.#enqueue(type, xid, zxid, session, requester);
    if (type === OpCode.multi) entry.askedTypes = proposer.askedTypes;
    else if (needsGlobal && !isUpgraded) entry.code = ErrorCode.EphemeralOnLocalSession;
  }

  /** Hundreds of thousands go in slices; a connection that is gone is told of nothing. */
  #removeWatches(requester: Requester): void {
    if (!this.#tree.watches.removeWatcher(requester, WATCHES_SLICE)) return;
    this.#clock.after(WATCHES_PAUSE_MS, () => this.#removeWatches(requester));
  }

  /** Answered when all that was sent into the pipeline before it has been applied. */
  #sync(
    requester: Requester,
    session: Session<Requester>,
    xid: number,
    ids: readonly AuthId[],
    reader: Reader,
  ): void {
    const record = reader.offset;
    let path: string | null = null;
    let code: number = ErrorCode.Ok;
    try {
      path = reader.string();
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      code = ErrorCode.MarshallingError;
    }
    reader.offset = record;
    const isRefused = code !== ErrorCode.Ok;
    const mustBeConfirmed = !isRefused && this.#proposer.confirmsSyncs;
    session.submitted++;
    this.#syncs.push({
      session,
      requester,
      xid,
      path,
      code,
      arrivedMs: this.#nowMs,
      bytes: this.#takeFrameBytes(),
      zxid: this.#proposer.lastZxid,
      isDue: !mustBeConfirmed,
    });
    if (mustBeConfirmed) this.#proposer.sync(session, ids, reader);
    this.#syncs.settle(this.#tree.lastZxid);
    if (this.#isBusy()) this.#held.hold(requester);
  }

  #answerSync({ session, requester, xid, path, code, arrivedMs, bytes }: Sync): void {
    if (requester.isOpen) {
      requester.beginReply(xid);
      requester.out.string(path);
      requester.endReply(this.#tree.shownZxid, code);
      this.#count(this.stats.readLatency, arrivedMs, requester, OpCode.sync, xid);
    }
    this.#dropFrameBytes(bytes);
    this.#answered(session);
  }

  #enqueue(
    type: number,
    xid: number,
    zxid: Zxid,
    session: Session<Requester>,
    requester: Requester,
  ): InFlight {
    const entry = this.#inFlight.push();
    entry.type = type;
    entry.xid = xid;
    entry.zxid = zxid;
    entry.cxid = this.#proposer.cxid;
    entry.session = session;
    entry.requester = requester;
    entry.arrivedMs = this.#nowMs;
    entry.bytes = this.#takeFrameBytes();
    session.submitted++;
    if (this.#isBusy()) this.#held.hold(requester);
    return entry;
  }

  /** Counts the frame at hand, once. */
  #takeFrameBytes(): number {
    const bytes = this.#frameBytes;
    this.#frameBytes = 0;
    this.large.add(bytes);
    this.#bytesInWork += bytes;
    return bytes;
  }

  #dropFrameBytes(bytes: number): void {
    this.large.remove(bytes);
    this.#bytesInWork -= bytes;
  }

  /** Something was settled: there may be room for more. */
  #goOn(): void {
    if (this.#stopped === undefined && !this.#isBusy()) this.#held.release();
    this.onSettled?.();
    if (this.outstanding === 0) this.#stopped?.();
  }

  #isBusy(): boolean {
    const isMuch = this.#bytesInWork > BYTES_IN_WORK_MAX;
    const { globalOutstandingLimit } = this.#options;
    return isMuch || this.outstanding > globalOutstandingLimit || this.#proposer.isFull;
  }

  /** Tells whoever asked for the txn that was just applied. */
  #settle(entry: InFlight, zxid: Zxid): void {
    const { type, session, requester } = entry;
    assert(session !== undefined && requester !== undefined, "a request that nobody sent");
    if (type === OpCode.createSession) {
      this.#count(this.stats.updateLatency, entry.arrivedMs, requester, type, 0);
    } else if (this.#replies.isMoved) {
      // An answer would reach a client that lives elsewhere already (server-semantics 5.4).
      requester.cut("its session has moved to another server");
    } else if (requester.isOpen) {
      requester.beginReply(entry.xid);
      // The leader has refused it too, and knows less.
      const code =
        entry.code !== ErrorCode.Ok ? entry.code : this.#replies.write(type, requester.out);
      requester.endReply(zxid, code);
      // The txn of a write that failed does not say what it was; that of a multi does.
      const done = code === ErrorCode.Ok || type === OpCode.multi ? type : 0;
      this.#count(this.stats.updateLatency, entry.arrivedMs, requester, done, entry.xid);
    }
    // What follows may let new requests in, and one of them may be given this entry.
    this.#forget(entry);
    if (type === OpCode.createSession) session.holder?.sessionReady(session);
    else if (type === OpCode.closeSession) this.#desk.end(session, requester);
    this.#answered(session);
  }

  #answered(session: Session<Requester>): void {
    session.answered++;
    session.holder?.writeAnswered();
  }

  #forget(entry: InFlight): void {
    this.#dropFrameBytes(entry.bytes);
    entry.code = ErrorCode.Ok;
    entry.session = undefined;
    entry.requester = undefined;
  }

  readonly #runWaiting = (bytes: Buffer, start: number, end: number, idCount: number): boolean => {
    const requester = this.#draining;
    if (requester === undefined || !requester.isOpen) return true;
    const { authIds } = requester;
    const ids = idCount === authIds.length ? authIds : authIds.slice(0, idCount);
    const reader = this.#reader.reset(bytes, start, end);
    const xid = reader.int();
    if (end - start === XID_BYTES) {
      this.#answerRefused(requester, xid, ErrorCode.ThrottledOp);
      return true;
    }
    const type = reader.int();
    if (isChange(type)) this.request(requester, xid, type, reader, start, ids);
    else this.#answers.answer(requester, xid, type, reader, ids, this.#nowMs);
    return !requester.hasLongRead;
  };

  #answerRefused(requester: Requester, xid: number, code: number): void {
    requester.beginReply(xid);
    requester.endReply(this.#tree.shownZxid, code);
  }

  #count(kind: Adding, arrivedMs: number, requester: Requester, type: number, xid: number): void {
    const elapsedMs = this.#nowMs - arrivedMs;
    this.stats.requestLatency.add(elapsedMs);
    kind.add(elapsedMs);
    requester.answered(type, xid, this.#tree.shownZxid, elapsedMs, this.#nowMs);
  }
}

/** Whether a request that changes nothing has to wait for earlier ones of its session. */
function mustWait(requester: Requester, session: Session<Requester>): boolean {
  return session.answered < session.submitted || !requester.waiting.isEmpty;
}
