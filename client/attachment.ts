/**
 * A server that serves our session, from the handshake to the loss of its connection: what is sent
 * to it and in which order, what its replies mean, and how often it hears of us.
 *
 * In a turn the order is: credentials and watches after a reconnect, the client's own requests,
 * then the queue. All of it leaves in one write at the end of the turn, after the deadlines have
 * been compared with the clocks once more.
 */
import type { Clock } from "../protocol/host.ts";
import { JuteError, type Reader, Writer } from "../protocol/jute.ts";
import { OpCode, Xid } from "../protocol/opcodes.ts";
import { readWatcherEvent, writeAuthPacket } from "../protocol/proto.ts";
import { type Credential, type Credentials, settleCredential } from "./auth.ts";
import type { Connection } from "./connection.ts";
import { errorFromWire, type ZooKeeperError, type ZooKeeperErrorCode } from "./errors.ts";
import type { SessionIdentity } from "./identity.ts";
import { leftMs, type Moment, momentOf } from "./moments.ts";
import type { Operation } from "./operations.ts";
import * as operations from "./operations.ts";
import type { OwnershipDeadline } from "./ownership-deadline.ts";
import { Request, type Requests, type Settle } from "./requests.ts";
import type { Watches } from "./watches.ts";

/** What an attachment works on, and whom it tells: its session. */
export interface AttachmentContext {
  readonly clock: Clock;
  readonly requests: Requests;
  readonly watches: Watches;
  readonly credentials: Credentials;
  readonly deadline: OwnershipDeadline;
  /** Requests of users may be sent. */
  isOpen(): boolean;
  /** Somebody owns, or waits to own: the session is proved instead of only being kept alive. */
  isProving(): boolean;
  checkDeadlines(): void;
  /** The connection is of no use any more. */
  broken(attachment: Attachment, why: Error): void;
  /** The server refused our credentials. */
  unauthorized(error: ZooKeeperError): void;
}

/** Of a session timeout: without a byte for so long the connection is given up. */
const SILENCE_SHARE = 2 / 3;

/** Of a session timeout, between two pings or two proofs. */
const PING_SHARE = 1 / 3;
const PING_MAX_MS = 10_000;

/** What is written to a link at a time. */
const FLUSH_MAX_BYTES = 256 * 1024;

const NOTHING = Buffer.alloc(0);

export class Attachment {
  readonly identity: SessionIdentity;
  readonly readOnly: boolean;
  readonly #connection: Connection;
  readonly #context: AttachmentContext;
  /** As of the last reply that had one. */
  lastZxid: number;
  /** The last byte from this server. */
  heardAt: Moment;
  #lastSentMs: number;
  #lastProofMs: number;
  /** Pings on the wire. Invariant: in the order they were sent. */
  #pings: Moment[] = [];
  #flushAsked = false;
  readonly #scratch = new Writer();

  /** @param shakenAt When the handshake was sent: it is a request that was answered, and a proof. */
  constructor(
    connection: Connection,
    identity: SessionIdentity,
    readOnly: boolean,
    shakenAt: Moment,
    lastZxid: number,
    context: AttachmentContext,
  ) {
    this.#connection = connection;
    this.identity = identity;
    this.readOnly = readOnly;
    this.lastZxid = lastZxid;
    this.#context = context;
    this.heardAt = momentOf(context.clock);
    this.#lastSentMs = shakenAt.monotonicMs;
    this.#lastProofMs = shakenAt.monotonicMs;
    connection.handlers = {
      opened: () => {},
      handshake: () => {},
      heard: () => {
        context.checkDeadlines();
        this.heardAt = momentOf(context.clock);
      },
      reply: (xid, zxid, err, reader) => this.#onReply(xid, zxid, err, reader),
      idle: () => this.askFlush(),
      oversized: (length) => this.#onOversized(length),
      closed: (why) => context.broken(this, why),
    };
  }

