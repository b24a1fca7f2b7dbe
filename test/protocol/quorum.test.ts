// The bytes are what servers of ZooKeeper 3.8.0 sent each other (quorum-protocol 5).

import fc from "fast-check";
import { expect, test } from "vitest";
import { Reader, Writer } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { PacketSplitter } from "../../protocol/packet-splitter.ts";
import {
  beginPacket,
  endPacket,
  type Packet,
  PacketType,
  PEER_MARK,
  readAckEpoch,
  readDesignation,
  readIds,
  readLeaderInfo,
  readLearnerInfo,
  TOUCH_BYTES,
  writeAck,
  writeAckEpoch,
  writeBarePacket,
  writeCommit,
  writeDesignation,
  writeLeaderInfo,
  writeLearnerInfo,
  writeNewLeader,
  writePacket,
  writePacketOf,
  writePing,
  writeRequest,
  writeRevalidate,
  writeRevalidated,
} from "../../protocol/quorum.ts";
import { readTxnHeader } from "../../protocol/txn.ts";
import { makeZxid } from "../../protocol/zxid.ts";

const EPOCH_1 = makeZxid(1, 0);
const MARK_HEX = PEER_MARK.toString("hex");

function compact(hex: string): string {
  return hex.replaceAll(" ", "");
}

function written(write: (out: Writer) => void): string {
  const out = new Writer(8);
  write(out);
  return out.written().toString("hex");
}

/** Reads the one packet that these bytes are. */
function read<T>(hex: string, look: (packet: Packet) => T): T {
  const seen: T[] = [];
  const splitter = new PacketSplitter(
    10_000,
    (packet) => seen.push(look(packet)),
    (reason) => {
      throw new Error(reason);
    },
  );
  splitter.push(Buffer.from(compact(hex), "hex"));
  expect(splitter.keptBytes).toBe(0);
  expect(seen.length).toBe(1);
  return seen[0] as T;
}

function frame(packet: Packet): { type: number; zxid: number; data: string | null } {
  const { type, zxid, bytes, dataStart, dataLength } = packet;
  if (dataLength === -1) return { type, zxid, data: null };
  return { type, zxid, data: bytes.toString("hex", dataStart, dataStart + dataLength) };
}

// quorum-protocol 5/FOLLOWERINFO sid 1 accepted 0 config 0, 5/11 FOLLOWERINFO, 5/16 OBSERVERINFO
test("FOLLOWERINFO says sid, protocol and configuration; ours is marked behind that", () => {
  const theirs =
    "0000000b 0000000000000000 00000014 0000000000000001 00010000 0000000000000000 ffffffff";
  const said = { sid: 1, protocolVersion: 0x10000, configVersion: 0 };
  expect(read(theirs, readLearnerInfo)).toEqual({ ...said, isOurs: false });
  const ours = `0000000b 0000000000000000 0000001c 0000000000000001 00010000 0000000000000000 ${MARK_HEX} ffffffff`;
  expect(written((out) => writeLearnerInfo(out, PacketType.FOLLOWERINFO, 0, 1, 0))).toBe(
    compact(ours),
  );
  expect(read(ours, readLearnerInfo)).toEqual({ ...said, isOurs: true });
  const observer = written((out) => writeLearnerInfo(out, PacketType.OBSERVERINFO, EPOCH_1, 9, 7));
  expect(read(observer, frame)).toMatchObject({ type: 16, zxid: EPOCH_1 });
  expect(read(observer, readLearnerInfo)).toMatchObject({ sid: 9, configVersion: 7 });
});

// quorum-protocol 5
test("a LearnerInfo of an old server is shorter, or null", () => {
  const info = (length: string, data: string): string =>
    `0000000b ${"00".repeat(8)} ${length} ${data} ffffffff`;
  const old = { sid: 5, protocolVersion: 1, configVersion: 0, isOurs: false };
  expect(read(info("00000008", "0000000000000005"), readLearnerInfo)).toEqual(old);
  const newer = read(info("0000000c", "0000000000000005 00010000"), readLearnerInfo);
  expect(newer).toEqual({ ...old, protocolVersion: 0x10000 });
  const nameless = read(info("ffffffff", ""), readLearnerInfo);
  expect(nameless).toEqual({ ...old, sid: undefined });
});

