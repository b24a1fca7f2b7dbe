/**
 * What the owner of a claim has in hand: whether it still owns, the token that orders it among all
 * owners, and the way to give it up.
 *
 * A process that is stopped cannot notice that it lost the claim. `signal` and `isHeld` tell the
 * truth as soon as it runs again; what it did in between only the fencing token stops, checked by
 * whatever it writes to.
 */

import { setMaxListeners } from "node:events";
import {
  type CallOptions,
  type Claim,
  type ClaimState,
  type Client,
  type DataResult,
  type Guard,
  isZooKeeperError,
} from "../client/index.ts";
import { removeInBackground, type Won } from "./contender.ts";
import { type LossReason, RecipeError } from "./errors.ts";
import type { Slot } from "./local-queue.ts";
import { retry } from "./retry.ts";

/**
 * - `released`: the znode is known to be deleted.
 * - `gone`: the claim had ended before; its critical section may have had company.
 * - `pending`: not confirmed yet; the deletion goes on in the background.
 */
export type ReleaseOutcome = "released" | "gone" | "pending";

export interface ReleaseOptions {
  /** How long to wait for the confirmation. Default: 5,000. */
  readonly timeoutMs?: number | undefined;
}

export interface OwnedHandle extends AsyncDisposable {
  /** What is owned: the lock's directory. */
  readonly path: string;
  /** The znode that stands for the claim. */
  readonly nodePath: string;
  readonly sessionId: bigint;
  /**
   * The txn that created the claim. Grows from owner to owner, also across elections and when
   * the directory is created anew. Storage that remembers the highest token it saw, and refuses
   * lower ones, is safe from an owner that was stopped for too long.
   */
  readonly fencingToken: bigint;
  /** The token as 20 digits: sorts as text, fits into JSON. */
  readonly fencingTokenText: string;
  /** Aborts when ownership can no longer be assumed, with a RecipeError `LockLost`; not on release. */
  readonly signal: AbortSignal;
  /** `uncertain`: no connection, and the ownership deadline has not passed. */
  readonly state: ClaimState;
  /** Looks at the clocks now: true only if no other can own. */
  isHeld(): boolean;
  /**
   * Asks a quorum whether the claim stands at this moment.
   * @throws RecipeError LockLost
   */
  ensureHeld(options?: CallOptions): Promise<void>;
  /** For `transaction().guardedBy(...)`: the servers refuse the transaction once the claim is gone. */
  guard(): Guard;
  /**
   * Gives the claim up. Waiters go ahead as soon as a server has it; a connection that is down only
   * makes it `pending`. Calls share one promise.
   */
  release(options?: ReleaseOptions): Promise<ReleaseOutcome>;
}

const RELEASE_TIMEOUT_MS = 5000;
const TOKEN_DIGITS = 20;

export class ClaimHandle implements OwnedHandle {
  readonly path: string;
  readonly fencingToken: bigint;
  readonly #client: Client;
  readonly #claim: Claim;
  readonly #lost = new AbortController();
  /** Ends the watch on our own znode. */
  readonly #watchEnd = new AbortController();
  /** Freed when others of this process may contend. */
  readonly #slot: Slot;
  #release: Promise<ReleaseOutcome> | undefined;

