/**
 * The jute module `quorum`, which leaves out that packets lie on the stream one behind the other,
 * without a length: a parser that slips once has lost the stream (quorum-protocol 5).
 *
 *     QuorumPacket: int type, long zxid, buffer data, vector<Id> authinfo
 *
 * @see ZooKeeper 3.9, Leader.java, for the types
 */

import type { Writer } from "./jute.ts";
import { fromWords, highWord, lowWord, type Zxid } from "./zxid.ts";

export const PacketType = {
  REQUEST: 1,
  PROPOSAL: 2,
  ACK: 3,
  COMMIT: 4,
  PING: 5,
  REVALIDATE: 6,
  SYNC: 7,
  INFORM: 8,
  COMMITANDACTIVATE: 9,
  NEWLEADER: 10,
  FOLLOWERINFO: 11,
  UPTODATE: 12,
  DIFF: 13,
  TRUNC: 14,
  SNAP: 15,
  OBSERVERINFO: 16,
  LEADERINFO: 17,
  ACKEPOCH: 18,
  INFORMANDACTIVATE: 19,
  /**
   * Of ours to ours only: the leader goes, and names the server that is to lead (operations 9.4).
   * Data: long sid. Apache's servers do not know it and are never sent it.
   */
  HANDOVER: 64,
} as const;

export type PacketType = (typeof PacketType)[keyof typeof PacketType];

/** What LearnerInfo and LEADERINFO name; below it are servers older than ZooKeeper 3.4. */
export const PROTOCOL_VERSION = 0x1_0000;

/** Bytes of a packet before its data, and behind it where it names nobody. */
export const PACKET_HEAD_BYTES = 16;
export const PACKET_TAIL_BYTES = 4;

/**
 * By this servers of ours know each other: bytes behind the LearnerInfo of FOLLOWERINFO and
 * OBSERVERINFO, and behind the version in LEADERINFO, where Apache's servers do not look. The last
 * one is the version of what we say to each other.
 */
export const PEER_MARK: Buffer = Buffer.from("quorate\x01", "latin1");

/** A packet where it lies in the stream's bytes. One object serves all packets of a link. */
export interface Packet {
  /** One of `PacketType`, or what nobody knows. */
  readonly type: number;
  /** -1 where there is none. Invariant: a safe integer. */
  readonly zxid: Zxid;
  readonly bytes: Buffer;
  /** Where the data starts; its length is -1 for null. */
  readonly dataStart: number;
  readonly dataLength: number;
  /** Where the vector of ids starts, count included. It ends the packet. */
  readonly idsStart: number;
  readonly end: number;
}

/** Who a request is of, as a client's server knows it. */
export interface PacketId {
  readonly scheme: string;
  readonly id: string;
}

// QuorumPacket, whole: flat, for one line of the log has one of these for each server.

/** A packet without data: ACK, COMMIT, DIFF, UPTODATE and their like. */
export function writeBarePacket(out: Writer, type: number, zxid: Zxid): void {
  const at = out.reserve(PACKET_HEAD_BYTES + PACKET_TAIL_BYTES);
  const { bytes } = out;
  bytes.writeInt32BE(type, at);
  bytes.writeInt32BE(highWord(zxid), at + 4);
  bytes.writeInt32BE(lowWord(zxid), at + 8);
  bytes.writeInt32BE(-1, at + 12);
  bytes.writeInt32BE(-1, at + 16);
}

export function writeAck(out: Writer, zxid: Zxid): void {
  writeBarePacket(out, PacketType.ACK, zxid);
}

export function writeCommit(out: Writer, zxid: Zxid): void {
  writeBarePacket(out, PacketType.COMMIT, zxid);
}

/** The leader's: it names the last txn proposed. Learners answer with `beginPacket` and a touch table. */
export function writePing(out: Writer, lastProposed: Zxid): void {
  writeBarePacket(out, PacketType.PING, lastProposed);
}

/** A packet whose data is there already. */
export function writePacket(out: Writer, type: number, zxid: Zxid, data: Uint8Array): void {
  out.makeRoom(PACKET_HEAD_BYTES + data.length + PACKET_TAIL_BYTES);
  const at = beginPacket(out, type, zxid);
  out.raw(data);
  endPacket(out, at);
}

