/**
 * Who is connected, and until when. The table of sessions that survives a crash belongs to the
 * tree; this is what the server that expires sessions adds to it: the moment of the last sign of
 * life, the connection, and the order of requests.
 *
 * A leader expires the sessions of all servers. Of one that is attached to a learner it hears with
 * that learner's answers to its pings, so it judges such a session by the answer that comes after
 * its deadline, however late that is (quorum-protocol W-1, W-2):
 *
 *     touched ──deadline──▶ due ──its server is this one, or gone──▶ expired
 *        ▲                   └──attached to a learner──▶ awaited ──reported, untouched──▶ expired
 *        └───────────────────── heard of ───────────────────┘
 */
import type { Clock, Timer } from "../../protocol/host.ts";
import { wordsHex } from "../../protocol/zxid.ts";
import { type Expiring, ExpiryQueue } from "./expiry.ts";
import type { SessionIds } from "./session-ids.ts";

/** What a session needs of the connection that holds it. */
export interface SessionHolder {
  /** Requests that waited for an earlier write may run. */
  writeAnswered(): void;
  /** It waits for an answer of ours, and its signs of life are not read meanwhile. */
  readonly hasLongRead: boolean;
}

/** The server that a session is attached to is not known: its leader is new. */
export const OWNER_UNKNOWN = -1;

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
  /** The server that it is attached to, as the leader knows it (server-semantics 5.4). */
  owner: number = OWNER_UNKNOWN;
  /** This server alone knows it. */
  isLocal = false;
  /** Its deadline has passed, and nothing was heard of it since. */
  isDue = false;
  /**
   * Writes that were sent into the pipeline, and those of them that were answered. A read runs
   * when all writes before it were answered. Invariant: answered <= submitted.
   */
  submitted = 0;
  answered = 0;
  /** Syncs that the leader has not confirmed: no write behind one is sent on. */
  syncs = 0;

  constructor(high: number, low: number, timeoutMs: number) {
    this.high = high;
    this.low = low;
    this.key = wordsHex(high, low);
    this.timeoutMs = timeoutMs;
  }
}

/** The sessions that a pipeline deals with. */
export interface SessionRoom<H extends SessionHolder> {
  get(key: string): Session<H> | undefined;
  /** A session with a new id. */
  create(timeoutMs: number): Session<H>;
  /** One that is alive comes to a connection of this server; undefined: it is about to end. */
  attach(high: number, low: number, timeoutMs: number): Session<H> | undefined;
  /** A sign of life. A closing session stays as it is. */
  touch(session: Session<H>, nowMs: number): void;
  /** Its end is decided: nothing revives it. */
  markClosing(session: Session<H>): void;
  /** Forgets a session whose closeSession was applied. */
  remove(session: Session<H>): void;
  /** One of this server that was local becomes known to all; its txn is being made. */
  adopt(session: Session<H>): void;
  /** The txn that creates a session of another server has been applied. */
  beganElsewhere(high: number, low: number, timeoutMs: number): void;
}

/** Tracks all sessions: creates ids, keeps deadlines, tells which have expired. */
export class Sessions<H extends SessionHolder> implements SessionRoom<H> {
  readonly #clock: Clock;
  readonly #queue: ExpiryQueue<Session<H>>;
  readonly #byKey = new Map<string, Session<H>>();
  readonly #expireDue: () => void;
  readonly #tick: () => void;
  readonly #mayExpire: () => boolean;
  readonly #expire: (session: Session<H>) => void;
  readonly #expired: (session: Session<H>) => void;
  /** Undefined: nothing expires, not even what already waits for the turn's end. */
  #timer: Timer | undefined;
  readonly #ids: SessionIds;
  readonly #serverId: number;
  /** Learners whose links are up, each with its sessions that are due and not yet judged. */
  readonly #awaited = new Map<number, Set<Session<H>>>();

