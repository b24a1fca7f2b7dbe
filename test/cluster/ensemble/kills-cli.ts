// The long form, by hand: `npm run kills -- --rounds 100 --servers 3`. A line for each round; it
// ends with the first that finds something wrong.

import { parseArgs } from "node:util";
import { KillRounds, killLine, VICTIMS } from "./kill-rounds.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "100" },
    servers: { type: "string", default: "3" },
  },
});
const rounds = Number(values.rounds);
await using ensemble = await KillRounds.start(Number(values.servers));
let acknowledged = 0;
for (let round = 0; round < rounds; round++) {
  const victims = VICTIMS[Math.floor(Math.random() * VICTIMS.length)] ?? "all";
  const report = await ensemble.round(victims);
  acknowledged += report.acknowledged;
  console.log(`${round + 1}: ${killLine(report)}`);
}
console.log(`${rounds} rounds, ${acknowledged} writes acknowledged, none lost`);
