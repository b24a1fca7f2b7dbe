// Ten thousand sessions that are opened, used and expire at once on one server: its loop goes on
// turning while their ephemerals go.

import { expect, test } from "vitest";
import { Monitored } from "../tools/monitored.ts";
import { RawClient, stat } from "../tools/raw-client.ts";
import { until } from "../tools/until.ts";
import { SessionCrowd } from "./session-crowd.ts";

const SESSIONS = 10_000;
const EPHEMERALS = 3;
const TIMEOUT_MS = 8000;
const TICK_MS = 2000;
/** What the loop may be kept from turning, by the server's own work. */
const BUSY_MAX_MS = 20;
/**
 * What the server does is the same in each round; what a pause of its garbage collector takes is
 * not, on a machine that does other work as well.
 */
const ROUNDS_MAX = 3;
/** The last signs of life may have come so long before all of them were answered. */
const PING_MS = 2000;

test("ten thousand sessions expire at once and the server's loop goes on turning", async () => {
  await using server = await Monitored.start(TICK_MS);
  const observer = await RawClient.open(server.port, { timeoutMs: 40_000 });
  await observer.create("/crowd");
  let busyMs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS_MAX && busyMs > BUSY_MAX_MS; round++) {
    busyMs = Math.min(busyMs, await churn(server, observer));
  }
  observer.drop();
  expect(busyMs).toBeLessThanOrEqual(BUSY_MAX_MS);
});

/** @returns what the server was at work for at a stretch while the crowd's ephemerals went. */
async function churn(server: Monitored, observer: RawClient): Promise<number> {
  using crowd = await SessionCrowd.open(server.port, SESSIONS, EPHEMERALS, "/crowd", TIMEOUT_MS);
  const silentMs = performance.now();
  expect(crowd.refused).toBe(0);
  expect(await ephemerals(observer)).toBe(SESSIONS * EPHEMERALS);
  await server.ask("watch");
  let firstMs = Number.POSITIVE_INFINITY;
  await until("all ephemerals are gone", async () => {
    const left = await ephemerals(observer);
    if (left < SESSIONS * EPHEMERALS) firstMs = Math.min(firstMs, performance.now() - silentMs);
    return left === 0;
  });
  const lastMs = performance.now() - silentMs;
  const { delayMs, busyMs } = await server.ask("told");
  console.log(
    `${SESSIONS} sessions, ${SESSIONS * EPHEMERALS} ephemerals: gone from ${Math.round(firstMs)} ` +
      `to ${Math.round(lastMs)} ms after the last sign of life, longest delay of the loop ` +
      `${delayMs.toFixed(1)} ms, ${busyMs.toFixed(1)} ms of it at work`,
  );
  await until("all are told", () => crowd.closed === SESSIONS);
  expect(firstMs).toBeGreaterThanOrEqual(TIMEOUT_MS - PING_MS);
  return busyMs;
}

async function ephemerals(observer: RawClient): Promise<number> {
  return stat(await observer.exists("/crowd")).numChildren;
}
