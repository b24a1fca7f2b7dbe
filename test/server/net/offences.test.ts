import { expect, test } from "vitest";
import { Offences } from "../../../server/net/offences.ts";
import type { EndDetails } from "../../../server/pipeline/requester.ts";

const MINUTE_MS = 60_000;

function room(): { offences: Offences; lines: [reason: string, details: EndDetails][] } {
  const lines: [string, EndDetails][] = [];
  return { lines, offences: new Offences((reason, details) => lines.push([reason, details])) };
}

test("an address is named once a minute for a reason, and then how often it was", () => {
  const { offences, lines } = room();
  for (let i = 0; i < 100; i++) offences.note(i, "1.2.3.4", "too much", { length: i });
  offences.note(100, "1.2.3.5", "too much", {});
  offences.note(100, "1.2.3.4", "too little", {});
  expect(lines).toEqual([
    ["too much", { address: "1.2.3.4", length: 0 }],
    ["too much", { address: "1.2.3.5" }],
    ["too little", { address: "1.2.3.4" }],
  ]);
  lines.length = 0;
  offences.sweep(MINUTE_MS - 1);
  expect(lines).toEqual([]);
  offences.note(MINUTE_MS + 50, "1.2.3.4", "too much", { length: 7 });
  expect(lines).toEqual([
    ["too much", { address: "1.2.3.4", again: 99 }],
    ["too much", { address: "1.2.3.4", length: 7 }],
  ]);
});

test("however many addresses there are, what is kept and what is said stay bounded", () => {
  const { offences, lines } = room();
  for (let i = 0; i < 100_000; i++) offences.note(0, `10.0.${i >> 8}.${i & 255}`, "too much", {});
  expect(lines.length).toBeLessThan(5000);
  offences.sweep(MINUTE_MS);
  expect(lines.at(-1)?.[1]).toEqual({ address: "many", again: 100_000 - 4096 - 1 });
});