  constructor(client: Client, path: string, won: Won, slot: Slot) {
    this.path = path;
    this.fencingToken = won.czxid;
    this.#client = client;
    this.#claim = won.claim;
    this.#slot = slot;
    setMaxListeners(0, this.#lost.signal);
    if (won.claim.signal.aborted) this.#onLoss();
    else won.claim.signal.addEventListener("abort", this.#onLoss, { once: true });
    void this.#watchSelf();
  }

  get nodePath(): string {
    return this.#claim.nodePath;
  }

  get sessionId(): bigint {
    return this.#claim.sessionId;
  }

  get fencingTokenText(): string {
    return this.fencingToken.toString().padStart(TOKEN_DIGITS, "0");
  }

  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  get state(): ClaimState {
    return this.#claim.state;
  }

  isHeld(): boolean {
    return this.#claim.isHeld();
  }

  async ensureHeld(options: CallOptions = {}): Promise<void> {
    try {
      await this.#client.transaction().guardedBy(this.guard()).commit(options);
    } catch (error) {
      if (!isZooKeeperError(error, "NotHeld")) throw error;
    }
    if (!this.isHeld()) throw this.#lossError();
  }

  guard(): Guard {
    return { nodePath: this.nodePath, lose: (cause) => this.#loseNode(cause) };
  }

  release(options: ReleaseOptions = {}): Promise<ReleaseOutcome> {
    this.#release ??= this.#releaseOnce(options.timeoutMs ?? RELEASE_TIMEOUT_MS);
    return this.#release;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  async #releaseOnce(timeoutMs: number): Promise<ReleaseOutcome> {
    // A deadline that passed during a stall becomes a loss here, not a release.
    this.#claim.isHeld();
    if (this.#claim.signal.aborted) return "gone";
    this.#claim.release();
    this.#watchEnd.abort();
    const removal = this.#remove(timeoutMs);
    // The deletion is in the client's queue, in front of whatever the next contender asks.
    this.#slot.free();
    return removal;
  }

  async #remove(timeoutMs: number): Promise<ReleaseOutcome> {
    const { clock } = this.#client;
    const deadlineMs = clock.nowMs() + timeoutMs;
    try {
      await this.#client.delete(this.nodePath, { timeoutMs });
      return "released";
    } catch (error) {
      if (isZooKeeperError(error, "NoNode")) return "gone";
      if (!isUnresolved(error)) throw error;
    }
    try {
      const remainingMs = Math.max(0, deadlineMs - clock.nowMs());
      await this.#client.delete(this.nodePath, { guaranteed: true, timeoutMs: remainingMs });
      return "released";
    } catch (error) {
      if (!isUnresolved(error)) throw error;
      return "pending";
    }
  }

  /** The claim ended: by its deadline, its session, or what we saw of its znode. */
  readonly #onLoss = (): void => {
    this.#watchEnd.abort();
    this.#lost.abort(this.#lossError());
    // So that nobody waits for a claim that nobody uses.
    removeInBackground(this.#client, this.nodePath);
    this.#slot.free();
  };

  #lossError(): RecipeError {
    const cause: unknown = this.#claim.signal.reason;
    if (cause instanceof RecipeError) return cause;
    return new RecipeError("LockLost", { path: this.path, reason: lossReason(cause), cause });
  }

  /** An operator who deletes our znode ends the claim: others are let in from that moment. */
  async #watchSelf(): Promise<void> {
    const { signal } = this.#watchEnd;
    try {
      const { stat } = await retry(() => this.#readSelf(signal), isPassing, signal);
      if (stat.czxid !== this.fencingToken) this.#loseNode(undefined);
    } catch (error) {
      if (signal.aborted) return;
      // Also when it may not be read: a claim that cannot be observed is not relied upon.
      this.#loseNode(error);
    }
  }

  #readSelf(signal: AbortSignal): Promise<DataResult> {
    return this.#client.getData(this.nodePath, {
      signal,
      timeoutMs: Number.POSITIVE_INFINITY,
      watchSignal: signal,
      watch: (outcome) => {
        if (outcome.type === "deleted") this.#loseNode(undefined);
        else if (outcome.type === "data-changed") void this.#watchSelf();
      },
    });
  }

  #loseNode(cause: unknown): void {
    this.#claim.lose(
      new RecipeError("LockLost", { path: this.path, reason: "node-deleted", cause }),
    );
  }
}

function lossReason(cause: unknown): LossReason {
  if (isZooKeeperError(cause, "SessionExpired")) return "session-lost";
  if (isZooKeeperError(cause, "Closed")) return "client-closed";
  return isZooKeeperError(cause, "ConnectionLoss") ? "suspended" : "deadline";
}

/** What may go away when the same is asked again. */
function isPassing(error: unknown): boolean {
  return isZooKeeperError(error) && (error.retryable || error.code === "Backpressure");
}

/** The deletion is still on its way: in the background, or by the end of the session. */
function isUnresolved(error: unknown): boolean {
  return isPassing(error) || isZooKeeperError(error, "Timeout", "Closed");
}
