/**
 * The sessions that are attached to a learner. It expires none: it remembers which it heard of, and
 * tells the leader with each answer to a ping (quorum-protocol W-1).
 *
 * What waits in sockets counts: a server that stood still has not listened, so its first answer
 * after that names every session that is attached here.
 */
import type { Clock } from "../../protocol/host.ts";
import type { Writer } from "../../protocol/jute.ts";
import { wordsHex } from "../../protocol/zxid.ts";
import type { SessionIds } from "./session-ids.ts";
import { Session, type SessionHolder, type SessionRoom } from "./sessions.ts";

/** A session that was created at another server. */
interface Began {
  readonly high: number;
  readonly low: number;
  readonly timeoutMs: number;
}

export class LearnerSessions<H extends SessionHolder> implements SessionRoom<H> {
  readonly #clock: Clock;
  readonly #ids: SessionIds;
  readonly #isTaken: (high: number, low: number) => boolean;
  /** The leader pings twice in this time. */
  readonly #tickMs: number;
  /** Those that were attached here in this term and that no txn has ended. */
  readonly #byKey = new Map<string, Session<H>>();
  /** Heard of since the last answer. */
  #touched = new Set<Session<H>>();
  #began: Began[] = [];
  /** The last answer. */
  #toldMs: number;

  /** @param isTaken Whether a session that all servers know has this id. */
  constructor(
    clock: Clock,
    tickMs: number,
    ids: SessionIds,
    isTaken: (high: number, low: number) => boolean,
  ) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#ids = ids;
    this.#isTaken = isTaken;
    this.#toldMs = clock.nowMs();
  }

  get(key: string): Session<H> | undefined {
    return this.#byKey.get(key);
  }

  values(): IterableIterator<Session<H>> {
    return this.#byKey.values();
  }

  create(timeoutMs: number): Session<H> {
    const ids = this.#ids;
    do ids.take();
    while (this.#isTaken(ids.high, ids.low));
    const session = new Session<H>(ids.high, ids.low, timeoutMs);
    this.#byKey.set(session.key, session);
    return session;
  }

  attach(high: number, low: number, timeoutMs: number): Session<H> | undefined {
    const key = wordsHex(high, low);
    const session = this.#byKey.get(key) ?? new Session<H>(high, low, timeoutMs);
    if (session.closing) return undefined;
    this.#byKey.set(key, session);
    return session;
  }

  touch(session: Session<H>): void {
    if (!session.closing) this.#touched.add(session);
  }

  markClosing(session: Session<H>): void {
    session.closing = true;
    this.#touched.delete(session);
  }

  remove(session: Session<H>): void {
    this.#touched.delete(session);
    this.#byKey.delete(session.key);
  }

  adopt(session: Session<H>): void {
    this.#byKey.set(session.key, session);
    this.#touched.add(session);
  }

  /** As ZooKeeper's learners do: its creation is a sign of life (server-semantics 5.2). */
  beganElsewhere(high: number, low: number, timeoutMs: number): void {
    this.#began.push({ high, low, timeoutMs });
  }

  // repeat { long sessionId, int timeoutMs }

  /** Writes what was heard of since the last call. */
  takeTouched(out: Writer): void {
    const nowMs = this.#clock.nowMs();
    const stoodStill = nowMs - this.#toldMs > this.#tickMs;
    this.#toldMs = nowMs;
    for (const session of this.#byKey.values()) {
      if (session.holder === undefined || session.closing) continue;
      // Nor do we listen to who waits for a long answer of ours.
      if (stoodStill || session.holder.hasLongRead) this.#touched.add(session);
    }
    for (const { high, low, timeoutMs } of this.#touched) write(out, high, low, timeoutMs);
    for (const { high, low, timeoutMs } of this.#began) write(out, high, low, timeoutMs);
    this.#touched = new Set();
    this.#began = [];
  }
}

function write(out: Writer, high: number, low: number, timeoutMs: number): void {
  out.words(high, low);
  out.int(timeoutMs);
}
