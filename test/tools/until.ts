// Waiting for a condition, in the suites that run on real clocks.

const POLL_MS = 5;
const LIMIT_MS = 60_000;

/** Resolves once `condition` holds; fails, naming `what`, when it does not within `limitMs`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs: number = LIMIT_MS,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await pause(POLL_MS);
  }
}

/** Lets time pass: where a test says how long nothing must happen, or how fast a load is. */
export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

/** Lets what is there already be handled. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
