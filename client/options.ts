import type { Host } from "../protocol/host.ts";
import type { OwnershipPolicy } from "./claims.ts";
import type { Acl, AuthInfo } from "./records.ts";
import type { Watcher } from "./watches.ts";

/** What pino has, and what other loggers imitate: an object of details, then a sentence. */
export interface Logger {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

/** What every call that waits accepts. */
export interface CallOptions {
  /** Ends the call: it rejects with `signal.reason`. A request that was sent still takes effect. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the call with `Timeout`. Default: `operationTimeoutMs`. `Infinity`: never. */
  readonly timeoutMs?: number | undefined;
}

/** A read that may leave a one-shot watch behind. */
export interface ReadOptions extends CallOptions {
  /**
   * Called exactly once if the call resolves: with the event, or with why there will be none.
   * A call that rejects has registered nothing.
   */
  readonly watch?: Watcher | undefined;
  /** Ends the watch: `watch` hears `cancelled`. */
  readonly watchSignal?: AbortSignal | undefined;
}

export type CreateMode =
  | "persistent"
  | "persistent-sequential"
  | "ephemeral"
  | "ephemeral-sequential"
  | "container"
  | "ttl"
  | "ttl-sequential";

export interface CreateOptions extends CallOptions {
  /** Default: `persistent`. */
  readonly mode?: CreateMode | undefined;
  /** For the two TTL modes: 1 to 2^40 - 1, by the leader's clock. */
  readonly ttlMs?: number | undefined;
  /** Default: the client's `acl`. */
  readonly acl?: readonly Acl[] | undefined;
  /** Missing parents are created, as containers or as persistent znodes. Default: false. */
  readonly parents?: "container" | "persistent" | false | undefined;
  /**
   * Puts `_c_<uuid>-` before the name, so that a create whose answer was lost is found again
   * instead of being repeated. For sequential and ephemeral znodes. Default: false.
   */
  readonly protect?: boolean | undefined;
}

export interface SetOptions extends CallOptions {
  /** The version that the znode must have. Default: -1, any. */
  readonly version?: number | undefined;
}

export interface DeleteOptions extends SetOptions {
  /** A znode that is not there counts as deleted. Default: false. */
  readonly quiet?: boolean | undefined;
  /**
   * Goes on in the background for the life of the client until the znode is known to be gone.
   * A name that is not unique for ever (not protected) is deleted only while it is the same znode.
   * Implies `quiet`. Default: false.
   */
  readonly guaranteed?: boolean | undefined;
  /** With `guaranteed`: resolve once it is confirmed, or once it is queued. Default: `confirmed`. */
  readonly wait?: "confirmed" | "queued" | undefined;
  /** With `guaranteed`: which znode is meant, by its `czxid`. Default: the one that is there now. */
  readonly czxid?: bigint | undefined;
}

export interface CloseOptions {
  /** How long the goodbye may take. Default: 5,000. */
  readonly timeoutMs?: number | undefined;
}

/** Where a client's machine is not Node's own: a simulator's. */
export type ClientHost = Pick<Host, "clock" | "random" | "network">;

export interface ConnectOptions {
  /** What is asked for; the server clamps it. Default: 30,000. */
  readonly sessionTimeoutMs?: number | undefined;
  /** Longest attempt at one address. Default: 5,000; at least 500, at most a session's share. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long `connect` tries in all. Default: 15,000. `Infinity`: for ever. */
  readonly connectTotalTimeoutMs?: number | undefined;
  /** Default of `timeoutMs`. Default: 15,000. */
  readonly operationTimeoutMs?: number | undefined;
  /** Accepts a server without a quorum, for reads. Default: false. */
  readonly readOnly?: boolean | undefined;
  /** Sent on every connection before anything else. */
  readonly auth?: readonly AuthInfo[] | undefined;
  /** The ACL of znodes that are created without one, parents included. Default: `openAcl`. */
  readonly acl?: readonly Acl[] | undefined;
  /** When claims are given up. Default: `deadline`. */
  readonly ownership?: OwnershipPolicy | undefined;
  /**
   * After this many session timeouts without a byte from a server the session is given up.
   * At least 1. Default: 4/3.
   */
  readonly lostFactor?: number | undefined;
  /** Closes a session that was given up by our own clock before a new one opens. Default: true. */
  readonly reapOldSession?: boolean | undefined;
  /** The servers' tickTime, to warn of a session too short for the ownership promise. Default: 2,000. */
  readonly serverTickTimeMs?: number | undefined;
  /** Requests sent and not answered. Default: 1,000. */
  readonly inFlightMax?: number | undefined;
  /** Requests waiting to be sent. Default: 10,000. */
  readonly queuedMax?: number | undefined;
  /** Their bytes. Default: 16 MiB. */
  readonly queuedMaxBytes?: number | undefined;
  /** The longest request; the servers' `jute.maxbuffer`. Default: 1,048,575. */
  readonly requestMaxBytes?: number | undefined;
  /** The longest reply. Default: 4 MiB. */
  readonly replyMaxBytes?: number | undefined;
  readonly logger?: Logger | undefined;
  /** Ends the attempt to connect; no meaning afterwards. */
  readonly signal?: AbortSignal | undefined;
  /** Default: Node's clock, randomness and sockets. */
  readonly host?: ClientHost | undefined;
}
