/**
 * Where requests wait while `request_throttle_max_requests` are in work: one queue for the whole
 * server, in order of arrival, so that nobody overtakes. A request that waited too long is answered
 * with ThrottledOp, in its place among the session's replies, and not executed.
 *
 * Off by default, and then nothing of this is on a request's way. The queue is bounded as the
 * pipeline is: above `globalOutstandingLimit` nobody who has a request in it is read any further.
 *
 * @see ZooKeeper 3.9, RequestThrottler.java. Its stall time has no counterpart: a request goes on
 * in the moment in which there is room.
 */
import { assert } from "../../protocol/assert.ts";
import type { Clock } from "../../protocol/host.ts";
import { MAX_BUFFER_DEFAULT, Reader } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { Held } from "./held.ts";
import type { LargeRequests } from "./large-requests.ts";
import type { Pipeline } from "./pipeline.ts";
import type { AuthId, Requester } from "./requester.ts";

export interface RequestThrottleOptions {
  /** At least 1. */
  readonly requestThrottleMax: number;
  readonly requestThrottleDropStale: boolean;
  readonly staleConnectionCheck: boolean;
  readonly staleLatencyCheck: boolean;
  readonly throttledOpWaitMs: number;
  readonly globalOutstandingLimit: number;
  readonly maxBufferBytes: number;
}

/** Bytes of a request's header: its xid and its type. */
const HEADER_BYTES = 8;

interface Waiting {
  readonly requester: Requester;
  readonly xid: number;
  readonly type: number;
  readonly frame: Buffer;
  /** As they were when it was read. */
  readonly ids: readonly AuthId[];
  readonly arrivedMs: number;
}

export class RequestThrottle {
  readonly #pipeline: Pipeline;
  readonly #clock: Clock;
  readonly #large: LargeRequests;
  readonly #options: RequestThrottleOptions;
  readonly #reader: Reader;
  #queue: Waiting[] = [];
  /** Invariant: 0 <= #head <= #queue.length; what is before it has gone on. */
  #head = 0;
  /** Those who are not read from until the queue is shorter. */
  readonly #held = new Held();
  /** A request of theirs was dropped: nothing behind it may be executed. */
  readonly #invalid = new WeakSet<Requester>();
  #draining = false;

  constructor(pipeline: Pipeline, clock: Clock, options: RequestThrottleOptions) {
    assert(options.requestThrottleMax > 0, "a throttle lets at least one request through");
    this.#pipeline = pipeline;
    this.#clock = clock;
    this.#large = pipeline.large;
    this.#options = options;
    this.#reader = new Reader(Math.max(options.maxBufferBytes, MAX_BUFFER_DEFAULT) * 2);
    pipeline.onSettled = () => this.#drain();
  }

  /** As `Pipeline.request`. */
  request(
    requester: Requester,
    xid: number,
    type: number,
    reader: Reader,
    frameStart: number,
  ): void {
    if (this.#length === 0 && this.#hasRoom) {
      this.#pipeline.request(requester, xid, type, reader, frameStart);
      return;
    }
    const frame = Buffer.from(reader.bytes.subarray(frameStart, reader.end));
    this.#large.add(frame.length);
    requester.throttled++;
    const { authIds: ids } = requester;
    this.#queue.push({ requester, xid, type, frame, ids, arrivedMs: this.#clock.nowMs() });
    if (this.#length > this.#options.globalOutstandingLimit) this.#held.hold(requester);
  }

  get #length(): number {
    return this.#queue.length - this.#head;
  }

  get #hasRoom(): boolean {
    return this.#pipeline.outstanding < this.#options.requestThrottleMax;
  }

  /** Lets through what there is room for. */
  #drain(): void {
    // What it lets through may settle at once, and call this again.
    if (this.#draining) return;
    this.#draining = true;
    const nowMs = this.#clock.nowMs();
    while (this.#hasRoom) {
      const waiting = this.#queue[this.#head];
      // A long read's answer comes first; its connection's other requests wait, and all behind them.
      if (waiting === undefined || mustStay(waiting.requester)) break;
      this.#head++;
      waiting.requester.throttled--;
      this.#large.remove(waiting.frame.length);
      this.#pass(waiting, nowMs - waiting.arrivedMs);
    }
    this.#draining = false;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    if (this.#length <= this.#options.globalOutstandingLimit) this.#held.release();
  }

  #pass({ requester, xid, type, frame, ids }: Waiting, waitedMs: number): void {
    const { requestThrottleDropStale, staleConnectionCheck, staleLatencyCheck } = this.#options;
    const { throttledOpWaitMs } = this.#options;
    if (this.#invalid.has(requester)) return;
    if (requestThrottleDropStale) {
      if (staleConnectionCheck && !requester.isOpen) return;
      if (staleLatencyCheck && waitedMs > (requester.session?.timeoutMs ?? 0)) {
        // Without an answer to this one there can be none to what follows.
        this.#invalid.add(requester);
        requester.cut("a request waited longer than its session's timeout");
        return;
      }
    }
    if (throttledOpWaitMs > 0 && waitedMs > throttledOpWaitMs && isThrottlable(type)) {
      this.#pipeline.refuse(requester, xid);
      return;
    }
    const reader = this.#reader.reset(frame, HEADER_BYTES);
    this.#pipeline.request(requester, xid, type, reader, 0, ids);
  }
}

/** It is not to be asked more: see `Connection`, which has read these requests already. */
function mustStay({ hasLongRead, waiting }: Requester): boolean {
  return hasLongRead || waiting.isFull;
}

function isThrottlable(type: number): boolean {
  return type !== OpCode.ping && type !== OpCode.closeSession;
}
