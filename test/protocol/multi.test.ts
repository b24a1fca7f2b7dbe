import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JuteError, Reader, Writer } from "../../protocol/jute.ts";
import {
  type MultiOp,
  type MultiResult,
  readMultiHeader,
  readMultiRequest,
  readMultiResponse,
  writeMultiHeader,
  writeMultiRequest,
  writeMultiResponse,
} from "../../protocol/multi.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { acls, buffer, int, long, stat, ustring } from "./arbitraries.ts";
import { codecLaws } from "./codec-laws.ts";

// client-protocol 5/MultiHeader
describe("MultiHeader", () => {
  codecLaws({
    arbitrary: fc.record({ type: int, done: fc.boolean(), err: int }),
    read: readMultiHeader,
    write: writeMultiHeader,
  });
});

const op: fc.Arbitrary<MultiOp> = fc.oneof(
  fc.record({
    type: fc.constantFrom(OpCode.create, OpCode.create2, OpCode.createContainer),
    request: fc.record({ path: ustring, data: buffer, acl: acls, flags: int }),
  }),
  fc.record({
    type: fc.constant(OpCode.createTTL),
    request: fc.record({ path: ustring, data: buffer, acl: acls, flags: int, ttlMs: long }),
  }),
  fc.record({
    type: fc.constantFrom(OpCode.delete, OpCode.check),
    request: fc.record({ path: ustring, version: int }),
  }),
  fc.record({
    type: fc.constant(OpCode.setData),
    request: fc.record({ path: ustring, data: buffer, version: int }),
  }),
);

describe("MultiRequest", () => {
  codecLaws({
    arbitrary: fc.array(op, { maxLength: 5 }),
    read: readMultiRequest,
    write: writeMultiRequest,
  });
});

// client-protocol 7/1, 7/15, 7/2, 7/5, 7/13, 7/-1
const result: fc.Arbitrary<MultiResult> = fc.oneof(
  fc.record({ type: fc.constant(OpCode.create), path: ustring }),
  fc.record({ type: fc.constant(OpCode.create2), path: ustring, stat }),
  fc.record({ type: fc.constantFrom(OpCode.delete, OpCode.check) }),
  fc.record({ type: fc.constant(OpCode.setData), stat }),
  fc.record({ type: fc.constant(OpCode.error), err: int }),
);

describe("MultiResponse", () => {
  codecLaws({
    arbitrary: fc.array(result, { maxLength: 5 }),
    read: readMultiResponse,
    write: writeMultiResponse,
  });
});

// client-protocol 7/empty multi
test("a multi without operations is the end header alone", () => {
  const writer = new Writer();
  writeMultiRequest(writer, []);
  writeMultiResponse(writer, []);
  expect(writer.written().toString("hex")).toBe("ffffffff01ffffffff".repeat(2));
});

// client-protocol 7/op k fails, Trap 5
test("a failed operation has its code in its header and again behind it", () => {
  const writer = new Writer();
  writeMultiResponse(writer, [
    { type: OpCode.error, err: 0 },
    { type: OpCode.error, err: -103 },
    { type: OpCode.error, err: -2 },
  ]);
  expect(writer.written().toString("hex")).toBe(
    [
      "ffffffff 00 00000000 00000000",
      "ffffffff 00 ffffff99 ffffff99",
      "ffffffff 00 fffffffe fffffffe",
      "ffffffff 01 ffffffff",
    ]
      .join("")
      .replaceAll(" ", ""),
  );
});

// client-protocol 7/undecodable
test("a read, a multi or an unknown number inside a multi is no multi", () => {
  for (const type of [OpCode.getData, OpCode.multi, OpCode.deleteContainer, OpCode.error, 999]) {
    const writer = new Writer();
    writeMultiHeader(writer, { type, done: false, err: -1 });
    writer.raw(Buffer.alloc(64));
    const reader = new Reader().reset(writer.written());
    expect(() => readMultiRequest(reader)).toThrow(JuteError);
  }
});

test("only `done` ends a multi", () => {
  const writer = new Writer();
  writeMultiRequest(writer, [{ type: OpCode.delete, request: { path: "/a", version: 1 } }]);
  const withoutEnd = writer.written().subarray(0, -9);
  expect(() => readMultiRequest(new Reader().reset(withoutEnd))).toThrow(JuteError);
});
