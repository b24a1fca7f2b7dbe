/**
 * The queue inside a process, in front of the ensemble's: contenders of one client for one path
 * stand here, and only the first of them has a znode. A thousand callers of one service cost the
 * ensemble one contender.
 *
 * There is no hand-over: each turn is a new znode with a token of its own, behind the contenders
 * of other processes, so the ensemble's queue stays fair.
 */

import { Mutex } from "async-mutex";

/** Invariant: a path is here exactly while somebody has its slot or waits for it. */
const queues = new WeakMap<object, Map<string, Mutex>>();

/** The one slot of a client and a path. Freeing it a second time does nothing. */
export interface Slot {
  free(): void;
}

/** Somebody has the slot, or waits for it. */
export function isSlotTaken(client: object, path: string): boolean {
  return queues.get(client)?.has(path) ?? false;
}

/**
 * Waits for the slot, first come first served. Rejects with the signal's reason as soon as it
 * aborts; a place that was given up lets the next one in when its turn comes.
 */
export function takeSlot(client: object, path: string, signal: AbortSignal): Promise<Slot> {
  const paths = pathsOf(client);
  const mutex = paths.get(path) ?? new Mutex();
  paths.set(path, mutex);
  return new Promise((resolve, reject) => {
    const abandon = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", abandon, { once: true });
    const enter = (release: () => void): void => {
      signal.removeEventListener("abort", abandon);
      const free = (): void => {
        release();
        // A waiter was let in by `release` itself, so an open mutex has none.
        if (!mutex.isLocked() && paths.get(path) === mutex) paths.delete(path);
      };
      if (signal.aborted) free();
      else resolve({ free });
    };
    mutex.acquire().then(enter, reject);
  });
}

function pathsOf(client: object): Map<string, Mutex> {
  let paths = queues.get(client);
  if (paths === undefined) {
    paths = new Map();
    queues.set(client, paths);
  }
  return paths;
}
