/**
 * The queue that locks and leaders share: sequential ephemerals under one directory. Whoever has
 * the lowest number is first; everybody else watches the one directly in front, so that each
 * departure wakes one waiter.
 *
 * ```
 *   create ──▶ look ──▶ first? ──▶ claim ──▶ won
 *     ▲         ▲ │ no
 *     │  change │ ▼
 *     │         arm a watch on the one in front
 *     └── its own znode is gone, or the session that made it: again, at the end of the queue
 * ```
 */

import {
  type CallOptions,
  type Claim,
  type Client,
  type CreateResult,
  isZooKeeperError,
  type StateEvent,
  type WatchOutcome,
} from "../client/index.ts";
import { backgroundError, mixedLayout, requeued, sequenceNearOverflow } from "./diagnostics.ts";
import { RecipeError } from "./errors.ts";
import type { Patience } from "./patience.ts";
import { retry } from "./retry.ts";
import {
  type Family,
  isBeyondRange,
  NEAR_OVERFLOW,
  type Place,
  placesInOrder,
} from "./sequence.ts";

/** One kind of queue. */
export interface QueueKind {
  readonly directory: string;
  /** What stands between the protection's guid and the number. */
  readonly prefix: string;
  readonly family: Family;
  /** Contenders of other families end the attempt; otherwise they are waited for. */
  readonly strict: boolean;
  /** The data of a contender's znode. */
  data(): Uint8Array;
}

/** A place that came first, and the claim on it. */
export interface Won {
  readonly claim: Claim;
  /** The txn that created the claim's znode. */
  readonly czxid: bigint;
}

/** The longest pause before the queue is looked at again after a reconnect. */
const RECONNECT_JITTER_MS = 250;

/** The caller does not wait, and somebody else is in the queue. */
export class NotFirst extends Error {}

/** Ends a turn in the queue whose znode is gone: the contender stands in line again. */
class PlaceLost extends Error {}

export class Contender {
  readonly #client: Client;
  readonly #kind: QueueKind;
  readonly #patience: Patience;
  /** False: leaves the queue when it is not first at once. */
  readonly #waits: boolean;
  /** Names ahead of ours when we last looked. */
  #ahead: readonly string[] = [];
  /** Something happened since the last look, so that the next wait must not begin. */
  #changed = false;
  #wake: (() => void) | undefined;
  /** How often the connection's state changed. */
  #interruptions = 0;
  /** That count when our znode was last known to be our session's. */
  #verified = 0;
  /** The watch on the one in front; undefined once an event has consumed it. */
  #watch: { readonly name: string; readonly end: AbortController } | undefined;

  constructor(client: Client, kind: QueueKind, patience: Patience, waits: boolean) {
    this.#client = client;
    this.#kind = kind;
    this.#patience = patience;
    this.#waits = waits;
  }

  get ahead(): readonly string[] {
    return this.#ahead;
  }

