import fc from "fast-check";
import { expect, test } from "vitest";
import {
  ELECTION_FRAME_BYTES_MAX,
  ELECTION_FRAME_BYTES_MIN,
  type ElectionAddress,
  HandshakeReader,
  NOBODY,
  type Notification,
  PeerState,
  readNotification,
  writeHandshake,
  writeNotification,
} from "../../protocol/election.ts";
import { FrameSplitter } from "../../protocol/frames.ts";
import { Writer } from "../../protocol/jute.ts";
import { makeZxid } from "../../protocol/zxid.ts";

/** As three servers of ZooKeeper 3.8.0 on one machine have it: 138 bytes. */
const CONFIG = [1, 2, 3]
  .map((sid) => `server.${sid}=127.0.0.1:2${sid}888:3${sid}888:participant`)
  .concat("version=0")
  .join("\n");

const FIRST: Notification = {
  state: PeerState.LOOKING,
  leader: 2,
  zxid: 0,
  electionEpoch: 1,
  peerEpoch: 0,
  config: CONFIG,
};

function written(notification: Notification): Buffer {
  const out = new Writer(8);
  writeNotification(out, notification);
  return out.take();
}

/** Reads a notification without its frame's length. */
function read(hex: string): Notification | string {
  const bytes = Buffer.from(`ee${hex.replaceAll(" ", "")}ee`, "hex");
  return readNotification(bytes, 1, bytes.length - 1);
}

const VOTE = "00000000 0000000000000002 0000000500000007 0000000000000001";

test("a notification is what servers of ZooKeeper 3.8.0 send each other", () => {
  expect(Buffer.byteLength(CONFIG)).toBe(138);
  const head =
    "000000b6 00000000 0000000000000002 0000000000000000 0000000000000001 0000000000000000 00000002 0000008a";
  const bytes = written(FIRST);
  expect(bytes.toString("hex")).toBe(
    head.replaceAll(" ", "") + Buffer.from(CONFIG).toString("hex"),
  );
  expect(readNotification(bytes, 4, bytes.length)).toEqual(FIRST);
});

test("a notification of 28 bytes has its epoch in its zxid and no configuration", () => {
  expect(read(VOTE)).toEqual({
    state: PeerState.LOOKING,
    leader: 2,
    zxid: makeZxid(5, 7),
    electionEpoch: 1,
    peerEpoch: 5,
    config: undefined,
  });
});

test("of a notification of 40 bytes the version does not count", () => {
  for (const version of ["00000000", "00000001", "00000002", "7fffffff"]) {
    const notification = read(`${VOTE} 0000000000000006 ${version}`);
    expect(notification).toMatchObject({ peerEpoch: 6, config: undefined });
  }
  const old: Notification = { ...FIRST, config: undefined };
  const bytes = written(old);
  expect(bytes.length).toBe(44);
  expect(readNotification(bytes, 4, 44)).toEqual(old);
});

test("a longer notification has a configuration from version 2 on, and more may follow", () => {
  const newer = `${VOTE} 0000000000000006`;
  expect(read(`${newer} 00000001 00000002 6162`)).toMatchObject({ config: undefined });
  expect(read(`${newer} 00000002 00000002 6162`)).toMatchObject({ config: "ab" });
  expect(read(`${newer} 00000003 00000002 6162 ffff`)).toMatchObject({ config: "ab" });
  expect(read(`${newer} 00000002 00000000`)).toMatchObject({ config: "" });
});

// quorum-protocol N-1
test("a notification that is cut short, or whose configuration is, is ignored", () => {
  const whole = written(FIRST);
  for (let end = 4; end < whole.length; end++) {
    const length = end - 4;
    const outcome = readNotification(whole, 4, end);
    if (length === 28 || length === 40) expect(outcome).not.toBeTypeOf("string");
    else expect(outcome).toBeTypeOf("string");
  }
  expect(read(`${VOTE} 0000000000000006 00000002 ffffffff 6162`)).toBeTypeOf("string");
  expect(read(`${VOTE} 0000000000000006 00000002 00000003 6162`)).toBeTypeOf("string");
});

