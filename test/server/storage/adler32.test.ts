import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ADLER_START, adler32 } from "../../../server/storage/adler32.ts";

/** A zlib stream ends with the Adler-32 of what it holds. */
function reference(bytes: Uint8Array): number {
  const stream = deflateSync(bytes, { level: 0 });
  return stream.readUInt32BE(stream.length - 4);
}

test("the checksum is zlib's for any bytes, also where the sums are largest", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 9000 }), (bytes) => {
      expect(adler32(bytes, 0, bytes.length)).toBe(reference(bytes));
    }),
  );
  for (const length of [0, 1, 3839, 3840, 3841, 7680, 65_521, 1_000_003]) {
    const bytes = Buffer.alloc(length, 0xff);
    expect(adler32(bytes, 0, length)).toBe(reference(bytes));
  }
});

test("a sum goes on from any sum before it", () => {
  const bytes = Buffer.alloc(20_000, 0xfe);
  fc.assert(
    fc.property(fc.nat(20_000), fc.nat(20_000), (a, b) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      const first = adler32(bytes, 0, from, ADLER_START);
      const second = adler32(bytes, from, to, first);
      expect(adler32(bytes, to, bytes.length, second)).toBe(reference(bytes));
    }),
    { numRuns: 50 },
  );
});
