/**
 * A request's way to its reply.
 *
 *     read ───────────────────────────────────────────▶ tree ─▶ reply
 *       └─ behind a write of its session: waits ──────────┘
 *     write ─▶ prep ─▶ log's batch ─▶ disk ─▶ commit ─▶ tree ─▶ events, reply, waiting reads
 *
 * Writes are answered when they are durable and applied, in zxid order, one at a time; nothing
 * reads between two steps of one txn. A session's requests take effect in the order it sent them:
 * its reads wait for its own earlier writes, those of other sessions do not.
 */
import { AssertionError, assert } from "../../protocol/assert.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Clock } from "../../protocol/host.ts";
import { JuteError, MAX_BUFFER_DEFAULT, Reader } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { keyHighWord, keyLowWord, wordsHex, type Zxid, zxidHex } from "../../protocol/zxid.ts";
import type { Session, Sessions } from "../session/sessions.ts";
import type { DataTree, Slot } from "../tree/data-tree.ts";
import { Answers, isAnswered } from "./answers.ts";
import { Held } from "./held.ts";
import { type InFlight, InFlightRing } from "./in-flight.ts";
import { type LargeRequestOptions, LargeRequests } from "./large-requests.ts";
import { Prep, type PrepOptions, type TxnSink } from "./prep.ts";
import { Replies } from "./replies.ts";
import type { AuthId, Requester } from "./requester.ts";
import type { Adding, PipelineStats } from "./stats.ts";
import { XID_BYTES } from "./waiting.ts";

export interface PipelineOptions extends PrepOptions, LargeRequestOptions {
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  /** Writes on their way, above which no more is read from those who sent them. */
  readonly globalOutstandingLimit: number;
  readonly maxBufferBytes: number;
}

/** The log as the pipeline uses it. */
export interface DurableLog extends TxnSink {
  /** It takes no more for now. */
  readonly isFull: boolean;
  /** Starts what was committed on its way to the disk. */
  flush(): void;
}

/** Txns that have become durable, in order. */
export interface DurableBatch {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly zxid: Zxid;
  next(): boolean;
}

/**
 * Sessions are expired while less than this is on its way: the paths of their ephemerals and
 * SESSION_BYTES each. It is a millisecond or two of work, or one session that owns more.
 */
const EXPIRING_BYTES_MAX = 4 * 1024;
/** What the end of a session without ephemerals is taken for. */
const SESSION_BYTES = 64;

/** Watches that are forgotten at once, and the pause until the next: a millisecond or two each. */
const WATCHES_SLICE = 1000;
const WATCHES_PAUSE_MS = 1;

/** Where a txn's header, of 32 bytes, has its type. */
const TXN_TYPE_AT = 28;

export class Pipeline {
  readonly stats: PipelineStats<Adding>;
  readonly large: LargeRequests;
  /** Called when requests have been answered, so that there may be room for others. */
  onSettled: (() => void) | undefined;
  readonly #tree: DataTree;
  readonly #sessions: Sessions<Requester>;
  readonly #log: DurableLog;
  readonly #clock: Clock;
  readonly #options: PipelineOptions;
  readonly #prep: Prep;
  readonly #answers: Answers;
  readonly #replies: Replies;
  readonly #inFlight = new InFlightRing();
  /** Those who are not read from until less is in flight. */
  readonly #held = new Held();
  /** For requests that waited; the others bring the reader that found them. */
  readonly #reader: Reader;
  /** Who is being given what waited. */
  #draining: Requester | undefined;
  #flushScheduled = false;
  #nowMs = 0;
  /** Of the request at hand. */
  #frameBytes = 0;
  /** What is in flight of sessions that expired: see EXPIRING_BYTES_MAX. */
  #expiringBytes = 0;
  #stopped: (() => void) | undefined;

