/**
 * One client's connection: frames in, replies out.
 *
 *     greeting ──ConnectRequest──▶ attaching ──session ready──▶ open ──▶ ending ──▶ closed
 *        │ └──ConnectRequest, nobody serves──▶ held ──served──▶ attaching
 *        └──four-letter word──▶ asking ──all of the answer written──────▶ ending
 *
 * Replies and events of a turn gather in one buffer and leave in one write at its end. A peer that
 * does not take what it asked for is not read any further, and cut off when it owes too much.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import { FrameSplitter } from "../../protocol/frames.ts";
import type { HostError, Link, LinkHandlers } from "../../protocol/host.ts";
import { JuteError, Reader, type Writer } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { AuthId, EndDetails, LongAnswer, Requester } from "../pipeline/requester.ts";
import type { WaitingFrames } from "../pipeline/waiting.ts";
import type { Expiring } from "../session/expiry.ts";
import type { Session } from "../session/sessions.ts";
import { Identity } from "./auth.ts";
import type { ClientService, ConnectionContext } from "./connection-context.ts";
import { type Greeted, Greeting } from "./greeting.ts";
import { Outbox } from "./outbox.ts";
import { Usage } from "./usage.ts";

type State = "greeting" | "held" | "attaching" | "open" | "asking" | "ending" | "closed";

/** Replies that wait for the peer, above which no more requests are read from it. */
const UNSENT_PAUSE_BYTES = 0x4_0000;
/** What may come for a peer that takes nothing: events do so without its asking. */
const UNSENT_MAX_BYTES: number = 64 * 1024 * 1024;
/** A peer that takes nothing of what waits for it is given this long, or its session's timeout. */
const STALL_MAX_MS = 30_000;

/** A four-letter word, or a length. */
const WORD_BYTES = 4;
const NOTHING_MORE: EndDetails = {};

export class Connection implements LinkHandlers, Greeted, Expiring {
  readonly link: Link;
  readonly waiting: WaitingFrames;
  session: Session<Requester> | undefined;
  expiresAtMs = 0;
  /** True between `markDirty` and the flush that follows. */
  isDirty = false;
  received = 0;
  sent = 0;
  readonly usage: Usage = new Usage();
  /** When it came, by the wall's clock. */
  readonly sinceMs: number;
  throttled = 0;
  /** It asked a four-letter word. */
  isAsking = false;
  /** Bytes that the port counts as kept for it before it has a session. */
  sessionlessBytes = 0;
  hasLongRead = false;
  readonly isProbe: boolean;

  readonly #context: ConnectionContext;
  readonly #identity: Identity;
  readonly #greeting: Greeting;
  readonly #outbox: Outbox;
  readonly #splitter: FrameSplitter;
  readonly #reader: Reader;
  #state: State = "greeting";
  /** Who served when it asked for its session: it ends with that term. */
  #service: ClientService | undefined;
  #paused = false;
  /** The server as a whole has too much to do. */
  #held = false;

