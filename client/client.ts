import type { Clock, Random } from "../protocol/host.ts";
import type { Claim, HoldOptions } from "./claims.ts";
import type { Identity, ReadOutcome, ReadRequest } from "./inquiries.ts";
import type { Transaction } from "./multi.ts";
import type {
  CallOptions,
  CloseOptions,
  CreateOptions,
  DeleteOptions,
  ReadOptions,
  SetOptions,
} from "./options.ts";
import type { Acl, AuthInfo, Stat } from "./records.ts";
import type { ConnectionState, StateEvent } from "./states.ts";
import type { WatchEvent, WatchKind, WatchList } from "./watches.ts";

/** What a create made. */
export interface CreateResult {
  /** With the number of a sequential znode, without the chroot. */
  readonly path: string;
  readonly stat: Stat;
  /** The session that created it, and owns it if it is ephemeral. */
  readonly sessionId: bigint;
}

export interface DataResult {
  /** Null and empty are different. */
  readonly data: Buffer | null;
  readonly stat: Stat;
}

export interface ChildrenResult {
  /** Names, not paths, in no order. */
  readonly children: readonly string[];
  readonly stat: Stat;
}

export interface AclResult {
  readonly acl: readonly Acl[];
  readonly stat: Stat;
}

/** Something that an operator should know. */
export interface Warning {
  readonly code: "session-too-short" | "event-loop-stall" | "pending-deletes";
  readonly message: string;
}

/**
 * What a client tells. Nothing is ever emitted under the name `error`. A listener that throws or
 * rejects stops nobody: its error becomes a `backgroundError`.
 */
export interface ClientEvents {
  /** Each change of state before any `state` listener hears of it: for recipes. */
  transition: StateEvent;
  state: StateEvent;
  backgroundError: { readonly error: unknown; readonly context: string };
  warning: Warning;
}

/**
 * One session at a time with a ZooKeeper ensemble. A client whose session is lost goes on with a
 * new one. Calls take effect in the order in which they were made; while there is no connection
 * they wait, up to their `timeoutMs`.
 *
 * Every call may reject with `Closed`, `Timeout`, `Backpressure`, `BadArguments` (a path that is not
 * valid, before anything is sent), `SessionExpired`, and a write with `ConnectionLoss`, where
 * `ambiguous` says that it may have taken effect. Reads are repeated after a lost connection.
 */
export interface Client extends AsyncDisposable {
  readonly state: ConnectionState;
  /** True in the states `connected`, `reconnected` and `read-only`. */
  readonly isConnected: boolean;
  /** 0n while there is no session. */
  readonly sessionId: bigint;
  /** As negotiated; what was asked for before the first connection. */
  readonly sessionTimeoutMs: number;
  /** Fires when the client is closed, for whatever reason. */
  readonly closed: AbortSignal;
  /** The time and the chance that this client lives by, for recipes: a simulator's if it runs there. */
  readonly clock: Clock;
  readonly random: Random;

  /** Milliseconds until the ownership deadline, by the clocks now; 0 or less: not assured. */
  ownershipRemainingMs(): number;
  /**
   * Registers a claim that has just been won.
   * @throws ZooKeeperError NotHeld: not connected, another session, or past the deadline.
   */
  hold(nodePath: string, options?: HoldOptions): Claim;
  /** Proves the session to the leader from now on, as while a claim is held: for who waits for one. */
  keepProving(): Disposable;

  on<E extends keyof ClientEvents>(event: E, listener: (value: ClientEvents[E]) => unknown): this;
  off<E extends keyof ClientEvents>(event: E, listener: (value: ClientEvents[E]) => unknown): this;

  /** @throws ZooKeeperError NoNode, NoAuth */
  getData(path: string, options?: ReadOptions): Promise<DataResult>;
  /** Undefined: no such znode; a watch then waits for its creation. */
  exists(path: string, options?: ReadOptions): Promise<Stat | undefined>;
  /** @throws ZooKeeperError NoNode, NoAuth */
  getChildren(path: string, options?: ReadOptions): Promise<ChildrenResult>;
  /**
   * @throws ZooKeeperError NodeExists, NoNode (the parent), NoAuth, NoChildrenForEphemerals,
   *         InvalidACL; PacketTooLarge
   */
  create(path: string, data?: Uint8Array | null, options?: CreateOptions): Promise<CreateResult>;
  /** @throws ZooKeeperError NoNode, BadVersion, NoAuth, PacketTooLarge */
  setData(path: string, data: Uint8Array | null, options?: SetOptions): Promise<Stat>;
  /** @throws ZooKeeperError NoNode, BadVersion, NotEmpty, NoAuth */
  delete(path: string, options?: DeleteOptions): Promise<void>;
  /** @throws ZooKeeperError NoNode, NoAuth */
  getACL(path: string, options?: CallOptions): Promise<AclResult>;
  /** `version` is the ACL's. @throws ZooKeeperError NoNode, BadVersion, InvalidACL, NoAuth */
  setACL(path: string, acl: readonly Acl[], options?: SetOptions): Promise<Stat>;
  /**
   * Several reads in one request, answered from one server in their order; each outcome is its own.
   * A quorate server answers ThrottledOp to those that find no room in its `jute.maxbuffer`.
   */
  multiRead(reads: readonly ReadRequest[], options?: CallOptions): Promise<ReadOutcome[]>;
  /** Paths of this session's ephemeral znodes that begin with `prefix`, in no order. Default: all. */
  getEphemerals(prefix?: string, options?: CallOptions): Promise<string[]>;
  /** How many descendants a znode has. @throws ZooKeeperError NoNode, NoAuth */
  getAllChildrenNumber(path: string, options?: CallOptions): Promise<number>;
  /** Who the server takes this connection for. */
  whoAmI(options?: CallOptions): Promise<Identity[]>;
  /** Later reads see at least what the leader had when it answered. */
  sync(path?: string, options?: CallOptions): Promise<void>;
  /**
   * A write that changes nothing: once it resolves, whatever was committed before it is visible
   * here, and a majority agreed. `path` only names the subject; it need not exist.
   */
  barrier(path?: string, options?: CallOptions): Promise<void>;
  transaction(): Transaction;
  /** Resolves when the server has confirmed. @throws ZooKeeperError AuthFailed: the client closes. */
  addAuth(auth: AuthInfo, options?: CallOptions): Promise<void>;

  /**
   * Waits for the next event of a one-shot watch.
   * @throws ZooKeeperError NoNode (not for `exists`); SessionExpired: the session was lost.
   */
  watchOnce(path: string, kind: WatchKind, options?: CallOptions): Promise<WatchEvent>;
  /** Ends all watches of getData and exists, or of getChildren, here: each watcher hears `cancelled`. @throws ZooKeeperError NoWatcher */
  removeWatches(path: string, list: WatchList, options?: CallOptions): Promise<void>;

  /** Gives the session up and opens a new one. */
  resetSession(): void;
  /** Ends the session, and with it its ephemeral znodes. Never rejects; calls share one promise. */
  close(options?: CloseOptions): Promise<void>;
}
