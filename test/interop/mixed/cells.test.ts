// Ensembles of Apache's servers and ours, under writes that do not stop: each leads the other,
// leaders and followers are killed, and learners are brought up to date in every way there is.
// needs: apache

import { expect, test } from "vitest";
import { missingFrom, runCell } from "./cell.ts";
import { CELLS } from "./cells.ts";

/** What the clients are acknowledged at least, while everybody serves. */
const PER_SECOND = 200;

const NAMED = CELLS.map((cell) => [cell.name, cell] as const);

test.each(NAMED)("%s: nothing acknowledged is lost, all trees are equal", async (_name, cell) => {
  const outcome = await runCell(cell, { seed: 1 });
  expect(outcome.problems).toEqual([]);
  expect(missingFrom(cell, outcome.counts)).toEqual([]);
  expect(outcome.acknowledgedPerSecond).toBeGreaterThanOrEqual(PER_SECOND);
});