  constructor(
    clock: Clock,
    tree: DataTree,
    sessions: Sessions<Requester>,
    log: DurableLog,
    stats: PipelineStats<Adding>,
    options: PipelineOptions,
  ) {
    this.#clock = clock;
    this.#tree = tree;
    this.#sessions = sessions;
    this.#log = log;
    this.stats = stats;
    this.#options = options;
    this.large = new LargeRequests(options);
    this.#prep = new Prep(tree, log, clock, options);
    this.#answers = new Answers(clock, tree, stats, options);
    this.#replies = new Replies(tree);
    this.#reader = new Reader(Math.max(options.maxBufferBytes, MAX_BUFFER_DEFAULT) * 2);
    tree.observer = this;
    tree.sessions.forEach((high, low, timeoutMs) => sessions.restore(high, low, timeoutMs));
  }

  /** The last txn applied here. */
  get lastZxid(): Zxid {
    return this.#tree.lastZxid;
  }

  /** Requests on their way. */
  get outstanding(): number {
    return this.#inFlight.length;
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

  /** Creates a session; its holder hears `sessionCreated` once that is durable and applied. */
  createSession(holder: Requester, timeoutMs: number): Session<Requester> {
    const session = this.#sessions.create(timeoutMs);
    session.holder = holder;
    this.#sessions.touch(session, this.#nowMs);
    const zxid = this.#prep.createSession(session.high, session.low, timeoutMs);
    this.#enqueue(OpCode.createSession, 0, zxid, session, holder);
    return session;
  }

  /** Gives a session to a new connection, or undefined: it is over. The password was checked. */
  attachSession(
    holder: Requester,
    high: number,
    low: number,
    timeoutMs: number,
  ): Session<Requester> | undefined {
    const session = this.#sessions.get(wordsHex(high, low));
    if (session === undefined || session.closing || !this.#tree.sessions.has(high, low)) {
      return undefined;
    }
    const before = session.holder;
    session.holder = holder;
    session.timeoutMs = timeoutMs;
    this.#sessions.touch(session, this.#nowMs);
    before?.cut("its session came back on another connection", { from: holder.remoteAddress });
    return session;
  }

  /**
   * Whether one more session may be expired: thousands may be due at once, and all that is deleted
   * with them is applied in the turn in which it is durable.
   */
  mayExpire(): boolean {
    return this.#expiringBytes < EXPIRING_BYTES_MAX;
  }

  /** A session has expired: nothing revives it any more. */
  expire(session: Session<Requester>): void {
    this.stats.expiredSessions++;
    const bytes = SESSION_BYTES + this.#prep.ephemeralPathBytes(session.high, session.low);
    const entry = this.#closeSession(session, 0, undefined);
    entry.expiringBytes = bytes;
    this.#expiringBytes += bytes;
  }

  /** Closes a session that owns ephemerals and that nobody knows any more (storage F-5). */
  closeOrphan(key: string): void {
    const zxid = this.#prep.closeSession(keyHighWord(key), keyLowWord(key), 0);
    this.#enqueue(OpCode.closeSession, 0, zxid, undefined, undefined);
  }

  /** Deletes a container or a TTL znode that is over, unless another has taken its place. */
  reap(path: string, czxid: Zxid): void {
    const zxid = this.#prep.reap(path, czxid);
    this.#enqueue(OpCode.deleteContainer, 0, zxid, undefined, undefined);
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
    switch (type) {
      case OpCode.create:
      case OpCode.create2:
      case OpCode.createContainer:
      case OpCode.createTTL:
      case OpCode.delete:
      case OpCode.setData:
      case OpCode.setACL:
      case OpCode.multi:
      case OpCode.reconfig:
        this.#write(requester, session, xid, type, reader, ids);
        return;
      case OpCode.closeSession:
        this.#sessions.markClosing(session);
        this.#closeSession(session, xid, requester);
        return;
      case OpCode.sync:
        this.#sync(requester, session, xid, reader);
        return;
      default:
        if (!requester.isOpen) return;
        if (mustWait(requester, session)) {
          const { waiting } = requester;
          waiting.push(session.submitted, ids.length, reader.bytes, frameStart, reader.end);
          if (!isAnswered(type)) requester.readNoFurther();
          else if (this.#answers.mayTakeTurns(type, reader)) waiting.seal();
        } else {
          this.#answers.answer(requester, xid, type, reader, ids, this.#nowMs);
        }
    }
  }

  /** Answers with ThrottledOp, when it is the request's turn. */
  refuse(requester: Requester, xid: number): void {
    const { session } = requester;
    if (session === undefined || session.closing || !requester.isOpen) return;
    if (mustWait(requester, session)) requester.waiting.pushRefused(session.submitted, xid);
    else this.#answerRefused(requester, xid);
  }

  /** Runs what waited for writes that have been answered, or for a long read. */
  drain(requester: Requester): void {
    const { session } = requester;
    if (session === undefined || requester.waiting.isEmpty || requester.hasLongRead) return;
    this.#draining = requester;
    requester.waiting.drain(session.answered, this.#runWaiting);
    this.#draining = undefined;
  }

  /** Txns are durable: applies them and answers who waits. */
  committed(batch: DurableBatch): void {
    this.#nowMs = this.#clock.nowMs();
    while (batch.next()) {
      this.#answerSyncs();
      const entry = this.#inFlight.shift();
      assert(entry.zxid === batch.zxid, "commits come in the order of proposals");
      const txnType = batch.bytes.readInt32BE(batch.start + TXN_TYPE_AT);
      this.#replies.begin(batch.bytes, txnType, entry.askedTypes);
      this.#tree.apply(batch.bytes, batch.start, batch.end, "live");
      this.#prep.applied(batch.zxid);
      this.#settle(entry);
    }
    this.#answerSyncs();
    const isStopping = this.#stopped !== undefined;
    if (!isStopping && !this.#isBusy()) this.#held.release();
    this.onSettled?.();
    if (this.#inFlight.length === 0) this.#stopped?.();
  }

  /** Calls back when nothing is on its way any more; the caller lets no more in, nor is it here. */
  whenIdle(done: () => void): void {
    this.#stopped = done;
    if (this.#inFlight.length === 0) done();
  }

  // From the tree.

  applied(type: number, code: number, slot: Slot, pathStart: number, pathEnd: number): void {
    this.#replies.applied(type, code, slot, pathStart, pathEnd);
  }

  digestMismatch(zxid: Zxid): void {
    // What was made here from this very tree does not describe it: memory or code is wrong.
    throw new AssertionError(`after zxid 0x${zxidHex(zxid)} the tree has not its txn's digest`);
  }

  #write(
    requester: Requester,
    session: Session<Requester>,
    xid: number,
    type: number,
    reader: Reader,
    ids: readonly AuthId[],
  ): void {
    const zxid = this.#prep.request(type, session.high, session.low, xid, ids, reader);
    const entry = this.#enqueue(type, xid, zxid, session, requester);
    if (type === OpCode.multi) entry.askedTypes = this.#prep.askedTypes;
  }

  #closeSession(
    session: Session<Requester>,
    xid: number,
    requester: Requester | undefined,
  ): InFlight {
    const zxid = this.#prep.closeSession(session.high, session.low, xid);
    return this.#enqueue(OpCode.closeSession, xid, zxid, session, requester);
  }

  /** Hundreds of thousands go in slices; a connection that is gone is told of nothing. */
  #removeWatches(requester: Requester): void {
    if (!this.#tree.watches.removeWatcher(requester, WATCHES_SLICE)) return;
    this.#clock.after(WATCHES_PAUSE_MS, () => this.#removeWatches(requester));
  }

  /** Answered when all that was sent into the pipeline before it has been applied. */
  #sync(requester: Requester, session: Session<Requester>, xid: number, reader: Reader): void {
    let path: string | null = null;
    let code: number = ErrorCode.Ok;
    try {
      path = reader.string();
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      code = ErrorCode.MarshallingError;
    }
    const entry = this.#enqueue(OpCode.sync, xid, this.#prep.lastZxid, session, requester);
    entry.isSync = true;
    entry.path = path;
    entry.code = code;
    if (this.#inFlight.length === 1) this.#answerSyncs();
  }

  #enqueue(
    type: number,
    xid: number,
    zxid: Zxid,
    session: Session<Requester> | undefined,
    requester: Requester | undefined,
  ): InFlight {
    const entry = this.#inFlight.push();
    entry.type = type;
    entry.xid = xid;
    entry.zxid = zxid;
    entry.session = session;
    entry.requester = requester;
    entry.arrivedMs = this.#nowMs;
    entry.isSync = false;
    entry.bytes = this.#frameBytes;
    this.#frameBytes = 0;
    this.large.add(entry.bytes);
    if (session !== undefined) session.submitted++;
    if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      this.#clock.endOfTurn(this.#flush);
    }
    if (requester !== undefined && this.#isBusy()) this.#held.hold(requester);
    return entry;
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false;
    this.#log.flush();
  };

  #isBusy(): boolean {
    return this.#inFlight.length > this.#options.globalOutstandingLimit || this.#log.isFull;
  }

  /** Syncs at the head of the ring: all that was before them has been applied. */
  #answerSyncs(): void {
    for (;;) {
      const entry = this.#inFlight.first();
      if (entry === undefined || !entry.isSync) return;
      this.#inFlight.shift();
      const { requester, session } = entry;
      if (requester?.isOpen === true) {
        requester.beginReply(entry.xid);
        requester.out.string(entry.path);
        requester.endReply(this.#tree.lastZxid, entry.code);
        this.#count(this.stats.readLatency, entry.arrivedMs, requester, OpCode.sync, entry.xid);
      }
      this.#forget(entry);
      if (session !== undefined) this.#answered(session);
    }
  }

  /** Tells whoever asked for the txn that was just applied. */
  #settle(entry: InFlight): void {
    const { type, session, requester } = entry;
    if (type === OpCode.createSession) {
      this.#count(this.stats.updateLatency, entry.arrivedMs, requester, type, 0);
    } else if (requester?.isOpen === true) {
      requester.beginReply(entry.xid);
      const code = this.#replies.write(type, requester.out);
      requester.endReply(entry.zxid, code);
      // The txn of a write that failed does not say what it was; that of a multi does.
      const done = code === ErrorCode.Ok || type === OpCode.multi ? type : 0;
      this.#count(this.stats.updateLatency, entry.arrivedMs, requester, done, entry.xid);
    }
    // What follows may let new requests in, and one of them may be given this entry.
    this.#forget(entry);
    if (session === undefined) return;
    if (type === OpCode.createSession) session.holder?.sessionCreated();
    else if (type === OpCode.closeSession) this.#ended(session, requester);
    this.#answered(session);
  }

  #ended(session: Session<Requester>, asker: Requester | undefined): void {
    this.#sessions.remove(session);
    asker?.finish("");
    const { holder } = session;
    if (holder !== undefined && holder !== asker) holder.cut("its session has expired");
  }