// quorum-protocol N-4
test("a notification of a state that is none is ignored", () => {
  for (const state of ["00000004", "ffffffff", "7fffffff"]) {
    expect(read(VOTE.replace("00000000", state))).toBe("a notification of an unknown state");
  }
  for (const [name, state] of Object.entries(PeerState)) {
    const notification = read(VOTE.replace("00000000", `0000000${state}`));
    expect(notification, name).toMatchObject({ state });
  }
});

// quorum-protocol F-3
test("a vote for nobody is read and written as it is; other numbers beyond 2^53 are ignored", () => {
  const observer: Notification = {
    ...FIRST,
    leader: NOBODY,
    zxid: NOBODY,
    peerEpoch: NOBODY,
  };
  const bytes = written(observer);
  expect(bytes.toString("hex", 8, 16)).toBe("8000000000000000");
  expect(readNotification(bytes, 4, bytes.length)).toEqual(observer);
  expect(read(VOTE.replace("0000000500000007", "7fffffffffffffff"))).toBeTypeOf("string");
  expect(read(VOTE.replace("0000000500000007", "8000000000000001"))).toMatchObject({
    zxid: NOBODY,
  });
});

// quorum-protocol 16/4787
test("whatever a notification says, it comes back", () => {
  const number = fc.oneof(fc.maxSafeInteger(), fc.constant(NOBODY));
  const notifications = fc.record({
    state: fc.constantFrom(...Object.values(PeerState)),
    leader: number,
    zxid: number,
    electionEpoch: number,
    peerEpoch: number,
    config: fc.option(fc.string({ unit: "binary" }), { nil: undefined }),
  });
  fc.assert(
    fc.property(notifications, (notification) => {
      const bytes = written(notification);
      expect(readNotification(bytes, 4, bytes.length)).toEqual(notification);
    }),
  );
});

test("garbage is no notification or one, and never an exception", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (garbage) => {
      const outcome = readNotification(Buffer.from(garbage), 0, garbage.length);
      expect(["string", "object"]).toContain(typeof outcome);
    }),
  );
});

// quorum-protocol E-9
test("a frame of no bytes, or of more than 512 KiB, is refused", () => {
  for (const length of [0, -1, ELECTION_FRAME_BYTES_MAX + 1]) {
    const refused: number[] = [];
    const splitter = new FrameSplitter(
      ELECTION_FRAME_BYTES_MAX,
      () => expect.unreachable(),
      (which) => refused.push(which),
      ELECTION_FRAME_BYTES_MIN,
    );
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(length);
    splitter.push(bytes);
    expect(refused).toEqual([length]);
  }
  expect(ELECTION_FRAME_BYTES_MAX).toBe(524_288);
});

/** Pushes `hex` in pieces of `size` bytes, with a frame behind it. */
function greeted(hex: string, size: number): HandshakeReader {
  const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
  const stream = Buffer.concat([bytes, Buffer.from("0000001cffff", "hex")]);
  const reader = new HandshakeReader();
  let taken = 0;
  for (let at = 0; at < stream.length; at += size) {
    const piece = Buffer.from(stream.subarray(at, at + size));
    taken += reader.push(piece);
    piece.fill(0xee);
  }
  if (reader.handshake !== undefined) expect(taken).toBe(bytes.length);
  return reader;
}

function handshake(sid: number, addresses: readonly ElectionAddress[]): string {
  const out = new Writer();
  writeHandshake(out, sid, addresses);
  return out.written().toString("hex");
}

const ONE = { host: "127.0.0.1", port: 3888 };

// quorum-protocol 2
test("the handshake of one address is of version 1", () => {
  const hex = "ffffffffffff0000 0000000000000002 0000000e 3132372e302e302e313a33383838";
  expect(handshake(2, [ONE])).toBe(hex.replaceAll(" ", ""));
  for (const size of [1, 3, 8, 100]) {
    expect(greeted(hex, size).handshake).toEqual({ sid: 2, addresses: [ONE] });
  }
});

