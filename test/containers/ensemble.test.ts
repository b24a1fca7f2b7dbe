// needs: docker

// What happens to machines happens to the leader of three servers while clients write on and
// every acknowledged write is recorded: writes go on each time, and none of them is lost.

import { beforeAll, expect, test } from "vitest";
import { RecordedLoad } from "../tools/recorded-load.ts";
import { readTree, treeDifferences } from "../tools/tree-dump.ts";
import { ContainerEnsemble } from "./container-ensemble.ts";

/** Acknowledged writes while a fault lasts. */
const WRITES = 150;

beforeAll(() => {
  // Its helper container would have to be pulled; every container here is removed by its test.
  process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";
});

test("whatever happens to the leader's machine, writes go on and no acknowledged one is lost", async () => {
  await using ensemble = await ContainerEnsemble.start(3);
  const load = RecordedLoad.start(ensemble.clientPorts, {
    clients: 3,
    writesPerSecond: 90,
    replyLimitMs: 1500,
  });
  await load.allClients();

  // Killed; its volume moves to another container.
  const killed = await ensemble.awaitLeader();
  await killed.killContainer();
  await ensemble.awaitLeader(ensemble.others(killed));
  await load.more(WRITES);
  await killed.startContainer();
  await ensemble.awaitServing();

  // Frozen: its sockets stay open.
  const frozen = await ensemble.awaitLeader();
  frozen.pause();
  await ensemble.awaitLeader(ensemble.others(frozen));
  await load.more(WRITES);
  frozen.resume();
  await ensemble.awaitServing();

  // Its cable to the others is pulled, and clients still reach it.
  const unplugged = await ensemble.awaitLeader();
  unplugged.unplug();
  await ensemble.awaitLeader(ensemble.others(unplugged));
  await load.more(WRITES);
  unplugged.plugIn();
  await ensemble.awaitServing();

  // It hears the others, and they do not hear it.
  const unheard = await ensemble.awaitLeader();
  for (const each of ensemble.others(unheard)) ensemble.drop(unheard, each);
  await ensemble.awaitLeader(ensemble.others(unheard));
  await load.more(WRITES);
  ensemble.stopDropping();
  await ensemble.awaitServing();

  await load.allClients();
  await load.stop();
  expect(await treeDifferences(ensemble.members.map((each) => each.address))).toEqual([]);
  for (const { address } of ensemble.members) {
    expect(load.problems(await readTree(address))).toEqual([]);
  }
});
