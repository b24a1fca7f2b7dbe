// Packets of the quorum port as they should be, and ways to spoil them: for peers that lie.

import { Writer } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import {
  writeCreateRequest,
  writeSetDataRequest,
  writeVersionedRequest,
} from "../../protocol/proto.ts";
import {
  PacketType,
  writeBarePacket,
  writePacket,
  writeRequest,
  writeRevalidate,
} from "../../protocol/quorum.ts";
import { type TxnBody, writeTxn } from "../../protocol/txn.ts";
import { makeZxid, type Zxid } from "../../protocol/zxid.ts";
import type { SimRandom } from "../../server/testing/index.ts";

const TYPES: readonly number[] = [...Object.values(PacketType), 0, -1, 99, 0x7fff_ffff];
const TYPES_OF_TXNS: readonly number[] = [0, 1, 2, 5, 7, 14, 15, 19, 20, 21, -1, -10, -11, 9999];
const ANYONE = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const ODD_INTS = [-1, -2, -0x8000_0000, 0x7fff_ffff, 0x4000_0000, 0x10_0000, 0, 1, 255, 0x1f_ffff];
const ODD_ZXIDS: readonly Zxid[] = [
  -1,
  0,
  1,
  makeZxid(1, 0),
  makeZxid(1, 0xffff_ffff),
  makeZxid(2, 1),
  makeZxid(0x1f_ffff, 0),
  Number.MAX_SAFE_INTEGER,
];
const LARGE_BYTES = 300_000;

/** A packet with this data; undefined: null. */
export function packet(type: number, zxid: Zxid, data?: Buffer): Buffer {
  const out = new Writer();
  if (data === undefined) writeBarePacket(out, type, zxid);
  else writePacket(out, type, zxid, data);
  return out.take();
}

/** A txn that a leader might propose, whether or not it fits anybody's tree. */
export function txn(draw: SimRandom, zxid: Zxid): Buffer {
  const out = new Writer();
  const body = draw.pick(BODIES)(draw);
  const { type } = body;
  const header = {
    sessionHigh: 1,
    sessionLow: draw.below(3),
    cxid: draw.below(5),
    zxid,
    timeMs: 0,
  };
  writeTxn(out, { header: { ...header, type }, body, digest: undefined });
  return out.take();
}

/** One that fits any tree. */
export function fittingTxn(draw: SimRandom, zxid: Zxid): Buffer {
  const out = new Writer();
  const create = { ...newZnode(draw), path: `/made-${zxid}` };
  const root: TxnBody = { type: OpCode.setData, path: "/", data: Buffer.alloc(9), version: 1 };
  const txns = draw.pick([[], [create], [root, create], [root, root, root]]);
  const bodies: readonly TxnBody[] = [
    create,
    root,
    { type: OpCode.createSession, timeoutMs: 5000 },
    { type: OpCode.error, err: draw.pick([-101, -118, -112]) },
    { type: OpCode.multi, txns },
  ];
  const body = draw.pick(bodies);
  const header = { sessionHigh: 1, sessionLow: 1, cxid: 1, zxid, timeMs: 0, type: body.type };
  writeTxn(out, { header, body, digest: undefined });
  return out.take();
}

function newZnode(draw: SimRandom): TxnBody & { readonly type: typeof OpCode.create } {
  return {
    type: OpCode.create,
    path: pathOf(draw),
    data: Buffer.alloc(draw.below(50)),
    acl: ANYONE,
    ephemeral: false,
    parentCVersion: draw.below(9),
  };
}

const BODIES: readonly ((draw: SimRandom) => TxnBody)[] = [
  newZnode,
  (draw) => ({ type: OpCode.setData, path: pathOf(draw), data: Buffer.alloc(9), version: 1 }),
  (draw) => ({ type: OpCode.delete, path: pathOf(draw) }),
  () => ({ type: OpCode.createSession, timeoutMs: 5000 }),
  () => ({ type: OpCode.error, err: -101 }),
];

