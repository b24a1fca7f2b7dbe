// `npm run mixed -- --rounds N [--cell NAME] [--blows N] [--seed N]`: more rounds of the mixed
// ensembles than CI has time for, each with other settings, and with blows behind each cell's story.
// NAME is a part of a cell's name. Ends with 1 where something was wrong, or never happened.

import { parseArgs } from "node:util";
import { SimRandom } from "../../../server/testing/index.ts";
import { type Cell, missingFrom, runCell } from "./cell.ts";
import { CELLS } from "./cells.ts";
import { storm, WEATHERS } from "./storm.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "10" },
    cell: { type: "string", default: "" },
    blows: { type: "string", default: "5" },
    seed: { type: "string", default: "1" },
  },
});
const cells = CELLS.filter(({ name }) => name.includes(values.cell));
if (cells.length === 0) throw new Error(`no cell is named like ${values.cell}`);

/** Of all rounds. */
const counts = new Map(cells.map((cell) => [cell, new Map<string, number>()]));

async function runRound(cell: Cell, round: number): Promise<void> {
  const seed = Number(values.seed) + round;
  const weather = WEATHERS[round % WEATHERS.length];
  const begun = performance.now();
  const outcome = await runCell(cell, {
    ...weather,
    seed,
    afterwards: (run) => storm(run, new SimRandom(seed), Number(values.blows)),
  });
  const seconds = Math.round((performance.now() - begun) / 1000);
  console.log(
    `seed ${seed}, ${cell.name}, ${weather?.name}: ${seconds} s, ${outcome.acknowledged}` +
      ` acknowledged (${outcome.acknowledgedPerSecond}/s), ${outcome.unknown} unknown,` +
      ` ${outcome.motley} motley`,
  );
  const sums = counts.get(cell);
  for (const [what, count] of outcome.counts) sums?.set(what, (sums.get(what) ?? 0) + count);
  if (outcome.problems.length === 0) return;
  console.error(outcome.problems.join("\n"));
  process.exitCode = 1;
}

for (let round = 0; round < Number(values.rounds); round++) {
  for (const cell of cells) {
    try {
      await runRound(cell, round);
    } catch (error) {
      console.error(`round ${round}, ${cell.name}:`, error);
      process.exitCode = 1;
    }
  }
}
for (const [cell, sums] of counts) {
  console.log(`${cell.name}:`, Object.fromEntries(sums));
  const missing = missingFrom(cell, sums);
  if (missing.length === 0) continue;
  console.error(`${cell.name}: this never happened: ${missing.join(", ")}`);
  process.exitCode = 1;
}
