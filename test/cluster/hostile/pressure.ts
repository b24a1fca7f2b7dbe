// One attacker against a server, and against a socket that discards while the server idles beside
// it: what other sessions feel of the one and of the other, and what memory the server takes.

import { existsSync } from "node:fs";
import { setPriority, tmpdir } from "node:os";
import { pause } from "../../tools/until.ts";
import type { AttackOrder, AttackOutcome } from "./attacker-process.ts";
import type { AttackSize } from "./attacks.ts";
import { Helper } from "./helper.ts";
import { HostileServer } from "./hostile-server.ts";
import type { ProbeFigures } from "./probe-process.ts";

export interface PressureOptions {
  readonly attack: string;
  readonly size: AttackSize;
  readonly settings?: Readonly<Record<string, string>>;
  readonly prepare?: (server: HostileServer) => Promise<void>;
  readonly roundSeconds: number;
  readonly roundsMin: number;
  /** While others' share of the machine decides the figures, more rounds are measured. */
  readonly roundsMax: number;
  /** The factor that the attacked p99 stays below. */
  readonly factor: number;
}

export interface PressureReport {
  readonly attack: string;
  readonly rounds: number;
  /** Medians over the rounds, milliseconds. */
  readonly attacked: ProbeFigures;
  readonly discarded: ProbeFigures;
  /** The median of the rounds' ratios of p99. */
  readonly ratio: number;
  readonly memoryMb: { readonly before: number; readonly peak: number; readonly after: number };
  readonly sentMb: number;
  readonly discardedMb: number;
  readonly closed: number;
  readonly cpuShare: number;
  readonly reasons: readonly string[];
}

/** A round begins once the attack is under way. */
const RAMP_MS = 300;
const MB = 1024 * 1024;
/** Where a sync takes no time: how slow a disk is that others use too is no question here. */
const MEMORY_DISK = "/dev/shm";
/** A nice value. */
const PREFERRED = -15;

export async function underPressure(options: PressureOptions): Promise<PressureReport> {
  const { attack, size, settings = {}, prepare, roundSeconds, factor } = options;
  const server = await HostileServer.start(
    settings,
    existsSync(MEMORY_DISK) ? MEMORY_DISK : tmpdir(),
  );
  const helpers: Helper[] = [];
  try {
    prefer(server.pid);
    await prepare?.(server);
    const sink = new Helper("sink-process.ts");
    const attacker = new Helper("attacker-process.ts");
    const probe = new Helper("probe-process.ts", [server.address]);
    helpers.push(sink, attacker, probe);
    for (const helper of helpers) prefer(helper.pid);
    const [sinkPort] = await Promise.all([sink.hear<number>(), probe.hear()]);
    const order = (port: number): AttackOrder => ({ attack, port, size });
    const round = async (port: number): Promise<[ProbeFigures, AttackOutcome]> => {
      await attacker.ask(order(port));
      await pause(RAMP_MS);
      const figures = await probe.ask<ProbeFigures>(roundSeconds);
      return [figures, await attacker.ask<AttackOutcome>("end")];
    };
    await probe.ask(roundSeconds / 2);
    const before = server.memoryMb().now;
    server.forgetPeak();
    const attacked: ProbeFigures[] = [];
    const discarded: ProbeFigures[] = [];
    const outcomes: AttackOutcome[] = [];
    const discardOutcomes: AttackOutcome[] = [];
    let cpuMs = 0;
    let wallMs = 0;
    const ratio = (): number =>
      median(attacked.map(({ p99 }, at) => p99 / (discarded[at]?.p99 ?? Number.NaN)));
    while (
      attacked.length < options.roundsMin ||
      (attacked.length < options.roundsMax && !(ratio() < factor))
    ) {
      const [quiet, discardOutcome] = await round(sinkPort);
      const cpuBefore = server.cpuMs();
      const startedMs = performance.now();
      const [loud, outcome] = await round(server.port);
      cpuMs += server.cpuMs() - cpuBefore;
      wallMs += performance.now() - startedMs;
      discarded.push(quiet);
      attacked.push(loud);
      outcomes.push(outcome);
      discardOutcomes.push(discardOutcome);
      if (!server.isRunning) break;
    }
    const complaints = server.complaints();
    if (complaints.length > 0) throw new Error(`${attack}: ${complaints.slice(0, 3).join("; ")}`);
    const { peak } = server.memoryMb();
    return {
      attack,
      rounds: attacked.length,
      attacked: medians(attacked),
      discarded: medians(discarded),
      ratio: ratio(),
      memoryMb: { before, peak, after: server.memoryMb().now },
      sentMb: total(outcomes, "sentBytes") / MB / attacked.length,
      discardedMb: total(discardOutcomes, "sentBytes") / MB / attacked.length,
      closed: total(outcomes, "closed"),
      cpuShare: cpuMs / wallMs,
      reasons: server.reasons(),
    };
  } finally {
    for (const helper of helpers) helper.stop();
    await server.stop();
  }
}

/**
 * Puts a process ahead of whatever else this machine runs, where that is allowed: server, sink,
 * attacker and probe share it among themselves, in either round.
 */
function prefer(pid: number): void {
  try {
    setPriority(pid, PREFERRED);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "EACCES" && code !== "EPERM" && code !== "ERR_SYSTEM_ERROR") throw error;
  }
}

export function pressureLine(report: PressureReport): string {
  const { attack, rounds, attacked, discarded, ratio, memoryMb, sentMb, discardedMb } = report;
  const ms = (value: number): string => value.toFixed(2);
  return [
    `${attack}: p99 ${ms(attacked.p99)} ms attacked, ${ms(discarded.p99)} ms discarded`,
    `ratio ${ms(ratio)}, p50 ${ms(attacked.p50)}/${ms(discarded.p50)}, max ${ms(attacked.max)}/${ms(discarded.max)}, ${rounds} rounds`,
    `memory ${memoryMb.before} MB before, ${memoryMb.peak} peak, ${memoryMb.after} after`,
    `sent ${sentMb.toFixed(1)}/${discardedMb.toFixed(1)} MB a round, cpu ${report.cpuShare.toFixed(2)}`,
    `closed ${report.closed}, failed ${attacked.failed}`,
    report.reasons.join(", ") || "none closed",
  ].join("; ");
}

function medians(rounds: readonly ProbeFigures[]): ProbeFigures {
  const of = (pick: (figures: ProbeFigures) => number): number => median(rounds.map(pick));
  return {
    count: of(({ count }) => count),
    p50: of(({ p50 }) => p50),
    p99: of(({ p99 }) => p99),
    max: of(({ max }) => max),
    failed: of(({ failed }) => failed),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function total(outcomes: readonly AttackOutcome[], field: keyof AttackOutcome): number {
  return outcomes.reduce((sum, outcome) => sum + outcome[field], 0);
}
