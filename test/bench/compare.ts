// `npm run bench -- PATH_OF_ZKLOAD_C [speed|memory|snapshot]`: the tables of docs/performance.md, measured here
// and now against the Apache ZooKeeper that Debian installs.

import { LoadGenerator } from "./load.ts";
import { type MemoryFigures, measureApache, measureOurs } from "./memory.ts";
import { measureSnapshotDelays } from "./snapshot-delay.ts";
import { type Measured, measureSpeed, SPEED_ROWS } from "./speed.ts";
import { median, table, thousands } from "./table.ts";

const PAIRS = 5;
const ZNODES = 1_000_000;
const RESTARTS = 5;
const SNAPSHOT_ROUNDS = 5;
/** Below this Apache was never seen to hold a million znodes. */
const HEAP_FROM_MB = 320;

const [source, only] = process.argv.slice(2);
if (source === undefined) {
  console.error("npm run bench -- PATH_OF_ZKLOAD_C [speed|memory|snapshot]");
  process.exit(2);
}
const load = new LoadGenerator(source);
if (only === undefined || only === "speed") await speed();
if (only === undefined || only === "memory") await memory();
if (only === undefined || only === "snapshot") await snapshot();

async function speed(): Promise<void> {
  const measured: Measured[] = [];
  for (const row of SPEED_ROWS) {
    const one = await measureSpeed(load, row, PAIRS);
    measured.push(one);
    console.error(`${row.name}: ${one.ratios.map((ratio) => ratio.toFixed(2)).join(" ")}`);
  }
  console.log(
    table([
      [
        "work (24 connections)",
        "quorate",
        "Apache 3.8.0",
        "ratio",
        "target",
        "CPU µs/op",
        "Apache's",
      ],
      ...measured.map((one) => [
        one.row.name,
        `${thousands(one.ours)}/s`,
        `${thousands(one.apache)}/s`,
        `${one.ratio.toFixed(2)} (${Math.min(...one.ratios).toFixed(2)} to ${Math.max(...one.ratios).toFixed(2)})`,
        `${one.row.target}`,
        one.oursCpuUs.toFixed(2),
        one.apacheCpuUs.toFixed(2),
      ]),
    ]),
  );
}

async function memory(): Promise<void> {
  const ours = await measureOurs(load, ZNODES, RESTARTS);
  const apache = await measureApache(load, ZNODES, RESTARTS, HEAP_FROM_MB);
  const row = (name: string, { filledMb, restartedMb, restartMs }: MemoryFigures): string[] => [
    name,
    `${Math.round(filledMb)} MB`,
    `${Math.round(restartedMb)} MB`,
    `${Math.round(median(restartMs))} ms (${restartMs.map(Math.round).join(", ")})`,
  ];
  console.log(
    table([
      ["a million znodes of 100 bytes", "filled", "restarted", "restart to first answer"],
      row("quorate", ours),
      row(`Apache 3.8.0, -Xmx${apache.heapMb}m`, apache),
      [
        "ratio",
        (ours.filledMb / apache.filledMb).toFixed(2),
        (ours.restartedMb / apache.restartedMb).toFixed(2),
        (median(ours.restartMs) / median(apache.restartMs)).toFixed(2),
      ],
    ]),
  );
}

async function snapshot(): Promise<void> {
  const rounds = await measureSnapshotDelays(load, ZNODES, SNAPSHOT_ROUNDS);
  console.log(
    table([
      ["snapshot under 5,000 operations a second", "longest event-loop delay", "took", "slices"],
      ...rounds.map((round, at) => [
        `round ${at + 1}`,
        `${round.delayMs.toFixed(1)} ms`,
        `${Math.round(round.elapsedMs)} ms`,
        String(round.slices),
      ]),
      ["median", `${median(rounds.map((round) => round.delayMs)).toFixed(1)} ms`, "", ""],
    ]),
  );
}
