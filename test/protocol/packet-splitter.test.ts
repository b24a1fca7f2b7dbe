import fc from "fast-check";
import { expect, test } from "vitest";
import { Writer } from "../../protocol/jute.ts";
import { PacketSplitter } from "../../protocol/packet-splitter.ts";
import {
  beginPacket,
  endPacket,
  type Packet,
  type PacketId,
  PacketType,
  readIds,
  writeBarePacket,
} from "../../protocol/quorum.ts";

const DATA_MAX = 1000;

/** A packet that outlives its stream. */
interface Told {
  readonly type: number;
  readonly zxid: number;
  /** In latin1; null is not empty. */
  readonly data: string | null;
  readonly ids: readonly PacketId[];
}

function told(packet: Packet): Told {
  const { type, zxid, bytes, dataStart, dataLength } = packet;
  const data = bytes.toString("latin1", dataStart, dataStart + Math.max(0, dataLength));
  return { type, zxid, data: dataLength === -1 ? null : data, ids: readIds(packet) };
}

function written(packets: readonly Told[]): Buffer {
  const out = new Writer();
  for (const { type, zxid, data, ids } of packets) {
    if (data === null) {
      writeBarePacket(out, type, zxid);
    } else {
      const at = beginPacket(out, type, zxid);
      out.raw(Buffer.from(data, "latin1"));
      endPacket(out, at, ids.length === 0 ? undefined : ids);
    }
  }
  return out.take();
}

/** What a splitter hands out; `splitter` is there for handlers to use. */
class Recorder {
  readonly packets: Told[] = [];
  readonly refused: string[] = [];
  readonly splitter: PacketSplitter;
  onPacket: (packet: Told) => void = () => {};

  constructor(dataMax: number = DATA_MAX) {
    this.splitter = new PacketSplitter(
      dataMax,
      (packet) => {
        const copy = told(packet);
        this.packets.push(copy);
        this.onPacket(copy);
      },
      (reason) => this.refused.push(reason),
    );
  }

  push(chunk: Uint8Array): void {
    // The bytes are the splitter's only during the call.
    const lent = Buffer.from(chunk);
    this.splitter.push(lent);
    lent.fill(0xee);
  }
}

const zxids = fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
const latin1 = fc.uint8Array({ maxLength: 120 }).map((b) => Buffer.from(b).toString("latin1"));
const somebody = fc.record({
  scheme: fc.string({ maxLength: 9, unit: "binary" }),
  id: fc.string({ maxLength: 60 }),
});
const packet: fc.Arbitrary<Told> = fc.oneof(
  fc.record({
    type: fc.integer({ min: 1, max: 64 }),
    zxid: zxids,
    data: fc.constant(null),
    ids: fc.constant([]),
  }),
  fc.record({
    type: fc.integer(),
    zxid: zxids,
    data: latin1,
    ids: fc.array(somebody, { maxLength: 4 }),
  }),
);

function next<T>(values: fc.Stream<T>): T {
  const { value } = values.next() as { readonly value: T };
  return value;
}

const REQUEST: Told = {
  type: PacketType.REQUEST,
  zxid: -1,
  data: "sixteen bytes ..and a record",
  ids: [
    { scheme: "world", id: "anyone" },
    { scheme: "", id: "" },
    { scheme: "ip", id: "127.0.0.1" },
  ],
};
const ACK: Told = { type: PacketType.ACK, zxid: 0x1_0000_0001, data: null, ids: [] };
const PING: Told = { type: PacketType.PING, zxid: 0x1_0000_0001, data: "", ids: [] };

// quorum-protocol Trap 1
test("packets cut at every byte come out whole and in order, null data apart from empty", () => {
  const packets = [ACK, REQUEST, PING, { ...PING, data: "x".repeat(DATA_MAX) }, ACK];
  const stream = written(packets);
  for (let cut = 0; cut <= stream.length; cut++) {
    const recorder = new Recorder();
    recorder.push(stream.subarray(0, cut));
    recorder.push(stream.subarray(cut));
    expect(recorder.packets).toEqual(packets);
    expect(recorder.splitter.keptBytes).toBe(0);
  }
});

