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
        waiting.drain(answered, (bytes, start, end, ids) => {
          out.push(Buffer.from(bytes.subarray(start, end)));
          expect(ids).toBe(end - start);
          return true;
        });
        expect(out).toEqual(due.map(({ frame }) => frame));
      };
      for (const one of steps) {
        if ("answered" in one) {
          answered = Math.min(submitted, answered + one.answered);
          drain();
        } else {
          submitted += one.after;
          const frame = Buffer.from(one.frame);
          const around = Buffer.concat([Buffer.from("ab"), frame]);
          waiting.push(submitted, frame.length, around, 2, around.length);
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
  waiting.push(1, 1, Buffer.alloc(100_000), 0, 100_000);
  waiting.clear();
  expect([waiting.isEmpty, waiting.count, waiting.size]).toEqual([true, 0, 0]);
});

test("a frame can stop those behind it, which come out later as they went in", () => {
  const waiting = new WaitingFrames();
  for (const byte of [1, 2, 3]) waiting.push(0, 0, Buffer.of(byte), 0, 1);
  const out: (number | undefined)[] = [];
  const run = (bytes: Buffer, start: number): boolean => {
    out.push(bytes[start]);
    return bytes[start] !== 2;
  };
  waiting.drain(0, run);
  expect([out, waiting.count]).toEqual([[1, 2], 1]);
  waiting.drain(0, run);
  expect([out, waiting.isEmpty]).toEqual([[1, 2, 3], true]);
});
