import { expect, test } from "vitest";
import { ONE_SERVER, run } from "./run.ts";
import { addRun, emptySum, unreached } from "./sweep.ts";

/** The seeds within which each planted bug is found: clean without one. */
const SEEDS = 200;

// server-semantics 3.6/1, 3.6/2, 3.6/3, 3.6/4, 3.6/6, 5.2, 6.4/1, 6.4/2, 6.4/3, 6.4/4, Trap 8, Trap 9, Trap 22, Trap 23; storage WP-4, WP-6; client-protocol Trap 9, Trap 11
test("200 seeds break no promise, and reach what a sweep must reach", () => {
  const sum = emptySum();
  for (let seed = 1; seed <= SEEDS; seed++) addRun(sum, run(seed));
  expect(sum.failed).toEqual([]);
  expect(unreached(ONE_SERVER, sum)).toEqual([]);
});

test("a seed is the same run each time", () => {
  const [one, other] = [run(7), run(7)];
  expect(one.traceHash).toBe(other.traceHash);
  expect(run(8).traceHash).not.toBe(one.traceHash);
});

test("a sweep that rarely gets somewhere says so", () => {
  const sum = { ...emptySum(), seeds: 100, reached: { tornWrites: 4, expiries: 5 } };
  expect(unreached(ONE_SERVER, sum)).toContain("tornWrites");
  expect(unreached(ONE_SERVER, sum)).not.toContain("expiries");
});
