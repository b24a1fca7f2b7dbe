/**
 * What a learner lacks, on its way to it (quorum-protocol 7.2 to 7.5):
 *
 *     DIFF | TRUNC | SNAP tree     as planned
 *     (PROPOSAL COMMIT)*           from the log, then from the window
 *
 * until everything that is settled has been written. More may be settled meanwhile; what is not
 * settled yet is none of it: it follows behind NEWLEADER, where no release of ZooKeeper loses it
 * (ZOOKEEPER-4394). The tree is walked while it changes, so behind it come all txns since its walk
 * began: whatever of them it shows, nothing is missing when NEWLEADER leaves (S-7, S-8).
 */
import { assert } from "../../protocol/assert.ts";
import {
  PACKET_HEAD_BYTES,
  PACKET_TAIL_BYTES,
  PacketType,
  writeBarePacket,
  writeCommit,
  writePacketOf,
} from "../../protocol/quorum.ts";
import { type Zxid, zxidCounter, zxidEpoch } from "../../protocol/zxid.ts";
import type { LogRange, QuorumLink, Replica, TreeStream } from "./effects.ts";
import type { SyncPlan } from "./sync-plan.ts";

export class SyncStream {
  readonly plan: SyncPlan;
  /** The last txn written, or what the learner has before the first: the window keeps what follows. */
  zxid: Zxid;
  /** Why it cannot go on; nothing more is written. */
  problem: string | undefined;

  readonly #link: QuorumLink;
  readonly #replica: Replica;
  readonly #tree: TreeStream | undefined;
  #isTreeDone = false;
  #range: LogRange | undefined;
  #hasBegun = false;

  constructor(plan: SyncPlan, link: QuorumLink, replica: Replica, learnerZxid: Zxid) {
    this.plan = plan;
    this.#link = link;
    this.#replica = replica;
    this.zxid = plan.from;
    if (plan.mode === "snap") {
      this.#tree = replica.streamTree(link, () => {
        this.#isTreeDone = true;
        link.mark();
      });
      this.zxid = this.#tree.zxid;
    }
    if (plan.range !== undefined) {
      this.#range = plan.range;
      this.zxid = learnerZxid;
    }
  }

  /** The tree is not all written; its stream marks the link when it can go on. */
  get isTreeUnderWay(): boolean {
    return this.#tree !== undefined && !this.#isTreeDone;
  }

  /** Writes on, no more than `room` bytes or so. True: everything that is settled is written. */
  fill(room: number): boolean {
    const { out } = this.#link;
    const end = out.length + room;
    if (!this.#hasBegun) this.#begin();
    if (this.#tree !== undefined && !this.#isTreeDone) {
      this.#tree.fill(Math.max(end - out.length, 1));
      return false;
    }
    if (this.#range !== undefined && !this.#writeRange(this.#range, end)) return false;
    const { window } = this.#replica;
    assert(window.coversAfter(this.zxid), "the window has lost what a learner has to be sent");
    const { committedZxid } = window;
    this.zxid = window.writeSettled(this.zxid, committedZxid, end - out.length, out);
    const next = window.firstAfter(this.zxid);
    return next === undefined || next > committedZxid;
  }

  abandon(): void {
    if (!this.#isTreeDone) this.#tree?.abandon();
    this.#range?.close();
    this.#range = undefined;
  }

  #begin(): void {
    this.#hasBegun = true;
    const { mode, zxid } = this.plan;
    const { out } = this.#link;
    if (mode === "diff") writeBarePacket(out, PacketType.DIFF, zxid);
    else if (mode === "trunc") writeBarePacket(out, PacketType.TRUNC, zxid);
    else writeBarePacket(out, PacketType.SNAP, this.zxid);
  }

  /** True: all of it is written, and the window goes on behind it without a gap. */
  #writeRange(range: LogRange, end: number): boolean {
    const { out } = this.#link;
    while (out.length < end) {
      if (!range.next()) return this.#endRange(range);
      if (!follows(range.zxid, this.zxid)) {
        this.problem = "the log on disk has a gap";
        return false;
      }
      this.zxid = range.zxid;
      out.makeRoom(2 * (PACKET_HEAD_BYTES + PACKET_TAIL_BYTES) + range.end - range.start);
      writePacketOf(out, PacketType.PROPOSAL, range.zxid, range.bytes, range.start, range.end);
      writeCommit(out, range.zxid);
    }
    return false;
  }

  #endRange(range: LogRange): boolean {
    const { from } = this.plan;
    this.problem = range.problem;
    // ZOOKEEPER-2418: between what is on disk and what is in memory nothing may be missing.
    const isMarker = zxidCounter(from) === 0 && from > this.zxid;
    if (this.problem === undefined && this.zxid !== from && !isMarker) {
      this.problem = "the log on disk does not reach the window";
    }
    if (this.problem !== undefined) return false;
    range.close();
    this.#range = undefined;
    this.zxid = from;
    return true;
  }
}

/** Whether a txn comes right behind what the learner has: S-1. */
function follows(zxid: Zxid, last: Zxid): boolean {
  if (zxid === last + 1) return true;
  return zxidEpoch(zxid) > zxidEpoch(last) && zxidCounter(zxid) === 1;
}
