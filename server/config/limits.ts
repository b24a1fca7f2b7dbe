/**
 * The throttles of ZooKeeper, all off by default: each refuses or delays what would otherwise be
 * served (server-semantics 10). What protects the server without refusing anything that a client
 * needs is no setting, but a named maximum beside the queue that it bounds.
 */
import type { ConnectionThrottleOptions } from "../net/connection-throttle.ts";

export interface LimitSettings extends ConnectionThrottleOptions {
  /** Requests in work, above which others wait in one queue; 0: any number. */
  readonly requestThrottleMax: number;
  /** Requests whose connection is gone are dropped from that queue. */
  readonly requestThrottleDropStale: boolean;
  /** A connection's end makes its requests stale. */
  readonly staleConnectionCheck: boolean;
  /** So does a wait longer than the session's timeout: the connection is closed then. */
  readonly staleLatencyCheck: boolean;
  /** A request that waited longer in that queue is answered with ThrottledOp; 0: never. */
  readonly throttledOpWaitMs: number;

  /** A request is large above this; 0: none is. */
  readonly largeRequestThresholdBytes: number;
  /** What the large requests in work may take up together. */
  readonly largeRequestMaxBytes: number;
}

export const DEFAULT_LIMITS: LimitSettings = {
  connectionTokens: 0,
  connectionTokenFillMs: 1,
  connectionTokenFillCount: 1,
  connectionFreezeMs: -1,
  connectionDropIncrease: 0.02,
  connectionDropDecrease: 0.002,
  connectionDecreaseRatio: 0,
  connectionWeightsEnabled: false,
  newSessionWeight: 3,
  renewSessionWeight: 2,
  requestThrottleMax: 0,
  requestThrottleDropStale: true,
  staleConnectionCheck: true,
  staleLatencyCheck: false,
  throttledOpWaitMs: 0,
  largeRequestThresholdBytes: 0,
  largeRequestMaxBytes: 100 * 1024 * 1024,
};
