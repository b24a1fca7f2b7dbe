// What a snapshot does to those who are served meanwhile: the longest pause of the event loop, at a
// million znodes and 5,000 operations a second, 90 % of them reads.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { LoadGenerator } from "./load.ts";

export interface SnapshotFigures {
  readonly delayMs: number;
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
  const home = mkdtempSync(join(tmpdir(), "quorate-bench-snapshot-"));
  const args = ["--import", "./test/tools/typescript.mjs", "test/bench/monitored-server.ts", home];
  const server = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => {
    const line: IteratorResult<string, undefined> = await lines.next();
    if (line.done === true) throw new Error("the server ended");
    return line.value;
  };
  try {
    const hosts = `127.0.0.1:${await nextLine()}`;
    await load.run(hosts, { op: "fill", keys, fan: 1000, size: 100 });
    const found: SnapshotFigures[] = [];
    for (let round = 0; round < rounds; round++) {
      const options = { op: "mix", conns: 24, rate: 5000, seconds: 12, warmup: 2 };
      const running = load.run(hosts, options);
      await new Promise((resolve) => setTimeout(resolve, LEAD_MS));
      server.stdin.write("snapshot\n");
      found.push(JSON.parse(await nextLine()) as SnapshotFigures);
      await running;
    }
    return found;
  } finally {
    server.kill("SIGKILL");
    rmSync(home, { recursive: true, force: true });
  }
}
