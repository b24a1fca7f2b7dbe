import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JuteError, Reader, Writer } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import {
  DIGEST_VERSION,
  readTxn,
  readTxnBody,
  readTxnDigest,
  readTxnHeader,
  TXN_DIGEST_BYTES,
  type Txn,
  type TxnBody,
  type TxnHeader,
  writeTxn,
  writeTxnBody,
  writeTxnDigest,
  writeTxnHeader,
} from "../../protocol/txn.ts";
import { acls, buffer, int, long, text, ustring } from "./arbitraries.ts";
import { codecLaws } from "./codec-laws.ts";

const closeList = fc.oneof(
  fc.constantFrom(undefined, null),
  fc.array(
    text.map((name) => `/${name}`),
    { maxLength: 4 },
  ),
);

const created = { path: ustring, data: buffer, acl: acls, parentCVersion: int };

/** Every type of txn but multi. */
const part: fc.Arbitrary<TxnBody> = fc.oneof(
  fc.record({
    type: fc.constantFrom(OpCode.create, OpCode.create2),
    ...created,
    ephemeral: fc.boolean(),
  }),
  fc.record({ type: fc.constant(OpCode.createContainer), ...created }),
  fc.record({ type: fc.constant(OpCode.createTTL), ...created, ttlMs: long }),
  fc.record({ type: fc.constantFrom(OpCode.delete, OpCode.deleteContainer), path: ustring }),
  fc.record({
    type: fc.constantFrom(OpCode.setData, OpCode.reconfig),
    path: ustring,
    data: buffer,
    version: int,
  }),
  fc.record({ type: fc.constant(OpCode.setACL), path: ustring, acl: acls, version: int }),
  fc.record({ type: fc.constant(OpCode.check), path: ustring, version: int }),
  fc.record({ type: fc.constant(OpCode.createSession), timeoutMs: int }),
  fc.record({ type: fc.constant(OpCode.closeSession), paths: closeList }),
  fc.record({ type: fc.constant(OpCode.error), err: int }),
);

const body: fc.Arbitrary<TxnBody> = fc.oneof(
  { weight: 4, arbitrary: part },
  fc.record({ type: fc.constant(OpCode.multi), txns: fc.array(part, { maxLength: 4 }) }),
);

const header = fc.record({
  sessionHigh: int,
  sessionLow: int,
  cxid: int,
  zxid: long,
  timeMs: long,
});

const digest = fc.record({
  version: fc.constant(DIGEST_VERSION),
  digestHigh: int,
  digestLow: int,
});

const txn: fc.Arbitrary<Txn> = fc
  .tuple(header, body, fc.option(digest, { nil: undefined }))
  .map(([head, does, after]) => ({
    header: { ...head, type: does.type },
    body: does,
    digest: after,
  }));

// server-semantics 4, storage ST-6
describe("TxnHeader", () => {
  codecLaws({
    arbitrary: fc.tuple(header, int).map(([head, type]): TxnHeader => ({ ...head, type })),
    read: readTxnHeader,
    write: writeTxnHeader,
  });
});

describe("TxnDigest", () => {
  codecLaws({ arbitrary: digest, read: readTxnDigest, write: writeTxnDigest });
});

// storage 3/−10, 3/−11, 3/−1, 3/1, 3/2, 3/5, 3/7, 3/13, 3/14, 3/19, 3/21
// server-semantics 4/1, 4/19, 4/21, 4/2, 4/5, 4/7, 4/-10, 4/-11, 4/14, 4/13, 4/-1
describe("Txn", () => {
  codecLaws({ arbitrary: txn, read: readTxn, write: writeTxn, optionalEnd: true });
});

function bodyBytes(does: TxnBody): Buffer {
  const writer = new Writer();
  writeTxnBody(writer, does);
  return writer.take();
}

const CREATE: TxnBody = {
  type: OpCode.create,
  path: "/a",
  data: Buffer.from("v"),
  acl: [{ perms: 31, id: { scheme: "world", id: "anyone" } }],
  ephemeral: false,
  parentCVersion: 7,
};

