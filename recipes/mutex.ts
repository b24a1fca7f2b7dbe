/**
 * A fair lock, shared with every service that uses Curator's InterProcessMutex on the same path.
 *
 * What to do when it fails: `acquire` waits through lost connections and lost sessions, so a
 * rejection is an answer (time over, signal aborted, client closed, directory unusable). Work under
 * the lock should stop when the handle's `signal` aborts, and should hand its `fencingToken` to
 * whatever it writes to, since a process that is stopped cannot notice anything.
 *
 * Layout: `<path>/_c_<uuid>-lock-<10 digits>`, ephemeral, in containers. First in line is who has
 * the lowest number. Handles are not re-entrant: each `acquire` is a contender of its own.
 */

import { type CallOptions, type Client, isZooKeeperError } from "../client/index.ts";
import {
  Contender,
  checkFamilies,
  childPath,
  NotFirst,
  type QueueKind,
  readPlaces,
} from "./contender.ts";
import { RecipeError } from "./errors.ts";
import { ClaimHandle, type OwnedHandle } from "./handle.ts";
import { type Identity, identityData } from "./identity.ts";
import { isSlotTaken, type Slot, takeSlot } from "./local-queue.ts";
import { Patience } from "./patience.ts";
import type { Place } from "./sequence.ts";

export interface MutexOptions {
  /**
   * Who we are, for people who look at the queue: the data of our znodes. Default: JSON of host,
   * process id and time.
   */
  readonly identity?: Identity | undefined;
  /**
   * Refuses a directory in which another family of clients contends (kazoo, Curator's read-write
   * lock, ZooKeeper's own recipe): they do not see our znodes, so two would own. False: waits for
   * them, which helps only while they go away. Default: true.
   */
  readonly strictLayout?: boolean | undefined;
}

/** One in the queue, the owner included. */
export interface ContenderInfo {
  /** The znode's name. */
  readonly name: string;
  readonly path: string;
  /** The number that a server gave it; lower is earlier. */
  readonly sequence: number;
  /** The fencing token that it has, or will have. */
  readonly czxid: bigint;
  readonly sessionId: bigint;
  /** The znode's data as text. */
  readonly identity: string;
  readonly isOwner: boolean;
  /** It belongs to this client's session. */
  readonly isMine: boolean;
}

export interface ReadQueueOptions extends CallOptions {
  /** Asks the server to catch up with its leader first. Default: false. */
  readonly sync?: boolean | undefined;
}

export interface WithLockOptions extends CallOptions {
  /** Resolves with the function's result even if the lock was lost meanwhile. Default: false. */
  readonly tolerateLoss?: boolean | undefined;
}

/** What a function under the lock works with. */
export interface LockContext {
  readonly signal: AbortSignal;
  readonly fencingToken: bigint;
  readonly handle: OwnedHandle;
}

export interface Mutex {
  readonly path: string;
  /**
   * Waits for the lock, first come first served. `timeoutMs` has no default: without it and
   * without a signal it waits for ever.
   *
   * @throws RecipeError LockTimeout, MixedLayout, SequenceOverflow; `signal.reason`;
   *         ZooKeeperError Closed, NoAuth
   */
  acquire(options?: CallOptions): Promise<OwnedHandle>;
  /**
   * Takes the lock if nobody has it or waits for it; otherwise null. Writes nothing while the
   * lock is busy.
   */
  tryAcquire(options?: CallOptions): Promise<OwnedHandle | null>;
  /**
   * Runs `work` under the lock. `work` is not interrupted when the lock is lost: it must observe
   * the signal. Its own error always comes first.
   *
   * @throws RecipeError LockLost, with `work`'s `result`: the lock was lost before `work` was done.
   */
  withLock<T>(work: (context: LockContext) => Promise<T>, options?: WithLockOptions): Promise<T>;
  /** Everybody in the queue, the owner first. */
  contenders(options?: ReadQueueOptions): Promise<ContenderInfo[]>;
  holder(options?: ReadQueueOptions): Promise<ContenderInfo | undefined>;
  /** Deletes the directory unless somebody is in it; for servers without containers. */
  clean(options?: CallOptions): Promise<void>;
}

/** The lock at `path`. Does nothing until it is asked to. */
export function mutex(client: Client, path: string, options: MutexOptions = {}): Mutex {
  return new CuratorMutex(client, path, options);
}

