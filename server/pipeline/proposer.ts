/**
 * What makes txns of requests, as the pipeline sees it: prep beside it, where this server stands
 * alone or leads (local-proposer.ts), the leader, where it is a learner (forwarding-proposer.ts),
 * or nobody (read-only-proposer.ts).
 */
import type { Reader } from "../../protocol/jute.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { Session } from "../session/sessions.ts";
import type { AuthId } from "./requester.ts";

/** The zxid of a request whose txn is made elsewhere: what comes back is known by its cxid. */
export const ZXID_UNKNOWN: Zxid = 0;

export interface Proposer {
  /** There are no txns: writes are refused, and so are sessions that all servers know. */
  readonly isReadOnly: boolean;
  /** No more is to be read for now from those who write. */
  readonly isFull: boolean;
  /** Of the last txn that was made here; ZXID_UNKNOWN where they are made elsewhere. */
  readonly lastZxid: Zxid;
  /** The cxid in the txn of the last request. */
  readonly cxid: number;
  /** What the parts of the last multi were asked as: the txn does not tell create2 from create. */
  readonly askedTypes: readonly number[];
  /** A sync has to be confirmed by `Pipeline.synced`; else it is due once `lastZxid` is applied. */
  readonly confirmsSyncs: boolean;

  /**
   * Makes a client's request a txn, whatever comes of it.
   *
   * @param reader At the record of the request, behind its header.
   * @returns the txn's zxid, or ZXID_UNKNOWN.
   */
  request(
    type: number,
    session: Session,
    xid: number,
    ids: readonly AuthId[],
    reader: Reader,
  ): Zxid;
  createSession(session: Session): Zxid;
  closeSession(session: Session, xid: number): Zxid;
  /** Asks for the confirmation of a sync. */
  sync(session: Session, ids: readonly AuthId[], record: Reader): void;
  /** Whether a session that is known here may be attached; undefined: `Pipeline.revalidated` tells. */
  revalidate(high: number, low: number, timeoutMs: number): boolean | undefined;

  /** A txn has been applied: the tree says what it changed. */
  applied(zxid: Zxid): void;
}

/** Txns that are to be applied, in order: durable ones, or those that a quorum has settled. */
export interface DurableBatch {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly zxid: Zxid;
  next(): boolean;
}
