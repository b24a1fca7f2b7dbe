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

/** What an attachment works on: its session's, for as long as the client lives. */
export interface AttachmentParts {
  readonly clock: Clock;
  readonly requests: Requests;
  readonly watches: Watches;
  readonly credentials: Credentials;
  readonly deadline: OwnershipDeadline;
}

/** Whom it asks and tells: its session. */
export interface AttachmentOwner {
  /** Requests of users may be sent. */
  readonly isOpen: boolean;
  /** Somebody owns, or waits to own: the session is proved instead of only being kept alive. */
  readonly isProving: boolean;
  checkDeadlines(): void;
  /** The connection is of no use any more. */
  broken(attachment: Attachment, why: Error): void;
  /** The server refused our credentials. */
  unauthorized(error: ZooKeeperError): void;
}

/** What the handshake came to. */
export interface Handshake {
  readonly identity: SessionIdentity;
  readonly readOnly: boolean;
  /** When it was sent: it is a request that was answered, and a proof. */
  readonly sentAt: Moment;
  /** What it said we had seen. */
  readonly lastZxid: number;
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
  readonly #parts: AttachmentParts;
  readonly #owner: AttachmentOwner;
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

  constructor(
    connection: Connection,
    handshake: Handshake,
    parts: AttachmentParts,
    owner: AttachmentOwner,
  ) {
    this.#connection = connection;
    this.identity = handshake.identity;
    this.readOnly = handshake.readOnly;
    this.lastZxid = handshake.lastZxid;
    this.#parts = parts;
    this.#owner = owner;
    this.heardAt = momentOf(parts.clock);
    this.#lastSentMs = handshake.sentAt.monotonicMs;
    this.#lastProofMs = handshake.sentAt.monotonicMs;
    connection.handlers = {
      opened: () => {},
      handshake: () => {},
      heard: () => {
        owner.checkDeadlines();
        this.heardAt = momentOf(parts.clock);
      },
      reply: (xid, zxid, err, reader) => this.#onReply(xid, zxid, err, reader),
      idle: () => this.askFlush(),
      oversized: (length) => this.#onOversized(length),
      closed: (why) => owner.broken(this, why),
    };
  }

  close(): void {
    this.#connection.close();
  }

  /** Tells the server what it must know before anything else: who we are, and what we watch. */
  restore(): void {
    const { credentials, watches } = this.#parts;
    for (const credential of credentials.forNewConnection()) this.sendCredential(credential);
    for (const batch of watches.rearm(this.lastZxid)) {
      this.sendOwn(operations.setWatches, batch, (error) => {
        // Watches that are silently not there would be worse than another reconnect.
        if (error !== undefined) this.#owner.broken(this, error);
      });
    }
    this.prove();
  }

