// The neutral load generator (a C program whose path the caller gives): compiled once, run against
// one server or an ensemble, its JSON line read.

import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface LoadResult {
  readonly ops_per_s: number;
  readonly errors: number;
  readonly seconds?: number;
  readonly failed?: number;
  readonly reads?: Latency;
  readonly writes?: Latency;
  /** Of `failover`. */
  readonly longest_gap_ms?: number;
}

export interface Latency {
  readonly p50_us: number;
  readonly p99_us: number;
  readonly max_us: number;
}

/** The generator's options by their names, without the dashes. */
export type LoadOptions = Readonly<Record<string, string | number>>;

export class LoadGenerator {
  readonly #binary: string;

  /** @param source The path of the generator's C source. */
  constructor(source: string) {
    this.#binary = join(mkdtempSync(join(tmpdir(), "quorate-bench-load-")), "zkload");
    const { status, stderr } = spawnSync("cc", ["-O2", "-o", this.#binary, source], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`the generator does not compile: ${stderr}`);
  }

  async run(hosts: string, options: LoadOptions): Promise<LoadResult> {
    const args = Object.entries<string | number>({ hosts, ...options }).flatMap(([key, value]) => [
      `--${key}`,
      String(value),
    ]);
    const { stdout } = await run(this.#binary, args, { maxBuffer: 1 << 20 });
    return JSON.parse(stdout) as LoadResult;
  }
}
