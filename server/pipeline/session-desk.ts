/**
 * How clients of this server come by their sessions, and lose them:
 *
 *     handshake, no session ──▶ created ──txn applied──▶ answered
 *     handshake with one ──────▶ known here ───────────▶ answered, the earlier connection is closed
 *            ├──leader───▶ known, what was proposed is applied ──▶ answered
 *            └──learner──▶ REVALIDATE ──the leader knows it──▶ answered
 *     closeSession applied, whoever asked for it ──▶ its connection here is closed
 *
 * Who comes from another server may have asked for something there that is still on its way. It is
 * answered behind that, so that it sees all of it or, since its old server may ask for nothing more,
 * never any of it: whoever looks whether its create came through can rely on the answer.
 *
 * @see quorum-protocol W-3, server-semantics 5.3, client-protocol 10.5
 */
import { sessionHex, wordsHex, type Zxid } from "../../protocol/zxid.ts";
import type { Session, SessionRoom } from "../session/sessions.ts";
import type { DataTree } from "../tree/data-tree.ts";
import type { Proposer } from "./proposer.ts";
import type { Requester } from "./requester.ts";

// TxnHeader, of 32 bytes, begins with long clientId; createSession's body is int timeoutMs.
const TXN_BODY_AT = 32;

/** Who waits for the leader to know its session. */
interface Asked {
  readonly holder: Requester;
  readonly timeoutMs: number;
}

/** Who waits for what was proposed before it came. */
interface Returning extends Asked {
  readonly session: Session<Requester>;
  readonly afterZxid: Zxid;
}

export class SessionDesk {
  readonly #tree: DataTree;
  readonly #sessions: SessionRoom<Requester>;
  readonly #proposer: Proposer;
  readonly #stats: { ownRevalidations: number };
  /**
   * By session: the newest connection that asked for it. Two may have asked; the first answer is
   * as good for the second, and finds nobody when it comes again. A term has as many at most as the
   * port lets connections in.
   */
  readonly #asked = new Map<string, Asked>();
  /** Of a leader. Invariant: `afterZxid` ascends. As many at most as the port lets connections in. */
  #returning: Returning[] = [];

  constructor(
    tree: DataTree,
    sessions: SessionRoom<Requester>,
    proposer: Proposer,
    stats: { ownRevalidations: number },
  ) {
    this.#tree = tree;
    this.#stats = stats;
    this.#sessions = sessions;
    this.#proposer = proposer;
  }

  /** A new session; who holds it hears `sessionReady` from `begun`. */
  create(holder: Requester, timeoutMs: number, nowMs: number): Session<Requester> {
    const session = this.#sessions.create(timeoutMs);
    session.holder = holder;
    this.#sessions.touch(session, nowMs);
    return session;
  }

  /** Gives a session to a new connection, which hears `sessionReady`, now or later. */
  attach(holder: Requester, high: number, low: number, timeoutMs: number, nowMs: number): void {
    const local = this.#sessions.get(wordsHex(high, low));
    if (local?.isLocal === true) {
      this.#give(holder, local, high, low, timeoutMs, nowMs);
      return;
    }
    const isKnown = this.#proposer.revalidate(high, low, timeoutMs);
    if (isKnown === undefined) {
      const key = wordsHex(high, low);
      this.#stats.ownRevalidations++;
      this.#asked.get(key)?.holder.cut("its session is asked for on another connection");
      this.#asked.set(key, { holder, timeoutMs });
    } else if (this.#proposer.isReadOnly) {
      // Known here or not, it may live where there is a quorum: any answer would be about its end.
      holder.cut("its session cannot be renewed without a quorum");
    } else {
      const session = isKnown ? this.#sessions.attach(high, low, timeoutMs) : undefined;
      const { confirmsSyncs, lastZxid } = this.#proposer;
      if (session !== undefined && confirmsSyncs && lastZxid > this.#tree.lastZxid) {
        // Its client lives, however long the quorum takes.
        this.#sessions.touch(session, nowMs);
        this.#returning.push({ holder, timeoutMs, session, afterZxid: lastZxid });
      } else {
        this.#give(holder, session, high, low, timeoutMs, nowMs);
      }
    }
  }

  /** The tree has moved: who waited for that is answered. */
  applied(nowMs: number): void {
    if (this.#returning.length === 0) return;
    const { lastZxid } = this.#tree;
    const later = this.#returning.findIndex(({ afterZxid }) => afterZxid > lastZxid);
    const due = this.#returning.splice(0, later === -1 ? this.#returning.length : later);
    for (const { holder, session, timeoutMs } of due) {
      if (!holder.isOpen) continue;
      const living = session.closing ? undefined : session;
      this.#give(holder, living, session.high, session.low, timeoutMs, nowMs);
    }
  }

  /** The leader says whether a session that came here is alive. */
  revalidated(high: number, low: number, isValid: boolean, nowMs: number): void {
    const key = wordsHex(high, low);
    const asked = this.#asked.get(key);
    this.#asked.delete(key);
    if (asked === undefined || !asked.holder.isOpen) return;
    const { holder, timeoutMs } = asked;
    if (isValid && !this.#tree.sessions.has(high, low)) {
      // Its creation, or its end, is still on the way here: the next try will tell.
      holder.cut("its session is not known here yet");
      return;
    }
    const session = isValid ? this.#sessions.attach(high, low, timeoutMs) : undefined;
    this.#give(holder, session, high, low, timeoutMs, nowMs);
  }

  /** A createSession was applied that nobody here asked for. */
  beganElsewhere(bytes: Buffer, start: number): void {
    const timeoutMs = bytes.readInt32BE(start + TXN_BODY_AT);
    this.#sessions.beganElsewhere(
      bytes.readInt32BE(start),
      bytes.readInt32BE(start + 4),
      timeoutMs,
    );
  }

  /** A closeSession was applied that nobody here asked for. */
  endedElsewhere(bytes: Buffer, start: number): void {
    const key = wordsHex(bytes.readInt32BE(start), bytes.readInt32BE(start + 4));
    const session = this.#sessions.get(key);
    if (session !== undefined) this.end(session, undefined);
  }

  /** A session is over: forgotten, and its connection closed. */
  end(session: Session<Requester>, asker: Requester | undefined): void {
    session.closing = true;
    this.#sessions.remove(session);
    asker?.finish("");
    const { holder } = session;
    if (holder !== undefined && holder !== asker) holder.cut("its session has expired");
  }

  #give(
    holder: Requester,
    session: Session<Requester> | undefined,
    high: number,
    low: number,
    timeoutMs: number,
    nowMs: number,
  ): void {
    if (session !== undefined) {
      const before = session.holder;
      session.holder = holder;
      session.timeoutMs = timeoutMs;
      this.#sessions.touch(session, nowMs);
      before?.cut("its session came back on another connection", { from: holder.remoteAddress });
    }
    holder.sessionReady(session, { asked: sessionHex(high, low) });
  }
}
