/**
 * The requests of a session between call and answer. Two queues, oldest first:
 *
 *     submit -> waiting -> (written to the link) -> in flight -> (answered) -> settled
 *                  ^                                    |
 *                  '---- reads, when the link is lost --'
 *
 * A server answers in the order of the requests, so an answer belongs to the head of the second
 * queue or the connection is broken (client-protocol 4).
 */
import { ZooKeeperError } from "./errors.ts";
import type { SessionIdentity } from "./identity.ts";
import type { Moment } from "./moments.ts";
import type { Operation } from "./operations.ts";
import { type WatchList, type WatchRegistration, watchList } from "./watches.ts";

/** Exactly one of the two is there, unless the operation has no result. */
export type Settle<R> = (error: ZooKeeperError | undefined, result: R | undefined) => void;

export type RequestPhase = "waiting" | "sent" | "settled";

/** What a caller says of a request. */
export interface SubmitOptions {
  /** As the caller gave it, for errors. */
  readonly path?: string | undefined;
  /** Default: the setting. Infinity: none. */
  readonly timeoutMs?: number | undefined;
  /** The watch that the request's answer arms. */
  readonly registration?: WatchRegistration | undefined;
}

export class Request<R = unknown> {
  readonly operation: Operation<never, R>;
  /** As the caller gave it, for errors. */
  readonly path: string | undefined;
  /** The record as it goes on the wire, without header. */
  readonly body: Buffer;
  /** The watch that a successful answer arms. */
  readonly registration: WatchRegistration | undefined;
  /** On the monotonic clock; Infinity: none. */
  readonly deadlineMs: number;
  phase: RequestPhase = "waiting";
  /** Of the last time it was sent. */
  xid = 0;
  sentAt: Moment | undefined = undefined;
  /** The session it was sent in; undefined: no byte of it was ever written. */
  sentIn: SessionIdentity | undefined = undefined;
  /** A server said what became of it. */
  isAnswered = false;
  /** Typed so that a `Request<R>` is a `Request<unknown>`: a queue holds all kinds. */
  readonly #settle: Settle<never>;

  constructor(
    operation: Operation<never, R>,
    path: string | undefined,
    body: Buffer,
    registration: WatchRegistration | undefined,
    deadlineMs: number,
    settle: Settle<R>,
  ) {
    this.operation = operation;
    this.path = path;
    this.body = body;
    this.registration = registration;
    this.deadlineMs = deadlineMs;
    this.#settle = settle;
  }

  /** True: nobody waits for the answer any more. */
  get isSettled(): boolean {
    return this.phase === "settled";
  }

  succeed(result: R): void {
    if (this.phase === "settled") return;
    this.phase = "settled";
    this.#settle(undefined, result as never);
  }

  fail(error: ZooKeeperError): void {
    if (this.phase === "settled") return;
    this.phase = "settled";
    this.#settle(error, undefined);
  }

  /** Fails with a code of the client's own; a write that was sent may have taken effect. */
  failLocally(code: ConstructorParameters<typeof ZooKeeperError>[0], cause?: unknown): void {
    this.fail(
      new ZooKeeperError(code, {
        path: this.path,
        operation: this.operation.name,
        ambiguous: this.phase === "sent" && this.operation.kind === "write",
        cause,
      }),
    );
  }

  /** The caller left: it hears nothing more. */
  abandon(): void {
    this.phase = "settled";
  }
}

/** A growing ring: the oldest leaves first. */
export class Ring<T> {
  #slots: (T | undefined)[] = new Array<T | undefined>(RING_SLOTS_MIN).fill(undefined);
  /** Invariant: 0 <= #head < #slots.length, a power of two; 0 <= #length <= #slots.length. */
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: T): void {
    if (this.#length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = value;
    this.#length++;
  }

  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#slots[this.#head];
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const value = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#length--;
    return value;
  }

  /** Everything, oldest first; the ring is empty afterwards. */
  drain(): T[] {
    const values: T[] = [];
    for (let value = this.shift(); value !== undefined; value = this.shift()) values.push(value);
    return values;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let i = 0; i < this.#length; i++) {
      const value = this.#slots[(this.#head + i) & (this.#slots.length - 1)];
      if (value !== undefined) yield value;
    }
  }

  #grow(): void {
    const values = this.drain();
    this.#slots = new Array<T | undefined>(this.#slots.length * 2).fill(undefined);
    this.#head = 0;
    for (const value of values) this.push(value);
  }
}

const RING_SLOTS_MIN = 16;

/** The xid after the last; 0 and the negative ones are reserved. */
const XID_MAX = 0x7fff_ffff;

export interface RequestLimits {
  readonly inFlightMax: number;
  readonly queuedMax: number;
  readonly queuedMaxBytes: number;
}

export class Requests {
  readonly #limits: RequestLimits;
  #waiting = new Ring<Request>();
  readonly #inFlight = new Ring<Request>();
  /** Invariant: the number and body bytes of the requests in #waiting whose phase is "waiting". */
  #waitingCount = 0;
  #waitingBytes = 0;
  /** Not later than the first deadline of a request. */
  #dueMs = Number.POSITIVE_INFINITY;
  #lastXid = 0;

