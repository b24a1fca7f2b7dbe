import fc from "fast-check";
import { expect, test } from "vitest";
import { isBeyondRange, parsePlace, placesInOrder } from "../../recipes/sequence.ts";

const GUID = "c8d7b1a0-5d3c-4e1f-9a6b-0f1e2d3c4b5a";
const HEX = "0123456789abcdef0123456789abcdef";

test("each family's names are known", () => {
  const families = {
    [`_c_${GUID}-lock-0000000007`]: "curator",
    [`_c_${HEX}-lock-0000000007`]: "curator",
    "lock-0000000007": "curator",
    [`_c_${GUID}-__READ__0000000007`]: "curator-read-write",
    [`_c_${GUID}-__WRIT__0000000007`]: "curator-read-write",
    [`${HEX}__lock__0000000007`]: "kazoo",
    [`${HEX}__rlock__0000000007`]: "kazoo",
    "x-72057594038321153-0000000007": "zookeeper-recipe",
    "x--72057594038321153-0000000007": "zookeeper-recipe",
  };
  for (const [name, family] of Object.entries(families)) {
    expect(parsePlace(name)).toEqual({ name, family, sequence: 7 });
  }
});

// recipes LY-3, OR-1
test("a name without a family and ten digits is no contender", () => {
  const foreign = [
    "000",
    "lock-",
    "lock-1",
    "lock-00000000001",
    "lock-0000000001x",
    "leader",
    "x-",
  ];
  for (const name of foreign) expect(parsePlace(name)).toBeUndefined();
});

// recipes OR-1, Trap 18, Trap 19
test("places stand in the order of their numbers, whatever their names", () => {
  const sequences = fc.uniqueArray(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));
  fc.assert(
    fc.property(sequences, fc.func(fc.uuid()), (numbers, guidOf) => {
      const names = numbers.map((number) => `_c_${guidOf(number)}-lock-${suffix(number)}`);
      const order = placesInOrder([...names, "000"]).map((place) => place.sequence);
      expect(order).toEqual([...numbers].sort((a, b) => a - b));
    }),
  );
});

// recipes OR-3
test("the last number and those after it order nobody", () => {
  expect([0, 2 ** 31 - 2].map(isBeyondRange)).toEqual([false, false]);
  expect([2 ** 31 - 1, -(2 ** 31), -1].map(isBeyondRange)).toEqual([true, true, true]);
});

/** As a server formats it: ten characters at least, the sign among them. */
function suffix(number: number): string {
  return number < 0 ? `-${String(-number).padStart(9, "0")}` : String(number).padStart(10, "0");
}
