// All servers of an ensemble stand still for longer than any session's timeout, as a machine that was
// suspended: what waits in their sockets is read before anybody expires. QUORATE_STOPPED_MS sets how
// long they stand still; the full proof is a minute.

import { expect, test } from "vitest";
import { CreateFlag } from "../../../protocol/opcodes.ts";
import { Ensemble } from "../../tools/ensemble.ts";
import { RawClient, stat } from "../../tools/raw-client.ts";
import { RecordedLoad } from "../../tools/recorded-load.ts";
import { readTree, treeDifferences } from "../../tools/tree-dump.ts";
import { pause, until } from "../../tools/until.ts";

const STOPPED_MS = Number(process.env["QUORATE_STOPPED_MS"] ?? 8000);
const SESSION_TIMEOUT_MS = 4000;
const PING_MS = 500;
const SESSIONS_PER_SERVER = 4;

// operations 7.9/30 Clock jump suspended VM
test("servers that all stood still expire nobody who kept pinging, and whoever was silent", async () => {
  await using ensemble = await Ensemble.start({ kinds: ["quorate", "quorate", "quorate"] });
  const pinging: RawClient[] = [];
  for (const { clientPort } of ensemble.members) {
    for (let at = 0; at < SESSIONS_PER_SERVER; at++) {
      const client = await RawClient.open(clientPort, { timeoutMs: SESSION_TIMEOUT_MS });
      pinging.push(client);
      await client.create(`/held-${pinging.length}`, { flags: CreateFlag.ephemeral });
    }
  }
  const silent = await RawClient.open(ensemble.member(1).clientPort, {
    timeoutMs: SESSION_TIMEOUT_MS,
  });
  const pings = setInterval(() => {
    for (const each of pinging) each.sendPing();
  }, PING_MS);
  const load = RecordedLoad.start(ensemble.clientPorts, { replyLimitMs: 3 * STOPPED_MS });
  await load.more(100);
  await silent.create("/silent", { flags: CreateFlag.ephemeral });
  const leader = await ensemble.awaitServing();
  for (const each of ensemble.members) each.pause();
  await pause(STOPPED_MS);
  for (const each of ensemble.members) each.resume();
  await load.allClients();
  expect(await ensemble.awaitServing()).toBe(leader);
  const witness = await RawClient.open(leader.clientPort);
  await until("the silent one is over", async () => (await witness.exists("/silent")).err !== 0);
  for (const [at, client] of pinging.entries()) {
    expect(client.closed, `connection ${at} is open`).toBe(false);
    const { response } = client;
    const owned = stat(await client.exists(`/held-${at + 1}`));
    expect([owned.ownerHigh, owned.ownerLow]).toEqual([
      response?.sessionHigh,
      response?.sessionLow,
    ]);
  }
  clearInterval(pings);
  for (const each of [...pinging, silent, witness]) each.drop();
  await load.stop();
  expect(load.problems(await readTree(leader.address))).toEqual([]);
  const addresses = ensemble.members.map((each) => each.address);
  expect(await treeDifferences(addresses)).toEqual([]);
});
