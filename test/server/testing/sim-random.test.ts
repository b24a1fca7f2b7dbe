import { expect, test } from "vitest";
import { SimRandom, TraceHash } from "../../../server/testing/index.ts";

test("a seed means the same numbers everywhere", () => {
  const draw = new SimRandom(1);
  expect([draw.word(), draw.word(), draw.word()]).toEqual([
    393_288_148, 2_174_103_013, 3_814_759_091,
  ]);
  expect(new SimRandom(2 ** 40 + 1).word()).not.toBe(new SimRandom(1).word());
});

test("a fork goes its own way and does not move the stream that it came from", () => {
  const one = new SimRandom(5);
  const other = new SimRandom(5);
  const fork = one.fork();
  other.fork();
  fork.word();
  fork.word();
  expect(one.word()).toBe(other.word());
});

test("numbers stay in their bounds and reach them", () => {
  const draw = new SimRandom(3);
  const seen = new Set<number>();
  for (let i = 0; i < 1000; i++) seen.add(draw.between(-1, 2));
  expect(seen).toEqual(new Set([-1, 0, 1, 2]));
  for (let i = 0; i < 1000; i++) {
    const fraction = draw.fraction();
    expect(fraction >= 0 && fraction < 1).toBe(true);
  }
  expect(draw.chance(0)).toBe(false);
  expect(draw.chance(1)).toBe(true);
});

test("the trace hash is the same for the same trace, and another for any other", () => {
  const digests = [[1, 2], [2, 1], [1, 2, 0], [1], []].map((words) => {
    const hash = new TraceHash();
    for (const word of words) hash.word(word);
    return hash.digest();
  });
  expect(new Set(digests).size).toBe(digests.length);
  const hash = new TraceHash();
  hash.count(2 ** 33 + 1);
  hash.text("zk");
  hash.bytes(Buffer.from([1, 2, 3]));
  expect(hash.digest()).toBe("dd5837963cecdb08");
});
