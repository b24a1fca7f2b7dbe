// `npm run differential -- [--operations N] [--seed N]`: a longer run than CI's, or another seed's.

import { parseArgs } from "node:util";
import { runRandom } from "./differential.ts";
import { sight, story } from "./smallest.ts";

const { values } = parseArgs({
  options: {
    operations: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
  },
});
const [operations, seed] = [Number(values.operations), Number(values.seed)];
const REPORT_EVERY = 10_000;
const begun = performance.now();
let reported = 0;
const run = await runRandom(seed, operations, (done) => {
  if (done < reported + REPORT_EVERY) return;
  reported = done;
  console.error(`${done} operations, ${Math.round((performance.now() - begun) / 1000)} s`);
});
if (run.difference !== undefined) {
  console.error(sight(seed, run.difference));
  console.error(await story(run.difference));
  process.exit(1);
}
const seconds = ((performance.now() - begun) / 1000).toFixed(1);
console.log(`seed ${seed}: ${run.operations} operations in ${seconds} s, no difference`);
console.log("explained by habits:", Object.fromEntries(run.habits));
console.log("answers by operation and code:", Object.fromEntries(run.answers));