/** As `writePacket`, with `bytes` from `start` up to `end` as data. */
export function writePacketOf(
  out: Writer,
  type: number,
  zxid: Zxid,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  out.makeRoom(PACKET_HEAD_BYTES + end - start + PACKET_TAIL_BYTES);
  const at = beginPacket(out, type, zxid);
  const target = out.reserve(end - start);
  bytes.copy(out.bytes, target, start, end);
  endPacket(out, at);
}

/**
 * Begins a packet whose data the caller writes next, if only nothing (which is not null: Trap 1).
 * Returns what `endPacket` wants.
 */
export function beginPacket(out: Writer, type: number, zxid: Zxid): number {
  const at = out.reserve(PACKET_HEAD_BYTES);
  const { bytes } = out;
  bytes.writeInt32BE(type, at);
  bytes.writeInt32BE(highWord(zxid), at + 4);
  bytes.writeInt32BE(lowWord(zxid), at + 8);
  return at;
}

/** Completes the packet that begins at `at`. @param ids Whose request it is; nobody's without. */
export function endPacket(out: Writer, at: number, ids?: readonly PacketId[]): void {
  out.patchInt(at + 12, out.length - at - PACKET_HEAD_BYTES);
  if (ids === undefined) out.int(-1);
  else writeIds(out, ids);
}

// vector<Id>: int n (-1 is null), n x (ustring scheme, ustring id)

function writeIds(out: Writer, ids: readonly PacketId[]): void {
  out.int(ids.length);
  for (const { scheme, id } of ids) {
    out.string(scheme);
    out.string(id);
  }
}

/** The ids of a packet, whose lengths its splitter has checked. A null string reads as empty. */
export function readIds(packet: Packet): PacketId[] {
  const { bytes } = packet;
  const ids: PacketId[] = [];
  let at = packet.idsStart + 4;
  const string = (): string => {
    const length = Math.max(0, bytes.readInt32BE(at));
    const start = at + 4;
    at = start + length;
    return bytes.toString("utf8", start, at);
  };
  while (at < packet.end) ids.push({ scheme: string(), id: string() });
  return ids;
}

// FOLLOWERINFO, OBSERVERINFO: LearnerInfo
// LearnerInfo: long sid, int protocolVersion, long configVersion, [ours: PEER_MARK]

const LEARNER_INFO_BYTES = 20;

/** What a learner says of itself. */
export interface LearnerInfo {
  /** Undefined: it has none, as old observers. */
  readonly sid: number | undefined;
  readonly protocolVersion: number;
  /** Of its committed configuration. */
  readonly configVersion: Zxid;
  /** It is a server of ours. */
  readonly isOurs: boolean;
}

/** What a learner that does not say speaks. */
const OLDEST_PROTOCOL_VERSION = 1;

/** Blobs of 8 or 12 bytes, or null, are from old learners. Undefined: it is no LearnerInfo. */
export function readLearnerInfo(packet: Packet): LearnerInfo | undefined {
  const { bytes, dataStart: at, dataLength: length } = packet;
  if (length === -1) {
    const nothing = { protocolVersion: OLDEST_PROTOCOL_VERSION, configVersion: 0 };
    return { sid: undefined, ...nothing, isOurs: false };
  }
  if (length < 8) return undefined;
  const sid = longAt(bytes, at);
  const protocolVersion = length < 12 ? OLDEST_PROTOCOL_VERSION : bytes.readInt32BE(at + 8);
  const configVersion = length < LEARNER_INFO_BYTES ? 0 : longAt(bytes, at + 12);
  if (!Number.isSafeInteger(sid) || !Number.isSafeInteger(configVersion)) return undefined;
  const isOurs = hasMark(packet, LEARNER_INFO_BYTES);
  return { sid, protocolVersion, configVersion, isOurs };
}

/** FOLLOWERINFO or OBSERVERINFO, marked as ours. */
export function writeLearnerInfo(
  out: Writer,
  type: number,
  acceptedEpochZxid: Zxid,
  sid: number,
  configVersion: Zxid,
): void {
  const at = beginPacket(out, type, acceptedEpochZxid);
  out.long(sid);
  out.int(PROTOCOL_VERSION);
  out.long(configVersion);
  out.raw(PEER_MARK);
  endPacket(out, at);
}

// LEADERINFO: int protocolVersion, [ours: PEER_MARK]

export interface LeaderInfo {
  readonly protocolVersion: number;
  readonly isOurs: boolean;
}

