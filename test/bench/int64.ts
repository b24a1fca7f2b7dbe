// What a 64-bit value costs as a bigint, as a number and as a pair of 32-bit words: the ground of
// protocol/zxid.ts. Prints a table of nanoseconds an operation (the best of many rounds: what else
// runs on the machine only adds) and of bytes a value.
//
// `npm run bench:int64`, which needs --expose-gc.

import { wordsHex } from "../../protocol/zxid.ts";

/** Values of a round: few enough to stay in the cache, so that the operation is what is measured. */
const VALUES = 4096;
/** Rounds of each operation; the first ones warm it up. */
const ROUNDS = 1500;
/** Values whose memory is measured. */
const KEPT = 1_000_000;
const TWO_32 = 0x1_0000_0000;

// Zxids of epoch 5, and session ids as a server of id 1 gives them: neither fits 32 bits.
const highs = Int32Array.from({ length: VALUES }, () => 5);
const lows = Int32Array.from({ length: VALUES }, (_, i) => Math.imul(i, 0x9e37_79b1));
const numbers: number[] = Array.from({ length: VALUES }, (_, i) => numberAt(i));
const bigints: bigint[] = numbers.map((value) => BigInt(value));
const bytes = new DataView(new ArrayBuffer(VALUES * 8));

function numberAt(i: number): number {
  return (highs[i] as number) * TWO_32 + ((lows[i] as number) >>> 0);
}

/** Runs VALUES operations and returns what keeps them from being optimised away. */
type Round = () => unknown;

interface Row {
  readonly operation: string;
  readonly bigint: Round;
  readonly number: Round;
  readonly words: Round;
}

class BigIntCounter {
  value = 0x5_0000_0000n;
}

class NumberCounter {
  value = 0x5_0000_0000;
}

class WordsCounter {
  high = 5;
  low = 0;
}

const bigintCounter = new BigIntCounter();
const numberCounter = new NumberCounter();
const wordsCounter = new WordsCounter();
const byBigint = new Map(bigints.map((value, i) => [value, i]));
const byNumber = new Map(numbers.map((value, i) => [value, i]));
const byHex = new Map(numbers.map((_, i) => [hexAt(i), i]));

function hexAt(i: number): string {
  return wordsHex(highs[i] as number, lows[i] as number);
}

