/**
 * Synchronization at the learner: what it holds becomes the leader's history, and is durable before
 * it says so (quorum-protocol 7.8).
 *
 *     opening ─DIFF──────────────────────────▶ history ─NEWLEADER─▶ settling ─ACK─▶ settled
 *        ├─────TRUNC─▶ truncating ─cut──────────▶ ┤                                   │
 *        └─────SNAP──▶ installing ─signature────▶ ┘                               UPTODATE
 *
 * Behind DIFF the tree stays as it is until NEWLEADER; behind TRUNC and SNAP txns go straight into
 * the tree, which is then saved whole. While the disk works the link is paused: no packet overtakes
 * it. The order of `settling` is what this file is about (S-20 to S-24):
 *
 *     DIFF:        logTo, whenLogged ─▶ deliver, whenDelivered ─▶ saveCurrentEpoch ─▶ ACK
 *     TRUNC, SNAP: whenDelivered ─▶ saveTree ───────────────────▶ saveCurrentEpoch ─▶ ACK
 *
 * An ACK before the txns are durable loses them with the power (ZOOKEEPER-3911, 4646); an epoch
 * before the txns makes a poor server outrank richer ones (4643, 4785).
 *
 * @see ZooKeeper 3.9, Learner.java, syncWithLeader
 */
import { assert } from "../../protocol/assert.ts";
import { type Packet, PacketType, writeAck } from "../../protocol/quorum.ts";
import { makeZxid, type Zxid, zxidCounter, zxidEpoch, zxidHex } from "../../protocol/zxid.ts";
import type { Installation } from "./effects.ts";
import { carriesTxn, type LearnerTerm } from "./learner-term.ts";

/** Txns that a DIFF may bring before they are logged. A longer way is gone with a SNAP. */
const DIFF_BYTES_MAX = 512 * 1024 * 1024;

type Phase = "opening" | "truncating" | "installing" | "history" | "settling" | "settled" | "over";

export type SyncMode = "DIFF" | "TRUNC" | "SNAP";

export class LearnerSync {
  readonly #term: LearnerTerm;
  /** What is here cannot be led on: DIFF and TRUNC do not help. */
  readonly #wantsTree: boolean;
  readonly #diffBytesMax: number;
  #phase: Phase = "opening";
  #mode: SyncMode | undefined;
  /** Txns go into the tree as they are settled, and not into the log. */
  #isDirect = false;
  /** What the history ended with before the first txn of this sync. */
  #base: Zxid;
  /** Of the last PROPOSAL or INFORM. */
  #received: Zxid | undefined;
  #settled: Zxid;
  #kept: Zxid;
  /** Memory has what the disk has not (S-27). */
  #isAhead = false;
  /** What is settled goes into the tree: if that diverges, it never ends. */
  #isDelivering = false;
  /** The link is gone while the disk works: to be called when it is done. */
  #aborted: (() => void) | undefined;

  constructor(term: LearnerTerm, wantsTree: boolean, diffBytesMax: number = DIFF_BYTES_MAX) {
    const { window, isDiverged } = term.replica;
    const isSettled = window.appliedZxid === window.lastZxid || isDiverged;
    assert(isSettled, "a sync began before the history was settled");
    this.#term = term;
    this.#wantsTree = wantsTree;
    this.#diffBytesMax = diffBytesMax;
    this.#base = window.lastZxid;
    this.#settled = window.lastZxid;
    this.#kept = window.lastZxid;
  }

  /** What the leader chose; undefined before its first packet. */
  get mode(): SyncMode | undefined {
    return this.#mode;
  }

  /** The disk works, and the link is paused meanwhile. */
  get isBusy(): boolean {
    return this.#phase === "truncating" || this.#phase === "settling";
  }

  /**
   * The last txn that the leader called settled. It is applied once UPTODATE has come, if it came
   * behind NEWLEADER. Invariant: kept <= settled <= window.lastZxid once the phase is `settled`.
   */
  get settledZxid(): Zxid {
    return this.#settled;
  }

  /** The last txn that the disk has, and the ACK of NEWLEADER speaks for. */
  get keptZxid(): Zxid {
    return this.#kept;
  }

  packet(packet: Packet): void {
    assert(!this.isBusy, "a packet of a paused link");
    switch (this.#phase) {
      case "opening":
        this.#processOpening(packet);
        return;
      case "settled":
        if (packet.type === PacketType.UPTODATE) this.#term.upToDate();
        else this.#processHistory(packet);
        return;
      default:
        if (packet.type === PacketType.NEWLEADER) this.#processNewLeader(packet);
        else this.#processHistory(packet);
    }
  }

