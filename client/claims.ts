/**
 * What is held on the strength of the session: locks, leases, leaderships. A claim ends at a
 * deadline that is compared with the clocks whenever anybody asks, and before anything is sent or
 * handed out, so that a process which was stopped learns of its loss before it can act on it
 * (recipes A.4, CL-13, CL-14).
 */
import { setMaxListeners } from "node:events";
import { ZooKeeperError, type ZooKeeperErrorCode } from "./errors.ts";
import type { SessionIdentity } from "./identity.ts";
import type { OwnershipDeadline } from "./ownership-deadline.ts";

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
  /**
   * Fires when ownership can no longer be assumed. `reason` is a ZooKeeperError: `NotHeld` at the
   * deadline, `ConnectionLoss`, `SessionExpired`, `Closed`; or what `lose` was given.
   */
  readonly signal: AbortSignal;
  readonly state: ClaimState;
  /** Looks at the clocks now: true after no stall, whatever timers have or have not run. */
  isHeld(): boolean;
  /** Gives the claim up because of what its owner saw: the znode deleted, another's znode there. */
  lose(reason: unknown): void;
  /** Ends it in good order: `signal` will not fire. Harmless when repeated or after a loss. */
  release(): void;
}

/** What a claim asks of the session it hangs on. */
export interface ClaimKeeper {
  /** Compares all deadlines with the clocks now. */
  checkDeadlines(): void;
  readonly isConnected: boolean;
}

/** One claim. The session tells it of the events that its policy names. */
export class HeldClaim implements Claim {
  readonly nodePath: string;
  readonly policy: OwnershipPolicy;
  readonly identity: SessionIdentity;
  readonly #keeper: ClaimKeeper;
  readonly #registry: Claims;
  readonly #controller = new AbortController();
  #ended: "no" | "lost" | "released" = "no";

  constructor(
    nodePath: string,
    policy: OwnershipPolicy,
    identity: SessionIdentity,
    keeper: ClaimKeeper,
    registry: Claims,
  ) {
    this.nodePath = nodePath;
    this.policy = policy;
    this.identity = identity;
    this.#keeper = keeper;
    this.#registry = registry;
    // However much work under a lock listens to it: that is no leak.
    setMaxListeners(0, this.#controller.signal);
  }

  get sessionId(): bigint {
    return this.identity.id;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get state(): ClaimState {
    if (this.#ended === "no") this.#keeper.checkDeadlines();
    if (this.#ended !== "no") return this.#ended;
    return this.#keeper.isConnected ? "held" : "uncertain";
  }

  isHeld(): boolean {
    const state = this.state;
    return state === "held" || state === "uncertain";
  }

  lose(reason: unknown): void {
    if (this.#ended !== "no") return;
    this.#ended = "lost";
    this.#registry.remove(this);
    this.#controller.abort(reason);
  }

  release(): void {
    if (this.#ended !== "no") return;
    this.#ended = "released";
    this.#registry.remove(this);
  }
}

/** The claims of a client that are held now, and those who wait for one. */
export class Claims {
  readonly #deadline: OwnershipDeadline;
  readonly #keeper: ClaimKeeper;
  readonly #held = new Set<HeldClaim>();
  /** Those who wait for a claim, and want the session proved. */
  #waiting = 0;

  constructor(deadline: OwnershipDeadline, keeper: ClaimKeeper) {
    this.#deadline = deadline;
    this.#keeper = keeper;
  }

  /** Somebody owns, or waits to: the session is proved instead of only being kept alive. */
  get wantProofs(): boolean {
    return this.#waiting > 0 || this.#followDeadline;
  }

  /** When the first claim ends if nothing is proved meanwhile. */
  get dueMs(): number {
    return this.#followDeadline ? this.#deadline.dueMs : Number.POSITIVE_INFINITY;
  }

  /**
   * @param identity The session that a server serves now.
   * @throws ZooKeeperError NotHeld: there is none, it is another, or the deadline has passed.
   */
  hold(
    nodePath: string,
    identity: SessionIdentity | undefined,
    options: HoldOptions,
    standard: OwnershipPolicy,
  ): HeldClaim {
    const isOther = (options.sessionId ?? identity?.id) !== identity?.id;
    if (identity === undefined || isOther || this.#deadline.remainingMs() <= 0) {
      throw new ZooKeeperError("NotHeld", { path: nodePath, operation: "hold" });
    }
    const policy = options.ownership ?? standard;
    const claim = new HeldClaim(nodePath, policy, identity, this.#keeper, this);
    this.#held.add(claim);
    return claim;
  }

  /** Somebody waits for a claim, until the returned function is called. */
  await(): () => void {
    this.#waiting++;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#waiting--;
    };
  }

  remove(claim: HeldClaim): void {
    this.#held.delete(claim);
  }

  /** Ends what hangs on the deadline, if it has passed by the clocks now. */
  checkDeadline(): void {
    if (this.#held.size === 0 || this.#deadline.remainingMs() > 0) return;
    this.#end("NotHeld", (policy) => policy !== "session");
  }

  suspended(): void {
    this.#end("ConnectionLoss", (policy) => policy === "suspend");
  }

  sessionLost(): void {
    this.#end("SessionExpired", () => true);
  }

  closed(): void {
    this.#end("Closed", () => true);
  }

  get #followDeadline(): boolean {
    for (const claim of this.#held) if (claim.policy !== "session") return true;
    return false;
  }

  #end(why: ZooKeeperErrorCode, concerns: (policy: OwnershipPolicy) => boolean): void {
    for (const claim of [...this.#held]) {
      if (concerns(claim.policy)) claim.lose(new ZooKeeperError(why, { path: claim.nodePath }));
    }
  }
}