/** The txn's type is another one, or its record garbage, its zxid as it was. */
export function spoiltTxn(draw: SimRandom, zxid: Zxid): Buffer {
  const bytes = txn(draw, zxid);
  const record = 32;
  switch (draw.below(3)) {
    case 0:
      bytes.writeInt32BE(draw.pick(TYPES_OF_TXNS), 28);
      return bytes;
    case 1:
      return bytes.subarray(0, draw.between(record, bytes.length));
    default:
      if (bytes.length >= record + 4) bytes.writeInt32BE(draw.pick(ODD_INTS), record);
  }
  return bytes;
}

/** A request that a learner might forward. */
export function forwarded(draw: SimRandom): Buffer {
  const out = new Writer();
  const body = new Writer();
  const path = pathOf(draw);
  const data = Buffer.alloc(draw.below(100));
  const kind = draw.below(8);
  let type: number = OpCode.create;
  if (kind < 3) writeCreateRequest(body, { path, data, acl: ANYONE, flags: draw.below(7) });
  else if (kind < 5) writeSetDataRequest(body, { path, data, version: -1 });
  else if (kind < 6) writeVersionedRequest(body, { path, version: -1 });
  else body.int(draw.pick(ODD_INTS));
  if (kind >= 3) type = kind < 5 ? OpCode.setData : OpCode.delete;
  if (kind >= 6) {
    type = draw.pick([
      OpCode.createSession,
      OpCode.closeSession,
      OpCode.multi,
      OpCode.sync,
      16,
      9999,
      -1,
      0,
    ]);
  }
  const bytes = body.take();
  if (draw.chance(0.1) && bytes.length >= 4) bytes.writeInt32BE(draw.pick(ODD_INTS), 0);
  const to = draw.chance(0.1) ? draw.below(bytes.length + 1) : bytes.length;
  const ids = draw.chance(0.2)
    ? undefined
    : [
        {
          scheme: draw.pick(["ip", "digest", "super", "x".repeat(300)]),
          id: draw.pick(["", "::1", "\0", "nonsense/999"]),
        },
      ];
  writeRequest(out, draw.pick([0, 1, -1]), draw.below(4), draw.below(9), type, bytes, 0, to, ids);
  return out.take();
}

/** What a learner says of sessions that may not exist. */
export function revalidate(draw: SimRandom): Buffer {
  const out = new Writer();
  writeRevalidate(out, draw.pick([0, 1, -1]), draw.below(4), draw.pick(ODD_INTS));
  return out.take();
}

/** A touch table, more or less. */
export function touched(draw: SimRandom): Buffer {
  const table = Buffer.alloc(draw.pick([0, 12, 24, 13, 1200]));
  draw.fill(table);
  return packet(PacketType.PING, draw.pick(ODD_ZXIDS), table);
}

/** Any packet at all. */
export function anyPacket(draw: SimRandom): Buffer {
  const data = Buffer.alloc(draw.chance(0.02) ? LARGE_BYTES : draw.below(60));
  draw.fill(data);
  const zxid = draw.chance(0.5) ? draw.pick(ODD_ZXIDS) : makeZxid(draw.below(4), draw.below(6));
  return packet(draw.pick(TYPES), zxid, draw.chance(0.3) ? undefined : data);
}

/** Not a packet any more, or another one. */
export function spoilt(draw: SimRandom, whole: Buffer): Buffer {
  const bytes = Buffer.from(whole);
  switch (draw.below(5)) {
    case 0:
      for (let flips = draw.between(1, 4); flips > 0; flips--) {
        bytes[draw.below(bytes.length)] = draw.below(256);
      }
      return bytes;
    case 1:
      return bytes.subarray(0, draw.below(bytes.length));
    case 2:
      if (bytes.length >= 16) bytes.writeInt32BE(draw.pick(ODD_INTS), draw.pick([0, 4, 8, 12]));
      return bytes;
    case 3:
      return Buffer.concat([bytes, bytes]);
    default: {
      const garbage = Buffer.alloc(draw.below(200));
      draw.fill(garbage);
      return garbage;
    }
  }
}

function pathOf(draw: SimRandom): string {
  return draw.pick([
    "/a",
    "/b",
    "/a/b",
    "/c",
    "/zookeeper/quota",
    "/",
    "",
    "a//b",
    `/${"x".repeat(99)}`,
  ]);
}
