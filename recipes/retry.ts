/**
 * Trying again, with a delay that grows and varies. The only importer of `p-retry`.
 *
 * For the few things that a recipe repeats as a whole, such as standing in line again after the
 * session was lost. What happens within one session (reads, lost replies) the client repeats.
 */

import pRetry from "p-retry";

const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 5000;

/**
 * Calls `attempt` until it resolves, rejects with an error that `again` does not want repeated, or
 * `signal` aborts, also between two attempts. Never gives up by itself.
 */
export function retry<T>(
  attempt: () => Promise<T>,
  again: (error: unknown) => boolean,
  signal: AbortSignal,
): Promise<T> {
  return pRetry(attempt, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: FIRST_DELAY_MS,
    maxTimeout: LONGEST_DELAY_MS,
    randomize: true,
    shouldRetry: ({ error }) => again(error),
    signal,
  });
}
