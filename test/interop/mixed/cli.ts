// `npm run mixed -- --rounds N [--cell NAME]`: more rounds of the mixed ensembles than CI has time
// for; NAME is a part of a cell's name. Ends with 1 where something was wrong.

import { parseArgs } from "node:util";
import { runCell } from "./cell.ts";
import { CELLS } from "./cells.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "10" },
    cell: { type: "string", default: "" },
  },
});
const cells = CELLS.filter(({ name }) => name.includes(values.cell));
if (cells.length === 0) throw new Error(`no cell is named like ${values.cell}`);
for (let round = 1; round <= Number(values.rounds); round++) {
  for (const cell of cells) {
    const begun = performance.now();
    const outcome = await runCell(cell, round);
    const seconds = Math.round((performance.now() - begun) / 1000);
    console.log(
      `${round} ${cell.name}: ${seconds} s, ${outcome.acknowledged} acknowledged` +
        ` (${outcome.acknowledgedPerSecond}/s), ${outcome.unknown} unknown, ${outcome.motley} motley`,
      Object.fromEntries(outcome.counts),
    );
    if (outcome.problems.length > 0) {
      console.error(outcome.problems.join("\n"));
      process.exitCode = 1;
    }
  }
}
