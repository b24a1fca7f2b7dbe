
/**
 * When a claim (a lock, a lease, a leadership) is given up:
 *
 * - `deadline`: at the first of: the ownership deadline, `lost`, closed. No second owner is possible
 *   before that, for session timeouts of six ticks or more.
 * - `suspend`: as `deadline`, and at every loss of connection.
 * - `session`: at `lost` only. For a while two may believe that they own.
 */
export type OwnershipPolicy = "deadline" | "suspend" | "session";

/** `uncertain`: no connection, the deadline not reached. */
export type ClaimState = "held" | "uncertain" | "lost" | "released";

export interface HoldOptions {
  /** Default: the client's. */
  readonly ownership?: OwnershipPolicy | undefined;
  /** The session that created the znode (`CreateResult.sessionId`). Default: the current one. */
  readonly sessionId?: bigint | undefined;
}

/**
 * Something held for as long as our session can be proved to live. Once lost it stays lost.
 * While there is one, the client proves its session to the leader at least three times in a
 * session timeout.
 */
export interface Claim {
  /** The znode that stands for the claim. */
  readonly nodePath: string;
  readonly sessionId: bigint;
  /** Fires when ownership can no longer be assumed; `reason` is a ZooKeeperError, or `lose`'s. */
  readonly signal: AbortSignal;
  readonly state: ClaimState;
  /** Looks at the clocks now: true after no stall, whatever timers have or have not run. */
  isHeld(): boolean;
  /** Gives the claim up because of what its owner saw: the znode deleted, another's znode there. */
  lose(reason: unknown): void;
  /** Ends it in good order: `signal` will not fire. Harmless when repeated or after a loss. */
  release(): void;
}