test("a LearnerInfo without a sid that a number could hold is none", () => {
  const info = (data: string): string =>
    `0000000b ${"00".repeat(8)} ${(data.length / 2).toString(16).padStart(8, "0")} ${data} ffffffff`;
  expect(read(info(""), readLearnerInfo)).toBeUndefined();
  expect(read(info("00000000000001"), readLearnerInfo)).toBeUndefined();
  expect(read(info("7fffffffffffffff"), readLearnerInfo)).toBeUndefined();
  expect(read(info("0000000000000001000100007fffffffffffffff"), readLearnerInfo)).toBeUndefined();
});

test("bytes behind a LearnerInfo that are not our mark do not make it ours", () => {
  const info = `${"00".repeat(7)}01 00010000 ${"00".repeat(8)}`;
  const other = `0000000b ${"00".repeat(8)} 0000001c ${info} 51756f7261746501 ffffffff`;
  expect(read(other, readLearnerInfo)?.isOurs).toBe(false);
  const short = `0000000b ${"00".repeat(8)} 0000001b ${info} 71756f72617465 ffffffff`;
  expect(read(short, readLearnerInfo)?.isOurs).toBe(false);
  const later = `0000000b ${"00".repeat(8)} 0000001d ${info} 71756f7261746507ff ffffffff`;
  expect(read(later, readLearnerInfo)?.isOurs).toBe(true);
});

// quorum-protocol 5/LEADERINFO e=1, 5/17 LEADERINFO
test("LEADERINFO names the epoch and the protocol; ours is marked behind that", () => {
  const theirs = "00000011 0000000100000000 00000004 00010000 ffffffff";
  expect(read(theirs, readLeaderInfo)).toEqual({ protocolVersion: 0x10000, isOurs: false });
  const ours = `00000011 0000000100000000 0000000c 00010000 ${MARK_HEX} ffffffff`;
  expect(written((out) => writeLeaderInfo(out, EPOCH_1))).toBe(compact(ours));
  expect(read(ours, readLeaderInfo)).toEqual({ protocolVersion: 0x10000, isOurs: true });
  expect(read("00000011 0000000100000000 ffffffff ffffffff", readLeaderInfo)).toBeUndefined();
});

// quorum-protocol 5/ACKEPOCH last 0 epoch 0, 5/18 ACKEPOCH, Trap 5
test("ACKEPOCH says what the learner has and in which epoch, or -1", () => {
  const first = "00000012 0000000000000000 00000004 00000000 ffffffff";
  expect(written((out) => writeAckEpoch(out, 0, 0))).toBe(compact(first));
  expect(read(first, readAckEpoch)).toBe(0);
  const promised = written((out) => writeAckEpoch(out, makeZxid(1, 12), -1));
  expect(read(promised, readAckEpoch)).toBe(-1);
  expect(read(promised, frame).zxid).toBe(makeZxid(1, 12));
  expect(read("00000012 0000000000000000 00000000 ffffffff", readAckEpoch)).toBeUndefined();
});

// quorum-protocol 5/DIFF 0, 5/13 DIFF, 5/14 TRUNC, 5/15 SNAP, 5/UPTODATE, 5/12 UPTODATE
test("what only has a zxid is a packet with null for data and for ids", () => {
  const diff = "0000000d 0000000000000000 ffffffff ffffffff";
  expect(written((out) => writeBarePacket(out, PacketType.DIFF, 0))).toBe(compact(diff));
  const upToDate = "0000000c ffffffffffffffff ffffffff ffffffff";
  expect(written((out) => writeBarePacket(out, PacketType.UPTODATE, -1))).toBe(compact(upToDate));
  expect(read(upToDate, frame)).toEqual({ type: PacketType.UPTODATE, zxid: -1, data: null });
  const { TRUNC, SNAP } = PacketType;
  expect([TRUNC, SNAP]).toEqual([14, 15]);
});

