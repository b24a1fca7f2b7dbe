/**
 * Txns made by the leader: a learner forwards what its clients ask for, in the order in which it
 * came, and the leader makes one txn of each (quorum-protocol B-14 to B-16).
 *
 * Differs from ZooKeeper: there the cxid of a forwarded request is its client's xid. A client may
 * count its xids anew with every connection (kazoo does), so behind a change of servers the txn of
 * its earlier request at the old one would be taken for that of its new request at this one. So a
 * learner numbers what it forwards, from a random number on.
 */
import { JuteError, type Reader } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { Session } from "../session/sessions.ts";
import { readMulti } from "./multi.ts";
import { type Proposer, ZXID_UNKNOWN } from "./proposer.ts";
import type { AuthId } from "./requester.ts";

/** The leader as requests are sent to it. */
export interface ForwardingAccess {
  forward(
    sessionHigh: number,
    sessionLow: number,
    cxid: number,
    type: number,
    bytes: Buffer,
    start: number,
    end: number,
    ids: readonly AuthId[],
  ): void;
  revalidate(sessionHigh: number, sessionLow: number, timeoutMs: number): void;
}

const NOBODY: readonly AuthId[] = [];
const NONE: readonly number[] = [];
const EMPTY = Buffer.alloc(0);
const TIMEOUT_BYTES = 4;

export class ForwardingProposer implements Proposer {
  readonly isReadOnly = false;
  /** The leader holds back its learners' links, not we our clients; what is in flight has a limit. */
  readonly isFull = false;
  readonly confirmsSyncs = true;
  readonly lastZxid: Zxid = ZXID_UNKNOWN;
  cxid = 0;
  askedTypes: readonly number[] = NONE;
  readonly #access: ForwardingAccess;
  /** The last one that was given out. */
  #lastCxid: number;
  readonly #timeout = Buffer.alloc(TIMEOUT_BYTES);

  /** @param firstCxid Any 32 bits, not those of another server. */
  constructor(access: ForwardingAccess, firstCxid: number) {
    this.#access = access;
    this.#lastCxid = firstCxid | 0;
  }

  request(
    type: number,
    session: Session,
    _xid: number,
    ids: readonly AuthId[],
    reader: Reader,
  ): Zxid {
    const { bytes, offset, end } = reader;
    this.#forward(session, type, bytes, offset, end, ids);
    if (type === OpCode.multi) this.askedTypes = partTypes(reader);
    return ZXID_UNKNOWN;
  }

  // int timeoutMs
  createSession({ high, low, timeoutMs }: Session): Zxid {
    this.cxid = 0;
    this.#timeout.writeInt32BE(timeoutMs);
    const type = OpCode.createSession;
    this.#access.forward(high, low, 0, type, this.#timeout, 0, TIMEOUT_BYTES, NOBODY);
    return ZXID_UNKNOWN;
  }

  closeSession(session: Session, _xid: number): Zxid {
    this.#forward(session, OpCode.closeSession, EMPTY, 0, 0, NOBODY);
    return ZXID_UNKNOWN;
  }

  sync(session: Session, ids: readonly AuthId[], record: Reader): void {
    const { bytes, offset, end } = record;
    this.#forward(session, OpCode.sync, bytes, offset, end, ids);
  }

  revalidate(high: number, low: number, timeoutMs: number): undefined {
    this.#access.revalidate(high, low, timeoutMs);
  }

  applied(): void {}

  #forward(
    { high, low }: Session,
    type: number,
    bytes: Buffer,
    start: number,
    end: number,
    ids: readonly AuthId[],
  ): void {
    this.#lastCxid = (this.#lastCxid + 1) | 0;
    this.cxid = this.#lastCxid;
    this.#access.forward(high, low, this.cxid, type, bytes, start, end, ids);
  }
}

/** Of a multi that does not decode there are none: the leader refuses it as a whole. */
function partTypes(reader: Reader): readonly number[] {
  try {
    return readMulti(reader)?.map(({ type }) => type) ?? NONE;
  } catch (error) {
    if (error instanceof JuteError) return NONE;
    throw error;
  }
}
