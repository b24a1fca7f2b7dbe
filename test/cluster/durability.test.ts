// What was acknowledged is there after SIGKILL, once: random writes from four pipelining clients,
// the server killed in the middle of them, round after round on the same data directory.
//
// QUORATE_ROUNDS sets the number of rounds; the full proof has 200.

import { afterAll, expect, test } from "vitest";
import { QuorateServer } from "../tools/quorate-server.ts";
import { type RoundResult, runRound } from "./durability-round.ts";

const ROUNDS = Number(process.env["QUORATE_ROUNDS"] ?? 200);
const ROUND_LIMIT_MS = 15_000;
/** Acknowledged writes that a round has at least, before the kill. */
const ACKNOWLEDGED_MIN = 200;

const server = await QuorateServer.start({ settings: { snapCount: "5000" } });
afterAll(() => server.stop());

// client-protocol 9/-4 CONNECTIONLOSS
test(
  `${ROUNDS} times killed under load, the server has every acknowledged write, and none twice`,
  async () => {
    const results: RoundResult[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      results.push(await runRound(server, round, ACKNOWLEDGED_MIN, results));
    }
    const acknowledged = results.map((result) => result.acknowledged);
    const killedInFlight = results.filter((result) => result.inFlightAtKill > 0).length;
    const applied = results.reduce((sum, result) => sum + result.unknownApplied, 0);
    console.log(
      `${ROUNDS} kills, ${killedInFlight} with a write in flight; acknowledged per round ` +
        `${Math.min(...acknowledged)} to ${Math.max(...acknowledged)}; ` +
        `${applied} writes took effect whose reply was lost`,
    );
    expect(Math.min(...acknowledged)).toBeGreaterThanOrEqual(ACKNOWLEDGED_MIN);
    expect(killedInFlight / ROUNDS).toBeGreaterThan(0.9);
  },
  ROUNDS * ROUND_LIMIT_MS,
);
