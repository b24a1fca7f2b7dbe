// Servers that are cut off from their majority: they close their clients in time, serve reads to
// those who asked for it, and let go when the majority is back.

import { connect, isZooKeeperError } from "quorate/client";
import { afterEach, expect, test } from "vitest";
import { Ensemble, type EnsembleMember } from "../../tools/ensemble.ts";
import { RawClient } from "../../tools/raw-client.ts";
import { until } from "../../tools/until.ts";

const TICK_MS = 500;
const SYNC_LIMIT = 4;
const LIMIT_MS = (SYNC_LIMIT + 2) * TICK_MS;
const KINDS = ["quorate", "quorate", "quorate"] as const;

let ensemble: Ensemble;
afterEach(() => ensemble[Symbol.asyncDispose]());

/** Until a member that is cut off has closed its client. */
async function closedAfterMs(member: EnsembleMember): Promise<number> {
  const client = await RawClient.open(member.clientPort);
  const others = ensemble.members.map(({ sid }) => sid).filter((sid) => sid !== member.sid);
  const cutAtMs = performance.now();
  ensemble.partition([member.sid], others);
  await client.untilClosed();
  return performance.now() - cutAtMs;
}

// quorum-protocol T-3, T-6, T-9
test("whoever is cut off from the majority closes its clients within syncLimit + 2 ticks", async () => {
  ensemble = await Ensemble.start({
    kinds: KINDS,
    routed: true,
    tickTimeMs: TICK_MS,
    syncLimit: SYNC_LIMIT,
  });
  const follower = await ensemble.awaitFollower();
  const followerMs = await closedAfterMs(follower);
  ensemble.heal();
  const leader = await ensemble.awaitServing();
  const leaderMs = await closedAfterMs(leader);
  console.log(
    `closed after ${Math.round(followerMs)} ms (follower), ${Math.round(leaderMs)} (leader)`,
  );
  expect(followerMs).toBeLessThan(LIMIT_MS);
  expect(leaderMs).toBeLessThan(LIMIT_MS);
  const others = ensemble.members.filter((each) => each !== leader);
  const successor = await ensemble.awaitLeaderAmong(others.map(({ sid }) => sid));
  const client = await RawClient.open(successor.clientPort);
  expect((await client.create("/written-by-the-majority")).err).toBe(0);
  client.drop();
  ensemble.heal();
  expect(await ensemble.awaitServing()).toBe(successor);
});

// quorum-protocol 11.3
// client-protocol 10.4/read-only mode (client flag), 9/-119 NOTREADONLY
// operations 2.3/readonlymode.enabled
test("one that lost its majority serves reads to who asked for it, until the majority is back", async () => {
  ensemble = await Ensemble.start({
    kinds: KINDS,
    tickTimeMs: TICK_MS,
    syncLimit: SYNC_LIMIT,
    settings: { "readonlymode.enabled": "true" },
  });
  const writer = await connect(ensemble.connectString);
  await writer.create("/kept", Buffer.from("as it was"));
  await writer.close();
  const [left, ...gone] = ensemble.members;
  if (left === undefined) throw new Error("nobody is left");
  const before = await connect(left.address);
  await before.sync("/kept");
  await before.close();
  await Promise.all(gone.map((each) => each.kill()));
  await until("it serves reads", async () => (await left.mode()) === "read-only");
  const reader = await connect(left.address, { readOnly: true });
  expect(reader.state).toBe("read-only");
  expect((await reader.getData("/kept")).data?.toString()).toBe("as it was");
  const refusal = await reader.create("/refused", null).catch((error: unknown) => error);
  expect(isZooKeeperError(refusal, "NotReadOnly")).toBe(true);
  const unflagged = await RawClient.dial(left.clientPort);
  await expect(unflagged.handshake()).rejects.toThrow("closed instead of answering");
  for (const each of gone) each.start();
  await ensemble.awaitServing();
  await until("the client has a session that writes", () => reader.state === "connected");
  await reader.create("/accepted", null);
  await reader.close();
});