  /** Has everything that may be sent sent at the end of this turn. */
  askFlush(): void {
    if (this.#flushAsked) return;
    this.#flushAsked = true;
    this.#parts.clock.endOfTurn(() => this.#endOfTurn());
  }

  /** Sends a request of the client's own: ahead of the queue, whatever is in flight. */
  sendOwn<A, R>(operation: Operation<A, R>, args: A, settle: Settle<R>): void {
    const body = operations.encode(operation, args, this.#scratch);
    const never = Number.POSITIVE_INFINITY;
    const request = new Request(operation, undefined, body, undefined, never, settle);
    this.#write(request, momentOf(this.#parts.clock));
    this.askFlush();
  }

  /** Tells the server that nobody watches a path's list any more. */
  dropWatch(serverPath: string, watcherType: number): void {
    const operation = operations.removeWatches;
    const body = operations.encode(operation, { path: serverPath, watcherType }, this.#scratch);
    const never = Number.POSITIVE_INFINITY;
    const request = new Request(operation, undefined, body, undefined, never, ignoreOutcome);
    // Behind the queue: a read in it may arm the watch, and must do so before this.
    this.#parts.requests.submitOwn(request);
    this.askFlush();
  }

  sendCredential(credential: Credential): void {
    this.#scratch.clear();
    writeAuthPacket(this.#scratch, { type: 0, scheme: credential.scheme, auth: credential.auth });
    this.#connection.write(Xid.auth, OpCode.auth, this.#scratch.written());
    this.#parts.credentials.sent(credential);
    this.askFlush();
  }

  /** Sends a proof if one is wanted and the last is old. */
  prove(): void {
    if (!this.#proves) return;
    if (this.#parts.clock.nowMs() < this.#lastProofMs + this.#pingIntervalMs) return;
    this.sendOwn(operations.heartbeat, "/", ignoreOutcome);
    this.#lastProofMs = this.#lastSentMs;
  }

  /** When `tick` has something to do. */
  get dueMs(): number {
    const silentMs = this.heardAt.monotonicMs + this.#silenceMs;
    return Math.min(silentMs, this.#lastContactMs + this.#pingIntervalMs);
  }

  tick(nowMs: number): void {
    if (leftMs(this.#parts.clock, this.heardAt, this.#silenceMs) <= 0) {
      const silence = `no byte from the server for ${Math.round(this.#silenceMs)} ms`;
      this.#owner.broken(this, new Error(silence));
    } else if (nowMs >= this.#lastContactMs + this.#pingIntervalMs) {
      if (this.#proves) this.prove();
      else this.#ping();
    }
  }

  get #proves(): boolean {
    return this.#owner.isProving && this.#owner.isOpen && !this.readOnly;
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
    const now = momentOf(this.#parts.clock);
    this.#connection.write(Xid.ping, OpCode.ping, NOTHING);
    this.#pings.push(now);
    this.#lastSentMs = now.monotonicMs;
    this.askFlush();
  }

  #endOfTurn(): void {
    this.#flushAsked = false;
    this.#owner.checkDeadlines();
    if (this.#owner.isOpen) this.#writeWaiting();
    this.#connection.flush();
  }

  #writeWaiting(): void {
    const now = momentOf(this.#parts.clock);
    while (!this.#connection.isClosed && !this.#connection.isCongested) {
      const request = this.#parts.requests.next();
      if (request === undefined) return;
      this.#write(request, now);
      if (this.#connection.unflushedBytes >= FLUSH_MAX_BYTES) this.#connection.flush();
    }
  }

  #write(request: Request, now: Moment): void {
    this.#parts.requests.sent(request, now, this.identity);
    this.#connection.write(request.xid, request.operation.type, request.body);
    this.#lastSentMs = now.monotonicMs;
  }

  #onReply(xid: number, zxid: number, err: number, reader: Reader): void {
    switch (xid) {
      case Xid.notification: {
        const event = readWatcherEvent(reader);
        this.#parts.watches.fire(event.type, event.path ?? "", zxid);
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
        const request = this.#parts.requests.answered(xid);
        if (request?.sentAt === undefined) {
          this.#owner.broken(this, new Error(`reply ${xid} is out of order`));
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
    this.#parts.deadline.answered(sentAt, this.heardAt.monotonicMs, proves);
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
      this.#owner.broken(this, error);
      return;
    }
    if (registration !== undefined) {
      // The znode is there: the server has put an exists watch into its list of data watches.
      const kind = registration.kind === "exists" ? "data" : registration.kind;
      this.#parts.watches.arm(registration, kind);
    }
    request.succeed(result);
  }

  #refused(request: Request, sentAt: Moment, err: number): void {
    const { operation, path, registration } = request;
    const error = errorFromWire(err, { path, operation: operation.name });
    this.#note(sentAt, operation.proves && !OWN_WORDS.has(error.code));
    if (error.code === "NoNode" && registration?.kind === "exists") {
      this.#parts.watches.arm(registration, "exists");
    }
    request.fail(error);
    // What is left of the session only a handshake can tell.
    const orphaned = error.code === "SessionExpired" || error.code === "SessionMoved";
    if (orphaned) this.#owner.broken(this, error);
  }

  #onAuthReply(err: number): void {
    const credential = this.#parts.credentials.answered();
    if (credential === undefined) return;
    if (err === 0) {
      settleCredential(credential, undefined);
    } else {
      const details = { operation: "addAuth", path: credential.scheme };
      this.#owner.unauthorized(errorFromWire(err, details));
    }
  }

  /** Repeated, the request that asked for so much would break every connection. */
  #onOversized(length: number): void {
    const why = new Error(`a reply of ${length} bytes`);
    this.#parts.requests.oldestInFlight()?.failLocally("PacketTooLarge", why);
    this.#owner.broken(this, why);
  }
}

/** For requests that nobody waits for: their answers matter as proofs only. */
function ignoreOutcome(): void {}

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