// quorum-protocol 5/ACK NEWLEADER e=1, 5/3 ACK, 5/COMMIT, 5/4 COMMIT, 5/SYNC, 5/7 SYNC
test("ACK, COMMIT and SYNC are as short", () => {
  const ack = "00000003 0000000100000000 ffffffff ffffffff";
  expect(written((out) => writeAck(out, EPOCH_1))).toBe(compact(ack));
  const commit = "00000004 0000000100000001 ffffffff ffffffff";
  expect(written((out) => writeCommit(out, EPOCH_1 + 1))).toBe(compact(commit));
  const sync = "00000007 0000000000000000 ffffffff ffffffff";
  expect(written((out) => writeBarePacket(out, PacketType.SYNC, 0))).toBe(compact(sync));
  expect(read(commit, frame)).toEqual({ type: 4, zxid: EPOCH_1 + 1, data: null });
  expect(read(commit, readIds)).toEqual([]);
});

// quorum-protocol 5/PING leader / reply, 5/PING reply 1 session, 5/5 PING, Trap 1
test("a leader's PING has null for data, a learner's has a table of sessions, even if empty", () => {
  const ping = "00000005 0000000100000000 ffffffff ffffffff";
  expect(written((out) => writePing(out, EPOCH_1))).toBe(compact(ping));
  const idle = "00000005 0000000100000000 00000000 ffffffff";
  const answer = (out: Writer): void => endPacket(out, beginPacket(out, PacketType.PING, EPOCH_1));
  expect(written(answer)).toBe(compact(idle));
  expect(read(ping, frame).data).toBeNull();
  expect(read(idle, frame).data).toBe("");
  const busy = "00000005 000000010000000b 0000000c 01000012b2790000 00001f40 ffffffff";
  const touch = (out: Writer): void => {
    const at = beginPacket(out, PacketType.PING, makeZxid(1, 0xb));
    out.words(0x01000012, 0xb2790000);
    out.int(8000);
    endPacket(out, at);
  };
  expect(written(touch)).toBe(compact(busy));
  expect(read(busy, (packet) => packet.dataLength)).toBe(TOUCH_BYTES);
});

// quorum-protocol 5/REQUEST createSession, 5/1 REQUEST, B-15
test("a session's creation is forwarded as its timeout, in nobody's name", () => {
  const hex =
    "00000001 ffffffffffffffff 00000014 01000012b2790000 00000000 fffffff6 00001f40 ffffffff";
  const timeout = Buffer.from("00001f40", "hex");
  const write = (out: Writer): void =>
    writeRequest(out, 0x01000012, 0xb2790000, 0, OpCode.createSession, timeout, 0, 4, undefined);
  expect(written(write)).toBe(compact(hex));
});

// quorum-protocol 5/REQUEST create, 5/REQUEST sync /a, B-15
test("a client's request is forwarded as it came, in its client's name", () => {
  const record =
    "000000022f61 000000027631 00000001 0000001f 00000005776f726c64 00000006616e796f6e65 00000000";
  const hex = `00000001 ffffffffffffffff 0000003b 01000012b2790000 00000001 00000001 ${record} 00000001 000000026970 000000093132372e302e302e31`;
  const ids = [{ scheme: "ip", id: "127.0.0.1" }];
  const bytes = Buffer.from(`ee${compact(record)}ee`, "hex");
  const write = (out: Writer): void =>
    writeRequest(out, 0x01000012, 0xb2790000, 1, OpCode.create, bytes, 1, bytes.length - 1, ids);
  expect(written(write)).toBe(compact(hex));
  expect(read(hex, readIds)).toEqual(ids);
  const sync =
    "00000001 ffffffffffffffff 00000016 01000012b2790000 00000008 00000009 000000022f61 00000001 000000026970 000000093132372e302e302e31";
  expect(read(sync, readIds)).toEqual(ids);
  expect(read(sync, frame)).toMatchObject({ type: PacketType.REQUEST, zxid: -1 });
});

