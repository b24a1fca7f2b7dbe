/**
 * The jute module `quorum`, which leaves out that packets lie on the stream one behind the other,
 * without a length: a parser that slips once has lost the stream (quorum-protocol 5).
 *
 *     QuorumPacket: int type, long zxid, buffer data, vector<Id> authinfo
 *
 * @see ZooKeeper 3.9, Leader.java, for the types
 */

import type { Zxid } from "./zxid.ts";

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
