import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JuteError, Reader, Writer } from "../../protocol/jute.ts";
import { writeMultiHeader } from "../../protocol/multi.ts";
import {
  type MultiReadOp,
  type MultiReadResult,
  readMultiReadRequest,
  readMultiReadResponse,
  writeMultiReadRequest,
  writeMultiReadResponse,
} from "../../protocol/multi-read.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { buffer, int, stat, strings, ustring } from "./arbitraries.ts";
import { codecLaws } from "./codec-laws.ts";

const op: fc.Arbitrary<MultiReadOp> = fc.record({
  type: fc.constantFrom(OpCode.getData, OpCode.getChildren),
  request: fc.record({ path: ustring, watch: fc.boolean() }),
});

// client-protocol 6/22 multiRead
describe("MultiReadRequest", () => {
  codecLaws({
    arbitrary: fc.array(op, { maxLength: 5 }),
    read: readMultiReadRequest,
    write: writeMultiReadRequest,
  });
});

const result: fc.Arbitrary<MultiReadResult> = fc.oneof(
  fc.record({ type: fc.constant(OpCode.getData), data: buffer, stat }),
  fc.record({ type: fc.constant(OpCode.getChildren), children: strings }),
  fc.record({ type: fc.constant(OpCode.error), err: int }),
);

// client-protocol 7/4 / 8
describe("MultiReadResponse", () => {
  codecLaws({
    arbitrary: fc.array(result, { maxLength: 5 }),
    read: readMultiReadResponse,
    write: writeMultiReadResponse,
  });
});

// client-protocol 7/multiRead with any other op
test("a write, another read or a multi inside a multiRead is no multiRead", () => {
  for (const type of [OpCode.create, OpCode.exists, OpCode.getChildren2, OpCode.multi]) {
    const writer = new Writer();
    writeMultiHeader(writer, { type, done: false, err: -1 });
    writer.raw(Buffer.alloc(64));
    const reader = new Reader().reset(writer.written());
    expect(() => readMultiReadRequest(reader)).toThrow(JuteError);
  }
});
