// Settings of an ensemble that change what its clients see.

import { connect } from "quorate/client";
import { afterEach, expect, test } from "vitest";
import { Ensemble } from "../tools/ensemble.ts";
import { until } from "../tools/until.ts";

let ensemble: Ensemble;

afterEach(() => ensemble[Symbol.asyncDispose]());

// operations 2.3/leaderServes
test("a leader that must not serve leaves its clients to the others", async () => {
  ensemble = await Ensemble.create({
    kinds: ["quorate", "quorate", "quorate"],
    settings: { leaderServes: "no" },
  });
  for (const each of ensemble.members) each.start();
  await until("two servers follow", async () => {
    const modes = await Promise.all(ensemble.members.map((each) => each.mode()));
    return modes.filter((mode) => mode === "follower").length === 2;
  });
  const answers = await Promise.all(ensemble.members.map((each) => each.word("srvr")));
  expect(answers.filter((each) => each.includes("not currently serving requests"))).toHaveLength(1);
  await using client = await connect(ensemble.connectString);
  await client.create("/a");
  await client.sync("/a");
  expect(await client.exists("/a")).toBeDefined();
});
