// Terms that end before anybody is served: how soon the next one begins, and what the log says.

import { expect, test } from "vitest";
import { VainTerms } from "../../../server/zab/vain-terms.ts";

const TICK_MS = 2000;

class Bench {
  nowMs = 1000;
  readonly told: string[] = [];
  readonly terms: VainTerms = new VainTerms(
    {
      info: (_details, message) => void this.told.push(message),
      warn: (details, message) => void this.told.push(`${JSON.stringify(details)} ${message}`),
      error: (_details, message) => void this.told.push(`error: ${message}`),
    },
    () => this.nowMs,
    TICK_MS,
  );
}

test("after one term in vain the next one begins at once, then later and later, a tick at most", () => {
  const { terms } = new Bench();
  const pauses: number[] = [];
  for (let i = 0; i < 10; i++) {
    terms.ended(3, "refused");
    pauses.push(terms.pauseMs);
  }
  expect(pauses).toEqual([0, 50, 100, 200, 400, 800, 1600, TICK_MS, TICK_MS, TICK_MS]);
  expect(terms.leaderSid).toBe(3);
  terms.clear();
  expect([terms.pauseMs, terms.leaderSid]).toEqual([0, undefined]);
});

test("the first terms in vain are told in full, then one a minute, and how many there were", () => {
  const bench = new Bench();
  const term = (): void => {
    bench.terms.info({}, "elected");
    bench.terms.ended(3, "refused");
    bench.nowMs += TICK_MS;
  };
  for (let i = 0; i < 100; i++) term();
  const hint =
    "this server does not get in step with its leader. It goes on trying, and tells of it once a " +
    "minute; the leader's log may say more. The last attempt: refused";
  expect(bench.told).toEqual([
    ...["elected", "elected", "elected", "elected"],
    `{"leader":3,"attempts":4} ${hint}`,
    ...["elected", `{"leader":3,"attempts":34} ${hint}`],
    ...["elected", `{"leader":3,"attempts":64} ${hint}`],
    ...["elected", `{"leader":3,"attempts":94} ${hint}`],
  ]);
  bench.told.length = 0;
  bench.terms.error({}, "what is wrong here is told always");
  bench.terms.clear();
  bench.terms.info({}, "in step");
  expect(bench.told).toEqual(["error: what is wrong here is told always", "in step"]);
});
