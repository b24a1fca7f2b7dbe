// What a leader's log says of learners, however many come and go.

import { expect, test } from "vitest";
import { LearnerLines } from "../../../server/zab/learner-lines.ts";

function bench(): { lines: LearnerLines; told: string[] } {
  const told: string[] = [];
  const tell = (details: Readonly<Record<string, unknown>>, message: string): void => {
    told.push(`${JSON.stringify(details)} ${message}`);
  };
  return { told, lines: new LearnerLines({ info: tell, warn: tell, error: tell }) };
}

test("the same of one server is said once, and after sixty half ticks how often it was again", () => {
  const { lines, told } = bench();
  for (let halfTick = 0; halfTick < 59; halfTick++) {
    lines.warn({ sid: 4, address: "a" }, "refused");
    lines.tick();
  }
  lines.warn({ sid: 4, address: "a" }, "has left");
  lines.warn({ sid: 5, address: "b" }, "refused");
  expect(told.splice(0)).toEqual([
    '{"sid":4,"address":"a"} refused',
    '{"sid":4,"address":"a"} has left',
    '{"sid":5,"address":"b"} refused',
  ]);
  lines.tick();
  expect(told.splice(0)).toEqual(['{"sid":4,"address":"a","again":58} refused']);
  lines.warn({ sid: 4, address: "c" }, "refused");
  for (let halfTick = 0; halfTick < 200; halfTick++) lines.tick();
  expect(told).toEqual(['{"sid":4,"address":"c"} refused']);
});

test("of strangers with ever other numbers only so many lines are written in a half tick", () => {
  const { lines, told } = bench();
  for (let sid = 0; sid < 1000; sid++) lines.warn({ sid }, "refused");
  expect(told.splice(0)).toHaveLength(16);
  lines.tick();
  expect(told).toEqual(['{"unsaid":984} more came and went of learners than a log can hold']);
});