  #answered(session: Session<Requester>): void {
    session.answered++;
    session.holder?.writeAnswered();
  }

  #forget(entry: InFlight): void {
    this.large.remove(entry.bytes);
    this.#expiringBytes -= entry.expiringBytes;
    entry.expiringBytes = 0;
    entry.session = undefined;
    entry.requester = undefined;
    entry.path = null;
  }

  readonly #runWaiting = (bytes: Buffer, start: number, end: number, idCount: number): boolean => {
    const requester = this.#draining;
    if (requester === undefined || !requester.isOpen) return true;
    const { authIds } = requester;
    const ids = idCount === authIds.length ? authIds : authIds.slice(0, idCount);
    const reader = this.#reader.reset(bytes, start, end);
    const xid = reader.int();
    if (end - start === XID_BYTES) {
      this.#answerRefused(requester, xid);
    } else {
      this.#answers.answer(requester, xid, reader.int(), reader, ids, this.#nowMs);
    }
    return !requester.hasLongRead;
  };

  #answerRefused(requester: Requester, xid: number): void {
    requester.beginReply(xid);
    requester.endReply(this.#tree.lastZxid, ErrorCode.ThrottledOp);
  }

  #count(
    kind: Adding,
    arrivedMs: number,
    requester: Requester | undefined,
    type: number,
    xid: number,
  ): void {
    const elapsedMs = this.#nowMs - arrivedMs;
    this.stats.requestLatency.add(elapsedMs);
    kind.add(elapsedMs);
    requester?.answered(type, xid, this.#tree.lastZxid, elapsedMs, this.#nowMs);
  }
}

/** Whether a request that changes nothing has to wait for earlier ones of its session. */
function mustWait(requester: Requester, session: Session<Requester>): boolean {
  return session.answered < session.submitted || !requester.waiting.isEmpty;
}
