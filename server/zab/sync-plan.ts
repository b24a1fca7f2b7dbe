/**
 * What makes a learner's history the leader's (quorum-protocol 7.2 to 7.4), by the learner's last
 * zxid P, the leader's last settled zxid L and the window's settled txns, the last of which is max:
 *
 *     P = L                                     DIFF, nothing follows
 *     P <= 0                                    SNAP
 *     P > max, no marker, max is known there    TRUNC to max
 *     P in the window, or what comes before it  DIFF
 *     P an epoch's marker within the window     DIFF
 *     P before the window, the log reaches it   DIFF
 *     anything else                             SNAP
 *
 * The window has no hole (S-1), so a txn of an epoch that it spans is either in it or was never the
 * leader's: 7.3 d, a TRUNC into the middle of an epoch, cannot come up.
 *
 * Differs from ZooKeeper: TRUNC is sent only where max surely is in the learner's history, because
 * it is of the same epoch as P or P itself is in the window (S-5; Java's learners keep a record too
 * many otherwise, ZOOKEEPER-2832). P = 0 is always sent everything unless there is nothing: that is
 * also what a server says that wants to be sent a tree (ZOOKEEPER-4352).
 */
import { type Zxid, zxidCounter, zxidEpoch } from "../../protocol/zxid.ts";
import type { LogRange } from "./effects.ts";
import type { TxnWindow } from "./txn-window.ts";

export interface SyncPlan {
  readonly mode: "diff" | "trunc" | "snap";
  /** What DIFF and TRUNC name; SNAP names the tree's zxid. */
  readonly zxid: Zxid;
  /** The settled txns behind this follow from the window. */
  readonly from: Zxid;
  /** What follows before them, from the log. */
  readonly range?: LogRange;
}

/** @param readLog The log's settled txns behind a zxid; undefined: it does not surely have them. */
export function planSync(
  learnerZxid: Zxid,
  window: TxnWindow,
  readLog: (after: Zxid, upTo: Zxid) => LogRange | undefined,
): SyncPlan {
  const { committedZxid, baseZxid } = window;
  const max = window.atOrBefore(committedZxid) ?? committedZxid;
  const snap: SyncPlan = { mode: "snap", zxid: committedZxid, from: window.appliedZxid };
  if (learnerZxid === committedZxid) return { mode: "diff", zxid: learnerZxid, from: learnerZxid };
  if (learnerZxid <= 0) return snap;
  const isMarker = zxidCounter(learnerZxid) === 0;
  if (learnerZxid > max && !isMarker) {
    const isThere = zxidEpoch(learnerZxid) === zxidEpoch(max) || window.has(learnerZxid);
    if (zxidCounter(max) === 0 || !isThere) return snap;
    return { mode: "trunc", zxid: max, from: max };
  }
  if (learnerZxid >= baseZxid) {
    const isHere = window.has(learnerZxid) || learnerZxid === baseZxid;
    if (!isHere && !(isMarker && learnerZxid < committedZxid)) return snap;
    return { mode: "diff", zxid: max, from: learnerZxid };
  }
  const range = readLog(learnerZxid, baseZxid);
  return range === undefined ? snap : { mode: "diff", zxid: max, from: baseZxid, range };
}
