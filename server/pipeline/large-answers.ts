/**
 * Answers that are large, a znode's data of up to a megabyte each: copying and sending one takes a
 * millisecond, and hundreds of connections may ask in the same turn. A turn has so many bytes for
 * all of them together. Once these are spent, small answers are given as ever, and a large one waits
 * for a turn after this; its connection is not read meanwhile, so replies keep their order and
 * nobody has more than one here.
 *
 *     getData ──bytes are left, or small──▶ reply
 *        └──large, none are left──▶ queue ──in the next turns, first come──▶ reply, what waited behind
 *
 * What it tells is of the moment of its reply, as if it had come later.
 */
import type { Clock } from "../../protocol/host.ts";
import { Reader } from "../../protocol/jute.ts";
import type { AuthId, Requester } from "./requester.ts";

/** What one turn answers, and one answer more: a millisecond or two with what sending takes. */
const TURN_BYTES = 0x8_0000;

/** Up to this, copying adds nothing to speak of to what any request takes. */
export const LARGE_BYTES = 0x4000;

/** A request whose answer is large. */
export interface LargeRequest {
  readonly requester: Requester;
  readonly xid: number;
  readonly type: number;
  /** At the request's record. */
  readonly reader: Reader;
  /** The requester's when the request was read. */
  readonly ids: readonly AuthId[];
  readonly arrivedMs: number;
}

export class LargeAnswers {
  readonly #clock: Clock;
  readonly #answer: (request: LargeRequest) => void;
  /** Invariant: at most one for each connection; empty unless a turn of ours is due. */
  readonly #queue: LargeRequest[] = [];
  /** What may be answered until the next turn of ours; below 0 by one answer at most. */
  #left = TURN_BYTES;
  #isArmed = false;

  constructor(clock: Clock, answer: (request: LargeRequest) => void) {
    this.#clock = clock;
    this.#answer = answer;
  }

  /** A large answer has to wait. */
  get isSpent(): boolean {
    return this.#left <= 0;
  }

  /** So much was answered, small or large. */
  spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left > 0 || this.#isArmed) return;
    this.#isArmed = true;
    this.#clock.endOfTurn(this.#turn);
  }

  /** Answers a request in its turn, while `isSpent`; the frame that it came in is about to go. */
  wait(request: LargeRequest): void {
    const { bytes, offset, end, limit } = request.reader;
    const reader = new Reader(limit).reset(Buffer.from(bytes.subarray(offset, end)));
    this.#queue.push({ ...request, reader });
    request.requester.longReadBegins();
  }

  readonly #turn = (): void => {
    this.#isArmed = false;
    this.#left = TURN_BYTES;
    while (this.#left > 0) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      const { requester } = next;
      if (requester.isOpen) this.#answer(next);
      // Requests that waited are taken up in here, and one may come to stand at the queue's end.
      requester.longReadEnds(undefined);
    }
  };
}
