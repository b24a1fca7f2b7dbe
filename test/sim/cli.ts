// npm run sim -- --seed N               replays one seed; its trace hash is the last line
// npm run sim -- --seeds 1..2000        sweeps, and says what was reached [--jobs 2]
// npm run sim -- --bug NAME             seeds from 1 on, until the planted bug is found
//
// With --ensembles the first two run ensembles; a bug knows where it is to be found.

import { parseArgs } from "node:util";
import { ENSEMBLES } from "./ensemble/run.ts";
import { ONE_SERVER } from "./run.ts";
import { print, replayOne, seekBug, sweep } from "./sweep.ts";

const { values } = parseArgs({
  options: {
    ensembles: { type: "boolean", default: false },
    seed: { type: "string" },
    seeds: { type: "string" },
    jobs: { type: "string", default: "1" },
    bug: { type: "string" },
  },
});

const kind = values.ensembles ? ENSEMBLES : ONE_SERVER;
if (values.seed !== undefined) {
  process.exitCode = replayOne(kind, Number(values.seed));
} else if (values.bug !== undefined) {
  process.exitCode = await seekBug(values.bug);
} else {
  const [first, last] = (values.seeds ?? "1..100").split("..").map(Number);
  if (first === undefined || last === undefined || !(first <= last)) {
    print("--seeds FIRST..LAST");
    process.exitCode = 2;
  } else {
    process.exitCode = await sweep(kind, first, last, Number(values.jobs));
  }
}
