import fc from "fast-check";
import { expect, test } from "vitest";
import { type Expiring, ExpiryQueue } from "../../../server/session/expiry.ts";

const TICK_MS = 500;

const always = (): boolean => true;

class Element implements Expiring {
  expiresAtMs = 0;
  touchedMs = -1;
  timeoutMs = 0;
  expiredMs = -1;
}

// server-semantics 5.2
test("an element lives as long as its timeout, and no longer than a tick beyond it", () => {
  const step = fc.record({
    passMs: fc.integer({ min: 0, max: 3 * TICK_MS }),
    touched: fc.integer({ min: 0, max: 3 }),
    timeoutMs: fc.integer({ min: 1, max: 4 * TICK_MS }),
    removed: fc.option(fc.integer({ min: 0, max: 3 }), { freq: 9 }),
  });
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.array(step), (startMs, steps) => {
      let nowMs = startMs;
      const queue = new ExpiryQueue<Element>(TICK_MS, nowMs);
      const elements = Array.from({ length: 4 }, () => new Element());
      const expire = (): void => {
        queue.expire(nowMs, always, (element) => {
          const age = nowMs - element.touchedMs;
          expect(age).toBeGreaterThanOrEqual(element.timeoutMs);
          element.touchedMs = -1;
        });
        for (const { touchedMs, timeoutMs } of elements) {
          if (touchedMs >= 0) expect(nowMs - touchedMs).toBeLessThan(timeoutMs + TICK_MS);
        }
        expect(queue.waitMs(nowMs)).toBeGreaterThan(0);
        expect(queue.waitMs(nowMs)).toBeLessThanOrEqual(TICK_MS);
      };
      for (const { passMs, touched, timeoutMs, removed } of steps) {
        nowMs += passMs;
        expire();
        const element = elements[touched];
        if (element === undefined) continue;
        queue.touch(element, nowMs, timeoutMs);
        element.touchedMs = nowMs;
        element.timeoutMs = timeoutMs;
        const other = removed === null ? undefined : elements[removed];
        if (other === undefined) continue;
        queue.remove(other);
        other.touchedMs = -1;
      }
      nowMs += 6 * TICK_MS;
      expire();
      expect(elements.every(({ touchedMs, expiresAtMs }) => touchedMs < 0 && expiresAtMs === 0));
    }),
  );
});

test("an element that another one's end removes does not expire as well", () => {
  const queue = new ExpiryQueue<Element>(TICK_MS, 0);
  const elements = [new Element(), new Element()];
  for (const element of elements) queue.touch(element, 0, 100);
  const expired: Element[] = [];
  queue.expire(10_000, always, (element) => {
    expired.push(element);
    for (const other of elements) queue.remove(other);
  });
  expect(expired).toHaveLength(1);
});

test("what may not expire in this turn is still due in the next, unless it is touched", () => {
  const queue = new ExpiryQueue<Element>(TICK_MS, 0);
  const elements = Array.from({ length: 5 }, () => new Element());
  for (const element of elements) queue.touch(element, 0, 100);
  const expired: Element[] = [];
  const turn = (): void => {
    const atMost = expired.length + 2;
    queue.expire(
      10_000,
      () => expired.length < atMost,
      (element) => expired.push(element),
    );
  };
  turn();
  expect(expired).toEqual(elements.slice(0, 2));
  expect(queue.waitMs(10_000)).toBe(0);
  queue.touch(elements[2] as Element, 10_000, 100);
  turn();
  turn();
  expect(expired).toEqual(elements.toSpliced(2, 1));
  expect(queue.waitMs(10_000)).toBeGreaterThan(0);
});
