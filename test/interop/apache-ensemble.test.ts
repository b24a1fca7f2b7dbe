// The instruments of the mixed suites, tried on Apache's servers alone: whatever they find wrong
// here is wrong with them.

import { afterEach, expect, test } from "vitest";
import { Ensemble } from "../tools/ensemble.ts";
import { RecordedLoad } from "../tools/recorded-load.ts";
import { readTree, treeDifferences } from "../tools/tree-dump.ts";

let ensemble: Ensemble;

afterEach(() => ensemble[Symbol.asyncDispose]());

const APACHE = ["apache", "apache", "apache"] as const;

test("Apache's servers lose nothing while a follower and the leader are killed under load", async () => {
  ensemble = await Ensemble.start({ kinds: APACHE });
  const load = RecordedLoad.start(ensemble.clientPorts);
  await load.more(200);
  const follower = await ensemble.awaitFollower();
  await follower.kill();
  await load.more(200);
  follower.start();
  const leader = await ensemble.awaitServing();
  load.takeLongestGapMs();
  await leader.kill();
  await load.more(100);
  expect(load.takeLongestGapMs()).toBeGreaterThan(100);
  leader.start();
  await ensemble.awaitServing();
  await load.allClients();
  await load.stop();
  expect(load.expiredSessions).toBe(0);
  expect(load.problems(await readTree(leader.address))).toEqual([]);
  expect(await treeDifferences(ensemble.members.map((each) => each.address))).toEqual([]);
  const restarted = ensemble.takeSyncs().filter(({ learner }) => learner === leader);
  expect(restarted.map(({ kind }) => kind)).toContain("DIFF");
});

test("a server is made the leader, cut off by its wires, and comes back", async () => {
  ensemble = await Ensemble.start({ kinds: APACHE, routed: true, syncLimit: 3 });
  await ensemble.makeLeader(1);
  const load = RecordedLoad.start(ensemble.clientPorts, { replyLimitMs: 500 });
  await load.allClients();
  ensemble.partition([1], [2, 3]);
  await ensemble.awaitLeaderAmong([2, 3]);
  await load.allClients();
  ensemble.heal();
  await ensemble.awaitServing();
  await load.allClients();
  await load.stop();
  const addresses = ensemble.members.map((each) => each.address);
  expect(load.problems(await readTree(addresses[0] ?? ""))).toEqual([]);
  expect(await treeDifferences(addresses, "/zookeeper/config")).toEqual([]);
});
