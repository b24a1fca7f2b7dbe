/**
 * Broadcast at the learner: a follower logs what is proposed, acknowledges what is durable, applies
 * what is settled; an observer is only told of what is settled (quorum-protocol 8.3, 8.4). On the
 * same stream go requests of its clients, their sessions and the leader's pings (8.5, 9).
 *
 *     PROPOSAL ─▶ window ─▶ log ─fsync─▶ ACK        COMMIT ─▶ window.commitTo ─▶ deliver
 *
 * Both ways are independent of each other: a txn may be settled by others before it is durable
 * here, is applied then, and is acknowledged all the same (Trap 11).
 *
 * @see ZooKeeper 3.9, Follower.java and Observer.java, processPacket
 */
import {
  beginPacket,
  endPacket,
  PACKET_HEAD_BYTES,
  PACKET_TAIL_BYTES,
  type Packet,
  type PacketId,
  PacketType,
  REVALIDATED_BYTES,
  readDesignation,
  writeAck,
  writeRequest,
  writeRevalidate,
} from "../../protocol/quorum.ts";
import { makeZxid, type Zxid, zxidEpoch, zxidHex } from "../../protocol/zxid.ts";
import type { LeaderAccess, LearnerService } from "./effects.ts";
import { carriesTxn, type LearnerTerm } from "./learner-term.ts";

const ACK_BYTES: number = PACKET_HEAD_BYTES + PACKET_TAIL_BYTES;
/** Txns that wait to be settled: far beyond what a leader lets be on its way. */
const UNSETTLED_BYTES_MAX = 512 * 1024 * 1024;

export class LearnerBroadcast implements LeaderAccess {
  readonly #term: LearnerTerm;
  /** The zxid that the epoch's txns come behind, without a hole. */
  readonly #marker: Zxid;
  #service: LearnerService | undefined;
  /** Acknowledged, one by one. Invariant: what is between it and `#logged` is of this epoch. */
  #acked: Zxid;
  #logged: Zxid;
  #isOver = false;

  /** @param keptZxid What the ACK of NEWLEADER spoke for. */
  constructor(term: LearnerTerm, keptZxid: Zxid) {
    this.#term = term;
    this.#marker = makeZxid(term.epoch, 0);
    this.#acked = Math.max(keptZxid, this.#marker);
    this.#logged = this.#acked;
  }

