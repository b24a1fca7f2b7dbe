import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import type { Clock } from "../../protocol/host.ts";
import { Patience } from "../../recipes/patience.ts";

/** A clock whose timers fire by hand. */
function handClock(): { clock: Clock; fire: () => void; pending: () => number } {
  const timers = new Set<() => void>();
  const clock: Clock = {
    nowMs: () => 0,
    wallMs: () => 0,
    endOfTurn: (callback) => callback(),
    after: (_delayMs, callback) => {
      timers.add(callback);
      return { cancel: () => timers.delete(callback) };
    },
  };
  const fire = (): void => {
    for (const callback of timers) callback();
  };
  return { clock, fire, pending: () => timers.size };
}

const timedOut = (): Error => new Error("timed out");

// recipes CL-74, Trap 59
test("a settled wait leaves no listener and no timer", () => {
  const { clock, pending } = handClock();
  const [closed, user] = [new AbortController(), new AbortController()];
  for (let i = 0; i < 1000; i++) {
    const options = { signal: user.signal, timeoutMs: 10 };
    const patience = new Patience({ clock, closed: closed.signal }, options, timedOut);
    patience.settle();
  }
  expect(pending()).toBe(0);
  expect(getEventListeners(user.signal, "abort")).toEqual([]);
  expect(getEventListeners(closed.signal, "abort")).toEqual([]);
});

// recipes CL-73
test("the first of grant, abort, time-out and close decides", () => {
  const { clock, fire } = handClock();
  const [closed, user] = [new AbortController(), new AbortController()];
  const start = (): Patience =>
    new Patience(
      { clock, closed: closed.signal },
      { signal: user.signal, timeoutMs: 10 },
      timedOut,
    );
  const [granted, late] = [start(), start()];
  granted.settle();
  fire();
  expect(granted.signal.aborted).toBe(false);
  expect(() => late.settle()).toThrow("timed out");
  const aborted = start();
  user.abort("a reason that is no Error");
  closed.abort(new Error("closed"));
  expect(aborted.signal.reason).toBeInstanceOf(Error);
  expect(aborted.reasonFor(new Error("what the abort broke"))).toBe("a reason that is no Error");
});

test("an error that comes before the end of the wait is the one to tell", () => {
  const { clock } = handClock();
  const client = { clock, closed: new AbortController().signal };
  const error = new Error("first");
  expect(new Patience(client, {}, timedOut).reasonFor(error)).toBe(error);
});

// recipes CL-71, CL-15, Trap 8
test("a signal that has aborted refuses at the door; an endless time sets no timer", () => {
  const { clock, pending } = handClock();
  const client = { clock, closed: new AbortController().signal };
  expect(() => new Patience(client, { signal: AbortSignal.abort("no") }, timedOut)).toThrow("no");
  for (const timeoutMs of [Number.POSITIVE_INFINITY, 2 ** 31, undefined]) {
    new Patience(client, { timeoutMs }, timedOut).settle();
    expect(pending()).toBe(0);
  }
});
