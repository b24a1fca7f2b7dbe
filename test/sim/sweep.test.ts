import { expect, test } from "vitest";
import { run } from "./run.ts";
import { addRun, emptySum, unreached } from "./sweep.ts";

/** The seeds within which each planted bug is found: clean without one. */
const SEEDS = 200;

test("200 seeds break no promise, and reach what a sweep must reach", () => {
  const sum = emptySum();
  for (let seed = 1; seed <= SEEDS; seed++) addRun(sum, run(seed));
  expect(sum.failed).toEqual([]);
  expect(unreached(sum)).toEqual([]);
});

test("a seed is the same run each time", () => {
  const [one, other] = [run(7), run(7)];
  expect(one.traceHash).toBe(other.traceHash);
  expect(run(8).traceHash).not.toBe(one.traceHash);
});

test("a sweep that rarely gets somewhere says so", () => {
  const sum = { ...emptySum(), seeds: 100, reached: { tornWrites: 4, expiries: 5 } };
  expect(unreached(sum)).toContain("tornWrites");
  expect(unreached(sum)).not.toContain("expiries");
});
