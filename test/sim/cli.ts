// npm run sim -- --seed N               replays one seed; its trace hash is the last line
// npm run sim -- --seeds 1..2000        sweeps, and says what was reached [--jobs 2]
// npm run sim -- --bug NAME             seeds from 1 on, until the planted bug is found

import { parseArgs } from "node:util";
import { print, replayOne, seekBug, sweep } from "./sweep.ts";

const SEEDS_FOR_A_BUG = 200;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    jobs: { type: "string", default: "1" },
    bug: { type: "string" },
  },
});

if (values.seed !== undefined) {
  process.exitCode = replayOne(Number(values.seed));
} else if (values.bug !== undefined) {
  process.exitCode = await seekBug(values.bug, SEEDS_FOR_A_BUG);
} else {
  const [first, last] = (values.seeds ?? "1..100").split("..").map(Number);
  if (first === undefined || last === undefined || !(first <= last)) {
    print("--seeds FIRST..LAST");
    process.exitCode = 2;
  } else {
    process.exitCode = await sweep(first, last, Number(values.jobs));
  }
}
