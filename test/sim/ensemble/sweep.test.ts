import { expect, test } from "vitest";
import { addRun, emptySum, unreached } from "../sweep.ts";
import { ENSEMBLES, runEnsemble } from "./run.ts";

const SEEDS = 150;

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
