/**
 * Answers to one learner that must not overtake what was settled before them: SYNC, REVALIDATE,
 * HANDOVER (quorum-protocol B-18). They leave in order, once all that has been sent.
 */
import { Writer } from "../../protocol/jute.ts";
import type { Zxid } from "../../protocol/zxid.ts";

/** A hundred thousand answers or more. */
const REPLY_BYTES_MAX: number = 4 * 1024 * 1024;

export class DeferredReplies {
  readonly #writer = new Writer(64);
  /** Everything up to here goes before them. */
  #after: Zxid = 0;

  get isFull(): boolean {
    return this.#writer.length > REPLY_BYTES_MAX;
  }

  /** Where one is written that goes behind `zxid`. */
  begin(zxid: Zxid): Writer {
    this.#after = Math.max(this.#after, zxid);
    return this.#writer;
  }

  /** True: some were due, as everything up to `sentZxid` has been sent. */
  write(sentZxid: Zxid, out: Writer): boolean {
    if (this.#writer.length === 0 || sentZxid < this.#after) return false;
    out.raw(this.#writer.written());
    this.#writer.clear();
    return true;
  }
}
