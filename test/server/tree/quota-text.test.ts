import fc from "fast-check";
import { expect, test } from "vitest";
import { adjustedText, QuotaText, writePlainText } from "../../../server/tree/quota-text.ts";

function read(text: string): QuotaText | undefined {
  const quota = new QuotaText();
  const bytes = Buffer.from(`<${text}>`);
  return quota.read(bytes, 1, bytes.length - 1) ? quota : undefined;
}

// server-semantics 9.1/text format
test("what is written is read again", () => {
  const number = fc.maxSafeInteger();
  fc.assert(
    fc.property(number, number, (count, bytes) => {
      const target = Buffer.alloc(64);
      const text = target.toString("latin1", 0, writePlainText(target, count, bytes));
      expect(text).toBe(`count=${count},bytes=${bytes}`);
      expect(read(text)).toMatchObject({ count, bytes, isPlain: true });
      expect(adjustedText(text, 0, 0)).toBe(text);
    }),
  );
});

// server-semantics 9.1/text format
test("limits are named, and none is -1", () => {
  expect(read("count=-1,bytes=-1=;byteHardLimit=12;countHardLimit=3")).toMatchObject({
    count: -1,
    bytes: -1,
    byteHardLimit: 12,
    countHardLimit: 3,
    isPlain: false,
  });
  expect(read("")).toMatchObject({ count: -1, bytes: -1, countHardLimit: -1, byteHardLimit: -1 });
  expect(read("count=,bytes=4")).toMatchObject({ count: -1, bytes: 4 });
});

test("what is no text of a quota is recognised", () => {
  for (const text of [
    "garbage",
    "count=x",
    "count= 1",
    "count=1\n",
    "count=-",
    "count",
    "=",
    "a=+",
  ]) {
    const isReadable = text === "=";
    expect(read(text) !== undefined, text).toBe(isReadable);
  }
  expect(read(`count=${"9".repeat(19)}`)).toBeUndefined();
  expect(read("count=-9223372036854775808")).toBeDefined();
  expect(read("count=-9223372036854775809")).toBeUndefined();
  expect(read(`count=1${",".repeat(1024)}`)).toBeUndefined();
});

test("every text that can be read can be adjusted", () => {
  const piece = fc.constantFrom("count", "bytes", "k", "=", ",", ";", "1", "-", "+", "99999", "é");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 16 }), (pieces) => {
      const text = pieces.join("");
      const before = read(text);
      if (before === undefined) return;
      const { count, bytes } = before;
      const after = adjustedText(text, 1, -2);
      if (Number.isSafeInteger(count + 1) && Number.isSafeInteger(bytes - 2)) {
        expect(read(after)).toMatchObject({ count: count + 1, bytes: bytes - 2 });
      }
    }),
    { numRuns: 2000 },
  );
});
