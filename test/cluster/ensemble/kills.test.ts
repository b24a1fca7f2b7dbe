// What was acknowledged is there after SIGKILL, on every server: random writes, deletions and reads
// from a dozen clients, and the leader, a follower, a majority or everybody killed in the midst of
// them. The long form is `npm run kills -- --rounds 100 --servers 3`.

import { expect, test } from "vitest";
import { KillRounds, killLine, VICTIMS, type Victims } from "./kill-rounds.ts";

/** Acknowledged per round at least: what is asked for before the kill. */
const ACKNOWLEDGED_MIN = 100;

async function kill(servers: number, rounds: readonly Victims[]): Promise<void> {
  await using ensemble = await KillRounds.start(servers);
  for (const victims of rounds) {
    const report = await ensemble.round(victims);
    console.log(`${servers} servers, ${killLine(report)}`);
    expect(report.acknowledged).toBeGreaterThanOrEqual(ACKNOWLEDGED_MIN);
  }
}

// quorum-protocol T-10, B-20
test("three servers lose nothing and show nobody the past, whoever of them is killed", () =>
  kill(3, [...VICTIMS, "the leader", "a majority"]));

test("five servers lose nothing and show nobody the past, whoever of them is killed", () =>
  kill(5, VICTIMS));

test("seven servers lose nothing and show nobody the past when a majority is killed", () =>
  kill(7, ["a majority"]));
