import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { retry } from "../../recipes/retry.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const passing = new Error("passing");
const always = (): boolean => true;

test("an attempt is repeated after delays that grow up to five seconds", async () => {
  const { signal } = new AbortController();
  const attemptsAtMs: number[] = [];
  const done = retry(
    () => {
      attemptsAtMs.push(vi.getMockedSystemTime()?.getTime() ?? 0);
      return attemptsAtMs.length < 12 ? Promise.reject(passing) : Promise.resolve("at last");
    },
    (error) => error === passing,
    signal,
  );
  await vi.runAllTimersAsync();
  expect(await done).toBe("at last");
  const delays = attemptsAtMs.slice(1).map((atMs, i) => atMs - attemptsAtMs[i]!);
  expect(delays[0]).toBeGreaterThanOrEqual(50);
  expect(delays[0]).toBeLessThanOrEqual(100);
  expect(delays.at(-1)).toBeCloseTo(5000);
});

test("an error that is not to be repeated is told at once", async () => {
  const failure = new Error("final");
  const attempt = vi.fn(() => Promise.reject(failure));
  await expect(retry(attempt, () => false, new AbortController().signal)).rejects.toBe(failure);
  expect(attempt).toHaveBeenCalledOnce();
});

// recipes CL-22
test("an abort ends the pause between two attempts at once", async () => {
  const stop = new AbortController();
  const attempt = vi.fn(() => Promise.reject(passing));
  const outcome = expect(retry(attempt, always, stop.signal)).rejects.toThrow("enough");
  await vi.advanceTimersByTimeAsync(10);
  stop.abort(new Error("enough"));
  await outcome;
  expect(vi.getTimerCount()).toBe(0);
});