  /**
   * The link is gone. `done` follows when memory says what the disk says: what was begun is
   * finished, what has no ground under it is forgotten (S-27).
   */
  abort(done: () => void): void {
    this.#aborted = done;
    if (!this.isBusy || this.#isDiverging) this.#withdraw(done);
  }

  /** It waits for what will not come: the tree is not the leader's, and takes no more txns. */
  get #isDiverging(): boolean {
    return this.#isDelivering && this.#term.replica.isDiverged;
  }

  /** `abort` waits no longer, if it waits for a tree that has diverged. */
  giveUp(): void {
    if (this.#isDiverging && this.#aborted !== undefined) this.#withdraw(this.#aborted);
  }

  #withdraw(done: () => void): void {
    this.#phase = "over";
    this.#isDelivering = false;
    if (this.#isAhead) {
      this.#term.replica.reload(done);
      return;
    }
    this.#term.replica.window.dropAfter(this.#kept);
    done();
  }

  // DIFF, TRUNC, SNAP

  #processOpening(packet: Packet): void {
    switch (packet.type) {
      case PacketType.SNAP:
        if (packet.zxid < 0 || zxidEpoch(packet.zxid) > this.#term.epoch) {
          this.#term.end(
            `SNAP of 0x${zxidHex(packet.zxid)}, which is beyond epoch ${this.#term.epoch}`,
          );
        } else {
          this.#install(packet.zxid);
        }
        return;
      case PacketType.DIFF:
        if (this.#wantsTree) this.#term.needTree("was sent a DIFF, but needs the whole tree");
        else this.#begin("DIFF", "history");
        return;
      case PacketType.TRUNC:
        if (this.#wantsTree) this.#term.needTree("was sent a TRUNC, but needs the whole tree");
        else this.#truncate(packet.zxid);
        return;
      default:
        // Differs from ZooKeeper: its learner's process ends with code 13.
        this.#term.end(`packet type ${packet.type} where DIFF, TRUNC or SNAP was due`);
    }
  }

