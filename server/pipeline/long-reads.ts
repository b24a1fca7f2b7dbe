/**
 * Reads whose work has no small bound: a multiRead of a whole frame, the number of all descendants,
 * all ephemerals of a session. One that a slice is enough for is answered at once, as any other.
 * A longer one goes on in turns of its own, a slice at a time, and its connection is not read
 * meanwhile: so replies keep their order, and one connection has one long read at most.
 *
 *     begin ──slice──▶ reply
 *       └──more──▶ queue ──slice, one of one read each turn──▶ reply, and what waited behind it
 *
 * Txns are applied between two slices. What such a read tells is then not of one moment, but each
 * part of it was true at some moment between the request and its reply.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { Clock } from "../../protocol/host.ts";
import { Writer } from "../../protocol/jute.ts";
import type { DataTree } from "../tree/data-tree.ts";
import type { Requester } from "./requester.ts";

export interface LongRead {
  /** Does a slice of the work, of a millisecond or two. True: there is more. */
  step(out: Writer): boolean;
  /** There is more, and the frame that it came in is about to be gone. */
  keep(): void;
  /** Valid once `step` returned false; with an error code, what was written is dropped. */
  readonly code: number;
  /** It is over, or nobody waits for it any more. */
  close(): void;
}

/** A request for one. */
export interface LongRequest {
  readonly requester: Requester;
  readonly xid: number;
  readonly type: number;
  readonly read: LongRead;
  readonly arrivedMs: number;
}

/** One that is under way. */
interface Running extends LongRequest {
  readonly out: Writer;
}

/** Between two slices. */
const PAUSE_MS = 1;

const INITIAL_OUT_BYTES = 1024;
/** What a large answer may leave allocated. */
const RETAINED_OUT_BYTES = 0x1_0000;

export class LongReads {
  readonly #clock: Clock;
  readonly #tree: DataTree;
  readonly #answered: (request: LongRequest) => void;
  /** Invariant: at most one for each connection. The first is the next to go on. */
  readonly #queue: Running[] = [];
  /** Where the next answer begins. */
  #out = new Writer(INITIAL_OUT_BYTES);
  /** A turn of ours is due. */
  #isArmed = false;

  constructor(clock: Clock, tree: DataTree, answered: (request: LongRequest) => void) {
    this.#clock = clock;
    this.#tree = tree;
    this.#answered = answered;
  }

  begin(request: LongRequest): void {
    const out = this.#out;
    const { requester, read } = request;
    if (!read.step(out)) {
      this.#reply(request, out);
      if (out.bytes.length > RETAINED_OUT_BYTES) this.#out = new Writer(INITIAL_OUT_BYTES);
      else out.clear();
      return;
    }
    this.#out = new Writer(INITIAL_OUT_BYTES);
    read.keep();
    requester.longReadBegins();
    this.#queue.push({ ...request, out });
    this.#arm();
  }

  readonly #turn = (): void => {
    this.#isArmed = false;
    const running = this.#queue.shift();
    if (running === undefined) return;
    const { requester, read, out } = running;
    if (requester.isOpen && read.step(out)) {
      this.#queue.push(running);
    } else {
      if (requester.isOpen) this.#reply(running, out);
      else read.close();
      // Requests that waited are taken up in here, and may begin another one.
      requester.longReadEnds();
    }
    this.#arm();
  };

  #arm(): void {
    if (this.#isArmed || this.#queue.length === 0) return;
    this.#isArmed = true;
    this.#clock.after(PAUSE_MS, this.#turn);
  }

  #reply(request: LongRequest, out: Writer): void {
    const { requester, xid, read } = request;
    read.close();
    requester.beginReply(xid);
    if (read.code === ErrorCode.Ok) requester.out.raw(out.written());
    requester.endReply(this.#tree.lastZxid, read.code);
    this.#answered(request);
  }
}