/** Undefined: it is no LEADERINFO. */
export function readLeaderInfo(packet: Packet): LeaderInfo | undefined {
  if (packet.dataLength < 4) return undefined;
  const protocolVersion = packet.bytes.readInt32BE(packet.dataStart);
  return { protocolVersion, isOurs: hasMark(packet, 4) };
}

/** LEADERINFO, marked as ours for those who look. */
export function writeLeaderInfo(out: Writer, epochZxid: Zxid): void {
  const at = beginPacket(out, PacketType.LEADERINFO, epochZxid);
  out.int(PROTOCOL_VERSION);
  out.raw(PEER_MARK);
  endPacket(out, at);
}

/** Whether our mark, of whatever version, stands `offset` bytes into the data. */
function hasMark(packet: Packet, offset: number): boolean {
  if (packet.dataLength < offset + PEER_MARK.length) return false;
  const start = packet.dataStart + offset;
  const name = PEER_MARK.length - 1;
  return packet.bytes.compare(PEER_MARK, 0, name, start, start + name) === 0;
}

// ACKEPOCH: int currentEpoch (-1: promised before, not to be counted)

export function writeAckEpoch(out: Writer, lastZxid: Zxid, currentEpoch: number): void {
  const at = beginPacket(out, PacketType.ACKEPOCH, lastZxid);
  out.int(currentEpoch);
  endPacket(out, at);
}

/** The epoch, or -1. Undefined: it is no ACKEPOCH. */
export function readAckEpoch(packet: Packet): number | undefined {
  if (packet.dataLength < 4) return undefined;
  return packet.bytes.readInt32BE(packet.dataStart);
}

// NEWLEADER: the text of the leader's configuration

export function writeNewLeader(out: Writer, epochZxid: Zxid, config: string): void {
  const at = beginPacket(out, PacketType.NEWLEADER, epochZxid);
  const start = out.reserve(config.length * 3);
  out.length = start + out.bytes.write(config, start, "utf8");
  endPacket(out, at);
}

// REVALIDATE: long session, int timeoutMs; answered by long session, boolean valid

export const REVALIDATE_BYTES = 12;
export const REVALIDATED_BYTES = 9;

export function writeRevalidate(out: Writer, high: number, low: number, timeoutMs: number): void {
  const at = beginPacket(out, PacketType.REVALIDATE, -1);
  out.words(high, low);
  out.int(timeoutMs);
  endPacket(out, at);
}

export function writeRevalidated(out: Writer, high: number, low: number, isValid: boolean): void {
  const at = beginPacket(out, PacketType.REVALIDATE, -1);
  out.words(high, low);
  out.boolean(isValid);
  endPacket(out, at);
}

// PING's answer: (long session, int timeoutMs)*

export const TOUCH_BYTES = 12;

// REQUEST: long session, int cxid, int type, the request's record without its header

export const REQUEST_HEAD_BYTES = 16;

export function writeRequest(
  out: Writer,
  sessionHigh: number,
  sessionLow: number,
  cxid: number,
  type: number,
  bytes: Buffer,
  start: number,
  end: number,
  ids: readonly PacketId[] | undefined,
): void {
  const at = beginPacket(out, PacketType.REQUEST, -1);
  out.words(sessionHigh, sessionLow);
  out.int(cxid);
  out.int(type);
  const target = out.reserve(end - start);
  bytes.copy(out.bytes, target, start, end);
  endPacket(out, at, ids);
}

// COMMITANDACTIVATE: long sid of the designated leader
// INFORMANDACTIVATE: long sid of the designated leader, txn
// HANDOVER: long sid of the designated leader

/** COMMITANDACTIVATE or HANDOVER. */
export function writeDesignation(out: Writer, type: number, zxid: Zxid, sid: number): void {
  const at = beginPacket(out, type, zxid);
  out.long(sid);
  endPacket(out, at);
}

/** The designated leader's sid. Undefined: there is none that a number could hold. */
export function readDesignation(packet: Packet): number | undefined {
  if (packet.dataLength < 8) return undefined;
  const sid = longAt(packet.bytes, packet.dataStart);
  return Number.isSafeInteger(sid) ? sid : undefined;
}

function longAt(bytes: Buffer, at: number): number {
  return fromWords(bytes.readInt32BE(at), bytes.readInt32BE(at + 4));
}
