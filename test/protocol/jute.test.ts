import fc from "fast-check";
import { expect, test } from "vitest";
import { JuteError, MAX_BUFFER_DEFAULT, Reader, Writer } from "../../protocol/jute.ts";
import { buffer, int, long, ustring } from "./arbitraries.ts";

function hex(write: (writer: Writer) => void): string {
  const writer = new Writer(1);
  write(writer);
  return writer.written().toString("hex");
}

function reading(bytes: string): Reader {
  return new Reader().reset(Buffer.from(bytes.replaceAll(" ", ""), "hex"));
}

// client-protocol 1/byte, 1/boolean, 1/int, 1/long
test("numbers are big-endian and two's complement", () => {
  expect(hex((w) => w.byte(0x1ff))).toBe("ff");
  expect(hex((w) => w.boolean(true))).toBe("01");
  expect(hex((w) => w.boolean(false))).toBe("00");
  expect(hex((w) => w.int(-2))).toBe("fffffffe");
  expect(hex((w) => w.int(0x0102_0304))).toBe("01020304");
  expect(hex((w) => w.long(-1))).toBe("ffffffffffffffff");
  expect(hex((w) => w.long(0x1_0000_0002))).toBe("0000000100000002");
  expect(hex((w) => w.words(-0x8000_0000, 1))).toBe("8000000000000001");
  expect(hex((w) => w.bigint(-0x8000_0000_0000_0000n))).toBe("8000000000000000");
});

// client-protocol 1/boolean, Trap 14
test("any byte but zero is true", () => {
  for (let byte = 0; byte < 256; byte++) {
    expect(new Reader().reset(Buffer.of(byte)).boolean()).toBe(byte !== 0);
  }
});

// client-protocol 1/ustring, 1/buffer, Trap 13
test("null and empty are two values, as text and as bytes", () => {
  expect(hex((w) => w.string(null))).toBe("ffffffff");
  expect(hex((w) => w.string(""))).toBe("00000000");
  expect(hex((w) => w.buffer(null))).toBe("ffffffff");
  expect(hex((w) => w.buffer(Buffer.alloc(0)))).toBe("00000000");
  expect(reading("ffffffff").string()).toBe(null);
  expect(reading("00000000").string()).toBe("");
  expect(reading("ffffffff").buffer()).toBe(null);
  expect(reading("00000000").buffer()).toEqual(Buffer.alloc(0));
});

test("all that is written comes back, in order, whatever the writer's size", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(int, long, ustring, buffer, fc.boolean(), fc.bigInt(MIN_64, MAX_64))),
      fc.integer({ min: 1, max: 64 }),
      (rows, capacity) => {
        const writer = new Writer(capacity);
        for (const [i, l, s, b, flag, wide] of rows) {
          writer.int(i);
          writer.long(l);
          writer.string(s);
          writer.buffer(b);
          writer.boolean(flag);
          writer.bigint(wide);
        }
        const reader = new Reader().reset(writer.written());
        const back = rows.map(() => [
          reader.int(),
          reader.safeLong(),
          reader.string(),
          reader.buffer(),
          reader.boolean(),
          reader.bigint(),
        ]);
        expect(back).toEqual(rows);
        expect(reader.remaining).toBe(0);
      },
    ),
  );
});

const MIN_64 = -(2n ** 63n);
const MAX_64 = 2n ** 63n - 1n;

// client-protocol 1
test("a length below -1, above the limit or beyond the record is refused", () => {
  for (const length of ["fffffffe", "80000000", "7fffffff", "00000005"]) {
    const bytes = `${length} 61626364`;
    expect(() => reading(bytes).string()).toThrow(JuteError);
    expect(() => reading(bytes).buffer()).toThrow(JuteError);
    expect(() => reading(bytes).bufferLength()).toThrow(JuteError);
  }
  expect(reading("00000004 61626364").string()).toBe("abcd");
});

// client-protocol 1
test("the limit of a string is jute.maxbuffer plus as much again", () => {
  const limit = 2 * MAX_BUFFER_DEFAULT;
  const writer = new Writer();
  writer.buffer(Buffer.alloc(limit, "a"));
  writer.buffer(Buffer.alloc(limit + 1, "a"));
  const reader = new Reader().reset(writer.written());
  expect(reader.string()).toHaveLength(limit);
  expect(() => reader.string()).toThrow(JuteError);
});

// client-protocol 1
test("a vector has as many elements as its bytes can hold", () => {
  expect(reading("ffffffff").vectorLength(4)).toBe(-1);
  expect(reading("00000000").vectorLength(4)).toBe(0);
  expect(reading("00000002 0000000000000000").vectorLength(4)).toBe(2);
  expect(() => reading("00000003 0000000000000000").vectorLength(4)).toThrow(JuteError);
  expect(() => reading("7fffffff 0000000000000000").vectorLength(4)).toThrow(JuteError);
  expect(() => reading("fffffffe 0000000000000000").vectorLength(4)).toThrow(JuteError);
});

// client-protocol 1
test("bytes that are no UTF-8 read as replacement characters", () => {
  expect(reading("00000003 61ff62").string()).toBe("a\ufffdb");
  // A character beyond the BMP as Java writes it: two surrogates of three bytes each.
  expect(reading("00000006 eda0bdedb880").string()).toMatch(/^\ufffd+$/);
});

test("half a character is written as a replacement character", () => {
  expect(hex((w) => w.string("\ud800"))).toBe("00000003efbfbd");
});

test("a 64-bit value that a number does not hold is refused where it would be kept", () => {
  expect(reading("001fffffffffffff").safeLong()).toBe(Number.MAX_SAFE_INTEGER);
  expect(reading("ffe0000000000001").safeLong()).toBe(Number.MIN_SAFE_INTEGER);
  expect(() => reading("0020000000000000").safeLong()).toThrow(JuteError);
  expect(() => reading("ffdfffffffffffff").safeLong()).toThrow(JuteError);
  expect(() => reading("7fffffffffffffff").safeLong()).toThrow(JuteError);
  expect(reading("7fffffffffffffff").long()).toBe(2 ** 63);
});

test("a reader goes from one buffer to another and back", () => {
  const first = Buffer.from("0000000100000002", "hex");
  const second = Buffer.from("00000003", "hex");
  const reader = new Reader();
  expect(reader.reset(first).int()).toBe(1);
  expect(reader.reset(second).int()).toBe(3);
  expect(reader.reset(first, 4).int()).toBe(2);
  expect(() => reader.int()).toThrow(JuteError);
  expect(() => reader.reset(first, 0, 3).int()).toThrow(JuteError);
});

test("a skipped field is stepped over, not beyond the end", () => {
  const reader = reading("00000002 6162 00000007");
  reader.skip(reader.bufferLength());
  expect(reader.int()).toBe(7);
  expect(() => reader.skip(1)).toThrow(JuteError);
});

test("clear keeps the memory and take gives it away", () => {
  const writer = new Writer(4);
  writer.int(1);
  const memory = writer.bytes;
  writer.clear();
  writer.int(2);
  expect(writer.bytes).toBe(memory);
  const taken = writer.take();
  writer.int(3);
  expect(taken.toString("hex")).toBe("00000002");
  expect(writer.written().toString("hex")).toBe("00000003");
});

test("bytes written before are patched in place", () => {
  const writer = new Writer(4);
  const at = writer.reserve(4);
  writer.int(7);
  writer.patchInt(at, writer.length);
  expect(writer.written().toString("hex")).toBe("0000000800000007");
});
