/**
 * What a leader does for the clients of its learners: each forwarded request becomes exactly one
 * txn, in the order in which they came (quorum-protocol B-16, B-19), and sessions are known to be
 * alive by what their servers report (W-1, W-3).
 *
 * The txns come back as any other's. Nobody waits for them here: it is the learner, which hears of
 * them by their commits, that answers.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import { parseAddress } from "../../protocol/ip-network.ts";
import { Reader } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import type { PacketId } from "../../protocol/quorum.ts";
import { wordsHex } from "../../protocol/zxid.ts";
import type { Session, Sessions } from "../session/sessions.ts";
import type { LocalProposer } from "./local-proposer.ts";
import type { AuthId, Requester } from "./requester.ts";

/** A request of a learner's client, in place. */
export interface LearnerRequest {
  /** The learner. */
  readonly sid: number;
  readonly sessionHigh: number;
  readonly sessionLow: number;
  readonly cxid: number;
  readonly type: number;
  /** The request's record: bytes[start, end). */
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** Whose it is; mostly a list that was given before. */
  readonly ids: readonly PacketId[];
}

const TIMEOUT_BYTES = 4;

export class LeaderDesk {
  readonly #proposer: LocalProposer;
  readonly #sessions: Sessions<Requester>;
  readonly #stats: { revalidations: number };
  readonly #reader: Reader;
  readonly #identities = new WeakMap<readonly PacketId[], readonly AuthId[]>();
  /** The top byte of this server's session ids, where sessions may be local. */
  readonly #localSessionsOf: number | undefined;

  /** @param recordBytesMax What no request's record is longer than. */
  constructor(
    proposer: LocalProposer,
    sessions: Sessions<Requester>,
    stats: { revalidations: number },
    recordBytesMax: number,
    localSessionsOf: number | undefined,
  ) {
    this.#localSessionsOf = localSessionsOf;
    this.#stats = stats;
    this.#proposer = proposer;
    this.#sessions = sessions;
    this.#reader = new Reader(recordBytesMax);
  }

  request(request: LearnerRequest): void {
    const { sid, sessionHigh, sessionLow, cxid, type, bytes, start, end, ids } = request;
    switch (type) {
      case OpCode.createSession: {
        // int timeoutMs; the learner has negotiated it.
        const timeoutMs = end - start < TIMEOUT_BYTES ? 0 : bytes.readInt32BE(start);
        this.#sessions.createdBy(sid, sessionHigh, sessionLow, timeoutMs);
        this.#proposer.createSessionOf(sessionHigh, sessionLow, timeoutMs);
        return;
      }
      case OpCode.closeSession: {
        const session = this.#sessions.get(wordsHex(sessionHigh, sessionLow));
        if (session !== undefined) this.#sessions.markClosing(session);
        this.#proposer.closeSessionOf(sessionHigh, sessionLow, cxid);
        return;
      }
      default: {
        const session = this.#sessions.get(wordsHex(sessionHigh, sessionLow));
        const isLocal = session === undefined && this.#mayBeLocal(sessionHigh);
        const refusal = isLocal ? ErrorCode.Ok : this.#refusal(sid, session);
        const ephemeralRefusal = isLocal ? ErrorCode.SessionExpired : ErrorCode.Ok;
        const reader = this.#reader.reset(bytes, start, end);
        this.#proposer.requestOf(
          sessionHigh,
          sessionLow,
          type,
          cxid,
          this.#identity(ids),
          reader,
          refusal,
          ephemeralRefusal,
        );
      }
    }
  }

  /** Refused or not, it becomes no txn. */
  asksForSync(sid: number, sessionHigh: number, sessionLow: number): void {
    this.#refusal(sid, this.#sessions.get(wordsHex(sessionHigh, sessionLow)));
  }

  touch(sessionHigh: number, sessionLow: number, timeoutMs: number): void {
    this.#sessions.heardOf(sessionHigh, sessionLow, timeoutMs);
  }

  revalidate(sid: number, sessionHigh: number, sessionLow: number, timeoutMs: number): boolean {
    this.#stats.revalidations++;
    const session = this.#sessions.get(wordsHex(sessionHigh, sessionLow));
    // A connection of ours that held it belongs to a client that lives elsewhere now.
    session?.holder?.cut("its session has moved to another server");
    return this.#sessions.attachedTo(sid, sessionHigh, sessionLow, timeoutMs);
  }

  reported(sid: number): void {
    this.#sessions.reported(sid);
  }

  left(sid: number): void {
    this.#sessions.left(sid);
  }

  /** server-semantics 5.4. Who may ask has given a sign of life. */
  #refusal(sid: number, session: Session<Requester> | undefined): number {
    if (session === undefined || session.closing) return ErrorCode.SessionExpired;
    if (this.#sessions.ownerOf(session, sid) !== sid) return ErrorCode.SessionMoved;
    this.#sessions.renew(session);
    return ErrorCode.Ok;
  }

  /** A session of another server's own, which it alone knows and answers for (W-4). */
  #mayBeLocal(sessionHigh: number): boolean {
    return this.#localSessionsOf !== undefined && sessionHigh >>> 24 !== this.#localSessionsOf;
  }

  #identity(ids: readonly PacketId[]): readonly AuthId[] {
    const known = this.#identities.get(ids);
    if (known !== undefined) return known;
    const identity = ids.map(({ scheme, id }) => {
      return { scheme, id, address: scheme === "ip" ? parseAddress(id) : undefined };
    });
    this.#identities.set(ids, identity);
    return identity;
  }
}