  /**
   * Stands in line until it is first. When this rejects, its znode is on its way out; when it
   * resolves, the patience is settled: nothing takes the claim back but its loss.
   *
   * @throws NotFirst if it does not wait.
   */
  async run(): Promise<Won> {
    const proving = this.#client.keepProving();
    this.#client.on("transition", this.#onTransition);
    try {
      return await retry(() => this.#standInLine(), this.#isRepeated, this.#patience.signal);
    } finally {
      this.#client.off("transition", this.#onTransition);
      proving[Symbol.dispose]();
    }
  }

  async #standInLine(): Promise<Won> {
    const { directory, prefix } = this.#kind;
    this.#verified = this.#interruptions;
    const node = await this.#client.create(childPath(directory, prefix), this.#kind.data(), {
      mode: "ephemeral-sequential",
      parents: "container",
      protect: true,
      ...this.#callOptions,
    });
    try {
      return await this.#waitForTurn(node);
    } catch (error) {
      if (error instanceof PlaceLost) requeued.publish({ directory, nodePath: node.path });
      removeInBackground(this.#client, node.path);
      throw error;
    } finally {
      this.#endWatch();
    }
  }

  async #waitForTurn(node: CreateResult): Promise<Won> {
    for (;;) {
      this.#changed = false;
      const ahead = await this.#look(node);
      const next = ahead.at(-1);
      if (next === undefined) {
        const won = await this.#claim(node);
        if (won !== undefined) return won;
      } else if (!this.#waits) {
        throw new NotFirst();
      } else if (await this.#arm(next.name)) {
        await this.#change();
      }
    }
  }

  /** Who is ahead of us, the one directly in front last. */
  async #look(node: CreateResult): Promise<readonly Place[]> {
    const { directory } = this.#kind;
    const places = await readPlaces(this.#client, directory, this.#callOptions);
    const mine = places.findIndex((place) => childPath(directory, place.name) === node.path);
    const place = places[mine];
    if (place === undefined || node.sessionId !== this.#client.sessionId) throw new PlaceLost();
    if (isBeyondRange(place.sequence)) {
      throw new RecipeError("SequenceOverflow", { path: directory });
    }
    if (place.sequence >= NEAR_OVERFLOW) {
      sequenceNearOverflow.publish({ directory, sequence: place.sequence });
    }
    checkFamilies(places, this.#kind);
    const ahead = places.slice(0, mine).filter((other) => !isBeyondRange(other.sequence));
    this.#ahead = ahead.map((other) => other.name);
    return ahead;
  }

  /**
   * Watches the one in front. False: it is gone, look again. Reads its data, since a watch by
   * `exists` on a znode that is gone would stay for ever.
   */
  async #arm(name: string): Promise<boolean> {
    if (this.#watch?.name === name) return true;
    this.#endWatch();
    const watch = { name, end: new AbortController() };
    this.#watch = watch;
    try {
      await this.#client.getData(childPath(this.#kind.directory, name), {
        watch: (outcome) => this.#onWatch(watch, outcome),
        watchSignal: watch.end.signal,
        ...this.#callOptions,
      });
    } catch (error) {
      this.#watch = undefined;
      if (isZooKeeperError(error, "NoNode")) return false;
      throw error;
    }
    return true;
  }

  /** Resolves at the next thing that may move the queue, at once if it happened already. */
  #change(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { signal } = this.#patience;
      const settle = (act: () => void): void => {
        this.#wake = undefined;
        signal.removeEventListener("abort", aborted);
        act();
      };
      const aborted = (): void => settle(() => reject(signal.reason as Error));
      if (this.#changed) return resolve();
      this.#wake = () => settle(resolve);
      if (signal.aborted) return aborted();
      signal.addEventListener("abort", aborted, { once: true });
    });
  }

  /** We are first. Undefined: whether the znode is still ours had to be asked; look again. */
  async #claim(node: CreateResult): Promise<Won | undefined> {
    const interruptions = this.#interruptions;
    if (this.#verified !== interruptions) {
      await this.#verifyOwner(node);
      this.#verified = interruptions;
      return undefined;
    }
    this.#patience.signal.throwIfAborted();
    const claim = this.#tryHold(node);
    if (claim === undefined) {
      // Not connected, or nothing has proved our session lately: a write by the quorum does.
      await this.#client.barrier(this.#kind.directory, this.#callOptions);
      await this.#verifyOwner(node);
      return undefined;
    }
    this.#patience.settle();
    return { claim, czxid: node.stat.czxid };
  }

  #tryHold(node: CreateResult): Claim | undefined {
    try {
      return this.#client.hold(node.path, { sessionId: node.sessionId });
    } catch (error) {
      if (isZooKeeperError(error, "NotHeld")) return undefined;
      throw error;
    }
  }

  async #verifyOwner(node: CreateResult): Promise<void> {
    const stat = await this.#client.exists(node.path, this.#callOptions);
    if (stat?.ephemeralOwner !== this.#client.sessionId) throw new PlaceLost();
  }

  /** A contender that waits does so for as long as its patience lasts, whatever a call's default. */
  get #callOptions(): { readonly signal: AbortSignal; readonly timeoutMs: number | undefined } {
    const timeoutMs = this.#waits ? Number.POSITIVE_INFINITY : undefined;
    return { signal: this.#patience.signal, timeoutMs };
  }

  /** A lost place is taken again; a caller that does not wait hears of trouble at once. */
  readonly #isRepeated = (error: unknown): boolean =>
    error instanceof PlaceLost || (this.#waits && isZooKeeperError(error) && error.retryable);

  #onWatch(watch: { readonly name: string }, outcome: WatchOutcome): void {
    if (outcome.type === "cancelled") return;
    if (this.#watch === watch) this.#watch = undefined;
    this.#noteChange();
  }

  readonly #onTransition = (event: StateEvent): void => {
    this.#interruptions += 1;
    if (event.state === "lost") this.#noteChange();
    // The server tells what the watch missed; looking as well costs one read, and at a random
    // moment, so that a thousand waiters do not all look at once.
    if (event.state === "reconnected") {
      const delayMs = this.#client.random.fraction() * RECONNECT_JITTER_MS;
      this.#client.clock.after(delayMs, () => this.#noteChange());
    }
  };

  #noteChange(): void {
    this.#changed = true;
    this.#wake?.();
  }

  #endWatch(): void {
    this.#watch?.end.abort();
    this.#watch = undefined;
  }
}

/** The contenders of a directory, first in line first; none if the directory is not there. */
export async function readPlaces(
  client: Client,
  directory: string,
  options: CallOptions,
): Promise<readonly Place[]> {
  try {
    return placesInOrder((await client.getChildren(directory, options)).children);
  } catch (error) {
    if (isZooKeeperError(error, "NoNode")) return [];
    throw error;
  }
}

/**
 * Holders of different families do not wait for one another, so a directory must have one.
 * @throws RecipeError MixedLayout if `kind` is strict.
 */
export function checkFamilies(places: readonly Place[], kind: QueueKind): void {
  const others = places.filter((place) => place.family !== kind.family);
  if (others.length === 0) return;
  const contenders = others.map((place) => place.name);
  mixedLayout.publish({ directory: kind.directory, contenders });
  if (kind.strict) throw new RecipeError("MixedLayout", { path: kind.directory, contenders });
}

/** Deletes a contender's znode, however long it takes; its name is unique for ever. */
export function removeInBackground(client: Client, nodePath: string): void {
  client.delete(nodePath, { guaranteed: true, wait: "queued" }).catch((error: unknown) => {
    // The end of the session removes it.
    if (isZooKeeperError(error, "Closed")) return;
    backgroundError.publish({ error, context: `delete ${nodePath}` });
  });
}

/** The path of a child. */
export function childPath(directory: string, name: string): string {
  return directory === "/" ? `/${name}` : `${directory}/${name}`;
}