test("a stream that comes byte by byte gives the same packets", () => {
  const packets = [REQUEST, ACK, REQUEST, PING];
  const recorder = new Recorder();
  for (const byte of written(packets)) recorder.push(Buffer.of(byte));
  expect(recorder.packets).toEqual(packets);
});

// quorum-protocol 5
test("however a stream is cut into chunks, its packets are the same", () => {
  fc.assert(
    fc.property(
      fc.array(packet, { maxLength: 20 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 90 })),
      fc.infiniteStream(fc.boolean()),
      (packets, sizes, pauses) => {
        const recorder = new Recorder();
        recorder.onPacket = () => {
          if (next(pauses)) recorder.splitter.pause();
        };
        const stream = written(packets);
        for (let at = 0; at < stream.length; ) {
          const size = next(sizes);
          recorder.push(stream.subarray(at, at + size));
          at += size;
          if (next(pauses)) recorder.splitter.resume();
        }
        while (recorder.splitter.keptBytes > 0) recorder.splitter.resume();
        expect(recorder.refused).toEqual([]);
        expect(recorder.packets).toEqual(packets);
      },
    ),
  );
});

test("garbage is refused with a reason or waited for, and never an exception", () => {
  fc.assert(
    fc.property(
      fc.array(packet, { maxLength: 2 }),
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 1, max: 90 }),
      (packets, garbage, size) => {
        const recorder = new Recorder();
        const stream = Buffer.concat([written(packets), garbage]);
        for (let at = 0; at < stream.length; at += size) {
          recorder.push(stream.subarray(at, at + size));
        }
        expect(recorder.packets.slice(0, packets.length)).toEqual(packets);
        expect(recorder.refused.length).toBeLessThanOrEqual(1);
        if (recorder.refused.length > 0) expect(recorder.splitter.keptBytes).toBe(0);
      },
    ),
  );
});