const rows: readonly Row[] = [
  {
    operation: "compare two",
    bigint: () => {
      let greater = 0;
      for (let i = 1; i < VALUES; i++) {
        if ((bigints[i] as bigint) > (bigints[i - 1] as bigint)) greater++;
      }
      return greater;
    },
    number: () => {
      let greater = 0;
      for (let i = 1; i < VALUES; i++) {
        if ((numbers[i] as number) > (numbers[i - 1] as number)) greater++;
      }
      return greater;
    },
    words: () => {
      let greater = 0;
      for (let i = 1; i < VALUES; i++) {
        const high = highs[i] as number;
        const before = highs[i - 1] as number;
        if (
          high > before ||
          (high === before && (lows[i] as number) >>> 0 > (lows[i - 1] as number) >>> 0)
        ) {
          greater++;
        }
      }
      return greater;
    },
  },
  {
    operation: "increment a field",
    bigint: () => {
      for (let i = 0; i < VALUES; i++) bigintCounter.value += 1n;
      return bigintCounter.value;
    },
    number: () => {
      for (let i = 0; i < VALUES; i++) numberCounter.value += 1;
      return numberCounter.value;
    },
    words: () => {
      for (let i = 0; i < VALUES; i++) {
        wordsCounter.low = (wordsCounter.low + 1) | 0;
        if (wordsCounter.low === 0) wordsCounter.high = (wordsCounter.high + 1) | 0;
      }
      return wordsCounter.low;
    },
  },
  {
    operation: "write to bytes",
    bigint: () => {
      for (let i = 0; i < VALUES; i++) bytes.setBigInt64(i * 8, bigints[i] as bigint);
      return bytes;
    },
    number: () => {
      for (let i = 0; i < VALUES; i++) {
        const value = numbers[i] as number;
        bytes.setInt32(i * 8, Math.floor(value / TWO_32));
        bytes.setInt32(i * 8 + 4, value);
      }
      return bytes;
    },
    words: () => {
      for (let i = 0; i < VALUES; i++) {
        bytes.setInt32(i * 8, highs[i] as number);
        bytes.setInt32(i * 8 + 4, lows[i] as number);
      }
      return bytes;
    },
  },
  {
    operation: "read from bytes, keep in an array",
    bigint: () => {
      for (let i = 0; i < VALUES; i++) bigints[i] = bytes.getBigInt64(i * 8);
      return bigints;
    },
    number: () => {
      for (let i = 0; i < VALUES; i++) {
        numbers[i] = bytes.getInt32(i * 8) * TWO_32 + bytes.getUint32(i * 8 + 4);
      }
      return numbers;
    },
    words: () => {
      for (let i = 0; i < VALUES; i++) {
        highs[i] = bytes.getInt32(i * 8);
        lows[i] = bytes.getInt32(i * 8 + 4);
      }
      return lows;
    },
  },
  {
    operation: "read from bytes, find in a map",
    bigint: () => {
      let found = 0;
      for (let i = 0; i < VALUES; i++) found += byBigint.get(bytes.getBigInt64(i * 8)) ?? 0;
      return found;
    },
    number: () => {
      let found = 0;
      for (let i = 0; i < VALUES; i++) {
        found += byNumber.get(bytes.getInt32(i * 8) * TWO_32 + bytes.getUint32(i * 8 + 4)) ?? 0;
      }
      return found;
    },
    words: () => {
      let found = 0;
      for (let i = 0; i < VALUES; i++) {
        found += byHex.get(wordsHex(bytes.getInt32(i * 8), bytes.getInt32(i * 8 + 4))) ?? 0;
      }
      return found;
    },
  },
  {
    operation: "find in a map, the key at hand",
    bigint: () => {
      let found = 0;
      for (const key of bigints) found += byBigint.get(key) ?? 0;
      return found;
    },
    number: () => {
      let found = 0;
      for (const key of numbers) found += byNumber.get(key) ?? 0;
      return found;
    },
    words: () => {
      let found = 0;
      for (const key of hexKeys) found += byHex.get(key) ?? 0;
      return found;
    },
  },
  {
    operation: "as hexadecimal text",
    bigint: () => bigints.reduce((length, value) => length + value.toString(16).length, 0),
    number: () => numbers.reduce((length, value) => length + value.toString(16).length, 0),
    words: () => lows.reduce((length, _, i) => length + hexAt(i).length, 0),
  },
];

/** As a session holds its own key. */
const hexKeys: readonly string[] = [...byHex.keys()];

function nanoseconds(round: Round): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS; i++) {
    const start = process.hrtime.bigint();
    const result = round();
    const took = Number(process.hrtime.bigint() - start);
    if (result === undefined) throw new Error("a round without a result");
    best = Math.min(best, took);
  }
  return best / VALUES;
}

/** Bytes that one more value of these takes, each in a field of an object of its own. */
function bytesInObjects(make: (i: number) => object): number {
  const kept: object[] = new Array<object>(KEPT);
  const before = heapBytes();
  for (let i = 0; i < KEPT; i++) kept[i] = make(i);
  const after = heapBytes();
  if (kept.length !== KEPT) throw new Error("they are all needed until here");
  return (after - before) / KEPT;
}

function heapBytes(): number {
  if (globalThis.gc === undefined) throw new Error("run with --expose-gc");
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

function line(cells: readonly string[]): void {
  console.log(`| ${cells.join(" | ")} |`);
}

line(["nanoseconds", "bigint", "number", "two words"]);
line(["---", "---:", "---:", "---:"]);
for (const { operation, bigint, number, words } of rows) {
  line([operation, ...[bigint, number, words].map((round) => nanoseconds(round).toFixed(1))]);
}
const empty = bytesInObjects((i) => ({ i }));
const inField = [
  bytesInObjects((i) => ({ i, value: BigInt(i) + 0x5_0000_0000n })),
  bytesInObjects((i) => ({ i, value: i + 0x5_0000_0000 })),
  bytesInObjects((i) => ({ i, high: 5, low: i })),
];
line(["bytes in an object", ...inField.map((all) => (all - empty).toFixed(0))]);
line(["bytes in a typed array", "8", "8", "8"]);
