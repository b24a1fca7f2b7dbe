// The long forms, by hand: `npm run hostile -- --frames 1000000 --seed 7` sends so many spoilt
// frames; `npm run hostile -- --rounds 7 --seconds 2 NAME...` tries the attackers (all, if none is
// named) and prints a line for each.

import { parseArgs } from "node:util";
import { aftermath } from "./aftermath.ts";
import { Bystander } from "./bystander.ts";
import { batches, fire, reportLine } from "./frames-run.ts";
import { HostileServer } from "./hostile-server.ts";
import { pressureLine, underPressure } from "./pressure.ts";
import { TRIALS } from "./trials.ts";

const BYSTANDER_SESSIONS = 2;
/** A limit that no ratio meets: every round is measured. */
const NO_FACTOR = 0;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    frames: { type: "string" },
    seed: { type: "string" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
  },
});
if (values.frames === undefined) await attack();
else await send(Number(values.frames), Number(values.seed ?? Date.now() % 1_000_000));

async function send(frames: number, seed: number): Promise<void> {
  console.log(`seed ${seed}`);
  const server = await HostileServer.start({ snapCount: "50000" });
  try {
    const bystander = await Bystander.start(server.address);
    const before = server.memoryMb().now;
    server.forgetPeak();
    for (const [index, batch] of batches(frames).entries()) {
      const report = await fire(server, bystander, batch, seed * 1000 + index);
      console.log(reportLine(report));
    }
    const { peak, now } = server.memoryMb();
    console.log(`memory ${before} MB before, ${peak} peak, ${now} after`);
    await bystander.rest();
    const { differences, znodes } = await aftermath(server, BYSTANDER_SESSIONS);
    console.log(`${znodes} znodes compared; ${bystander.cycles} cycles of other sessions`);
    await bystander.stop();
    const wrong = [...differences, ...bystander.problems, ...server.complaints()];
    if (wrong.length > 0) throw new Error(wrong.join("\n"));
  } finally {
    await server.stop();
  }
}

async function attack(): Promise<void> {
  const rounds = Number(values.rounds);
  for (const trial of TRIALS) {
    if (positionals.length > 0 && !positionals.includes(trial.attack)) continue;
    const report = await underPressure({
      ...trial,
      roundSeconds: Number(values.seconds),
      roundsMin: rounds,
      roundsMax: rounds,
      factor: NO_FACTOR,
    });
    console.log(pressureLine(report));
  }
}