  close(): void {
    this.#connection.close();
  }

  /** Tells the server what it must know before anything else: who we are, and what we watch. */
  restore(): void {
    const { credentials, watches } = this.#context;
    for (const credential of credentials.forNewConnection()) this.sendCredential(credential);
    for (const batch of watches.rearm(this.lastZxid)) {
      this.sendOwn(operations.setWatches, batch, (error) => {
        // Watches that are silently not there would be worse than another reconnect.
        if (error !== undefined) this.#context.broken(this, error);
      });
    }
    this.prove();
  }

  /** Has everything that may be sent sent at the end of this turn. */
  askFlush(): void {
    if (this.#flushAsked) return;
    this.#flushAsked = true;
    this.#context.clock.endOfTurn(() => this.#endOfTurn());
  }

  /** Sends a request of the client's own: ahead of the queue, whatever is in flight. */
  sendOwn<A, R>(operation: Operation<A, R>, args: A, settle: Settle<R>): void {
    const body = operations.encode(operation, args, this.#scratch);
    const never = Number.POSITIVE_INFINITY;
    const request = new Request(operation, undefined, body, undefined, never, settle);
    this.#write(request, momentOf(this.#context.clock));
    this.askFlush();
  }

  sendCredential(credential: Credential): void {
    this.#scratch.clear();
    writeAuthPacket(this.#scratch, { type: 0, scheme: credential.scheme, auth: credential.auth });
    this.#connection.write(Xid.auth, OpCode.auth, this.#scratch.written());
    this.#context.credentials.sent(credential);
    this.askFlush();
  }

  /** Sends a proof if one is wanted and the last is old. */
  prove(): void {
    if (!this.#proves) return;
    if (this.#context.clock.nowMs() < this.#lastProofMs + this.#pingIntervalMs) return;
    this.sendOwn(operations.heartbeat, "/", ignoreOutcome);
    this.#lastProofMs = this.#lastSentMs;
  }

  /** When `tick` has something to do. */
  get dueMs(): number {
    const silentMs = this.heardAt.monotonicMs + this.#silenceMs;
    return Math.min(silentMs, this.#lastContactMs + this.#pingIntervalMs);
  }

  tick(nowMs: number): void {
    if (leftMs(this.#context.clock, this.heardAt, this.#silenceMs) <= 0) {
      const silence = `no byte from the server for ${Math.round(this.#silenceMs)} ms`;
      this.#context.broken(this, new Error(silence));
    } else if (nowMs >= this.#lastContactMs + this.#pingIntervalMs) {
      if (this.#proves) this.prove();
      else this.#ping();
    }
  }

  get #proves(): boolean {
    return this.#context.isProving() && this.#context.isOpen() && !this.readOnly;
  }

  /** Proofs have a rhythm of their own; a ping is due when nothing else was sent. */
  get #lastContactMs(): number {
    return this.#proves ? this.#lastProofMs : this.#lastSentMs;
  }

  get #pingIntervalMs(): number {
    return Math.min(this.identity.timeoutMs * PING_SHARE, PING_MAX_MS);
  }

  get #silenceMs(): number {
    return this.identity.timeoutMs * SILENCE_SHARE;
  }

  #ping(): void {
    const now = momentOf(this.#context.clock);
    this.#connection.write(Xid.ping, OpCode.ping, NOTHING);
    this.#pings.push(now);
    this.#lastSentMs = now.monotonicMs;
    this.askFlush();
  }

  #endOfTurn(): void {
    this.#flushAsked = false;
    this.#context.checkDeadlines();
    if (this.#context.isOpen()) this.#writeWaiting();
    this.#connection.flush();
  }

  #writeWaiting(): void {
    const now = momentOf(this.#context.clock);
    while (!this.#connection.isClosed && !this.#connection.isCongested) {
      const request = this.#context.requests.next();
      if (request === undefined) return;
      this.#write(request, now);
      if (this.#connection.unflushedBytes >= FLUSH_MAX_BYTES) this.#connection.flush();
    }
  }

  #write(request: Request, now: Moment): void {
    this.#context.requests.sent(request, now, this.identity);
    this.#connection.write(request.xid, request.operation.type, request.body);
    this.#lastSentMs = now.monotonicMs;
  }

  #onReply(xid: number, zxid: number, err: number, reader: Reader): void {
    switch (xid) {
      case Xid.notification: {
        const event = readWatcherEvent(reader);
        this.#context.watches.fire(event.type, event.path ?? "", zxid);
        return;
      }
      case Xid.ping: {
        const sentAt = this.#pings.shift();
        if (sentAt !== undefined) this.#note(sentAt, false);
        return;
      }
      case Xid.auth:
        this.#onAuthReply(err);
        return;
      default: {
        const request = this.#context.requests.answered(xid);
        if (request?.sentAt === undefined) {
          this.#context.broken(this, new Error(`reply ${xid} is out of order`));
          return;
        }
        if (zxid > 0) this.lastZxid = zxid;
        if (err === 0) this.#accepted(request, request.sentAt, reader);
        else this.#refused(request, request.sentAt, err);
      }
    }
  }

  /** An answer is here: it counts for the ownership deadline from when its request was sent. */
  #note(sentAt: Moment, proves: boolean): void {
    this.#context.deadline.answered(sentAt, this.heardAt.monotonicMs, proves);
  }

  #accepted(request: Request, sentAt: Moment, reader: Reader): void {
    this.#note(sentAt, request.operation.proves);
    const { registration } = request;
    let result: unknown;
    try {
      if (!request.isSettled) result = request.operation.read(reader);
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      request.failLocally("MarshallingError", error);
      this.#context.broken(this, error);
      return;
    }
    if (registration !== undefined) {
      // The znode is there: the server has put an exists watch into its list of data watches.
      const kind = registration.kind === "exists" ? "data" : registration.kind;
      this.#context.watches.arm(registration, kind);
    }
    request.succeed(result);
  }

  #refused(request: Request, sentAt: Moment, err: number): void {
    const { operation, path, registration } = request;
    const error = errorFromWire(err, { path, operation: operation.name });
    this.#note(sentAt, operation.proves && !OWN_WORDS.has(error.code));
    if (error.code === "NoNode" && registration?.kind === "exists") {
      this.#context.watches.arm(registration, "exists");
    }
    request.fail(error);
    // What is left of the session only a handshake can tell.
    const orphaned = error.code === "SessionExpired" || error.code === "SessionMoved";
    if (orphaned) this.#context.broken(this, error);
  }

  #onAuthReply(err: number): void {
    const credential = this.#context.credentials.answered();
    if (credential === undefined) return;
    if (err === 0) {
      settleCredential(credential, undefined);
    } else {
      const details = { operation: "addAuth", path: credential.scheme };
      this.#context.unauthorized(errorFromWire(err, details));
    }
  }

  /** Repeated, the request that asked for so much would break every connection. */
  #onOversized(length: number): void {
    const why = new Error(`a reply of ${length} bytes`);
    this.#context.requests.oldestInFlight()?.failLocally("PacketTooLarge", why);
    this.#context.broken(this, why);
  }
}

/** For requests that nobody waits for: their answers matter as proofs only. */
export function ignoreOutcome(): void {}

/** Refusals that a server utters without asking its leader: they prove nothing. */
const OWN_WORDS: ReadonlySet<ZooKeeperErrorCode> = new Set<ZooKeeperErrorCode>([
  "NotReadOnly",
  "Unimplemented",
  "MarshallingError",
  "ThrottledOp",
  "AuthFailed",
  "SessionClosedRequireSaslAuth",
  "EphemeralOnLocalSession",
  "SessionMoved",
  "SessionExpired",
  "UnknownError",
]);
