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
import type { Address } from "../protocol/host.ts";
import { Writer } from "../protocol/jute.ts";
import type { ConnectResponse } from "../protocol/proto.ts";
import { Alarm, type AlarmDuties } from "./alarm.ts";
import { Attachment, type AttachmentOwner, type AttachmentParts } from "./attachment.ts";
import { Credentials } from "./auth.ts";
import { type Claim, type ClaimKeeper, Claims, type HoldOptions } from "./claims.ts";
import type { Connection } from "./connection.ts";
import { Connector, type ConnectorEvents, type ConnectorGoal } from "./connector.ts";
import { ZooKeeperError } from "./errors.ts";
import type { Hosts } from "./hosts.ts";
import { identityOf, type SessionIdentity } from "./identity.ts";
import { leftMs, type Moment, momentOf } from "./moments.ts";
import type { SessionObserver } from "./observer.ts";
import * as operations from "./operations.ts";
import type { ClientHost } from "./options.ts";
import { OwnershipDeadline } from "./ownership-deadline.ts";
import { ReadWriteSearch, type ReadWriteSearchEvents } from "./read-write-search.ts";
import type { AuthInfo } from "./records.ts";
import { Request, Requests, type Settle, type SubmitOptions } from "./requests.ts";
import { type SessionSettings, shortSessionWarning } from "./settings.ts";
import { type ConnectionState, type LossCause, States } from "./states.ts";
import {
  type Watcher,
  Watches,
  type WatchKeeper,
  type WatchList,
  type WatchOutcome,
  type WatchRegistration,
} from "./watches.ts";

export type { SessionObserver } from "./observer.ts";

/** Of a session timeout: a timer that is later than this means that the event loop stood still. */
const STALL_SHARE = 1 / 10;

