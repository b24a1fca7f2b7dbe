/**
 * Sessions that one server alone knows (quorum-protocol W-4): begun, expired and closed without a
 * txn, and lost with the term. One that is about to own an ephemeral becomes known to all servers,
 * under the same id.
 *
 *     create ─▶ local ──adopt──▶ global: of the room behind this one
 *                └──expired, closed, the term ends──▶ gone
 */
import type { Session, SessionHolder, SessionRoom, Sessions } from "./sessions.ts";

export class LocalSessions<H extends SessionHolder> implements SessionRoom<H> {
  readonly #local: Sessions<H>;
  readonly #global: SessionRoom<H>;

  /**
   * @param local Creates and expires those of this server.
   * @param global Those that all servers know.
   */
  constructor(local: Sessions<H>, global: SessionRoom<H>) {
    this.#local = local;
    this.#global = global;
  }

  get(key: string): Session<H> | undefined {
    return this.#local.get(key) ?? this.#global.get(key);
  }

  create(timeoutMs: number): Session<H> {
    const session = this.#local.create(timeoutMs);
    session.isLocal = true;
    return session;
  }

  attach(high: number, low: number, timeoutMs: number): Session<H> | undefined {
    return this.#global.attach(high, low, timeoutMs);
  }

  touch(session: Session<H>, nowMs: number): void {
    this.#roomOf(session).touch(session, nowMs);
  }

  markClosing(session: Session<H>): void {
    this.#roomOf(session).markClosing(session);
  }

  remove(session: Session<H>): void {
    this.#roomOf(session).remove(session);
  }

  adopt(session: Session<H>): void {
    this.#local.remove(session);
    session.isLocal = false;
    this.#global.adopt(session);
  }

  beganElsewhere(high: number, low: number, timeoutMs: number): void {
    this.#global.beganElsewhere(high, low, timeoutMs);
  }

  #roomOf({ isLocal }: Session<H>): SessionRoom<H> {
    return isLocal ? this.#local : this.#global;
  }
}
