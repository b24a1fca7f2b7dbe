// Three servers of Apache's become three of ours, one by one, on their directories, and one goes
// back: those who hold sessions, ephemerals and locks meanwhile must not notice.
// needs: apache, kazoo

import { expect, test } from "vitest";
import { Ensemble, type EnsembleMember, type MemberKind } from "../../tools/ensemble.ts";
import { RecordedLoad } from "../../tools/recorded-load.ts";
import { readTree, treeDifferences } from "../../tools/tree-dump.ts";
import { Holders } from "./holders.ts";

/** Written between two changes, so that there is something to catch up with. */
const CALM_WRITES = 300;

async function exchange(
  ensemble: Ensemble,
  load: RecordedLoad,
  member: EnsembleMember,
  kind: MemberKind,
): Promise<void> {
  await load.more(CALM_WRITES);
  await member.terminate();
  member.become(kind);
  await load.more(CALM_WRITES);
  member.start();
  await ensemble.awaitServing();
  await load.allClients();
}

test("three servers become ours one by one and one goes back, and every session lives on", async () => {
  await using ensemble = await Ensemble.start({ kinds: ["apache", "apache", "apache"] });
  await using holders = await Holders.start(ensemble.connectString);
  const load = RecordedLoad.start(ensemble.clientPorts);
  const held = await holders.look();
  const leader = await ensemble.awaitLeader();
  const followers = ensemble.members.filter((each) => each !== leader);
  for (const each of [...followers, leader]) {
    await exchange(ensemble, load, each, "quorate");
    expect(await holders.look()).toEqual(held);
  }
  expect(ensemble.members.map(({ kind }) => kind)).toEqual(["quorate", "quorate", "quorate"]);
  const back = ensemble.member(3);
  await exchange(ensemble, load, back, "apache");
  await ensemble.makeLeader(back.sid);
  expect(await holders.look()).toEqual(held);
  expect(await holders.pass()).toEqual({
    owner: "holder-1",
    contenders: ["holder-1", "holder-2", "holder-3"],
  });
  await load.stop();
  expect(load.expiredSessions).toBe(0);
  expect(load.problems(await readTree(back.address))).toEqual([]);
  expect(await treeDifferences(ensemble.members.map((each) => each.address))).toEqual([]);
});
