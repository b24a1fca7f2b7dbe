// `npm run bench -- PATH_OF_ZKLOAD_C [TABLE [ROUNDS]]`: the tables of docs/performance.md, measured
// here and now against the Apache ZooKeeper that Debian installs. ROUNDS: a quick pass, to see that
// it works.

import { EnsemblePeer } from "./ensemble-peer.ts";
import { FailoverBench, type Gaps, LEADER_ENDS, type LeaderEnd } from "./failover.ts";
import { LoadGenerator } from "./load.ts";
import { type MemoryFigures, measureApache, measureOurs } from "./memory.ts";
import { measureOpenLoop } from "./open-loop.ts";
import { PeerProcess } from "./peer-process.ts";
import { measureSnapshotDelays } from "./snapshot-delay.ts";
import {
  ENSEMBLE_ROWS,
  type Measured,
  measureSpeed,
  SPEED_ROWS,
  type SpeedRow,
  type Starter,
} from "./speed.ts";
import { median, table, thousands } from "./table.ts";

const PAIRS = 5;
const ZNODES = 1_000_000;
const RESTARTS = 5;
const SNAPSHOT_ROUNDS = 5;
/** Below this Apache was never seen to hold a million znodes. */
const HEAP_FROM_MB = 320;

const TABLES = ["speed", "memory", "snapshot", "ensemble", "failover"] as const;

const [source, only, roundsText] = process.argv.slice(2);
const isKnown = only === undefined || TABLES.some((each) => each === only);
if (source === undefined || !isKnown) {
  console.error(`npm run bench -- PATH_OF_ZKLOAD_C [${TABLES.join("|")} [ROUNDS]]`);
  process.exit(2);
}
const load = new LoadGenerator(source);
const rounds = roundsText === undefined ? undefined : Number(roundsText);
if (isWanted("speed")) await speed(SPEED_ROWS, (kind) => PeerProcess.start(kind));
if (isWanted("memory")) await memory();
if (isWanted("snapshot")) await snapshot();
if (isWanted("ensemble")) {
  await speed(ENSEMBLE_ROWS, (kind) => EnsemblePeer.start(kind));
  await openLoop();
}
if (isWanted("failover")) await failover();

function isWanted(name: (typeof TABLES)[number]): boolean {
  return only === undefined || only === name;
}

async function speed(rows: readonly SpeedRow[], start: Starter): Promise<void> {
  const measured: Measured[] = [];
  for (const row of rows) {
    const one = await measureSpeed(load, row, rounds ?? PAIRS, start);
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
        `${one.row.target ?? ""}`,
        one.oursCpuUs.toFixed(2),
        one.apacheCpuUs.toFixed(2),
      ]),
    ]),
  );
}

async function openLoop(): Promise<void> {
  const measured = await measureOpenLoop(load, rounds ?? PAIRS, (kind) => EnsemblePeer.start(kind));
  const { ours, apache } = measured;
  console.log(
    table([
      ["5,000 operations a second, 90 % reads", "quorate", "Apache 3.8.0"],
      ["reads, p99", `${ours.readsP99Ms.toFixed(1)} ms`, `${apache.readsP99Ms.toFixed(1)} ms`],
      ["writes, p99", `${ours.writesP99Ms.toFixed(1)} ms`, `${apache.writesP99Ms.toFixed(1)} ms`],
    ]),
  );
}

async function failover(): Promise<void> {
  const bench = await FailoverBench.start(load);
  const measured: { end: LeaderEnd; gaps: Gaps }[] = [];
  try {
    for (const end of LEADER_ENDS) {
      const gaps = await bench.measure({ ...end, rounds: rounds ?? end.rounds });
      measured.push({ end, gaps });
    }
  } finally {
    await bench.remove();
  }
  const cell = (gaps: readonly number[]): string =>
    `${Math.round(median(gaps))} ms (${gaps.map(Math.round).join(", ")})`;
  console.log(
    table([
      ["longest gap between two writes, the leader gone by", "quorate", "Apache 3.8.0"],
      ...measured.map(({ end, gaps }) => [end.signal, cell(gaps.quorate), cell(gaps.apache)]),
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
  const delays = await measureSnapshotDelays(load, ZNODES, SNAPSHOT_ROUNDS);
  console.log(
    table([
      ["snapshot under 5,000 operations a second", "longest event-loop delay", "took", "slices"],
      ...delays.map((round, at) => [
        `round ${at + 1}`,
        `${round.delayMs.toFixed(1)} ms`,
        `${Math.round(round.elapsedMs)} ms`,
        String(round.slices),
      ]),
      ["median", `${median(delays.map((round) => round.delayMs)).toFixed(1)} ms`, "", ""],
    ]),
  );
}