  /** @param isProbe It came when there was no room: it may ask a four-letter word, nothing else. */
  constructor(link: Link, context: ConnectionContext, waiting: WaitingFrames, isProbe: boolean) {
    this.link = link;
    this.waiting = waiting;
    this.#context = context;
    this.#outbox = new Outbox(link);
    this.#greeting = new Greeting(this, context);
    this.isProbe = isProbe;
    this.sinceMs = context.clock.wallMs();
    this.#identity = new Identity(link.remoteAddress, context.auth);
    this.#reader = new Reader(context.maxBufferBytes * 2);
    this.#splitter = new FrameSplitter(
      context.maxBufferBytes,
      (bytes, start, end) => this.#frame(bytes, start, end),
      (length) => this.#refused(length),
    );
  }

  get out(): Writer {
    return this.#outbox.out;
  }

  get unsentBytes(): number {
    return this.#outbox.unsentBytes;
  }

  get authIds(): readonly AuthId[] {
    return this.#identity.ids;
  }

  get authFailed(): boolean {
    return this.#identity.isRefused;
  }

  get isOpen(): boolean {
    return this.#state !== "closed";
  }

  get hasSession(): boolean {
    return this.#state === "open";
  }

  /** It asked for its session in the term at hand, and ends with it. */
  get isServed(): boolean {
    return this.#service !== undefined;
  }

  /** 1: to read, 4: to write, as `cons` and `stat` print it. */
  get interest(): number {
    if (this.isAsking) return 0;
    return (this.#paused ? 0 : 1) | (this.#outbox.isBlocked ? 4 : 0);
  }

  /** What was written to it has not all left. */
  get isBlocked(): boolean {
    return this.#outbox.isBlocked;
  }

  /** Requests that came and have no reply. */
  get queued(): number {
    const { session } = this;
    if (session === undefined || session.holder !== this) return 0;
    return this.waiting.count + session.submitted - session.answered;
  }

  // From the link.

  data(bytes: Buffer): void {
    // Nothing is heard any more, so that it lasts no longer than its deadline.
    if (this.#state === "ending") return;
    if (this.#state === "asking") {
      this.#context.words.heard(this, bytes);
      return;
    }
    const { clock } = this.#context;
    const nowMs = clock.nowMs();
    this.#context.touch(this, nowMs);
    if (this.#service === undefined) this.#context.stats.bytesReceived += bytes.length;
    else this.#service.pipeline.beginChunk(this, nowMs, bytes.length);
    const wordBytes = this.#state === "greeting" ? WORD_BYTES - this.#splitter.keptBytes : 0;
    this.#splitter.push(bytes);
    if (this.isAsking) {
      this.#context.words.heard(this, bytes.subarray(wordBytes));
      return;
    }
    if (this.#state === "greeting") {
      this.#context.keepsSessionless(this, this.#splitter.keptBytes);
    }
    this.#considerPause();
  }

  /** The peer half-closed: what it asked for is still done; nobody may be left to hear of it. */
  ended(): void {
    if (this.#state === "ending" || this.#state === "asking") return;
    this.finish("");
  }

  drained(): void {
    const nowMs = this.#context.clock.nowMs();
    this.#outbox.drained(nowMs);
    if (this.isAsking) this.#context.words.taken(this);
    if (this.#outbox.unsentBytes > 0) this.#context.markDirty(this);
    // Its pings are not read while it owes so much: taking it is a sign of life as well.
    if (this.#paused && this.#state === "open") {
      this.#context.touch(this, nowMs);
      this.#service?.pipeline.beginChunk(this, nowMs, 0);
    }
    this.#considerPause();
  }

  closed(_error: HostError | undefined): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#splitter.stop();
    this.waiting.clear();
    const { session } = this;
    if (session !== undefined && session.holder === this) session.holder = undefined;
    if (this.isAsking) this.#context.words.gone(this);
    this.#greeting.forget();
    this.#service?.pipeline.connectionClosed(this);
    this.#context.closed(this);
  }

  // From the pipeline.

  beginReply(xid: number): void {
    this.#outbox.beginReply(xid);
  }

  endReply(zxid: Zxid, code: number): void {
    this.#context.stats.countResponse(this.#outbox.endReply(zxid, code));
    this.#countSent();
  }

  answered(type: number, xid: number, zxid: Zxid, latencyMs: number, nowMs: number): void {
    this.usage.answered(type, xid, zxid, latencyMs, nowMs);
  }

  deliver(frame: Buffer): void {
    if (this.#state !== "open") return;
    this.out.raw(frame);
    this.#countSent();
  }

  mayRead(aclId: number): boolean {
    return this.#service?.pipeline.mayRead(this, aclId) === true;
  }

  writeAnswered(): void {
    this.#service?.pipeline.drain(this);
    this.#considerPause();
  }

  beginAttaching(service: ClientService): void {
    this.#service = service;
    this.#state = "attaching";
    this.#considerPause();
    service.pipeline.beginChunk(this, this.#context.clock.nowMs(), 0);
  }

  takeSession(session: Session<Requester>): void {
    this.session = session;
    this.#context.keepsSessionless(this, 0);
    this.#context.touch(this, this.#context.clock.nowMs());
  }

  sessionReady(session: Session<Requester> | undefined, details?: EndDetails): void {
    if (this.#state !== "attaching") return;
    this.#greeting.answer(session, this.out);
    this.#countSent();
    if (session === undefined) {
      this.finish("there is no session of this id and password", details);
      return;
    }
    if (this.session === undefined) this.takeSession(session);
    this.#state = "open";
    this.#considerPause();
  }

  longReadBegins(): void {
    this.hasLongRead = true;
    this.#considerPause();
  }

  holdBack(): void {
    this.#outbox.beginLongReply();
  }

  longReadEnds(answer: LongAnswer | undefined): void {
    const pipeline = this.#service?.pipeline;
    if (answer !== undefined && this.isOpen) {
      this.#context.stats.countResponse(this.#outbox.endLongReply(answer));
      this.#countSent();
      // What it said meanwhile was not read: its time begins anew.
      const nowMs = this.#context.clock.nowMs();
      this.#context.touch(this, nowMs);
      pipeline?.beginChunk(this, nowMs, 0);
    }
    this.hasLongRead = false;
    pipeline?.drain(this);
    pipeline?.onSettled?.();
    this.#considerPause();
  }

  readNoFurther(): void {
    this.#splitter.stop();
  }

  finish(reason: string, details: EndDetails = NOTHING_MORE): void {
    if (this.#state === "ending" || this.#state === "closed") return;
    if (reason !== "") this.#context.report(this, reason, details);
    this.#state = "ending";
    this.#splitter.stop();
    // The peer's own end has to be noticed.
    if (this.#paused) this.link.resume();
    this.#context.markDirty(this);
  }

  /** Drops the connection with all that waits to be sent. */
  cut(reason: string, details: EndDetails = NOTHING_MORE): void {
    if (this.#state === "closed") return;
    if (reason !== "") this.#context.report(this, reason, details);
    this.#state = "ending";
    this.#splitter.stop();
    this.link.destroy();
  }

  // From who answers its word.

  get remoteAddress(): string {
    return this.link.remoteAddress;
  }

  /** Sends a piece of the answer; `isBlocked` tells from the next turn on whether it has left. */
  answer(piece: Buffer): void {
    if (this.#state !== "asking") return;
    this.out.raw(piece);
    this.#context.markDirty(this);
    this.stay();
  }

  /** The answer is complete. */
  answerDone(): void {
    if (this.#state !== "asking") return;
    this.#countSent();
    this.finish("");
  }

  /** It waits for its answer: its deadline moves on. */
  stay(): void {
    this.#context.touch(this, this.#context.clock.nowMs());
  }

  // From the port.

  /** Somebody serves again: what it asked for while it was held is done. */
  served(service: ClientService): void {
    if (this.#state === "held") this.#greeting.served(service);
  }

  /** What `crst` does. */
  resetCounts(): void {
    this.received = 0;
    this.sent = 0;
    this.usage.reset();
  }

  /** Sends what the turn gathered. */
  flush(): void {
    this.isDirty = false;
    if (this.#state === "closed") return;
    const { stats, clock } = this.#context;
    if (this.#state === "ending") {
      stats.bytesSent += this.#outbox.flushAll();
      this.link.end();
      return;
    }
    stats.bytesSent += this.#outbox.flush(clock.nowMs());
    if (this.#outbox.isBlocked && this.#outbox.addedBytes > UNSENT_MAX_BYTES) {
      this.cut("more waits for it than is kept for a peer that takes nothing");
    } else {
      this.#considerPause();
    }
  }

  /** Looks whether the peer still takes what is sent to it. */
  checkStall(nowMs: number): void {
    if (!this.#outbox.isBlocked) return;
    const patienceMs = Math.max(this.session?.timeoutMs ?? 0, STALL_MAX_MS);
    if (nowMs - this.#outbox.progressMs < patienceMs) return;
    this.cut("it takes nothing of what is sent to it", { unsent: this.#outbox.unsentBytes });
  }

  /** The server reads no more from anyone who waits for an answer, or does so again. */
  hold(held: boolean): void {
    this.#held = held;
    this.#considerPause();
  }

  #frame(bytes: Buffer, start: number, end: number): void {
    this.#countReceived();
    const service = this.#service;
    if (service === undefined) this.#greet(bytes, start, end);
    else this.#request(service, bytes, start, end);
  }

  #request(service: ClientService, bytes: Buffer, start: number, end: number): void {
    if (end - start < 8) {
      this.cut("a request shorter than its header");
      return;
    }
    if (!service.pipeline.large.hasRoomFor(end - start)) {
      this.cut("there are as many large requests as largeRequestMaxBytes allows");
      return;
    }
    const reader = this.#reader.reset(bytes, start, end);
    const xid = reader.int();
    const type = reader.int();
    if (type === OpCode.auth) {
      if (!this.#authenticate(reader)) return;
    } else if (this.#identity.mustProve && type !== OpCode.sasl) {
      this.beginReply(xid);
      this.endReply(0, ErrorCode.SessionClosedRequireSaslAuth);
      this.finish("it has not proven who it is, as enforce.auth.schemes demands");
      return;
    }
    service.requests.request(this, xid, type, reader, start);
    if (this.out.length > UNSENT_PAUSE_BYTES || this.waiting.isFull) this.#considerPause();
  }

  /**
   * Credentials count for what is read after them; the reply keeps its place in the order.
   *
   * Differs from ZooKeeper: there it overtakes the replies of earlier writes, which breaks clients
   * that match replies in order (kazoo).
   *
   * @returns false: there is no reply, and the connection is cut.
   */
  #authenticate(reader: Reader): boolean {
    const { offset } = reader;
    try {
      const outcome = this.#identity.take(reader);
      if (outcome === "refused") this.readNoFurther();
      if (outcome === "elsewhere") this.cut("it looks for an ensemble of another name");
      reader.offset = offset;
      return outcome !== "elsewhere";
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      this.cut("an auth packet that does not decode");
      return false;
    }
  }

  #greet(bytes: Buffer, start: number, end: number): void {
    if (this.isProbe) {
      this.cut("there are as many connections as maxClientCnxns or maxCnxns allows");
      return;
    }
    this.#greeting.take(bytes, start, end);
    if (!this.#greeting.isHeld) return;
    this.#state = "held";
    this.#considerPause();
    this.#context.keepsSessionless(this, end - start);
    this.#context.awaitsService(this);
  }

  #countSent(): void {
    this.sent++;
    this.#context.stats.packetsSent++;
    if (!this.isDirty) this.#context.markDirty(this);
  }

  #countReceived(): void {
    this.received++;
    this.#context.stats.packetsReceived++;
  }

  /** Four bytes that are no frame's length. */
  #refused(length: number): void {
    this.#countReceived();
    if (this.#state === "greeting") {
      this.isAsking = true;
      this.#state = "asking";
      if (this.#context.words.ask(length, this)) return;
    }
    this.cut("a frame of a negative length, or larger than jute.maxbuffer", {
      length,
      limit: this.#context.maxBufferBytes,
    });
  }

  #considerPause(): void {
    const isWaiting = this.#state === "attaching" || this.#state === "held";
    if (this.#state !== "open" && !isWaiting) return;
    const mustPause =
      this.#held ||
      this.hasLongRead ||
      isWaiting ||
      this.#outbox.unsentBytes > UNSENT_PAUSE_BYTES ||
      this.waiting.isFull;
    if (mustPause === this.#paused) return;
    this.#paused = mustPause;
    if (mustPause) {
      this.#splitter.pause();
      this.link.pause();
    } else {
      this.link.resume();
      this.#splitter.resume();
    }
  }
}