  /**
   * In step with the leader (S-28, S-29).
   *
   * @param settledZxid The last txn called settled during the sync.
   * @param follow Begins to serve.
   */
  begin(settledZxid: Zxid, follow: () => LearnerService): void {
    const { link, replica, isObserver } = this.#term;
    const { window } = replica;
    // An observer's log has settled txns only (Trap 20): this one will come as INFORM.
    if (isObserver) window.dropAfter(settledZxid);
    writeAck(link.out, this.#marker);
    link.mark();
    this.#service = follow();
    if (window.lastZxid > window.committedZxid) replica.logTo(window.lastZxid);
    if (settledZxid > window.committedZxid) this.#commitTo(settledZxid);
  }

  /** The link is gone: what clients still ask leads nowhere. */
  end(): void {
    this.#isOver = true;
  }

  packet(packet: Packet): void {
    switch (packet.type) {
      case PacketType.PROPOSAL:
        // Observers do not vote (B-13).
        if (!this.#term.isObserver) this.#take(packet, 0);
        return;
      case PacketType.COMMIT:
      case PacketType.COMMITANDACTIVATE:
        // Without reconfiguration to activate is to do nothing (quorum-protocol 12.3).
        if (!this.#term.isObserver) this.#processCommit(packet.zxid);
        return;
      case PacketType.INFORM:
        this.#processInform(packet, 0);
        return;
      case PacketType.INFORMANDACTIVATE:
        this.#processInform(packet, 8);
        return;
      case PacketType.PING:
        this.#answerPing(packet.zxid);
        return;
      case PacketType.REVALIDATE:
        this.#processRevalidated(packet);
        return;
      case PacketType.SYNC:
        this.#service?.synced();
        return;
      case PacketType.UPTODATE:
        return;
      case PacketType.HANDOVER:
        this.#processHandover(packet);
        return;
      default:
        this.#ignore(packet);
    }
  }

  /** Everything up to `zxid` is durable: one ACK for each txn, in order (B-8). */
  logged(zxid: Zxid): void {
    if (this.#term.isObserver || zxid <= this.#logged) return;
    this.#logged = zxid;
    this.#term.link.mark();
  }

  /** ACKs that are due. One for all would do for our leader, not for Apache's. */
  fill(room: number): void {
    const { link } = this.#term;
    const { out } = link;
    const last = Math.min(this.#logged, this.#acked + Math.max(1, Math.floor(room / ACK_BYTES)));
    while (this.#acked < last) {
      this.#acked++;
      writeAck(out, this.#acked);
    }
    if (this.#acked < this.#logged) link.mark();
  }

  // LeaderAccess

  forward(
    sessionHigh: number,
    sessionLow: number,
    cxid: number,
    type: number,
    bytes: Buffer,
    start: number,
    end: number,
    ids: readonly PacketId[],
  ): void {
    if (this.#isOver) return;
    const { link } = this.#term;
    // Null where a server asks for itself, as createSession does (B-15).
    const who = ids.length === 0 ? undefined : ids;
    writeRequest(link.out, sessionHigh, sessionLow, cxid, type, bytes, start, end, who);
    link.mark();
  }

  revalidate(sessionHigh: number, sessionLow: number, timeoutMs: number): void {
    if (this.#isOver) return;
    const { link } = this.#term;
    writeRevalidate(link.out, sessionHigh, sessionLow, timeoutMs);
    link.mark();
  }

  // Txns

  /** Puts a txn into the window and on its way into the log, if it is new. */
  #take(packet: Packet, offset: number): boolean {
    const { replica, epoch } = this.#term;
    const { window } = replica;
    const { zxid } = packet;
    if (zxid <= window.lastZxid) return false;
    if (zxidEpoch(zxid) !== epoch || !window.accepts(zxid)) {
      const last = zxidHex(window.lastZxid);
      this.#term.end(`txn 0x${zxidHex(zxid)} does not follow 0x${last} in epoch ${epoch}`);
      return false;
    }
    if (!carriesTxn(packet, offset)) {
      this.#term.end(`no txn 0x${zxidHex(zxid)} in its packet`);
      return false;
    }
    if (window.byteCount > UNSETTLED_BYTES_MAX) {
      this.#term.end("the leader proposes more than it settles");
      return false;
    }
    const end = packet.dataStart + packet.dataLength;
    window.append(packet.bytes, packet.dataStart + offset, end, zxid);
    replica.logTo(zxid);
    return true;
  }

  #processCommit(zxid: Zxid): void {
    const { window } = this.#term.replica;
    const { committedZxid } = window;
    if (committedZxid === window.lastZxid) {
      this.#term.warn({ zxid: zxidHex(zxid) }, "a COMMIT came and nothing waits for one: ignored");
      return;
    }
    const due = this.#after(committedZxid);
    if (zxid === due) {
      this.#commitTo(zxid);
      return;
    }
    // The leader and this server do not agree on what was proposed: what is on disk here has to be
    // compared with the leader's history anew. Differs from ZooKeeper, where the process ends with
    // code 12 for that (B-10): a leader that lies must not be able to end its followers.
    this.#term.end(`COMMIT of 0x${zxidHex(zxid)} where 0x${zxidHex(due)} is due`);
  }

  #processInform(packet: Packet, offset: number): void {
    if (!this.#term.isObserver) this.#ignore(packet);
    else if (this.#take(packet, offset)) this.#commitTo(packet.zxid);
  }

  #commitTo(zxid: Zxid): void {
    const { replica } = this.#term;
    replica.window.commitTo(zxid);
    replica.deliver();
  }

  /** The txn of this epoch that comes behind `zxid`. */
  #after(zxid: Zxid): Zxid {
    return Math.max(zxid, this.#marker) + 1;
  }

  // The rest

  /** With the sessions heard of since the last one; an empty table is not null (Trap 1). */
  #answerPing(zxid: Zxid): void {
    const { link } = this.#term;
    const at = beginPacket(link.out, PacketType.PING, zxid);
    this.#service?.takeTouched(link.out);
    endPacket(link.out, at);
    link.mark();
  }

  #processRevalidated(packet: Packet): void {
    const { bytes, dataStart: at } = packet;
    if (packet.dataLength < REVALIDATED_BYTES) {
      this.#term.end("REVALIDATE is too short");
      return;
    }
    const isValid = bytes.readUInt8(at + 8) !== 0;
    const [high, low] = [bytes.readInt32BE(at), bytes.readInt32BE(at + 4)];
    // Its client reads what it wrote elsewhere: all that came before is applied first.
    this.#term.replica.whenDelivered(() => {
      if (!this.#isOver) this.#service?.revalidated(high, low, isValid);
    });
  }

  #processHandover(packet: Packet): void {
    const sid = readDesignation(packet);
    if (sid === undefined || !this.#term.isLeaderOurs) this.#ignore(packet);
    else this.#term.handover(sid);
  }

  #ignore(packet: Packet): void {
    this.#term.warn({ type: packet.type }, "a packet that a learner has no use for: ignored");
  }
}
