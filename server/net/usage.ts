/**
 * What `cons` tells of a connection's requests. Every reply writes here, so it is plain numbers
 * and a few comparisons, and nothing is allocated.
 */
import { OpCode } from "../../protocol/opcodes.ts";
import type { Zxid } from "../../protocol/zxid.ts";

/** No request was answered yet, or the last one failed before it was anything. */
const NO_TYPE: number = OpCode.notification;

export class Usage {
  lastType: number = NO_TYPE;
  /** Pings and their like, whose xids are negative, do not count here. -1: none. */
  lastXid = -1;
  /** The newest txn when the last reply was made. */
  lastZxid: Zxid = -1;
  /** When that was, on the monotonic clock. */
  lastResponseMs = 0;
  lastLatencyMs = 0;
  minLatencyMs = 0;
  maxLatencyMs = 0;
  totalLatencyMs = 0;
  answers = 0;

  answered(type: number, xid: number, zxid: Zxid, latencyMs: number, nowMs: number): void {
    this.lastType = type;
    if (xid >= 0) this.lastXid = xid;
    this.lastZxid = zxid;
    this.lastResponseMs = nowMs;
    this.lastLatencyMs = latencyMs;
    if (this.answers === 0 || latencyMs < this.minLatencyMs) this.minLatencyMs = latencyMs;
    if (latencyMs > this.maxLatencyMs) this.maxLatencyMs = latencyMs;
    this.totalLatencyMs += latencyMs;
    this.answers++;
  }

  /** What `crst` does. */
  reset(): void {
    this.lastType = NO_TYPE;
    this.lastXid = -1;
    this.lastZxid = -1;
    this.lastResponseMs = 0;
    this.lastLatencyMs = 0;
    this.minLatencyMs = 0;
    this.maxLatencyMs = 0;
    this.totalLatencyMs = 0;
    this.answers = 0;
  }
}
