// What every Clock of protocol/host.ts does.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Bench, BenchKind } from "./benches.ts";

export function clockSuite(kind: BenchKind): void {
  describe(`the clock of ${kind.name}`, () => {
    let bench: Bench;

    beforeEach(async () => {
      bench = await kind.open();
    });

    afterEach(() => bench.end());

    test("calls back no earlier than asked", async () => {
      const { clock } = bench.host;
      for (const delayMs of [0, 0.4, 3.2, 10]) {
        const begin = clock.nowMs();
        await bench.settle<void>((done) => clock.after(delayMs, done));
        expect(clock.nowMs() - begin).toBeGreaterThanOrEqual(delayMs);
      }
    });

    test("calls nobody back whose timer was cancelled", async () => {
      const { clock } = bench.host;
      const told: string[] = [];
      const timer = clock.after(1, () => told.push("cancelled"));
      timer.cancel();
      const last = clock.after(2, () => told.push("kept"));
      await bench.settle<void>((done) => clock.after(8, done));
      last.cancel();
      expect(told).toEqual(["kept"]);
    });

    test("ends a turn once, in the order asked for, and what the end asks for comes later", async () => {
      const { clock } = bench.host;
      const told: string[] = [];
      await bench.settle<void>((done) => {
        clock.endOfTurn(() => {
          told.push("first");
          clock.endOfTurn(() => {
            told.push("of the next turn");
            done();
          });
        });
        clock.endOfTurn(() => told.push("second"));
        told.push("the turn itself");
      });
      expect(told).toEqual(["the turn itself", "first", "second", "of the next turn"]);
    });
  });
}
