// Attackers, one after the other: the server's memory stays within bounds, and other sessions wait
// less than twice as long as they do while the same attacker sends to a socket that discards. The
// long form is `npm run hostile -- --rounds 9 --seconds 2`.

import { expect, test } from "vitest";
import { pressureLine, underPressure } from "./pressure.ts";
import { TRIALS } from "./trials.ts";

/**
 * Two p99s that lie no further apart say nothing in rounds this short: the scheduler of a machine
 * with two cores makes as much of the same server from one round to the next.
 */
const NOISE_MS = 10;
const SHORT = { roundSeconds: 0.4, roundsMin: 3, roundsMax: 15, factor: 2 };

// operations 7.9/3, 7.9/4, 7.9/5, 7.9/6 Huge multi, 7.9/9 Deep tree, 7.9/10 One node with millions of children, 7.9/11, 7.9/12 Connection flood / SYN flood, 7.9/13
test.each(TRIALS.filter(({ isShort }) => isShort !== false))(
  "an attacker is felt by the server it attacks, and by nobody else: $attack",
  async (trial) => {
    const report = await underPressure({ ...trial, ...SHORT });
    console.log(pressureLine(report));
    const isNoise = report.attacked.p99 - report.discarded.p99 < NOISE_MS;
    expect(isNoise || report.ratio < SHORT.factor, pressureLine(report)).toBe(true);
    expect(report.attacked.failed).toBe(0);
    const { before, peak } = report.memoryMb;
    expect(peak - before, pressureLine(report)).toBeLessThan(trial.growthMb);
  },
);