  #begin(mode: SyncMode, phase: Phase): void {
    this.#mode = mode;
    this.#phase = phase;
  }

  #truncate(zxid: Zxid): void {
    const { link, replica } = this.#term;
    this.#begin("TRUNC", "truncating");
    link.pause();
    replica.truncate(zxid, (outcome) => {
      this.#phase = "history";
      this.#isDirect = true;
      this.#restart();
      if (this.#aborted !== undefined) {
        this.#withdraw(this.#aborted);
      } else if (outcome === "unreachable") {
        // Cut anywhere else, a txn of a dead epoch would survive (S-18, ZOOKEEPER-2832).
        this.#term.needTree(`zxid 0x${zxidHex(zxid)} of TRUNC is not in the history here`);
      } else if (replica.isDiverged) {
        this.#term.needTree("the tree that is left behind TRUNC is not what its txns say");
      } else {
        link.resume();
      }
    });
  }

  #install(zxid: Zxid): void {
    const { link, replica } = this.#term;
    this.#begin("SNAP", "installing");
    const installation = replica.install(zxid);
    link.readRaw((bytes, start, end) => {
      // The signature was the end of the bytes before.
      if (this.#phase !== "installing") return 0;
      this.#term.heard();
      const taken = installation.take(bytes, start, end);
      if (taken === -1) this.#term.end(`SNAP: ${installation.problem}`);
      else if (installation.isComplete) this.#adopt(installation);
      return taken;
    });
  }

  /** Only now: half a tree is none, and its zxid would be a lie (ZOOKEEPER-2355). */
  #adopt(installation: Installation): void {
    this.#term.replica.adopt(installation);
    this.#isAhead = true;
    this.#isDirect = true;
    this.#phase = "history";
    this.#restart();
  }

  /** The history is another one than before. */
  #restart(): void {
    this.#base = this.#term.replica.window.lastZxid;
    this.#settled = this.#base;
    this.#kept = this.#base;
  }

  // Txns on both sides of NEWLEADER. What is no business of a sync is ignored, pings too (Trap 10).

  #processHistory(packet: Packet): void {
    switch (packet.type) {
      case PacketType.PROPOSAL:
        this.#take(packet, 0);
        return;
      case PacketType.COMMIT:
      case PacketType.COMMITANDACTIVATE:
        this.#settle(packet.zxid);
        return;
      case PacketType.INFORM:
        if (this.#take(packet, 0)) this.#settle(packet.zxid);
        return;
      case PacketType.INFORMANDACTIVATE:
        if (this.#take(packet, 8)) this.#settle(packet.zxid);
        return;
      case PacketType.DIFF:
      case PacketType.TRUNC:
      case PacketType.SNAP:
      case PacketType.NEWLEADER:
      case PacketType.UPTODATE:
        this.#term.end(`packet type ${packet.type} in the midst of a sync`);
        return;
      default:
    }
  }

  /** Puts a txn into the window, if it is new. False: it does not follow, and the term ends. */
  #take(packet: Packet, offset: number): boolean {
    const { zxid } = packet;
    const { replica, epoch } = this.#term;
    const { window } = replica;
    if (!carriesTxn(packet, offset)) {
      this.#term.end(`no txn 0x${zxidHex(zxid)} in its packet`);
      return false;
    }
    // The leader forwards from where it stood when the snapshot began: the tree has these (S-7).
    const isRepeated = zxid <= this.#base;
    const previous = this.#received;
    const isNext = previous === undefined || follows(previous, zxid);
    const fits = isRepeated || (window.accepts(zxid) && zxidEpoch(zxid) <= epoch);
    if (!isNext || !fits) {
      const last = zxidHex(previous ?? this.#base);
      this.#term.end(`txn 0x${zxidHex(zxid)} does not follow 0x${last}`);
      return false;
    }
    this.#received = zxid;
    if (isRepeated) return true;
    const end = packet.dataStart + packet.dataLength;
    window.append(packet.bytes, packet.dataStart + offset, end, zxid);
    if (window.byteCount <= this.#diffBytesMax) return true;
    if (this.#isDirect)
      this.#term.end("more txns behind a tree than are kept before they are settled");
    else this.#term.needTree("a DIFF that is too long");
    return false;
  }

  #settle(zxid: Zxid): void {
    if (zxid <= this.#base) return;
    const { replica } = this.#term;
    const head = replica.window.firstAfter(this.#settled);
    if (head !== zxid) {
      const due = head === undefined ? "nothing" : `0x${zxidHex(head)}`;
      this.#term.end(`0x${zxidHex(zxid)} is settled where ${due} was due`);
      return;
    }
    this.#settled = zxid;
    if (!this.#isDirect) return;
    this.#isAhead = true;
    replica.window.commitTo(zxid);
    replica.deliver();
  }

  // NEWLEADER

  /**
   * The text of the leader's configuration that it carries is of use to reconfiguration alone:
   * while that is disabled, the configuration is the file's (quorum-protocol 12.3).
   */
  #processNewLeader(packet: Packet): void {
    const { link, replica, epoch } = this.#term;
    if (packet.zxid !== makeZxid(epoch, 0)) {
      this.#term.end(`NEWLEADER 0x${zxidHex(packet.zxid)} in epoch ${epoch}`);
      return;
    }
    this.#phase = "settling";
    link.pause();
    if (this.#isDirect) {
      this.#whenDelivered(() => {
        replica.saveTree(() => {
          this.#isAhead = false;
          this.#kept = this.#settled;
          this.#saveEpoch();
        });
      });
      return;
    }
    // What was not called settled stays in the window: this ACK does not speak for it (S-26).
    replica.logTo(this.#settled);
    replica.whenLogged(() => {
      this.#kept = this.#settled;
      if (this.#settled > this.#base) {
        replica.window.commitTo(this.#settled);
        replica.deliver();
      }
      this.#whenDelivered(() => {
        this.#saveEpoch();
      });
    });
  }

  #whenDelivered(next: () => void): void {
    const { replica } = this.#term;
    this.#isDelivering = true;
    replica.whenDelivered(() => {
      if (this.#phase === "over") return;
      if (replica.isDiverged) {
        this.#term.end("the tree here is not what the leader's digests say");
        return;
      }
      this.#isDelivering = false;
      next();
    });
  }

  #saveEpoch(): void {
    const { replica, epoch } = this.#term;
    const acknowledge = (): void => {
      this.#acknowledge();
    };
    if (replica.currentEpoch === epoch) acknowledge();
    else replica.saveCurrentEpoch(epoch, acknowledge);
  }

  #acknowledge(): void {
    const { link, epoch } = this.#term;
    this.#phase = "settled";
    // From here on txns go into the log.
    this.#isDirect = false;
    if (this.#aborted !== undefined) {
      this.#withdraw(this.#aborted);
      return;
    }
    writeAck(link.out, makeZxid(epoch, 0));
    link.mark();
    link.resume();
  }
}

/** The next of its epoch, or the first of a later one. */
function follows(previous: Zxid, zxid: Zxid): boolean {
  if (zxid === previous + 1) return true;
  return zxidEpoch(zxid) > zxidEpoch(previous) && zxidCounter(zxid) === 1;
}