// storage 3/1
test("a create of logs before 3.4 ends early and means one more than there is", () => {
  const bytes = bodyBytes(CREATE);
  const old = new Reader().reset(bytes, 0, bytes.length - 4);
  expect(readTxnBody(old, OpCode.create)).toEqual({ ...CREATE, parentCVersion: -1 });
  for (let missing = 1; missing < 4; missing++) {
    const torn = new Reader().reset(bytes, 0, bytes.length - missing);
    expect(() => readTxnBody(torn, OpCode.create)).toThrow(JuteError);
  }
});

// storage 3/−11
test("a close of a session without a list is told from one with an empty list", () => {
  for (const [paths, after] of [
    [undefined, undefined],
    [undefined, { version: DIGEST_VERSION, digestHigh: 0, digestLow: 0 }],
    [[], undefined],
    [[], { version: DIGEST_VERSION, digestHigh: 0, digestLow: 0 }],
    // As long as a digest: one path of four bytes, or two of none, which no znode has.
    [["/abc"], undefined],
    [["/abc"], { version: DIGEST_VERSION, digestHigh: 1, digestLow: 2 }],
  ] as const) {
    const writer = new Writer();
    const closed: Txn = {
      header: {
        sessionHigh: 1,
        sessionLow: 2,
        cxid: 3,
        zxid: 4,
        timeMs: 5,
        type: OpCode.closeSession,
      },
      body: { type: OpCode.closeSession, paths },
      digest: after,
    };
    writeTxn(writer, closed);
    expect(readTxn(new Reader().reset(writer.written()))).toStrictEqual(closed);
  }
});

// storage 3
test("a txn of a type that does not exist is refused", () => {
  for (const type of [0, 3, 4, 6, 8, 9, 11, 12, 17, 18, 22, 100, -2, -12, 999]) {
    const reader = new Reader().reset(Buffer.alloc(64));
    expect(() => readTxnBody(reader, type)).toThrow(JuteError);
  }
});

test("fewer than twelve bytes behind a body are no digest", () => {
  const writer = new Writer();
  writeTxn(writer, {
    header: { sessionHigh: 0, sessionLow: 0, cxid: 0, zxid: 1, timeMs: 0, type: OpCode.delete },
    body: { type: OpCode.delete, path: "/a" },
    digest: { version: DIGEST_VERSION, digestHigh: 1, digestLow: 2 },
  });
  const bytes = writer.written();
  const withAll = new Reader().reset(bytes);
  expect(readTxn(withAll).digest).toEqual({ version: 2, digestHigh: 1, digestLow: 2 });
  for (let missing = 1; missing <= TXN_DIGEST_BYTES; missing++) {
    const reader = new Reader().reset(bytes, 0, bytes.length - missing);
    expect(readTxn(reader).digest).toBeUndefined();
  }
});

test("a multi inside a multi and parts without bytes are refused", () => {
  const nested = Buffer.from("000000010000000e0000000400000000", "hex");
  expect(() => readTxnBody(new Reader().reset(nested), OpCode.multi)).toThrow(JuteError);
  const nullPart = Buffer.from("0000000100000002ffffffff", "hex");
  expect(() => readTxnBody(new Reader().reset(nullPart), OpCode.multi)).toThrow(JuteError);
  const nullVector = Buffer.from("ffffffff", "hex");
  expect(() => readTxnBody(new Reader().reset(nullVector), OpCode.multi)).toThrow(JuteError);
});

test("a part of a multi that needs more bytes than its own is refused", () => {
  // The length says 4, the path's length says 8: the rest would come from what follows.
  const bytes = Buffer.from("000000010000000200000004000000082f61626364656667", "hex");
  expect(() => readTxnBody(new Reader().reset(bytes), OpCode.multi)).toThrow(JuteError);
});

// server-semantics Trap 10
test("a multi that failed keeps its parts and says so itself", () => {
  const failed: TxnBody = {
    type: OpCode.multi,
    txns: [CREATE, { type: OpCode.error, err: -103 }, { type: OpCode.error, err: -2 }],
  };
  expect(readTxnBody(new Reader().reset(bodyBytes(failed)), OpCode.multi)).toEqual(failed);
});