  constructor(limits: RequestLimits) {
    this.#limits = limits;
  }

  get waitingCount(): number {
    return this.#waitingCount;
  }

  /** False, and nothing is kept, where that would exceed a limit. */
  submit(request: Request): boolean {
    const full =
      this.#waitingCount >= this.#limits.queuedMax ||
      this.#waitingBytes + request.body.length > this.#limits.queuedMaxBytes;
    if (full) return false;
    this.#enqueue(request);
    this.#dueMs = Math.min(this.#dueMs, request.deadlineMs);
    return true;
  }

  /** As `submit`, for the client's own requests: they are few, and must not be refused. */
  submitOwn(request: Request): void {
    this.#enqueue(request);
  }

  /** The next one to send, if the server may have one more; the caller then calls `sent`. */
  next(): Request | undefined {
    if (this.#inFlight.length >= this.#limits.inFlightMax) return undefined;
    for (;;) {
      const request = this.#waiting.shift();
      if (request === undefined) return undefined;
      if (request.phase === "waiting") {
        this.#uncount(request);
        return request;
      }
    }
  }

  sent(request: Request, at: Moment, session: SessionIdentity | undefined): void {
    this.#lastXid = this.#lastXid === XID_MAX ? 1 : this.#lastXid + 1;
    request.xid = this.#lastXid;
    request.sentAt = at;
    request.sentIn = session;
    if (request.phase === "waiting") request.phase = "sent";
    this.#inFlight.push(request);
  }

  /** The request that an answer belongs to; undefined: the answer is out of order. */
  answered(xid: number): Request | undefined {
    if (this.#inFlight.peek()?.xid !== xid) return undefined;
    const request = this.#inFlight.shift();
    if (request !== undefined) request.isAnswered = true;
    return request;
  }

  /** Whether a read is on its way whose answer arms this list of this path. */
  isArming(serverPath: string, list: WatchList): boolean {
    for (const ring of [this.#inFlight, this.#waiting]) {
      for (const { registration } of ring) {
        if (
          registration?.phase === "arming" &&
          registration.serverPath === serverPath &&
          watchList(registration.kind) === list
        ) {
          return true;
        }
      }
    }
    return false;
  }

  /** The one whose answer comes next. */
  oldestInFlight(): Request | undefined {
    return this.#inFlight.peek();
  }

  /** The caller of a request left, or its time is over; a slot in the ring is freed later. */
  abandon(request: Request): void {
    if (request.phase === "waiting") this.#uncount(request);
    request.abandon();
  }

  /**
   * Forgets what was in flight: reads go to the front of the queue again, in their order. Returns
   * the others for the caller to fail, once it has told of the change of state.
   */
  connectionLost(): Request[] {
    const lost: Request[] = [];
    const again: Request[] = [];
    for (const request of this.#inFlight.drain()) {
      if (request.isSettled) continue;
      if (request.operation.kind === "read") again.push(request);
      else lost.push(request);
    }
    if (again.length > 0) this.#putFirst(again);
    return lost;
  }

  /** Takes out what belongs to a session that is over: all that waits and is not a read. */
  sessionLost(): Request[] {
    return this.#takeWaiting((request) => request.operation.kind !== "read");
  }

  /** Takes out everything that waits. */
  drainWaiting(): Request[] {
    return this.#takeWaiting(() => true);
  }

  /** Takes out everything in flight, at the end of a client. */
  drainInFlight(): Request[] {
    return this.#inFlight.drain().filter((request) => !request.isSettled);
  }

  /** When `tick` has something to do. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** Fails with `Timeout` what is due. */
  tick(nowMs: number): void {
    if (nowMs < this.#dueMs) return;
    let nextMs = Number.POSITIVE_INFINITY;
    const due: Request[] = [];
    for (const ring of [this.#inFlight, this.#waiting]) {
      for (const request of ring) {
        if (request.isSettled) continue;
        if (request.deadlineMs <= nowMs) due.push(request);
        else nextMs = Math.min(nextMs, request.deadlineMs);
      }
    }
    this.#dueMs = nextMs;
    for (const request of due) {
      if (request.phase === "waiting") this.#uncount(request);
      request.failLocally("Timeout");
    }
  }

  #enqueue(request: Request): void {
    this.#waitingCount++;
    this.#waitingBytes += request.body.length;
    this.#waiting.push(request);
  }

  #uncount(request: Request): void {
    this.#waitingCount--;
    this.#waitingBytes -= request.body.length;
  }

  #putFirst(requests: readonly Request[]): void {
    const rest = this.#waiting.drain();
    this.#waiting = new Ring<Request>();
    for (const request of requests) {
      request.phase = "waiting";
      this.#enqueue(request);
    }
    for (const request of rest) this.#waiting.push(request);
  }

  #takeWaiting(matches: (request: Request) => boolean): Request[] {
    const taken: Request[] = [];
    for (const request of this.#waiting.drain()) {
      if (request.phase !== "waiting") continue;
      if (matches(request)) {
        this.#uncount(request);
        taken.push(request);
      } else {
        this.#waiting.push(request);
      }
    }
    return taken;
  }
}
