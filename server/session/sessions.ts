/**
 * Who is connected, and until when. The table of sessions that survives a crash belongs to the
 * tree; this is what the server that expires sessions adds to it: the moment of the last sign of
 * life, the connection, and the order of requests.
 */
import { assert } from "../../protocol/assert.ts";
import type { Clock, Timer } from "../../protocol/host.ts";
import { wordsHex } from "../../protocol/zxid.ts";
import { type Expiring, ExpiryQueue } from "./expiry.ts";

/** What a session needs of the connection that holds it. */
export interface SessionHolder {
  /** Requests that waited for an earlier write may run. */
  writeAnswered(): void;
  /** It waits for an answer of ours, and its signs of life are not read meanwhile. */
  readonly hasLongRead: boolean;
}

/** What ends sessions. */
export interface Ending<H extends SessionHolder> {
  /** Whether one more may be ended in this turn; asked again in a later one. */
  mayExpire(): boolean;
  /** A session's deadline has passed; it is closing already. */
  expired(session: Session<H>): void;
}

export class Session<H extends SessionHolder = SessionHolder> implements Expiring {
  readonly high: number;
  readonly low: number;
  /** 16 hexadecimal digits, the key of every map of sessions. */
  readonly key: string;
  /** As negotiated by its newest handshake. */
  timeoutMs: number;
  expiresAtMs = 0;
  /** A closeSession is on its way: no touch and no attach any more. */
  closing = false;
  /** The connection on this server that holds it. */
  holder: H | undefined;
  /**
   * Writes that were sent into the pipeline, and those of them that were answered. A read runs
   * when all writes before it were answered. Invariant: answered <= submitted.
   */
  submitted = 0;
  answered = 0;

  constructor(high: number, low: number, timeoutMs: number) {
    this.high = high;
    this.low = low;
    this.key = wordsHex(high, low);
    this.timeoutMs = timeoutMs;
  }
}

/** Tracks sessions of one server: creates ids, keeps deadlines, tells which have expired. */
export class Sessions<H extends SessionHolder> {
  readonly #clock: Clock;
  readonly #queue: ExpiryQueue<Session<H>>;
  readonly #byKey = new Map<string, Session<H>>();
  readonly #expireDue: () => void;
  readonly #tick: () => void;
  /** Undefined: nothing expires, not even what already waits for the turn's end. */
  #timer: Timer | undefined;
  #nextHigh: number;
  #nextLow: number;

  /** @param serverId 1 to 254: the top byte of every session id made here. */
  constructor(clock: Clock, tickMs: number, serverId: number, ending: Ending<H>) {
    assert(serverId > 0 && serverId < 255, "a server id fits the top byte of a session id");
    this.#clock = clock;
    this.#queue = new ExpiryQueue(tickMs, clock.nowMs());
    // (serverId << 56) | ((millis << 24) >>> 8): the low 40 bits of the clock above 16 bits of
    // counter (client-protocol 3.6). The wall clock, so that a restart does not meet old ids.
    const millis = clock.wallMs() % 2 ** 40;
    this.#nextHigh = (serverId << 24) | Math.floor(millis / 2 ** 16) | 0;
    this.#nextLow = ((millis % 2 ** 16) << 16) | 0;
    // A server that was stopped for long finds a deadline passed and requests waiting in its
    // sockets. What waits there is read first: the timer only asks for the end of the turn.
    const mayExpire = (): boolean => ending.mayExpire();
    const expire = (session: Session<H>): void => {
      if (session.holder?.hasLongRead === true) {
        // It may have spoken: we do not listen while we owe it that answer.
        this.touch(session, clock.nowMs());
        return;
      }
      session.closing = true;
      ending.expired(session);
    };
    this.#expireDue = () => {
      if (this.#timer === undefined) return;
      this.#queue.expire(this.#clock.nowMs(), mayExpire, expire);
      this.#arm();
    };
    this.#tick = () => this.#clock.endOfTurn(this.#expireDue);
  }

  get count(): number {
    return this.#byKey.size;
  }

  start(): void {
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Deadlines with the sessions that end then, the nearest first. The sets are live. */
  deadlines(): (readonly [endMs: number, sessions: ReadonlySet<Session<H>>])[] {
    return this.#queue.buckets();
  }

  values(): IterableIterator<Session<H>> {
    return this.#byKey.values();
  }

  get(key: string): Session<H> | undefined {
    return this.#byKey.get(key);
  }

  /** A session with a new id; it has no deadline before `touch`. */
  create(timeoutMs: number): Session<H> {
    let session = new Session<H>(this.#nextHigh, this.#nextLow, timeoutMs);
    this.#advance();
    while (this.#byKey.has(session.key)) {
      session = new Session<H>(this.#nextHigh, this.#nextLow, timeoutMs);
      this.#advance();
    }
    this.#byKey.set(session.key, session);
    return session;
  }

  /** A session known from the disk: it gets a full timeout from now. */
  restore(high: number, low: number, timeoutMs: number): Session<H> {
    const session = new Session<H>(high, low, timeoutMs);
    this.#byKey.set(session.key, session);
    this.touch(session, this.#clock.nowMs());
    return session;
  }

  /** A sign of life. A closing session stays as it is. */
  touch(session: Session<H>, nowMs: number): void {
    if (!session.closing) this.#queue.touch(session, nowMs, session.timeoutMs);
  }

  /** Its end is decided: nothing revives it. */
  markClosing(session: Session<H>): void {
    session.closing = true;
    this.#queue.remove(session);
  }

  /** Forgets a session whose closeSession was applied. */
  remove(session: Session<H>): void {
    this.#queue.remove(session);
    this.#byKey.delete(session.key);
  }

  #advance(): void {
    this.#nextLow = (this.#nextLow + 1) | 0;
    if (this.#nextLow === 0) this.#nextHigh = (this.#nextHigh + 1) | 0;
  }

  #arm(): void {
    const waitMs = this.#queue.waitMs(this.#clock.nowMs());
    this.#timer = this.#clock.after(Math.ceil(waitMs), this.#tick);
  }
}