/** A head: type 2, then this zxid and this length of its data. */
function head(zxidHex: string, length: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeInt32BE(2);
  bytes.write(zxidHex, 4, "hex");
  bytes.writeInt32BE(length, 12);
  return bytes;
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

const ZXID = "0000000100000001";

test.each([
  ["data of a negative length", head(ZXID, -2)],
  ["more data than jute.maxbuffer allows", head(ZXID, DATA_MAX + 1)],
  ["more data than jute.maxbuffer allows", head(ZXID, 0x7fffffff)],
  ["a zxid beyond every epoch", head("0020000000000000", -1)],
  ["a zxid beyond every epoch", head("7fffffffffffffff", -1)],
  ["a zxid beyond every epoch", head("fffffffffffffffe", -1)],
  ["a zxid beyond every epoch", head("8000000000000000", -1)],
  ["more ids than a packet may have", Buffer.concat([head(ZXID, -1), int(-2)])],
  ["more ids than a packet may have", Buffer.concat([head(ZXID, -1), int(4097)])],
  ["an id of a negative length", Buffer.concat([head(ZXID, 0), int(1), int(-2)])],
  ["ids longer than they may be", Buffer.concat([head(ZXID, 0), int(1), int(0x10_0001)])],
])("%s is refused as soon as it is there, however it came", (reason, bytes) => {
  for (let cut = 0; cut < bytes.length; cut++) {
    const recorder = new Recorder();
    recorder.push(written([ACK]));
    recorder.push(bytes.subarray(0, cut));
    expect(recorder.refused).toEqual([]);
    recorder.push(Buffer.concat([bytes.subarray(cut), Buffer.alloc(5000)]));
    expect(recorder.refused).toEqual([reason]);
    expect(recorder.splitter.keptBytes).toBe(0);
    recorder.push(written([ACK]));
    expect(recorder.packets).toEqual([ACK]);
  }
});

test("many ids that are each short are together no longer than they may be", () => {
  const id = Buffer.concat([int(500), Buffer.alloc(500)]);
  const recorder = new Recorder();
  recorder.push(Buffer.concat([head(ZXID, -1), int(4096)]));
  for (let i = 0; i < 3000; i++) recorder.push(id);
  expect(recorder.refused).toEqual(["ids longer than they may be"]);
});

test("a null scheme reads as an empty one", () => {
  const recorder = new Recorder();
  recorder.push(Buffer.concat([head(ZXID, -1), int(1), int(-1), int(-1)]));
  expect(recorder.packets[0]?.ids).toEqual([{ scheme: "", id: "" }]);
});

test("nothing is handed out after stop, not even what the chunk still holds", () => {
  const recorder = new Recorder();
  recorder.onPacket = () => recorder.splitter.stop();
  recorder.push(written([ACK, ACK]));
  recorder.push(written([ACK]));
  expect(recorder.packets).toEqual([ACK]);
  expect(recorder.splitter.keptBytes).toBe(0);
});

test("what a torn packet occupies grows with what came", () => {
  const recorder = new Recorder(0x4000_0000);
  recorder.push(head(ZXID, 0x4000_0000));
  recorder.push(Buffer.alloc(1000));
  expect(recorder.splitter.keptBytes).toBe(1016);
});

const SNAP: Told = { type: PacketType.SNAP, zxid: 0x1_0000_0000, data: null, ids: [] };
const TREE = "sessions, znodes and their end";

// quorum-protocol S-9, Trap 2
test("what follows SNAP goes to its taker, and packets go on behind it, however they are cut", () => {
  const stream = Buffer.concat([written([ACK, SNAP]), Buffer.from(TREE), written([PING, ACK])]);
  for (let cut = 0; cut <= stream.length; cut++) {
    for (const size of [1, 7, 1000]) {
      const recorder = new Recorder();
      let taken = "";
      const take = (bytes: Buffer, start: number, end: number): number => {
        const own = Math.min(end - start, TREE.length - taken.length);
        taken += bytes.toString("latin1", start, start + own);
        return own;
      };
      recorder.onPacket = ({ type }) => {
        if (type === PacketType.SNAP) recorder.splitter.readRaw(take);
      };
      recorder.push(stream.subarray(0, cut));
      for (let at = cut; at < stream.length; at += size) {
        recorder.push(stream.subarray(at, at + size));
      }
      expect(taken).toBe(TREE);
      expect(recorder.packets).toEqual([ACK, SNAP, PING, ACK]);
    }
  }
});

test("a taker that pauses is given the rest after resume", () => {
  const recorder = new Recorder();
  let taken = "";
  recorder.onPacket = ({ type }) => {
    if (type !== PacketType.SNAP) return;
    recorder.splitter.readRaw((bytes, start, end) => {
      const own = Math.min(end - start, 10 - taken.length);
      taken += bytes.toString("latin1", start, start + own);
      recorder.splitter.pause();
      return own;
    });
    recorder.splitter.pause();
  };
  recorder.push(Buffer.concat([written([SNAP]), Buffer.from("01234")]));
  expect(taken).toBe("");
  recorder.splitter.resume();
  expect(taken).toBe("01234");
  recorder.push(Buffer.concat([Buffer.from("56789"), written([ACK])]));
  expect(taken).toBe("01234");
  recorder.splitter.resume();
  expect(taken).toBe("0123456789");
  expect(recorder.packets).toEqual([SNAP]);
  while (recorder.splitter.keptBytes > 0) recorder.splitter.resume();
  expect(recorder.packets).toEqual([SNAP, ACK]);
});

test("a taker that finds its bytes wrong ends the stream", () => {
  const recorder = new Recorder();
  recorder.onPacket = () => recorder.splitter.readRaw(() => -1);
  recorder.push(written([SNAP, ACK]));
  recorder.push(written([ACK]));
  expect(recorder.packets).toEqual([SNAP]);
  expect(recorder.refused).toEqual(["the bytes behind SNAP are no tree"]);
});
