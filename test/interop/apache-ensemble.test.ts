// The instruments of the mixed suites, tried on Apache's servers alone: whatever they find wrong
// here is wrong with them.
// needs: apache

import { afterEach, expect, test } from "vitest";
import { Ensemble } from "../tools/ensemble.ts";
import { forceSnap, forceTrunc } from "../tools/forced-syncs.ts";
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

test("a server is made the leader, cut off with a tail that nobody heard of, wiped, and comes back", async () => {
  ensemble = await Ensemble.start({ kinds: APACHE, routed: true });
  await ensemble.makeLeader(1);
  const load = RecordedLoad.start(ensemble.clientPorts, { replyLimitMs: 500 });
  await load.allClients();
  const [first] = ensemble.members;
  if (first === undefined) throw new Error("there is no server 1");
  ensemble.takeSyncs();
  await forceTrunc(ensemble, load);
  await forceSnap(ensemble, load, first);
  await load.allClients();
  await load.stop();
  const syncs = ensemble.takeSyncs().filter(({ learner }) => learner === first);
  expect(syncs.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["TRUNC", "SNAP"]));
  expect(load.problems(await readTree(first.address))).toEqual([]);
  const addresses = ensemble.members.map((each) => each.address);
  expect(await treeDifferences(addresses, "/zookeeper/config")).toEqual([]);
});
