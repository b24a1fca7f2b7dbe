import fc from "fast-check";
import { expect, test } from "vitest";
import {
  bigIntHighWord,
  bigIntLowWord,
  COUNTER_MAX,
  EPOCH_MAX,
  fromWords,
  highWord,
  lowWord,
  makeZxid,
  sessionHex,
  wordsHex,
  wordsToBigInt,
  zxidCounter,
  zxidEpoch,
  zxidHex,
} from "../../protocol/zxid.ts";

const epoch = fc.integer({ min: 0, max: EPOCH_MAX });
const counter = fc.integer({ min: 0, max: COUNTER_MAX });

test("a zxid is an epoch and a counter, up to the last of both", () => {
  expect(makeZxid(EPOCH_MAX, COUNTER_MAX)).toBe(Number.MAX_SAFE_INTEGER);
  for (const [e, c] of [
    [0, 0],
    [0, COUNTER_MAX],
    [1, 0],
    [EPOCH_MAX, 0],
    [EPOCH_MAX, COUNTER_MAX],
  ] as const) {
    const zxid = makeZxid(e, c);
    expect(Number.isSafeInteger(zxid)).toBe(true);
    expect([zxidEpoch(zxid), zxidCounter(zxid)]).toEqual([e, c]);
  }
});

test("zxids order as their epochs, then as their counters", () => {
  fc.assert(
    fc.property(epoch, counter, epoch, counter, (e1, c1, e2, c2) => {
      const order = e1 === e2 ? c1 - c2 : e1 - e2;
      expect(Math.sign(makeZxid(e1, c1) - makeZxid(e2, c2))).toBe(Math.sign(order));
    }),
  );
});

test("a number and its two words are the same value, negative ones too", () => {
  const edges = fc.constantFrom(
    0,
    -1,
    1,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    -0x8000_0000,
    -0xffff_ffff,
    -0x1_0000_0000,
    -0x1_0000_0001,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
  );
  fc.assert(
    fc.property(fc.oneof(edges, fc.maxSafeInteger()), (value) => {
      const high = highWord(value);
      const low = lowWord(value);
      expect([high | 0, low | 0]).toEqual([high, low]);
      expect(fromWords(high, low)).toBe(value);
      expect(wordsToBigInt(high, low)).toBe(BigInt(value));
    }),
    { numRuns: 500 },
  );
});

test("words and wide integers are the same value over all 64 bits", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer(), (high, low) => {
      const wide = wordsToBigInt(high, low);
      expect([bigIntHighWord(wide), bigIntLowWord(wide)]).toEqual([high, low]);
      expect(wordsHex(high, low)).toBe(BigInt.asUintN(64, wide).toString(16).padStart(16, "0"));
      expect(sessionHex(high, low)).toBe(`0x${BigInt.asUintN(64, wide).toString(16)}`);
    }),
  );
});

// storage ST-1
test("hexadecimal is lower-case, without padding or prefix, and unsigned", () => {
  expect(zxidHex(0)).toBe("0");
  expect(zxidHex(makeZxid(1, 0xab))).toBe("1000000ab");
  expect(zxidHex(Number.MAX_SAFE_INTEGER)).toBe("1fffffffffffff");
  expect(zxidHex(-1)).toBe("ffffffffffffffff");
  expect(wordsHex(1, -1)).toBe("00000001ffffffff");
  expect(sessionHex(0x0100_0012, 0x8316_0000)).toBe("0x100001283160000");
  expect(sessionHex(-1, 0)).toBe("0xffffffff00000000");
});