// quorum-protocol 2, 16/3720
test("only the handshake of several addresses is of version 2", () => {
  const several = [ONE, { host: "::1", port: 3889 }, { host: "zk.example", port: 65_535 }];
  const hex = handshake(3, several);
  expect(hex.slice(0, 16)).toBe("ffffffffffff0001");
  expect(Buffer.from(hex, "hex").toString("latin1", 20)).toBe(
    "127.0.0.1:3888|[::1]:3889|zk.example:65535",
  );
  for (const size of [1, 7, 100]) {
    expect(greeted(hex, size).handshake).toEqual({ sid: 3, addresses: several });
  }
});

// quorum-protocol 2
test("the oldest handshake is a sid and nothing else", () => {
  for (const size of [1, 8, 100]) {
    const { handshake: known } = greeted("0000000000000007", size);
    expect(known).toEqual({ sid: 7, addresses: [] });
  }
});

// quorum-protocol E-7
test("an observer without a sid says Java's largest long", () => {
  expect(greeted("7fffffffffffffff", 8).handshake).toEqual({ sid: undefined, addresses: [] });
  const newer = handshake(1, [ONE]).replace("0000000000000001", "7fffffffffffffff");
  expect(greeted(newer, 8).handshake).toEqual({ sid: undefined, addresses: [ONE] });
});

function withAddresses(text: string): string {
  const bytes = Buffer.from(text);
  const length = bytes.length.toString(16).padStart(8, "0");
  return `ffffffffffff0000 0000000000000002 ${length} ${bytes.toString("hex")}`;
}

// quorum-protocol E-1
test.each([
  ["version -1", "ffffffffffffffff"],
  ["version -65534", "ffffffffffff0002"],
  ["the smallest long", "8000000000000000"],
  ["a sid beyond 2^53", "0020000000000001"],
  ["a negative sid", "ffffffffffff0000 ffffffffffffffff 0000000e 3132372e302e302e313a33383838"],
  ["no address", "ffffffffffff0000 0000000000000002 00000000"],
  ["a negative length", "ffffffffffff0000 0000000000000002 ffffffff"],
  ["more than 2048 bytes", "ffffffffffff0000 0000000000000002 00000801"],
  ["no port", withAddresses("127.0.0.1")],
  ["an empty port", withAddresses("127.0.0.1:")],
  ["a port that is no number", withAddresses("127.0.0.1:38x8")],
  ["port 0", withAddresses("127.0.0.1:0")],
  ["a port beyond 65535", withAddresses("127.0.0.1:65536")],
  ["no host", withAddresses(":3888")],
  ["IPv6 without brackets", withAddresses("::1:3888")],
  ["a bad one among several", withAddresses("127.0.0.1:3888||[::1]:3888")],
])("a handshake with %s is refused", (_what, hex) => {
  for (const size of [1, 5, 3000]) {
    const reader = greeted(hex, size);
    expect(reader.problem).toBeTypeOf("string");
    expect(reader.handshake).toBeUndefined();
  }
});

// quorum-protocol E-1
test("a handshake has sixteen addresses at most, for all of them are dialled", () => {
  const many = (count: number): string => Array.from({ length: count }, () => "a:1").join("|");
  expect(greeted(withAddresses(many(16)), 1000).handshake?.addresses).toHaveLength(16);
  expect(greeted(withAddresses(many(17)), 1000).problem).toBe(
    "a handshake with more addresses than a server has",
  );
});

test("2048 bytes of addresses are not too many", () => {
  const port = ":3888";
  const host = "h".repeat(2048 - port.length);
  expect(greeted(withAddresses(host + port), 1000).handshake?.addresses[0]?.host).toBe(host);
});

test("garbage is no handshake or one, and never an exception", () => {
  const start = fc.constantFrom("", "ffffffffffff0000", "ffffffffffff00010000000000000001000000");
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 60 }), (head, garbage) => {
      const reader = new HandshakeReader();
      const stream = Buffer.concat([Buffer.from(head, "hex"), garbage]);
      expect(reader.push(stream)).toBeLessThanOrEqual(stream.length);
    }),
  );
});