  /** @param serverId The owner of the sessions that are created here. */
  constructor(clock: Clock, tickMs: number, serverId: number, ids: SessionIds, ending: Ending<H>) {
    this.#clock = clock;
    this.#serverId = serverId;
    this.#queue = new ExpiryQueue(tickMs, clock.nowMs());
    this.#ids = ids;
    // A server that was stopped for long finds a deadline passed and requests waiting in its
    // sockets. What waits there is read first: the timer only asks for the end of the turn.
    this.#mayExpire = () => ending.mayExpire();
    this.#expired = (session) => {
      session.closing = true;
      ending.expired(session);
    };
    this.#expire = (session) => {
      if (session.holder?.hasLongRead === true) {
        // It may have spoken: we do not listen while we owe it that answer.
        this.touch(session, clock.nowMs());
        return;
      }
      const awaited = this.#awaited.get(session.owner);
      if (awaited !== undefined && !session.isDue) {
        session.isDue = true;
        awaited.add(session);
        return;
      }
      this.#expired(session);
    };
    this.#expireDue = () => {
      if (this.#timer === undefined) return;
      this.#queue.expire(this.#clock.nowMs(), this.#mayExpire, this.#expire);
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
    const ids = this.#ids;
    do ids.take();
    while (this.#byKey.has(wordsHex(ids.high, ids.low)));
    const session = new Session<H>(ids.high, ids.low, timeoutMs);
    session.owner = this.#serverId;
    this.#byKey.set(session.key, session);
    return session;
  }

  /** A session known from the disk: it gets a full timeout from now (quorum-protocol W-5). */
  restore(high: number, low: number, timeoutMs: number): Session<H> {
    const session = new Session<H>(high, low, timeoutMs);
    this.#byKey.set(session.key, session);
    this.touch(session, this.#clock.nowMs());
    return session;
  }

  attach(high: number, low: number): Session<H> | undefined {
    const session = this.#byKey.get(wordsHex(high, low));
    if (session === undefined || session.closing) return undefined;
    session.owner = this.#serverId;
    return session;
  }

  touch(session: Session<H>, nowMs: number): void {
    if (session.closing) return;
    session.isDue = false;
    this.#queue.touch(session, nowMs, session.timeoutMs);
  }

  /** Its end is decided: nothing revives it. */
  markClosing(session: Session<H>): void {
    session.closing = true;
    this.#queue.remove(session);
  }

  /** Does now what its deadline would do. False: there is no such session, or it is ending. */
  expireNow(high: number, low: number): boolean {
    const session = this.#byKey.get(wordsHex(high, low));
    if (session === undefined || session.closing) return false;
    this.#queue.remove(session);
    this.#expired(session);
    return true;
  }

  /** Forgets a session whose closeSession was applied. */
  remove(session: Session<H>): void {
    this.#queue.remove(session);
    this.#byKey.delete(session.key);
  }

  adopt(session: Session<H>): void {
    session.owner = this.#serverId;
    this.#byKey.set(session.key, session);
    this.touch(session, this.#clock.nowMs());
  }

  beganElsewhere(): void {
    // It was made known when it was proposed.
  }

  // Of a leader: sessions of its learners.

  /** A client of a learner gets a session with the id that the learner gave it. */
  createdBy(owner: number, high: number, low: number, timeoutMs: number): void {
    const key = wordsHex(high, low);
    const session = this.#byKey.get(key) ?? new Session<H>(high, low, timeoutMs);
    this.#byKey.set(key, session);
    this.#own(session, owner);
    this.touch(session, this.#clock.nowMs());
  }

  /** A session comes to a connection of a learner: false: there is none. */
  attachedTo(owner: number, high: number, low: number, timeoutMs: number): boolean {
    const session = this.#byKey.get(wordsHex(high, low));
    if (session === undefined || session.closing) return false;
    this.#own(session, owner);
    session.timeoutMs = timeoutMs;
    this.touch(session, this.#clock.nowMs());
    return true;
  }

  /** A learner has heard of a session. */
  heardOf(high: number, low: number, timeoutMs: number): void {
    const session = this.#byKey.get(wordsHex(high, low));
    if (session === undefined) return;
    session.timeoutMs = timeoutMs;
    this.renew(session);
  }

  /** A session was heard of just now. */
  renew(session: Session<H>): void {
    this.touch(session, this.#clock.nowMs());
  }

  /** The server that a session is attached to; the first to speak for one that nobody knows of. */
  ownerOf(session: Session<H>, asker: number): number {
    if (session.owner === OWNER_UNKNOWN) this.#own(session, asker);
    return session.owner;
  }

  /** A learner has told of its sessions: those that were due and are not among them expire. */
  reported(owner: number): void {
    const awaited = this.#awaited.get(owner);
    if (awaited === undefined) {
      this.#awaited.set(owner, new Set());
      return;
    }
    for (const session of awaited) {
      if (this.#timer === undefined || !this.#mayExpire()) return;
      awaited.delete(session);
      // It may have been heard of or have ended meanwhile.
      if (session.isDue && !session.closing) this.#expire(session);
    }
  }

  /** A learner's link is gone: its sessions are judged by the clock alone. */
  left(owner: number): void {
    const awaited = this.#awaited.get(owner);
    this.#awaited.delete(owner);
    if (awaited === undefined) return;
    const nowMs = this.#clock.nowMs();
    for (const session of awaited) {
      if (!session.isDue || session.closing) continue;
      session.isDue = false;
      this.#queue.touch(session, nowMs, 0);
    }
  }

  #own(session: Session<H>, owner: number): void {
    session.owner = owner;
    if (owner !== this.#serverId && !this.#awaited.has(owner)) this.#awaited.set(owner, new Set());
  }

  #arm(): void {
    const waitMs = this.#queue.waitMs(this.#clock.nowMs());
    this.#timer = this.#clock.after(Math.ceil(waitMs), this.#tick);
  }
}
