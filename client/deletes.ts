/**
 * Deletes that must happen: tried until the znode is known to be gone, for the life of the client
 * (recipes A.8). A name that is unique for ever is deleted whatever became of it; any other only
 * while it is the znode that was meant, or a late repeat would delete somebody's new one.
 */
import { childPath } from "../protocol/paths.ts";
import type { Calls } from "./calls.ts";
import { isProtected } from "./create.ts";
import { isZooKeeperError, ZooKeeperError } from "./errors.ts";
import * as operations from "./operations.ts";

/** Deletes that are not confirmed, of one client. */
const PENDING_MAX = 10_000;

/** From here on an operator should know. */
const PENDING_WARN = 100;

/** Before a request that the client refused for its own sake is tried again. */
const BACKPRESSURE_PAUSE_MS = 100;

const FOREVER = { timeoutMs: Number.POSITIVE_INFINITY };

export interface DeletesObserver {
  warnOfPending(count: number): void;
  backgroundError(error: unknown, context: string): void;
}

export class Deletes {
  readonly #calls: Calls;
  readonly #observer: DeletesObserver;
  #pending = 0;

  constructor(calls: Calls, observer: DeletesObserver) {
    this.#calls = calls;
    this.#observer = observer;
  }

  get pendingCount(): number {
    return this.#pending;
  }

  /**
   * Resolves once the znode is gone, or is another than the one with `czxid`.
   * @throws ZooKeeperError Closed, Backpressure, and refusals such as NoAuth and NotEmpty.
   */
  async delete(path: string, czxid: bigint | undefined): Promise<void> {
    if (this.#pending === PENDING_MAX) throw new ZooKeeperError("Backpressure", { path });
    this.#pending++;
    if (this.#pending % PENDING_WARN === 0) this.#observer.warnOfPending(this.#pending);
    try {
      if (isProtected(path)) await this.#untilDone(() => this.#deleteNow(path, -1));
      else await this.#deleteOne(path, czxid);
    } finally {
      this.#pending--;
    }
  }

  /**
   * Deletes, in the background, all children of `parent` whose name starts with `prefix`, which is
   * unique for ever. `owner`: the session that owns them, with which they go by themselves.
   */
  findAndDelete(parent: string, prefix: string, owner: bigint | undefined): void {
    this.#untilDone(async () => {
      const current = this.#calls.session.identity;
      if (owner !== undefined && current !== undefined && current.id !== owner) return;
      await this.#calls.barrier(parent, FOREVER);
      const request = { path: this.#calls.serverPath(parent), watch: false };
      const { children } = await this.#calls.call(operations.getChildren, request, parent, FOREVER);
      const found = children.filter((child) => child.startsWith(prefix));
      await Promise.all(found.map((child) => this.delete(childPath(parent, child), undefined)));
    }).catch((error: unknown) => {
      if (isZooKeeperError(error, "Closed", "NoNode")) return;
      this.#observer.backgroundError(error, `the search for ${prefix} in ${parent}`);
    });
  }

  async #deleteOne(path: string, czxid: bigint | undefined): Promise<void> {
    let meant = czxid;
    await this.#untilDone(async () => {
      const request = { path: this.#calls.serverPath(path), watch: false };
      const stat = await this.#calls.call(operations.exists, request, path, FOREVER);
      meant ??= stat.czxid;
      if (stat.czxid !== meant) return;
      await this.#deleteNow(path, stat.version);
    });
  }

  async #deleteNow(path: string, version: number): Promise<void> {
    const request = { path: this.#calls.serverPath(path), version };
    await this.#calls.call(operations.deleteNode, request, path, FOREVER);
  }

  /** Repeats what the state of the connection or of the znode prevented. NoNode is success. */
  async #untilDone(attempt: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        await attempt();
        return;
      } catch (error) {
        if (isZooKeeperError(error, "NoNode")) return;
        if (isZooKeeperError(error, "Backpressure", "ThrottledOp")) {
          await this.#calls.pause(BACKPRESSURE_PAUSE_MS);
        } else if (
          !isZooKeeperError(
            error,
            "ConnectionLoss",
            "SessionExpired",
            "SessionMoved",
            "OperationTimeout",
            "BadVersion",
          )
        ) {
          throw error;
        }
      }
    }
  }
}
