import fc from "fast-check";
import { expect, test } from "vitest";
import { WaitingFrames } from "../../../server/pipeline/waiting.ts";

/** A frame that waits for `after` more writes than the one before it, or an answer to some writes. */
const step = fc.oneof(
  fc.record({ after: fc.integer({ min: 0, max: 2 }), frame: fc.uint8Array({ maxLength: 3000 }) }),
  fc.record({ answered: fc.integer({ min: 0, max: 3 }) }),
);

// server-semantics 3.6
test("frames come out as they went in, in order, none before the writes it waits for", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const waiting = new WaitingFrames();
      let model: { position: number; frame: Buffer }[] = [];
      let submitted = 0;
      let answered = 0;
      const drain = (): void => {
        const due = model.filter(({ position }) => position <= answered);
        model = model.filter(({ position }) => position > answered);
        const out: Buffer[] = [];
        waiting.drain(answered, (bytes, start, end) =>
          out.push(Buffer.from(bytes.subarray(start, end))),
        );
        expect(out).toEqual(due.map(({ frame }) => frame));
      };
      for (const one of steps) {
        if ("answered" in one) {
          answered = Math.min(submitted, answered + one.answered);
          drain();
        } else {
          submitted += one.after;
          const frame = Buffer.from(one.frame);
          waiting.push(submitted, Buffer.concat([Buffer.from("ab"), frame]), 2, 2 + frame.length);
          model.push({ position: submitted, frame });
        }
        expect(waiting.count).toBe(model.length);
        expect(waiting.isEmpty).toBe(model.length === 0);
      }
      answered = submitted;
      drain();
      expect(waiting.size).toBe(0);
    }),
  );
});

test("a connection that is gone leaves nothing behind", () => {
  const waiting = new WaitingFrames();
  waiting.push(1, Buffer.alloc(100_000), 0, 100_000);
  waiting.clear();
  expect([waiting.isEmpty, waiting.count, waiting.size]).toEqual([true, 0, 0]);
});
