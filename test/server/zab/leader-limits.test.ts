// What a leader keeps for others has an end.

import { expect, test } from "vitest";
import { Writer } from "../../../protocol/jute.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import { writeRevalidate } from "../../../protocol/quorum.ts";
import { LeaderBench } from "./leader-bench.ts";

test("a thousand links are kept, and no more", () => {
  const bench = new LeaderBench();
  const links = Array.from({ length: 1024 }, () => bench.accept("any"));
  expect(bench.lines()).toEqual([]);
  bench.accept("late");
  expect(bench.lines()).toEqual(["late closed: there are too many learners"]);
  links[0]?.cut();
  bench.lines();
  bench.accept("later");
  expect(bench.lines()).toEqual([]);
});

test("answers wait for a learner up to four megabytes", () => {
  const bench = new LeaderBench();
  const [learner] = bench.establish(2);
  if (learner === undefined) throw new Error("it was established");
  const out = new Writer();
  const batch = 10_000;
  for (let i = 0; i < batch; i++) writeRevalidate(out, 0, 7, 4000);
  const requests = out.take();
  learner.isBlocked = true;
  // Each answer has 29 bytes.
  const batches = Math.floor((4 * 1024 * 1024) / 29 / batch);
  for (let i = 0; i < batches; i++) learner.send(requests);
  expect(learner.isClosed).toBe(false);
  learner.send(requests);
  expect(bench.lines()).toContain("2 closed: more answers wait for it than are kept for a learner");
});

test("a million syncs wait, and the learner that brings another is sent away", () => {
  const bench = new LeaderBench();
  const [learner] = bench.establish(2);
  for (let i = 0; i < 1_000_000; i++) bench.office?.sync(() => {});
  expect(learner?.isClosed).toBe(false);
  learner?.request(7, 1, OpCode.sync, "/a");
  expect(bench.lines()).toContain("2 closed: more syncs wait than a leader keeps");
});
