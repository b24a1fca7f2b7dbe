// What a snapshot does to those who are served meanwhile: the longest pause of the event loop, at a
// million znodes and 5,000 operations a second, 90 % of them reads.

import { type LoopDelay, Monitored } from "../tools/monitored.ts";
import { pause } from "../tools/until.ts";
import type { LoadGenerator } from "./load.ts";

export interface SnapshotFigures extends LoopDelay {
  readonly elapsedMs: number;
  readonly slices: number;
  readonly txnsDuring: number;
}

const LEAD_MS = 3000;

export async function measureSnapshotDelays(
  load: LoadGenerator,
  keys: number,
  rounds: number,
): Promise<SnapshotFigures[]> {
  await using server = await Monitored.start();
  const hosts = `127.0.0.1:${server.port}`;
  await load.run(hosts, { op: "fill", keys, fan: 1000, size: 100 });
  const found: SnapshotFigures[] = [];
  for (let round = 0; round < rounds; round++) {
    const options = { op: "mix", conns: 24, rate: 5000, seconds: 12, warmup: 2 };
    const running = load.run(hosts, options);
    await pause(LEAD_MS);
    found.push(await server.ask<SnapshotFigures>("snapshot"));
    await running;
  }
  return found;
}
