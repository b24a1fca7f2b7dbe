// One random history at a server of ours and at Apache ZooKeeper (test/interop/differential): every
// reply and every event must be the same, but for times and ids, in the same order.
// `npm run differential -- --operations 1000000 --seed 7` plays a longer one.
// needs: apache

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runRandom } from "./differential/differential.ts";
import { HABITS } from "./differential/habits.ts";
import { sight, story } from "./differential/smallest.ts";

const SEED = Number(process.env["QUORATE_DIFFERENTIAL_SEED"] ?? "1");
const OPERATIONS = Number(process.env["QUORATE_DIFFERENTIAL_OPERATIONS"] ?? "100000");

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");

test("a random history is answered as Apache ZooKeeper answers it", async () => {
  const { difference, operations, answers } = await runRandom(SEED, OPERATIONS);
  if (difference !== undefined) {
    // Making it small takes minutes: what is known is told first.
    console.error(sight(SEED, difference));
    throw new Error(`${sight(SEED, difference)}\n${await story(difference)}`);
  }
  expect(operations).toBeGreaterThanOrEqual(OPERATIONS);
  // A run that only hears errors compares little.
  const served = [...answers.keys()].filter((key) => key.endsWith(" 0"));
  expect(served.length).toBeGreaterThanOrEqual(OPERATIONS_SERVED);
}, 600_000);

/** Kinds of operation that must have succeeded at least once. */
const OPERATIONS_SERVED = 25;

const SUITE = "test/conformance/server/habits.suite.ts";

test("what it excuses is what the page on compatibility says, row by row", () => {
  const rows = read("docs/compatibility.md")
    .split("\n")
    .filter((line) => line.startsWith("| ") && line.includes(SUITE))
    .map((line) => line.split(" | ")[0]?.slice(2) ?? "");
  expect(rows.toSorted()).toEqual(HABITS.map(({ matter }) => matter).toSorted());
});

test("each thing that it excuses is shown on both servers", () => {
  const suite = read(SUITE);
  const shown = Array.from(suite.matchAll(/\n {4}test\("([^"]*)"/g), ([, name]) => name ?? "");
  expect(shown.toSorted()).toEqual(HABITS.map(({ matter }) => matter).toSorted());
});
