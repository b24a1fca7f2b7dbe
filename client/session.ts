/**
 * The session core: bytes, ticks and calls in; bytes and settlements out. Nothing here waits, so
 * that a real client and a simulated one in a plain loop run the same lines.
 *
 * Three things move at their own pace and meet here: the connection (`connector.ts` finds one,
 * `connection.ts` is one), the requests (`requests.ts`), and what the session is believed to own
 * (`claims.ts`, `ownership-deadline.ts`). Every way in, a call, bytes, a timer, first compares the
 * deadlines with the clocks (`checkDeadlines`): a process that was stopped learns what it has lost
 * before anything is sent, handed out or answered.
 */
import type { Address, Timer } from "../protocol/host.ts";
import { JuteError, type Reader, Writer } from "../protocol/jute.ts";
import { EventType, OpCode, Xid } from "../protocol/opcodes.ts";
import { type ConnectResponse, readWatcherEvent, writeAuthPacket } from "../protocol/proto.ts";
import { wordsToBigInt } from "../protocol/zxid.ts";
import { type Credential, Credentials, settleCredential } from "./auth.ts";
import { type Claim, type ClaimKeeper, Claims, HeldClaim, type HoldOptions } from "./claims.ts";
import type { Connection, ConnectionHandlers } from "./connection.ts";
import { Connector, type ConnectorEvents, type ConnectorGoal } from "./connector.ts";
import { errorFromWire, ZooKeeperError } from "./errors.ts";
import type { Hosts } from "./hosts.ts";
import { leftMs, type Moment, momentOf } from "./moments.ts";
import type { Operation } from "./operations.ts";
import * as operations from "./operations.ts";
import type { ClientHost } from "./options.ts";
import { OwnershipDeadline } from "./ownership-deadline.ts";
import type { AuthInfo } from "./records.ts";
import { Request, Requests, type Settle } from "./requests.ts";
import type { SessionSettings } from "./settings.ts";
import { type ConnectionState, type LossCause, type StateEvent, States } from "./states.ts";
import {
  type Watcher,
  Watches,
  type WatchKeeper,
  type WatchList,
  type WatchOutcome,
  type WatchRegistration,
} from "./watches.ts";

/** A session as a server gave it. */
export interface SessionIdentity {
  readonly id: bigint;
  readonly high: number;
  readonly low: number;
  readonly password: Buffer;
  /** As negotiated last. */
  readonly timeoutMs: number;
  /** From a server without a quorum: no other server knows it. */
  readonly provisional: boolean;
}

/** Who hears of a session: the client's shell. */
export interface SessionObserver {
  transition(event: StateEvent): void;
  /** `close` was called, or the credentials were refused: nothing is accepted any more. */
  closing(): void;
  warn(code: "session-too-short" | "event-loop-stall", message: string): void;
  /** An error that no call can be told of. */
  backgroundError(error: unknown, context: string): void;
  debug(details: object, message: string): void;
}

export interface SubmitOptions {
  /** As the caller gave it, for errors. */
  readonly path?: string | undefined;
  /** Default: the setting. Infinity: none. */
  readonly timeoutMs?: number | undefined;
  /** The watch that the request's answer arms. */
  readonly registration?: WatchRegistration | undefined;
}

/** Of a session timeout: without a byte for so long the connection is given up. */
const SILENCE_SHARE = 2 / 3;

/** Of a session timeout, between two pings or two proofs. */
const PING_SHARE = 1 / 3;
const PING_MAX_MS = 10_000;

/** Of a session timeout: a timer that is later than this means that the event loop stood still. */
const STALL_SHARE = 1 / 10;

/** After a stall, how long the bytes that came meanwhile have before silence is concluded. */
const STALL_GRACE_MS = 1;

/** What is written to a link at a time. */
const FLUSH_MAX_BYTES = 256 * 1024;

/** The longest delay a timer takes; it is armed again for the rest. */
const TIMER_MAX_MS = 0x7fff_ffff;

/** With fewer ticks in a session timeout a cut-off leader may outlive the ownership deadline. */
const SAFE_TICKS = 6;

