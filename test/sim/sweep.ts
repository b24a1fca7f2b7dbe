// Many seeds: how fast, what they reached, and whether one of them found something.

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { nodeHost } from "../../protocol/node-host.ts";
import { type Bug, seedsFor } from "./bug.ts";
import { ENSEMBLES } from "./ensemble/run.ts";
import { ONE_SERVER } from "./run.ts";
import type { Kind, SeedResult } from "./seed.ts";

/** What of the seeds must get to each thing. */
const SHARE_MIN = 1 / 20;
/** Below this many seeds the shares say nothing. */
const SEEDS_FOR_SHARES = 100;

/**
 * How V8 runs thousands of seeds. Nearly all closures die with their seed, and code that was
 * compiled for them with them: it is compiled later than usual, when it has shown that it pays.
 * And who uses every core has none left for a garbage collector beside.
 */
const ENGINE: readonly string[] = [
  "--max-bytecode-size-for-early-opt=0",
  "--interrupt-budget=400000",
  "--single-threaded-gc",
];

/** A sweep's sum, which parts of it run elsewhere can send as JSON. */
export interface Sum {
  seeds: number;
  operations: number;
  succeeded: number;
  faults: number;
  txns: number;
  /** Seeds that reached each thing. */
  reached: Record<string, number>;
  failed: { seed: number; checker: string; message: string }[];
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function emptySum(): Sum {
  return { seeds: 0, operations: 0, succeeded: 0, faults: 0, txns: 0, reached: {}, failed: [] };
}

export function addRun(sum: Sum, result: SeedResult): void {
  sum.seeds++;
  sum.operations += result.operations;
  sum.succeeded += result.succeeded;
  sum.faults += result.faults;
  sum.txns += result.txns;
  for (const [name, count] of Object.entries(result.reached)) {
    if (count > 0) sum.reached[name] = (sum.reached[name] ?? 0) + 1;
  }
  for (const violation of result.violations) sum.failed.push({ seed: result.seed, ...violation });
}

/** What a sweep should have reached and did not. */
export function unreached(kind: Kind, sum: Sum): string[] {
  if (sum.seeds < SEEDS_FOR_SHARES) return [];
  return kind.mustReach.filter((name) => (sum.reached[name] ?? 0) < sum.seeds * SHARE_MIN);
}

/** Runs one seed and tells all about it. */
export function replayOne(kind: Kind, seed: number): number {
  const result = kind.run(seed);
  for (const line of result.lines) print(line);
  for (const { checker, message } of result.violations) print(`VIOLATION ${checker}: ${message}`);
  print(
    `seed ${seed}, ${result.shape}: ${result.succeeded} of ${result.operations} calls succeeded, ` +
      `${result.txns} txns, ${result.faults} faults, ${result.events} events, ` +
      `${(result.simulatedMs / 1000).toFixed(1)} simulated seconds`,
  );
  print(`reached: ${JSON.stringify(result.reached)}`);
  print(`trace hash ${result.traceHash}`);
  return result.violations.length === 0 ? 0 : 1;
}

/** Runs seeds from 1 on until one finds something, which must be what the bug is known for. */
export async function seekBug(name: string): Promise<number> {
  const { bug } = (await import(`./bugs/${name}.ts`)) as { readonly bug: Bug };
  const kind = bug.inEnsembles === true ? ENSEMBLES : ONE_SERVER;
  const seeds = seedsFor(bug);
  Error.stackTraceLimit = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const { violations } = kind.run(seed);
    const [first] = violations;
    if (first === undefined) continue;
    const finding = violations.find(({ checker }) => bug.foundBy.includes(checker));
    const { checker, message } = finding ?? first;
    print(`${name}: seed ${seed}, ${checker}: ${message}`);
    if (finding === undefined) print(`  but one of ${bug.foundBy.join(", ")} should have found it`);
    return finding === undefined ? 1 : 0;
  }
  print(`${name}: not found within ${seeds} seeds`);
  return 1;
}

/** Runs a range of seeds in processes of its own. */
export async function sweep(
  kind: Kind,
  first: number,
  last: number,
  jobs: number,
): Promise<number> {
  const { clock } = nodeHost();
  const begunMs = clock.nowMs();
  if (process.send !== undefined) {
    process.send(inThisProcess(kind, first, last));
    return 0;
  }
  const sum = await inProcesses(kind, first, last, jobs);
  const seconds = (clock.nowMs() - begunMs) / 1000;
  print(
    `${kind.name}: ${sum.seeds} seeds in ${seconds.toFixed(1)} s, ${(sum.seeds / seconds).toFixed(1)} a second: ` +
      `${sum.operations} calls (${Math.round((100 * sum.succeeded) / sum.operations)} % succeeded), ` +
      `${sum.txns} txns, ${sum.faults} faults`,
  );
  for (const [name, seeds] of Object.entries(sum.reached)) {
    print(
      `  ${name.padEnd(18)} ${((100 * seeds) / sum.seeds).toFixed(1).padStart(5)} % of the seeds`,
    );
  }
  const missing = unreached(kind, sum);
  if (missing.length > 0) print(`NOT REACHED by one seed in twenty: ${missing.join(", ")}`);
  return sum.failed.length > 0 || missing.length > 0 ? 1 : 0;
}

function inThisProcess(kind: Kind, first: number, last: number): Sum {
  // Thousands of refusals are expected, and each would note where it was made: `--seed` does.
  Error.stackTraceLimit = 0;
  const sum = emptySum();
  for (let seed = first; seed <= last; seed++) {
    const result = kind.run(seed);
    addRun(sum, result);
    for (const { checker, message } of result.violations) {
      print(`VIOLATION seed ${seed} ${checker}: ${message}`);
    }
  }
  return sum;
}

/** Each process takes a part of the range. */
async function inProcesses(kind: Kind, first: number, last: number, jobs: number): Promise<Sum> {
  const share = Math.ceil((last - first + 1) / jobs);
  const parts = Array.from({ length: jobs }, (_, index) => {
    const from = first + index * share;
    return child(kind, from, Math.min(last, from + share - 1));
  });
  const sum = emptySum();
  for (const part of await Promise.all(parts)) merge(sum, part);
  return sum;
}

function child(kind: Kind, first: number, last: number): Promise<Sum> {
  if (last < first) return Promise.resolve(emptySum());
  const register = new URL("./register.mjs", import.meta.url).href;
  const cli = fileURLToPath(new URL("./cli.ts", import.meta.url));
  const range = `${first}..${last}`;
  const which = kind === ENSEMBLES ? ["--ensembles"] : [];
  const worker = fork(cli, [...which, "--seeds", range], {
    execArgv: [...ENGINE, "--import", register],
  });
  return new Promise((resolve, reject) => {
    let answer: Sum | undefined;
    worker.on("message", (message) => {
      answer = message as Sum;
    });
    worker.on("error", reject);
    worker.on("close", (code) => {
      if (answer === undefined) reject(new Error(`seeds ${range} ended with code ${code}`));
      else resolve(answer);
    });
  });
}

function merge(into: Sum, part: Sum): void {
  into.seeds += part.seeds;
  into.operations += part.operations;
  into.succeeded += part.succeeded;
  into.faults += part.faults;
  into.txns += part.txns;
  into.failed.push(...part.failed);
  for (const [name, seeds] of Object.entries(part.reached)) {
    into.reached[name] = (into.reached[name] ?? 0) + seeds;
  }
}
