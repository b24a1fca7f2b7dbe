// A leader that goes, by SIGKILL, SIGTERM or SIGSTOP, under one client that writes one write at a
// time and reconnects: how long nobody is acknowledged anything, and that nothing is lost. The
// figures of the tables are the benchmark's (npm run bench); the bounds here are for a slow machine.

import { connect } from "quorate/client";
import { afterEach, expect, test } from "vitest";
import { Ensemble, type EnsembleMember } from "../../tools/ensemble.ts";
import { data, RawClient } from "../../tools/raw-client.ts";
import { RecordedLoad } from "../../tools/recorded-load.ts";
import { readTree, treeDifferences } from "../../tools/tree-dump.ts";

const TICK_MS = 250;
const SYNC_LIMIT = 4;
/** After which everybody knows that a leader hangs. */
const HANG_LIMIT_MS = (SYNC_LIMIT + 2) * TICK_MS;
/** For an election on a machine that does other things too. */
const SLACK_MS = 1000;
/** What the client waits for a reply, or for a connection, before it goes elsewhere. */
const REPLY_LIMIT_MS = 1000;
const WRITES = 100;

let ensemble: Ensemble;
let load: RecordedLoad;

async function start(): Promise<void> {
  ensemble = await Ensemble.start({
    kinds: ["quorate", "quorate", "quorate"],
    tickTimeMs: TICK_MS,
    syncLimit: SYNC_LIMIT,
  });
  load = RecordedLoad.start(ensemble.clientPorts, {
    clients: 1,
    writesPerSecond: 1_000_000,
    replyLimitMs: REPLY_LIMIT_MS,
    childrenKept: 50,
  });
  await load.more(WRITES);
}

afterEach(async () => {
  await load.stop();
  await ensemble[Symbol.asyncDispose]();
});

/** The longest time without an acknowledgement while the leader goes. */
async function gapWhile(
  go: (leader: EnsembleMember) => void | Promise<unknown>,
): Promise<{ leader: EnsembleMember; gapMs: number }> {
  const leader = await ensemble.awaitServing();
  await load.more(WRITES);
  load.takeLongestGapMs();
  await go(leader);
  await load.more(WRITES);
  return { leader, gapMs: load.takeLongestGapMs() };
}

async function verify(): Promise<void> {
  await ensemble.awaitServing();
  await load.pause();
  expect(load.problems(await readTree(ensemble.member(1).address))).toEqual([]);
  expect(await treeDifferences(ensemble.members.map((each) => each.address))).toEqual([]);
  load.resume();
}

// quorum-protocol F-7, T-6
test("a leader that is killed is replaced in a moment, by whoever is left", async () => {
  await start();
  const gaps: number[] = [];
  for (let round = 0; round < 3; round++) {
    const { leader, gapMs } = await gapWhile((each) => each.kill());
    gaps.push(gapMs);
    leader.start();
    await verify();
  }
  console.log(`SIGKILL of the leader: no write for ${gaps.map(Math.round).join(", ")} ms`);
  const [, middle] = gaps.toSorted((a, b) => a - b);
  expect(middle).toBeLessThan(SLACK_MS);
});

// operations 9.4/2
test("a leader that is told to stop names its successor, and every session lives on", async () => {
  await start();
  const before = await ensemble.awaitServing();
  const clients = await Promise.all(
    ensemble.members.map((each) => connect(`${each.address},${ensemble.connectString}`)),
  );
  const ids = clients.map((each) => each.sessionId);
  for (const [at, client] of clients.entries()) {
    await client.create(`/held-${at}`, null, { mode: "ephemeral" });
  }
  for (const each of ensemble.members) each.takeLog();
  let exitCode: number | null = null;
  const { gapMs } = await gapWhile(async (leader) => {
    exitCode = await leader.terminate();
  });
  console.log(`SIGTERM of the leader: no write for ${Math.round(gapMs)} ms`);
  expect(exitCode).toBe(0);
  expect(gapMs).toBeLessThan(SLACK_MS);
  const after = await ensemble.awaitLeader();
  expect(after.takeLog()).not.toContain("looking for a leader");
  before.start();
  await verify();
  for (const [at, client] of clients.entries()) {
    const { ephemeralOwner } = (await client.getData(`/held-${at}`)).stat;
    expect(ephemeralOwner).toBe(ids[at]);
    expect(client.sessionId).toBe(ids[at]);
    await client.close();
  }
  expect(load.expiredSessions).toBe(0);
});

// quorum-protocol T-3, T-6, T-10
test("a leader that hangs is replaced, and when it goes on it has nothing to say", async () => {
  await start();
  const before = await ensemble.awaitServing();
  const late = await RawClient.open(before.clientPort);
  let lateSet = 0;
  await late.create("/contested", { data: Buffer.from("first") });
  const { leader, gapMs } = await gapWhile((each) => {
    expect(each).toBe(before);
    each.pause();
    lateSet = late.sendSet("/contested", Buffer.from("of the old leader"));
  });
  console.log(`SIGSTOP of the leader: no write for ${Math.round(gapMs)} ms`);
  // The client may wait for the one that hangs once with a request, and once to connect.
  expect(gapMs).toBeLessThan(HANG_LIMIT_MS + 2 * REPLY_LIMIT_MS + SLACK_MS);
  const others = ensemble.members.filter((each) => each !== leader);
  const after = await ensemble.awaitLeaderAmong(others.map((each) => each.sid));
  const client = await RawClient.open(after.clientPort);
  expect((await client.set("/contested", Buffer.from("of the new leader"))).err).toBe(0);
  leader.resume();
  await late.untilClosed();
  expect(late.frames.filter(({ xid }) => xid === lateSet)).toEqual([]);
  expect(await ensemble.awaitServing()).toBe(after);
  expect(data(await client.getData("/contested"))?.toString()).toBe("of the new leader");
  client.drop();
  await verify();
});