const NOTHING = Buffer.alloc(0);

export class Session implements ClaimKeeper, WatchKeeper, ConnectorEvents {
  readonly #host: ClientHost;
  readonly #settings: SessionSettings;
  readonly #observer: SessionObserver;
  readonly #states: States;
  readonly #requests: Requests;
  readonly #watches: Watches = new Watches(this);
  readonly #claims = new Claims();
  readonly #credentials = new Credentials();
  readonly #connector: Connector;
  readonly #deadline: OwnershipDeadline;
  readonly #scratch = new Writer();

  /** Invariant: undefined before the first connection, and from a loss to the next session. */
  #identity: SessionIdentity | undefined;
  /** Invariant: set only while the server of `#identity` is attached. */
  #connection: Connection | undefined;
  /** As of the last reply that had one. */
  #lastZxid = 0;
  /** The last byte of this session's server. */
  #heardAt: Moment;
  #lastSentMs = 0;
  #lastProofMs = 0;
  /** Pings on the wire. Invariant: in the order they were sent. */
  #pings: Moment[] = [];
  /** Those who wait for a claim, and want the session proved. */
  #provers = 0;

  #life: "open" | "closing" | "closed" = "open";
  #closeByMs = Number.POSITIVE_INFINITY;
  #closed: (() => void)[] = [];

  #timer: Timer | undefined;
  /** Invariant: not later than what is due first, while there is a timer. */
  #timerDueMs = Number.POSITIVE_INFINITY;
  #graceGiven = false;
  /** Not later than the first deadline of a request. */
  #requestsDueMs = Number.POSITIVE_INFINITY;
  #flushAsked = false;
  readonly #flush: () => void = () => this.#endOfTurn();

  constructor(
    host: ClientHost,
    hosts: Hosts,
    settings: SessionSettings,
    auth: readonly AuthInfo[],
    observer: SessionObserver,
  ) {
    this.#host = host;
    this.#settings = settings;
    this.#observer = observer;
    this.#states = new States((event) => observer.transition(event));
    this.#requests = new Requests(settings);
    this.#deadline = new OwnershipDeadline(host.clock);
    this.#connector = new Connector(host, hosts, settings, this);
    this.#heardAt = momentOf(host.clock);
    for (const info of auth) this.#credentials.add(info, undefined);
  }

  start(): void {
    this.#connector.start();
  }

  get state(): ConnectionState {
    return this.#states.state;
  }

  get isConnected(): boolean {
    return this.#states.isConnected;
  }

  get identity(): SessionIdentity | undefined {
    return this.#identity;
  }

  /** As negotiated, or as asked for while there is no session. */
  get timeoutMs(): number {
    return this.#identity?.timeoutMs ?? this.#settings.sessionTimeoutMs;
  }

  get watchCount(): number {
    return this.#watches.count;
  }

  get queuedCount(): number {
    return this.#requests.waitingCount;
  }

  get inFlightCount(): number {
    return this.#requests.inFlightCount;
  }

  // Requests.

  /**
   * Takes a request. It is sent at the end of this turn, or when there is a connection. `settle` is
   * called once, possibly before this returns.
   */
  submit<A, R>(
    operation: Operation<A, R>,
    args: A,
    options: SubmitOptions,
    settle: Settle<R>,
  ): Request<R> {
    this.checkDeadlines();
    const timeoutMs = options.timeoutMs ?? this.#settings.operationTimeoutMs;
    const deadlineMs = this.#host.clock.nowMs() + timeoutMs;
    const { registration } = options;
    const body = this.#encode(operation, args);
    const settled: Settle<R> =
      registration === undefined
        ? settle
        : (error, result) => {
            if (error !== undefined) this.#watches.forsake(registration);
            settle(error, result);
          };
    const { path } = options;
    const request = new Request(operation, path, body, registration, deadlineMs, settled);
    if (this.#life !== "open") {
      request.failLocally("Closed");
    } else if (8 + body.length > this.#settings.requestMaxBytes) {
      request.failLocally("PacketTooLarge");
    } else if (this.#requests.submit(request)) {
      this.#requestsDueMs = Math.min(this.#requestsDueMs, deadlineMs);
      this.#arm();
      this.#askFlush();
    } else {
      request.failLocally("Backpressure");
    }
    return request;
  }

