import type { ConnectResponse } from "../protocol/proto.ts";
import { wordsToBigInt } from "../protocol/zxid.ts";

/** A session as a server gave it. */
export interface SessionIdentity {
  readonly id: bigint;
  readonly high: number;
  readonly low: number;
  readonly password: Buffer;
  /** As negotiated last. */
  readonly timeoutMs: number;
  /** From a server without a quorum: no other server knows it. */
  readonly provisional: boolean;
}

export function identityOf(response: ConnectResponse, provisional: boolean): SessionIdentity {
  const { sessionHigh, sessionLow, timeoutMs } = response;
  return {
    id: wordsToBigInt(sessionHigh, sessionLow),
    high: sessionHigh,
    low: sessionLow,
    // The frame's bytes are gone when this turn ends.
    password: Buffer.from(response.password ?? NOTHING),
    timeoutMs,
    provisional,
  };
}

const NOTHING = Buffer.alloc(0);
