// What servers of an ensemble said to each other, read by our codecs and written again by them:
// every byte has to be accounted for, and to come out as it was.

import {
  ELECTION_FRAME_BYTES_MAX,
  ELECTION_FRAME_BYTES_MIN,
  type ElectionHandshake,
  HandshakeReader,
  type Notification,
  readNotification,
  writeHandshake,
  writeNotification,
} from "../../protocol/election.ts";
import { FrameSplitter } from "../../protocol/frames.ts";
import { Writer } from "../../protocol/jute.ts";
import { PacketSplitter } from "../../protocol/packet-splitter.ts";
import {
  beginPacket,
  endPacket,
  type Packet,
  PacketType,
  readAckEpoch,
  readIds,
  readLeaderInfo,
  readLearnerInfo,
  writeAck,
  writeAckEpoch,
  writeBarePacket,
  writeCommit,
  writeNewLeader,
  writePacketOf,
  writePing,
  writeRequest,
  writeRevalidate,
  writeRevalidated,
} from "../../protocol/quorum.ts";

/** As servers allow by default: jute.maxbuffer and as much again. */
const DATA_MAX = 0xfffff * 2;
/** The string behind a tree. */
const SIGNATURE = Buffer.from("0000000a42656e57617348657265", "hex");

/** One direction of one connection, read to its end. */
export interface Reading {
  /** What was read, written again. */
  readonly rewritten: Buffer;
  /** Bytes at the end that are the beginning of something. */
  readonly tornBytes: number;
  /** Why the rest could not be read. */
  readonly problem: string | undefined;
}

export interface QuorumReading extends Reading {
  readonly types: readonly number[];
  readonly treeBytes: number;
}

/** Reads one direction of the quorum port. */
export function readQuorumStream(chunks: Iterable<Buffer>): QuorumReading {
  const out = new Writer();
  const types: number[] = [];
  let problem: string | undefined;
  let tree = Buffer.alloc(0);
  let treeBytes = 0;
  const splitter = new PacketSplitter(
    DATA_MAX,
    (packet) => {
      types.push(packet.type);
      rewrite(packet, out);
      if (packet.type !== PacketType.SNAP) return;
      tree = Buffer.alloc(0);
      splitter.readRaw((bytes, start, end) => {
        const before = tree.length;
        if (before > 0 && tree.subarray(-SIGNATURE.length).equals(SIGNATURE)) return 0;
        tree = Buffer.concat([tree, bytes.subarray(start, end)]);
        const found = tree.indexOf(SIGNATURE, Math.max(0, before - SIGNATURE.length));
        if (found >= 0) tree = tree.subarray(0, found + SIGNATURE.length);
        const own = tree.length - before;
        out.raw(tree.subarray(before));
        treeBytes += own;
        return own;
      });
    },
    (reason) => {
      problem = reason;
    },
  );
  for (const chunk of chunks) splitter.push(chunk);
  return { rewritten: out.take(), tornBytes: splitter.keptBytes, problem, types, treeBytes };
}

/** Writes a packet as whoever says such a thing does. */
function rewrite(packet: Packet, out: Writer): void {
  const { type, zxid, bytes, dataStart, dataLength, idsStart } = packet;
  const end = dataStart + Math.max(0, dataLength);
  switch (type) {
    case PacketType.ACK:
      writeAck(out, zxid);
      return;
    case PacketType.COMMIT:
      writeCommit(out, zxid);
      return;
    case PacketType.PROPOSAL:
    case PacketType.INFORM:
      writePacketOf(out, type, zxid, bytes, dataStart, end);
      return;
    case PacketType.PING:
      if (dataLength === -1) writePing(out, zxid);
      else writePacketOf(out, type, zxid, bytes, dataStart, end);
      return;
    case PacketType.REQUEST: {
      const ids = bytes.readInt32BE(idsStart) === -1 ? undefined : readIds(packet);
      const [high, low, cxid, opcode] = [0, 4, 8, 12].map((at) =>
        bytes.readInt32BE(dataStart + at),
      );
      writeRequest(
        out,
        high ?? 0,
        low ?? 0,
        cxid ?? 0,
        opcode ?? 0,
        bytes,
        dataStart + 16,
        end,
        ids,
      );
      return;
    }
    case PacketType.REVALIDATE: {
      const high = bytes.readInt32BE(dataStart);
      const low = bytes.readInt32BE(dataStart + 4);
      if (dataLength === 12) writeRevalidate(out, high, low, bytes.readInt32BE(dataStart + 8));
      else writeRevalidated(out, high, low, bytes.readUInt8(dataStart + 8) === 1);
      return;
    }
    case PacketType.FOLLOWERINFO:
    case PacketType.OBSERVERINFO: {
      const info = readLearnerInfo(packet);
      const at = beginPacket(out, type, zxid);
      out.long(info?.sid ?? -1);
      out.int(info?.protocolVersion ?? -1);
      out.long(info?.configVersion ?? -1);
      endPacket(out, at);
      return;
    }
    case PacketType.LEADERINFO: {
      const at = beginPacket(out, type, zxid);
      out.int(readLeaderInfo(packet)?.protocolVersion ?? -1);
      endPacket(out, at);
      return;
    }
    case PacketType.ACKEPOCH:
      writeAckEpoch(out, zxid, readAckEpoch(packet) ?? -2);
      return;
    case PacketType.NEWLEADER:
      writeNewLeader(out, zxid, bytes.toString("utf8", dataStart, end));
      return;
    default:
      writeBarePacket(out, type, zxid);
  }
}

export interface ElectionReading extends Reading {
  readonly handshake: ElectionHandshake | undefined;
  readonly notifications: readonly Notification[];
}

/** Reads one direction of the election port. @param isDialler The one that begins with a handshake. */
export function readElectionStream(chunks: Iterable<Buffer>, isDialler: boolean): ElectionReading {
  const out = new Writer();
  const notifications: Notification[] = [];
  let problem: string | undefined;
  const greeting = isDialler ? new HandshakeReader() : undefined;
  const splitter = new FrameSplitter(
    ELECTION_FRAME_BYTES_MAX,
    (bytes, start, end) => {
      const notification = readNotification(bytes, start, end);
      if (typeof notification === "string") {
        problem = notification;
        return;
      }
      notifications.push(notification);
      writeNotification(out, notification);
    },
    (length) => {
      problem = `a frame of ${length} bytes`;
    },
    ELECTION_FRAME_BYTES_MIN,
  );
  let greetingBytes = 0;
  for (const chunk of chunks) {
    const own = greeting?.push(chunk) ?? 0;
    greetingBytes += own;
    splitter.push(chunk.subarray(own));
  }
  const frames = out.take();
  const handshake = greeting?.handshake;
  if (handshake !== undefined) writeHandshake(out, handshake.sid ?? -1, handshake.addresses);
  const rewritten = Buffer.concat([out.written(), frames]);
  const tornBytes = isDialler && handshake === undefined ? greetingBytes : splitter.keptBytes;
  problem ??= greeting?.problem;
  return { rewritten, tornBytes, problem, handshake, notifications };
}
