// Operations per second against Apache ZooKeeper, each row measured in interleaved pairs after
// both servers are warm: the median of the paired ratios is what counts, since the machine's speed
// drifts. Processor time per operation stands beside it: on two cores a server of one event loop
// shares less with the generator than one of many threads.

import type { LoadGenerator, LoadOptions, LoadResult } from "./load.ts";
import type { PeerKind } from "./peer-process.ts";
import { median } from "./table.ts";

export interface SpeedRow {
  readonly name: string;
  readonly options: LoadOptions;
  /** What the issue demands, if it does. */
  readonly target?: number;
  /** The row makes the tree grow: every pair starts with empty servers. */
  readonly grows?: boolean;
}

export const SPEED_ROWS: readonly SpeedRow[] = [
  { name: "getData, 32 in flight", options: { op: "get", depth: 32 }, target: 4 },
  { name: "setData, 32 in flight", options: { op: "set", depth: 32 }, target: 2.5 },
  { name: "create, 32 in flight", options: { op: "create", depth: 32 }, target: 3, grows: true },
  { name: "90 % reads, 32 in flight", options: { op: "mix", depth: 32 }, target: 5 },
  { name: "getData, 1 in flight", options: { op: "get", depth: 1 }, target: 1.5 },
];

/** Three servers against three. */
export const ENSEMBLE_ROWS: readonly SpeedRow[] = [
  { name: "getData, 32 in flight", options: { op: "get", depth: 32 }, target: 5 },
  { name: "setData, 32 in flight", options: { op: "set", depth: 32 }, target: 3 },
  { name: "create, 32 in flight", options: { op: "create", depth: 32 }, target: 4, grows: true },
  { name: "90 % reads, 32 in flight", options: { op: "mix", depth: 32 }, target: 6 },
  { name: "getData, 1 in flight", options: { op: "get", depth: 1 } },
  { name: "setData, 1 in flight", options: { op: "set", depth: 1 } },
];

/** One side of a comparison: a server, or an ensemble. */
export interface Contender {
  readonly kind: PeerKind;
  readonly hosts: string;
  /** Microseconds of processor time since it was started, of all its processes. */
  cpuUs(): number;
  remove(): Promise<void>;
}

export type Starter = (kind: PeerKind) => Promise<Contender>;

export interface Measured {
  readonly row: SpeedRow;
  readonly ours: number;
  readonly apache: number;
  readonly ratio: number;
  readonly ratios: readonly number[];
  readonly oursCpuUs: number;
  readonly apacheCpuUs: number;
}

export const CONNECTIONS = 24;
const WINDOW_SECONDS = 5;
/** Within this of each other, three windows are called warm. */
const WARM_SPREAD = 0.05;
const WARM_WINDOWS_MAX = 8;

interface Window {
  readonly opsPerSecond: number;
  readonly cpuUsPerOp: number;
}

export async function measureSpeed(
  load: LoadGenerator,
  row: SpeedRow,
  pairs: number,
  start: Starter,
): Promise<Measured> {
  let ours = await start("quorate");
  let apache = await start("apache");
  const found: { ours: Window; apache: Window }[] = [];
  try {
    if (row.grows !== true) {
      await warm(load, ours, row);
      await warm(load, apache, row);
    }
    for (let pair = 0; pair < pairs; pair++) {
      if (row.grows === true) {
        await ours.remove();
        await apache.remove();
        ours = await start("quorate");
        apache = await start("apache");
        await window(load, ours, row);
        await window(load, apache, row);
      }
      found.push({ ours: await window(load, ours, row), apache: await window(load, apache, row) });
    }
  } finally {
    await ours.remove();
    await apache.remove();
  }
  const ratios = found.map((pair) => pair.ours.opsPerSecond / pair.apache.opsPerSecond);
  return {
    row,
    ours: median(found.map((pair) => pair.ours.opsPerSecond)),
    apache: median(found.map((pair) => pair.apache.opsPerSecond)),
    ratio: median(ratios),
    ratios,
    oursCpuUs: median(found.map((pair) => pair.ours.cpuUsPerOp)),
    apacheCpuUs: median(found.map((pair) => pair.apache.cpuUsPerOp)),
  };
}

async function warm(load: LoadGenerator, peer: Contender, row: SpeedRow): Promise<void> {
  const last: number[] = [];
  for (let i = 0; i < WARM_WINDOWS_MAX; i++) {
    last.push((await window(load, peer, row)).opsPerSecond);
    const three = last.slice(-3);
    if (three.length === 3 && Math.max(...three) / Math.min(...three) < 1 + WARM_SPREAD) return;
  }
}

async function window(load: LoadGenerator, peer: Contender, row: SpeedRow): Promise<Window> {
  const before = peer.cpuUs();
  const startedMs = performance.now();
  const result: LoadResult = await load.run(peer.hosts, {
    conns: CONNECTIONS,
    seconds: WINDOW_SECONDS,
    warmup: 1,
    ...row.options,
  });
  if (result.errors > 0) throw new Error(`${peer.kind}: ${result.errors} errors`);
  const seconds = (performance.now() - startedMs) / 1000;
  // The warm-up second and the keys' creation are worked for too: count all of the run's time.
  const cpuUsPerOp = (peer.cpuUs() - before) / (result.ops_per_s * seconds);
  return { opsPerSecond: result.ops_per_s, cpuUsPerOp };
}
