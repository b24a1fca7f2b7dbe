/**
 * How fast clients may connect (`connection_throttle_*`): a bucket of tokens that fills with time,
 * and, where it is asked for, a chance to be dropped that grows while the bucket is empty, so that
 * a rush is not let in and turned away in lockstep.
 *
 * @see ZooKeeper 3.9, BlueThrottle.java (Feng et al., "The BLUE active queue management algorithms")
 */
import type { Clock, Random } from "../../protocol/host.ts";

export interface ConnectionThrottleOptions {
  /** New connections that may come at once, in tokens; 0: any number. */
  readonly connectionTokens: number;
  /** `connectionTokenFillCount` tokens come back in this time. At least 1. */
  readonly connectionTokenFillMs: number;
  readonly connectionTokenFillCount: number;
  /** How often the chance to be dropped is looked at again; -1: nobody is dropped by chance. */
  readonly connectionFreezeMs: number;
  /** By how much that chance, 0 to 1, grows while no token is left. */
  readonly connectionDropIncrease: number;
  /** By how much it shrinks while no more than `connectionDecreaseRatio` of the tokens is used. */
  readonly connectionDropDecrease: number;
  readonly connectionDecreaseRatio: number;
  /** A handshake costs the weight of its kind; otherwise it costs one token. */
  readonly connectionWeightsEnabled: boolean;
  readonly newSessionWeight: number;
  /** 1 where nothing is said. */
  readonly localSessionWeight?: number;
  readonly renewSessionWeight: number;
}

/** "local": a new session that one server alone knows. */
export type HandshakeKind = "new" | "local" | "renewed";

export class ConnectionThrottle {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #options: ConnectionThrottleOptions;
  /** Invariant: 0 <= #tokens <= connectionTokens. */
  #tokens: number;
  #filledMs: number;
  /** The chance to be dropped, 0 to 1. */
  #drop = 0;
  #frozenMs: number;

  constructor(clock: Clock, random: Random, options: ConnectionThrottleOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#options = options;
    this.#tokens = options.connectionTokens;
    this.#filledMs = clock.nowMs();
    this.#frozenMs = this.#filledMs;
  }

  /** Whether a handshake may go on; if so its tokens are taken. */
  admits(kind: HandshakeKind): boolean {
    const { connectionTokens, connectionFreezeMs } = this.#options;
    if (connectionTokens === 0) return true;
    const nowMs = this.#clock.nowMs();
    this.#fill(nowMs);
    if (connectionFreezeMs >= 0) {
      this.#adaptDrop(nowMs);
      if (this.#random.fraction() < this.#drop) return false;
    }
    const cost = this.#cost(kind);
    if (this.#tokens < cost) return false;
    this.#tokens -= cost;
    return true;
  }

  #cost(kind: HandshakeKind): number {
    const { connectionWeightsEnabled, newSessionWeight, renewSessionWeight } = this.#options;
    if (!connectionWeightsEnabled) return 1;
    if (kind === "local") return this.#options.localSessionWeight ?? 1;
    return kind === "new" ? newSessionWeight : renewSessionWeight;
  }

  #fill(nowMs: number): void {
    const { connectionTokens, connectionTokenFillMs, connectionTokenFillCount } = this.#options;
    const steps = Math.floor((nowMs - this.#filledMs) / connectionTokenFillMs);
    if (steps === 0) return;
    this.#tokens = Math.min(this.#tokens + steps * connectionTokenFillCount, connectionTokens);
    this.#filledMs += steps * connectionTokenFillMs;
  }

  #adaptDrop(nowMs: number): void {
    const { connectionTokens, connectionFreezeMs, connectionDecreaseRatio } = this.#options;
    if (nowMs - this.#frozenMs <= connectionFreezeMs) return;
    this.#frozenMs = nowMs;
    const used = connectionTokens - this.#tokens;
    if (used === connectionTokens) {
      this.#drop = Math.min(this.#drop + this.#options.connectionDropIncrease, 1);
    } else if (used <= Math.round(connectionTokens * connectionDecreaseRatio)) {
      this.#drop = Math.max(this.#drop - this.#options.connectionDropDecrease, 0);
    }
  }
}
