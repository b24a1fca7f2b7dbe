import { expect, test } from "vitest";
import { addRun, emptySum, unreached } from "../sweep.ts";
import { ENSEMBLES, runEnsemble } from "./run.ts";

const SEEDS = 150;

// quorum-protocol I-1, I-2, I-3, I-4, I-5, I-6, I-7, I-8, I-9, I-10, I-11, I-12, I-15, I-18, I-20
// quorum-protocol V-1, V-2, V-4, V-5, V-6, 16
test("150 seeds of ensembles break no promise, and reach what a sweep must reach", () => {
  const sum = emptySum();
  for (let seed = 1; seed <= SEEDS; seed++) addRun(sum, runEnsemble(seed));
  expect(sum.failed).toEqual([]);
  expect(unreached(ENSEMBLES, sum)).toEqual([]);
});

test("a seed is the same run each time", () => {
  const [one, other] = [runEnsemble(7), runEnsemble(7)];
  expect(one.traceHash).toBe(other.traceHash);
  expect(one.lines).toEqual(other.lines);
  expect(runEnsemble(8).traceHash).not.toBe(one.traceHash);
});