export class Session
  implements AttachmentOwner, ClaimKeeper, ConnectorEvents, ReadWriteSearchEvents, WatchKeeper
{
  readonly #host: ClientHost;
  readonly #settings: SessionSettings;
  readonly #observer: SessionObserver;
  readonly #states: States;
  readonly #requests: Requests;
  readonly #watches: Watches;
  readonly #claims: Claims;
  readonly #credentials = new Credentials();
  readonly #deadline: OwnershipDeadline;
  readonly #connector: Connector;
  readonly #search: ReadWriteSearch;
  readonly #parts: AttachmentParts;
  readonly #alarm: Alarm;
  readonly #scratch = new Writer();

  /** Invariant: undefined before the first connection, and from a loss to the next session. */
  #identity: SessionIdentity | undefined;
  /** The server that serves `#identity`. Invariant: undefined while the connector searches. */
  #attached: Attachment | undefined;
  /** As of the last attachment. */
  #lastZxid = 0;
  #heardAt: Moment;
  /** A server without a quorum was left for one that said it has one: no loss until it fails. */
  #switching = false;
  /** The session timeout that was warned of. */
  #warnedOfMs = 0;

  #life: "open" | "closing" | "closed" = "open";
  #closeByMs = Number.POSITIVE_INFINITY;
  #closed: (() => void)[] = [];

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
    this.#watches = new Watches(this, this.#requests);
    this.#deadline = new OwnershipDeadline(host.clock);
    this.#claims = new Claims(this.#deadline, this);
    this.#connector = new Connector(host, hosts, settings, this);
    this.#search = new ReadWriteSearch(host, hosts, this);
    this.#parts = {
      clock: host.clock,
      requests: this.#requests,
      watches: this.#watches,
      credentials: this.#credentials,
      deadline: this.#deadline,
    };
    this.#alarm = new Alarm(host.clock, this.#duties());
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

  /** Watches that are armed, and requests that wait to be sent. */
  get counts(): { readonly watches: number; readonly queued: number } {
    return { watches: this.#watches.count, queued: this.#requests.waitingCount };
  }

  // Requests.

  /**
   * Takes a request. It is sent at the end of this turn, or when there is a connection. `settle` is
   * called once, possibly before this returns.
   */
  submit<A, R>(
    operation: operations.Operation<A, R>,
    args: A,
    options: SubmitOptions,
    settle: Settle<R>,
  ): Request<R> {
    this.checkDeadlines();
    const timeoutMs = options.timeoutMs ?? this.#settings.operationTimeoutMs;
    const deadlineMs = this.#host.clock.nowMs() + timeoutMs;
    const { registration } = options;
    const body = operations.encode(operation, args, this.#scratch);
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
      this.#alarm.arm();
      this.#attached?.askFlush();
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
    if (credential !== undefined) this.#attached?.sendCredential(credential);
  }

  // Ownership.

  checkDeadlines(): void {
    this.#claims.checkDeadline();
    if (this.#identity === undefined || this.#attached !== undefined) return;
    const left = leftMs(this.#host.clock, this.#heardAt, this.#lostSpanMs);
    if (left <= 0) this.#loseSession("local-clock");
  }

  ownershipRemainingMs(): number {
    return this.#deadline.remainingMs();
  }

  /** @throws ZooKeeperError NotHeld */
  hold(nodePath: string, options: HoldOptions): Claim {
    this.checkDeadlines();
    const identity = this.#life === "open" ? this.#attached?.identity : undefined;
    const claim = this.#claims.hold(nodePath, identity, options, this.#settings.ownership);
    this.#attached?.prove();
    this.#alarm.arm();
    return claim;
  }

  /** Proves the session until the returned function is called. */
  keepProving(): () => void {
    const end = this.#claims.await();
    this.#attached?.prove();
    this.#alarm.arm();
    return end;
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
    else if (this.#attached !== undefined) this.#sayGoodbye(this.#attached);
    this.#alarm.arm();
  }

  #sayGoodbye(attached: Attachment): void {
    // Whatever the answer: the session is over, or expires by itself.
    attached.sendOwn(operations.closeSession, undefined, () => this.#end(undefined));
  }

  #end(error: ZooKeeperError | undefined): void {
    if (this.#life === "closed") return;
    this.#life = "closed";
    this.#connector.stop();
    this.#search.stop();
    this.#attached?.close();
    this.#attached = undefined;
    this.#alarm.stop();
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
    if (this.#life !== "open") {
      for (const request of failed) request.failLocally("Closed");
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
    this.#alarm.arm();
  }

  found(connection: Connection, response: ConnectResponse, sentAt: Moment, lastZxid: number): void {
    const readOnly = response.readOnly === true;
    const identity = identityOf(response, readOnly && this.goal.identity === undefined);
    const handshake = { identity, readOnly, sentAt, lastZxid };
    const attached = new Attachment(connection, handshake, this.#parts, this);
    // The session of a server without a quorum ends there; users of the one before it were told.
    const replaced = this.#identity?.provisional === true && this.#states.wasReadWrite;
    if (replaced) this.#loseSession("server");
    if (this.#life === "closed") {
      attached.close();
      return;
    }
    this.#switching = false;
    this.#identity = identity;
    this.#attached = attached;
    if (readOnly) this.#deadline.revoke();
    else this.#deadline.established(sentAt, identity.timeoutMs);
    this.#observer.debug({ server: connection.address, session: identity.id }, "attached");
    if (this.#life === "closing") this.#sayGoodbye(attached);
    else this.#serve(attached);
    this.#alarm.arm();
  }

  #serve(attached: Attachment): void {
    const { identity, readOnly } = attached;
    this.#warnOfShortSession(identity);
    this.#states.attached(identity.id, readOnly);
    // A listener may have closed the client or given up the session.
    if (this.#attached !== attached) return;
    attached.restore();
    attached.askFlush();
    if (readOnly) this.#search.start();
  }

  expired(cause: "server" | "server-data-loss", address: Address): void {
    if (cause === "server-data-loss") this.#lastZxid = 0;
    this.#loseSession(cause);
    if (this.#life === "open") this.#connector.startAt(address);
  }

  failed(address: Address, why: Error): void {
    this.#observer.debug({ server: address, error: why.message }, "attempt failed");
    if (!this.#switching) return;
    this.#switching = false;
    this.#states.detached();
  }

  foundReadWrite(address: Address): void {
    this.checkDeadlines();
    if (this.#attached === undefined || this.#life !== "open") return;
    const failed = this.#detach();
    this.#switching = true;
    this.#connector.startAt(address);
    const why = new Error("a server with a quorum was found");
    for (const request of failed) request.failLocally("ConnectionLoss", why);
  }

  providerFailed(error: unknown): void {
    this.#observer.backgroundError(error, "the ensemble provider");
  }

  #warnOfShortSession({ timeoutMs }: SessionIdentity): void {
    const warning = shortSessionWarning(timeoutMs, this.#settings.serverTickTimeMs);
    if (warning === undefined || timeoutMs === this.#warnedOfMs) return;
    this.#warnedOfMs = timeoutMs;
    this.#observer.warn("session-too-short", warning);
  }

  // The attached server.

  get isOpen(): boolean {
    return this.#life === "open";
  }

  get isProving(): boolean {
    return this.#claims.wantProofs;
  }

  broken(attached: Attachment, why: Error): void {
    this.checkDeadlines();
    if (this.#attached !== attached) return;
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

  /** Forgets the server; returns the requests whose outcome nobody will learn. */
  #detach(): Request[] {
    const attached = this.#attached;
    if (attached !== undefined) {
      attached.close();
      this.#lastZxid = attached.lastZxid;
      this.#heardAt = attached.heardAt;
      this.#attached = undefined;
    }
    this.#search.stop();
    return this.#requests.connectionLost();
  }

  unauthorized(error: ZooKeeperError): void {
    this.#life = "closing";
    this.#claims.sessionLost();
    this.#observer.closing();
    this.#states.sessionLost("auth-failed");
    this.#end(error);
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
    // Without a connection there is no watch: the next one is told only of those that are left.
    if (this.#life === "open") this.#attached?.dropWatch(serverPath, watcherType);
  }

  // Time.

  #duties(): AlarmDuties {
    return {
      dueMs: () => this.#dueMs(),
      woken: () => this.checkDeadlines(),
      tick: (nowMs) => this.#tick(nowMs),
      stallMs: () => this.timeoutMs * STALL_SHARE,
      stalled: (lateMs) => {
        const stall = `the event loop stood still for ${Math.round(lateMs)} ms`;
        this.#observer.warn("event-loop-stall", stall);
      },
    };
  }

  #dueMs(): number {
    const lostMs = this.#heardAt.monotonicMs + this.#lostSpanMs;
    const searchingMs = this.#identity === undefined ? Number.POSITIVE_INFINITY : lostMs;
    return Math.min(
      this.#attached?.dueMs ?? searchingMs,
      this.#claims.dueMs,
      this.#requests.dueMs,
      this.#connector.dueMs,
      this.#search.dueMs,
      this.#closeByMs,
    );
  }

  /** After so long without a byte the session is given up. */
  get #lostSpanMs(): number {
    return this.timeoutMs * this.#settings.lostFactor;
  }

  #tick(nowMs: number): void {
    if (nowMs >= this.#closeByMs) {
      this.#end(undefined);
      return;
    }
    this.#connector.tick(nowMs);
    this.#search.tick(nowMs);
    this.#attached?.tick(nowMs);
    this.#requests.tick(nowMs);
  }
}
