import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32, crc32Word } from "../../../server/tree/crc32.ts";

/** One bit at a time, as the polynomial says. */
function bitwise(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc;
}

test("the check value of CRC-32 is cbf43926", () => {
  expect(crc32(Buffer.from("123456789"), 0, 9) >>> 0).toBe(0xcbf43926);
  expect(crc32(Buffer.from("123456789"), 3, 3)).toBe(0);
});

test("any bytes, cut anywhere, give what one bit at a time gives", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), fc.nat(60), (bytes, a, b) => {
      const start = Math.min(a, b, bytes.length);
      const end = Math.min(Math.max(a, b), bytes.length);
      const first = crc32(bytes, 0, start);
      expect(first).toBe(bitwise(bytes.subarray(0, start)));
      expect(crc32(bytes, start, end, first)).toBe(bitwise(bytes.subarray(0, end)));
    }),
  );
});

test("a word is its four bytes, the highest first", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer(), (crc, word) => {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32BE(word);
      expect(crc32Word(crc, word)).toBe(crc32(bytes, 0, 4, crc));
    }),
  );
});