class CuratorMutex implements Mutex {
  readonly path: string;
  readonly #client: Client;
  readonly #kind: QueueKind;

  constructor(client: Client, path: string, options: MutexOptions) {
    this.path = path;
    this.#client = client;
    this.#kind = {
      directory: path,
      prefix: "lock-",
      family: "curator",
      strict: options.strictLayout ?? true,
      data: () => identityData(options.identity, client.clock.wallMs()),
    };
  }

  acquire(options: CallOptions = {}): Promise<OwnedHandle> {
    return this.#contend(options, true);
  }

  async tryAcquire(options: CallOptions = {}): Promise<OwnedHandle | null> {
    options.signal?.throwIfAborted();
    if (isSlotTaken(this.#client, this.path)) return null;
    const places = await readPlaces(this.#client, this.path, options);
    checkFamilies(places, this.#kind);
    if (places.length > 0 || isSlotTaken(this.#client, this.path)) return null;
    try {
      return await this.#contend(options, false);
    } catch (error) {
      if (error instanceof NotFirst) return null;
      throw error;
    }
  }

  async withLock<T>(
    work: (context: LockContext) => Promise<T>,
    options: WithLockOptions = {},
  ): Promise<T> {
    const handle = await this.acquire(options);
    const { signal, fencingToken } = handle;
    let result: T;
    try {
      result = await work({ signal, fencingToken, handle });
    } catch (error) {
      // Whatever becomes of the release, the work's error is the one to hear.
      await Promise.allSettled([handle.release()]);
      throw error;
    }
    const outcome = await handle.release();
    if (outcome === "gone" && options.tolerateLoss !== true) throw lossAfter(handle, result);
    return result;
  }

  async contenders(options: ReadQueueOptions = {}): Promise<ContenderInfo[]> {
    if (options.sync === true) await this.#client.sync(this.path, options);
    const places = await readPlaces(this.#client, this.path, options);
    const described = places.map((place, index) => this.#describe(place, index === 0, options));
    return (await Promise.all(described)).filter((info) => info !== undefined);
  }

  async holder(options: ReadQueueOptions = {}): Promise<ContenderInfo | undefined> {
    return (await this.contenders(options)).find((info) => info.isOwner);
  }

  async clean(options: CallOptions = {}): Promise<void> {
    try {
      await this.#client.delete(this.path, options);
    } catch (error) {
      if (!isZooKeeperError(error, "NoNode", "NotEmpty")) throw error;
    }
  }

  /** @throws NotFirst if the caller does not wait and somebody else is in the queue. */
  async #contend(options: CallOptions, waits: boolean): Promise<OwnedHandle> {
    let contender: Contender | undefined;
    const patience = new Patience(this.#client, options, () => this.#timeout(contender));
    let slot: Slot | undefined;
    try {
      slot = await takeSlot(this.#client, this.path, patience.signal);
      contender = new Contender(this.#client, this.#kind, patience, waits);
      const won = await contender.run();
      return new ClaimHandle(this.#client, this.path, won, slot);
    } catch (error) {
      slot?.free();
      throw patience.reasonFor(error);
    }
  }

  #timeout(contender: Contender | undefined): RecipeError {
    const contenders = contender?.ahead ?? [];
    return new RecipeError("LockTimeout", { path: this.path, contenders });
  }

  /** Undefined: it left while we looked. */
  async #describe(
    place: Place,
    isOwner: boolean,
    options: CallOptions,
  ): Promise<ContenderInfo | undefined> {
    const path = childPath(this.path, place.name);
    try {
      const { data, stat } = await this.#client.getData(path, options);
      return {
        name: place.name,
        path,
        sequence: place.sequence,
        czxid: stat.czxid,
        sessionId: stat.ephemeralOwner,
        identity: data?.toString("utf8") ?? "",
        isOwner,
        isMine: stat.ephemeralOwner === this.#client.sessionId,
      };
    } catch (error) {
      if (isZooKeeperError(error, "NoNode")) return undefined;
      throw error;
    }
  }
}

function lossAfter(handle: OwnedHandle, result: unknown): RecipeError {
  const cause: unknown = handle.signal.reason;
  const reason = cause instanceof RecipeError ? cause.reason : "node-deleted";
  return new RecipeError("LockLost", { path: handle.path, reason, result, cause });
}