  /** The caller of a request left. What was sent still takes effect; what was not, never. */
  abandon(request: Request): void {
    this.#requests.abandon(request);
    if (request.registration !== undefined) this.#watches.forsake(request.registration);
  }

  cancelWatch(registration: WatchRegistration): void {
    this.#watches.cancel(registration);
  }

  /** Cancels the watches of a list of a path here; how many there were. */
  cancelWatches(serverPath: string, list: WatchList): number {
    return this.#watches.cancelList(serverPath, list);
  }

  /** Sends credentials now and on every later connection; `settle` hears the server's answer. */
  addAuth(info: AuthInfo, settle: (error: ZooKeeperError | undefined) => void): void {
    this.checkDeadlines();
    if (this.#life !== "open") {
      settle(new ZooKeeperError("Closed", { operation: "addAuth" }));
      return;
    }
    const credential = this.#credentials.add(info, settle);
    if (credential === undefined) {
      settle(new ZooKeeperError("Backpressure", { operation: "addAuth" }));
    } else if (this.#connection !== undefined) {
      this.#sendCredential(this.#connection, credential);
      this.#askFlush();
    }
  }

  // Ownership.

  checkDeadlines(): void {
    if (this.#claims.count > 0 && this.#deadline.remainingMs() <= 0) this.#claims.deadlinePassed();
    const identity = this.#identity;
    if (identity === undefined || this.#connection !== undefined) return;
    const spanMs = identity.timeoutMs * this.#settings.lostFactor;
    if (leftMs(this.#host.clock, this.#heardAt, spanMs) <= 0) this.#loseSession("local-clock");
  }

  ownershipRemainingMs(): number {
    return this.#deadline.remainingMs();
  }

  /** @throws ZooKeeperError NotHeld */
  hold(nodePath: string, options: HoldOptions): Claim {
    this.checkDeadlines();
    const identity = this.#identity;
    const assured =
      identity !== undefined &&
      this.#connection !== undefined &&
      this.#life === "open" &&
      (options.sessionId ?? identity.id) === identity.id &&
      this.#deadline.remainingMs() > 0;
    if (!assured) throw new ZooKeeperError("NotHeld", { path: nodePath, operation: "hold" });
    const policy = options.ownership ?? this.#settings.ownership;
    const claim = new HeldClaim(nodePath, policy, identity, this, this.#claims);
    this.#claims.add(claim);
    this.#prove();
    this.#arm();
    return claim;
  }

  /** Proves the session until the returned function is called. */
  keepProving(): () => void {
    this.#provers++;
    this.#prove();
    this.#arm();
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#provers--;
    };
  }

  get #isProving(): boolean {
    if (this.#states.state === "read-only") return false;
    return this.#provers > 0 || this.#claims.followsDeadline;
  }

  /** Sends a proof if the last one is old. */
  #prove(): void {
    const connection = this.#connection;
    if (connection === undefined || !this.#isProving || this.#life !== "open") return;
    if (this.#host.clock.nowMs() < this.#lastProofMs + this.#pingIntervalMs) return;
    this.#sendOwn(connection, operations.heartbeat, "/", ignoreOutcome);
    this.#lastProofMs = this.#lastSentMs;
  }

  // The life of a session.

  /** Gives the session up and opens another (recipes ST-9). */
  resetSession(): void {
    if (this.#life !== "open" || this.#identity === undefined) return;
    this.#loseSession("reset");
  }

  /** Says goodbye within `timeoutMs`; `done` is called once the client is closed. */
  close(timeoutMs: number, done: () => void): void {
    if (this.#life === "closed") {
      this.#host.clock.endOfTurn(done);
      return;
    }
    this.#closed.push(done);
    if (this.#life === "closing") return;
    this.#life = "closing";
    this.#closeByMs = this.#host.clock.nowMs() + timeoutMs;
    this.#claims.closed();
    this.#observer.closing();
    for (const request of this.#requests.drainWaiting()) request.failLocally("Closed");
    if (this.#identity === undefined) this.#end(undefined);
    else if (this.#connection !== undefined) this.#sayGoodbye(this.#connection);
    this.#arm();
  }

  #sayGoodbye(connection: Connection): void {
    // Whatever the answer: the session is over, or expires by itself.
    this.#sendOwn(connection, operations.closeSession, undefined, () => this.#end(undefined));
  }

  #end(error: ZooKeeperError | undefined): void {
    if (this.#life === "closed") return;
    this.#life = "closed";
    this.#connector.stop();
    this.#connection?.close();
    this.#connection = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#identity = undefined;
    this.#deadline.revoke();
    this.#claims.closed();
    this.#states.closed(error);
    this.#watches.cancelAll();
    for (const request of this.#requests.drainInFlight()) request.failLocally("Closed", error);
    for (const request of this.#requests.drainWaiting()) request.failLocally("Closed", error);
    this.#credentials.end(error ?? new ZooKeeperError("Closed", { operation: "addAuth" }));
    const closed = this.#closed;
    this.#closed = [];
    for (const done of closed) done();
  }

  /** The session is given up; the search for a new one begins, or goes on. */
  #loseSession(cause: LossCause): void {
    const old = this.#identity;
    if (old === undefined) return;
    this.#identity = undefined;
    this.#deadline.revoke();
    this.#claims.sessionLost();
    const mayLive = cause === "local-clock" || cause === "reset";
    if (mayLive && this.#settings.reapOldSession && !old.provisional) this.#connector.reap(old);
    const failed = this.#detach();
    failed.push(...this.#requests.sessionLost());
    if (this.#life === "closing") {
      this.#end(undefined);
      return;
    }
    if (cause === "reset") this.#connector.startAgain();
    else this.#connector.goalChanged();
    this.#states.sessionLost(cause);
    this.#watches.lose(cause);
    for (const request of failed) request.failLocally("SessionExpired");
  }

  // The connector's events.

  get goal(): ConnectorGoal {
    const identity = this.#identity;
    return {
      identity: identity?.provisional === true ? undefined : identity,
      lastZxid: this.#lastZxid,
      sessionTimeoutMs: this.#settings.sessionTimeoutMs,
      readOnly: this.#settings.readOnly,
    };
  }

  rescheduled(): void {
    this.#arm();
  }

  found(connection: Connection, response: ConnectResponse, sentAt: Moment, lastZxid: number): void {
    const readOnly = response.readOnly === true;
    this.#lastZxid = lastZxid;
    const identity = identityOf(response, readOnly && this.goal.identity === undefined);
    this.#identity = identity;
    this.#connection = connection;
    connection.handlers = this.#connectionHandlers(connection);
    this.#heardAt = momentOf(this.#host.clock);
    this.#lastSentMs = sentAt.monotonicMs;
    this.#lastProofMs = sentAt.monotonicMs;
    this.#pings = [];
    if (readOnly) this.#deadline.revoke();
    else this.#deadline.established(sentAt, identity.timeoutMs);
    this.#observer.debug({ server: connection.address, session: identity.id }, "attached");
    if (this.#life === "closing") {
      this.#sayGoodbye(connection);
    } else {
      this.#warnOfShortSession(identity);
      this.#states.attached(identity.id, readOnly);
      // A listener may have closed the client or given up the session.
      if (this.#connection === connection) this.#restore(connection);
    }
    this.#arm();
    this.#askFlush();
  }

  expired(cause: "server" | "server-data-loss", address: Address): void {
    if (cause === "server-data-loss") this.#lastZxid = 0;
    this.#loseSession(cause);
    if (this.#life === "open") this.#connector.startAt(address);
  }

  failed(address: Address, why: Error): void {
    this.#observer.debug({ server: address, error: why.message }, "attempt failed");
  }

  providerFailed(error: unknown): void {
    this.#observer.backgroundError(error, "the ensemble provider");
  }

  /** What a server must know before anything else: who we are, and what we watch. */
  #restore(connection: Connection): void {
    for (const credential of this.#credentials.forNewConnection()) {
      this.#sendCredential(connection, credential);
    }
    for (const batch of [...this.#watches.rearm(this.#lastZxid)]) {
      this.#sendOwn(connection, operations.setWatches, batch, (error) => {
        // Watches that are silently not there would be worse than another reconnect.
        if (error !== undefined && this.#connection === connection) this.#drop(error);
      });
    }
    this.#prove();
  }

  #warnOfShortSession(identity: SessionIdentity): void {
    const { serverTickTimeMs } = this.#settings;
    if (identity.timeoutMs >= SAFE_TICKS * serverTickTimeMs) return;
    this.#observer.warn(
      "session-too-short",
      `the session timeout of ${identity.timeoutMs} ms is below ${SAFE_TICKS} ticks of ` +
        `${serverTickTimeMs} ms: a claim may have two owners while a leader is cut off`,
    );
  }

  // The attached connection.

  #connectionHandlers(connection: Connection): ConnectionHandlers {
    return {
      opened: () => {},
      handshake: () => {},
      heard: () => {
        this.checkDeadlines();
        this.#heardAt = momentOf(this.#host.clock);
      },
      reply: (xid, zxid, err, reader) => this.#onReply(connection, xid, zxid, err, reader),
      idle: () => this.#askFlush(),
      oversized: (length) => {
        const cause = new Error(`a reply of ${length} bytes`);
        this.#requests.oldestInFlight()?.failLocally("PacketTooLarge", cause);
        this.#drop(cause);
      },
      closed: (why) => {
        this.checkDeadlines();
        if (this.#connection === connection) this.#drop(why);
      },
    };
  }

  /** The connection is of no use any more: look for another. */
  #drop(why: Error): void {
    if (this.#connection === undefined) return;
    this.#observer.debug({ error: why.message }, "detached");
    const failed = this.#detach();
    if (this.#life === "closing") {
      for (const request of failed) request.failLocally("Closed", why);
      this.#end(undefined);
      return;
    }
    this.#claims.suspended();
    this.#connector.startAgain();
    this.#states.detached();
    for (const request of failed) request.failLocally("ConnectionLoss", why);
    // It may be long since the last byte: the session may be lost already.
    this.checkDeadlines();
  }

  /** Forgets the connection; returns the requests whose outcome nobody will learn. */
  #detach(): Request[] {
    this.#connection?.close();
    this.#connection = undefined;
    this.#pings = [];
    return this.#requests.connectionLost();
  }

  #onReply(connection: Connection, xid: number, zxid: number, err: number, reader: Reader): void {
    const nowMs = this.#heardAt.monotonicMs;
    switch (xid) {
      case Xid.notification: {
        const event = readWatcherEvent(reader);
        // Session events are the client's own to make: a server that sends one is not believed.
        if (event.type !== EventType.none) this.#watches.fire(event.type, event.path ?? "", zxid);
        return;
      }
      case Xid.ping: {
        const sentAt = this.#pings.shift();
        if (sentAt !== undefined) this.#deadline.answered(sentAt, nowMs, false);
        return;
      }
      case Xid.auth:
        this.#onAuthReply(err);
        return;
      default: {
        const request = this.#requests.answered(xid);
        if (request?.sentAt === undefined) {
          this.#drop(new Error(`reply ${xid} is out of order`));
          return;
        }
        if (zxid > 0) this.#lastZxid = zxid;
        const proves = request.operation.proves && isLeadersWord(err);
        this.#deadline.answered(request.sentAt, nowMs, proves);
        if (err === 0) this.#accepted(connection, request, reader);
        else this.#refused(connection, request, err);
      }
    }
  }

  #accepted(connection: Connection, request: Request, reader: Reader): void {
    const { registration } = request;
    let result: unknown;
    try {
      if (!request.isSettled) result = request.operation.read(reader);
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      request.failLocally("MarshallingError", error);
      if (this.#connection === connection) this.#drop(error);
      return;
    }
    if (registration !== undefined) {
      // The znode is there: the server has put an exists watch into its list of data watches.
      this.#watches.arm(registration, registration.kind === "exists" ? "data" : registration.kind);
    }
    request.succeed(result);
  }

  #refused(connection: Connection, request: Request, err: number): void {
    const { path, registration, operation } = request;
    const error = errorFromWire(err, { path, operation: operation.name });
    if (error.code === "NoNode" && registration?.kind === "exists") {
      this.#watches.arm(registration, "exists");
    }
    request.fail(error);
    // What is left of the session only a handshake can tell.
    const orphaned = error.code === "SessionExpired" || error.code === "SessionMoved";
    if (orphaned && this.#connection === connection) this.#drop(error);
  }

  #onAuthReply(err: number): void {
    const credential = this.#credentials.answered();
    if (credential === undefined) return;
    if (err === 0) {
      settleCredential(credential, undefined);
      return;
    }
    const error = errorFromWire(err, { operation: "addAuth", path: credential.scheme });
    this.#life = "closing";
    this.#claims.sessionLost();
    this.#observer.closing();
    this.#states.sessionLost("auth-failed");
    this.#end(error);
  }

  // What leaves.

  #askFlush(): void {
    if (this.#flushAsked) return;
    this.#flushAsked = true;
    this.#host.clock.endOfTurn(this.#flush);
  }

  #endOfTurn(): void {
    this.#flushAsked = false;
    this.checkDeadlines();
    const connection = this.#connection;
    if (connection === undefined) return;
    if (this.#life === "open" && !connection.isCongested) this.#writeWaiting(connection);
    connection.flush();
  }

  #writeWaiting(connection: Connection): void {
    const now = momentOf(this.#host.clock);
    while (!connection.isCongested) {
      const request = this.#requests.next();
      if (request === undefined) return;
      this.#writeRequest(connection, request, now);
      if (connection.unflushedBytes >= FLUSH_MAX_BYTES) connection.flush();
    }
  }

  #writeRequest(connection: Connection, request: Request, now: Moment): void {
    this.#requests.sent(request, now, this.#identity);
    connection.write(request.xid, request.operation.type, request.body);
    this.#lastSentMs = now.monotonicMs;
  }

  /** Writes a request of the client's own: ahead of the queue, whatever is in flight. */
  #sendOwn<A, R>(
    connection: Connection,
    operation: Operation<A, R>,
    args: A,
    settle: Settle<R>,
  ): void {
    const body = this.#encode(operation, args);
    const never = Number.POSITIVE_INFINITY;
    const request = new Request(operation, undefined, body, undefined, never, settle);
    this.#writeRequest(connection, request as Request, momentOf(this.#host.clock));
    this.#askFlush();
  }

  #sendCredential(connection: Connection, credential: Credential): void {
    this.#scratch.clear();
    writeAuthPacket(this.#scratch, { type: 0, scheme: credential.scheme, auth: credential.auth });
    connection.write(Xid.auth, OpCode.auth, this.#scratch.written());
    this.#credentials.sent(credential);
  }

  #ping(connection: Connection): void {
    const now = momentOf(this.#host.clock);
    connection.write(Xid.ping, OpCode.ping, NOTHING);
    this.#pings.push(now);
    this.#lastSentMs = now.monotonicMs;
    this.#askFlush();
  }

  #encode<A, R>(operation: Operation<A, R>, args: A): Buffer {
    this.#scratch.clear();
    operation.write(this.#scratch, args);
    return Buffer.from(this.#scratch.written());
  }

  // Watches' events.

  deliver(watcher: Watcher, outcome: WatchOutcome): void {
    try {
      watcher(outcome);
    } catch (error) {
      this.#observer.backgroundError(error, "a watcher");
    }
  }

  drop(serverPath: string, watcherType: number): void {
    const connection = this.#connection;
    // Without a connection there is no watch: the next one is told only of those that are left.
    if (connection === undefined || this.#life !== "open") return;
    const body = this.#encode(operations.removeWatches, { path: serverPath, watcherType });
    const never = Number.POSITIVE_INFINITY;
    const operation = operations.removeWatches;
    const request = new Request(operation, undefined, body, undefined, never, ignoreOutcome);
    // Behind the queue: a read in it may arm the watch, and must do so before this.
    this.#requests.submitOwn(request);
    this.#askFlush();
  }

  isArming(serverPath: string, list: WatchList): boolean {
    return this.#requests.isArming(serverPath, list);
  }

  // Time.

  get #pingIntervalMs(): number {
    return Math.min(this.timeoutMs * PING_SHARE, PING_MAX_MS);
  }

  #dueMs(): number {
    let dueMs = Math.min(this.#connector.dueMs, this.#requestsDueMs, this.#closeByMs);
    const identity = this.#identity;
    if (identity === undefined) return dueMs;
    const heardMs = this.#heardAt.monotonicMs;
    if (this.#connection === undefined) {
      dueMs = Math.min(dueMs, heardMs + identity.timeoutMs * this.#settings.lostFactor);
    } else {
      const lastMs = this.#isProving ? this.#lastProofMs : this.#lastSentMs;
      const silentMs = heardMs + identity.timeoutMs * SILENCE_SHARE;
      dueMs = Math.min(dueMs, silentMs, lastMs + this.#pingIntervalMs);
    }
    if (!this.#claims.followsDeadline) return dueMs;
    return Math.min(dueMs, this.#deadline.dueMs);
  }

  /** Sees to it that the timer runs no later than what is due first. */
  #arm(): void {
    if (this.#life === "closed") return;
    const dueMs = this.#dueMs();
    if (this.#timer !== undefined && this.#timerDueMs <= dueMs) return;
    this.#startTimer(dueMs);
  }

  #startTimer(dueMs: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (dueMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(Math.max(0, dueMs - this.#host.clock.nowMs()), TIMER_MAX_MS);
    this.#timerDueMs = dueMs;
    this.#timer = this.#host.clock.after(delayMs, () => this.#onTimer());
  }

  #onTimer(): void {
    this.#timer = undefined;
    this.checkDeadlines();
    const nowMs = this.#host.clock.nowMs();
    const lateMs = nowMs - this.#timerDueMs;
    if (lateMs > this.timeoutMs * STALL_SHARE && !this.#graceGiven) {
      // What came meanwhile waits in the socket: it counts before anything is called silent.
      this.#graceGiven = true;
      this.#observer.warn("event-loop-stall", `the event loop stood still for ${lateMs} ms`);
      this.#startTimer(nowMs + STALL_GRACE_MS);
      return;
    }
    this.#graceGiven = false;
    this.#tick(nowMs);
    this.#arm();
  }

  #tick(nowMs: number): void {
    if (nowMs >= this.#closeByMs) {
      this.#end(undefined);
      return;
    }
    this.#connector.tick(nowMs);
    const identity = this.#identity;
    const connection = this.#connection;
    if (identity !== undefined && connection !== undefined) {
      const silenceMs = identity.timeoutMs * SILENCE_SHARE;
      if (leftMs(this.#host.clock, this.#heardAt, silenceMs) <= 0) {
        this.#drop(new Error(`no byte from the server for ${Math.round(silenceMs)} ms`));
      } else if (this.#isProving) {
        this.#prove();
      } else if (nowMs >= this.#lastSentMs + this.#pingIntervalMs) {
        this.#ping(connection);
      }
    }
    if (nowMs >= this.#requestsDueMs) this.#requestsDueMs = this.#requests.expire(nowMs);
  }
}

function identityOf(response: ConnectResponse, provisional: boolean): SessionIdentity {
  const { sessionHigh, sessionLow, timeoutMs } = response;
  return {
    id: wordsToBigInt(sessionHigh, sessionLow),
    high: sessionHigh,
    low: sessionLow,
    // The frame's bytes are gone when this turn ends.
    password: Buffer.from(response.password ?? NOTHING),
    timeoutMs,
    provisional,
  };
}

/** For requests that nobody waits for: their answers matter as proofs only. */
function ignoreOutcome(): void {}

/** Refusals that a server utters without asking its leader. */
const OWN_WORDS: ReadonlySet<string> = new Set([
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

function isLeadersWord(err: number): boolean {
  return err === 0 || !OWN_WORDS.has(errorFromWire(err, {}).code);
}