const CREATE_SESSION =
  "01000012b2790000 00000000 0000000100000001 000001a203f6e2d4 fffffff6 00001f40 00000002 0000000051c6d660";

// quorum-protocol 5/PROPOSAL createSession, 5/2 PROPOSAL, 5/8 INFORM
test("PROPOSAL and INFORM carry a txn as the log has it", () => {
  const hex = `00000002 0000000100000001 00000030 ${CREATE_SESSION} ffffffff`;
  const txn = Buffer.from(compact(CREATE_SESSION), "hex");
  expect(written((out) => writePacket(out, PacketType.PROPOSAL, EPOCH_1 + 1, txn))).toBe(
    compact(hex),
  );
  const around = Buffer.concat([Buffer.of(1), txn, Buffer.of(2)]);
  const write = (out: Writer): void =>
    writePacketOf(out, PacketType.INFORM, EPOCH_1 + 1, around, 1, around.length - 1);
  expect(written(write)).toBe(compact(hex).replace("00000002", "00000008"));
  const zxid = read(hex, ({ bytes, dataStart, end }) => {
    return readTxnHeader(new Reader().reset(bytes, dataStart, end)).zxid;
  });
  expect(zxid).toBe(EPOCH_1 + 1);
});

// quorum-protocol 5/REVALIDATE req / rsp, 5/6 REVALIDATE
test("REVALIDATE asks for a session and answers whether it lives", () => {
  const asked = "00000006 ffffffffffffffff 0000000c 030000191d5d0000 00001f40 ffffffff";
  expect(written((out) => writeRevalidate(out, 0x03000019, 0x1d5d0000, 8000))).toBe(compact(asked));
  const answered = "00000006 ffffffffffffffff 00000009 030000191d5d0000 01 ffffffff";
  expect(written((out) => writeRevalidated(out, 0x03000019, 0x1d5d0000, true))).toBe(
    compact(answered),
  );
  const refused = written((out) => writeRevalidated(out, 0x03000019, 0x1d5d0000, false));
  expect(refused).toBe(compact(answered.replace(" 01 ", " 00 ")));
});

// quorum-protocol 5/COMMITANDACTIVATE → leader 1, 5/9 COMMITANDACTIVATE, 5/19 INFORMANDACTIVATE
test("COMMITANDACTIVATE names the leader that is to be", () => {
  const hex = "00000009 000000010000000c 00000008 0000000000000001 ffffffff";
  const write = (out: Writer): void =>
    writeDesignation(out, PacketType.COMMITANDACTIVATE, makeZxid(1, 0xc), 1);
  expect(written(write)).toBe(compact(hex));
  expect(read(hex, readDesignation)).toBe(1);
  const inform = `00000013 000000010000000c 00000038 0000000000000001 ${CREATE_SESSION} ffffffff`;
  expect(read(inform, readDesignation)).toBe(1);
  expect(read("00000009 000000010000000c ffffffff ffffffff", readDesignation)).toBeUndefined();
  const beyond = "00000009 000000010000000c 00000008 7fffffffffffffff ffffffff";
  expect(read(beyond, readDesignation)).toBeUndefined();
});

// quorum-protocol 5/10 NEWLEADER, 16/4787
test("NEWLEADER carries the configuration's text as UTF-8", () => {
  const config = "server.1=hôte:2888:3888:participant\nversion=0";
  const hex = written((out) => writeNewLeader(out, EPOCH_1, config));
  const text = read(hex, ({ bytes, dataStart, dataLength }) =>
    bytes.toString("utf8", dataStart, dataStart + dataLength),
  );
  expect(text).toBe(config);
});

test("whatever the ids of a request are, they come back", () => {
  const ids = fc.array(fc.record({ scheme: fc.string(), id: fc.string({ unit: "binary" }) }));
  fc.assert(
    fc.property(ids, fc.uint8Array(), (given, record) => {
      const bytes = Buffer.from(record);
      const hex = written((out) => {
        writeRequest(out, -1, 5, 7, OpCode.multi, bytes, 0, bytes.length, given);
      });
      expect(read(hex, readIds)).toEqual(given);
    }),
  );
});
