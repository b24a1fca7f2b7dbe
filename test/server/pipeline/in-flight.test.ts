import fc from "fast-check";
import { expect, test } from "vitest";
import { InFlightRing } from "../../../server/pipeline/in-flight.ts";

test("what is pushed is shifted in order, through every size of the ring", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -400, max: 400 }), { maxLength: 30 }), (moves) => {
      const ring = new InFlightRing(() => undefined);
      let first = 0;
      let next = 0;
      for (const move of moves) {
        for (let i = 0; i < move; i++) ring.push().zxid = next++;
        const due = Array.from(
          { length: Math.min(-Math.min(move, 0), next - first) },
          (_, i) => first + i,
        );
        expect(ring.first()?.zxid).toBe(first < next ? first : undefined);
        expect(due.map(() => ring.shift().zxid)).toEqual(due);
        first += due.length;
        expect(ring.length).toBe(next - first);
      }
    }),
  );
});

test("a commit that nobody waits for stops the server", () => {
  expect(() => new InFlightRing(() => undefined).shift()).toThrow("a commit nobody waits for");
});
