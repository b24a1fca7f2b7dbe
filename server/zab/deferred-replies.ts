/**
 * Answers to one learner that must not overtake what was settled before them: SYNC, REVALIDATE,
 * HANDOVER (quorum-protocol B-18). They leave in order, each once all that goes before it has been
 * sent, whatever those behind it still wait for: while others write there is always something.
 */
import { Writer } from "../../protocol/jute.ts";
import type { Zxid } from "../../protocol/zxid.ts";

/** A hundred thousand answers or more. */
const REPLY_BYTES_MAX: number = 4 * 1024 * 1024;

/** Those that wait for the same. */
interface Group {
  /** Everything up to here goes before them. */
  readonly after: Zxid;
  /** Where they begin. */
  readonly start: number;
}

export class DeferredReplies {
  readonly #writer = new Writer(64);
  /** Invariant: both numbers ascend. */
  #groups: Group[] = [];

  get isFull(): boolean {
    return this.#writer.length > REPLY_BYTES_MAX;
  }

  /** None waits. */
  get isEmpty(): boolean {
    return this.#groups.length === 0;
  }

  /** Where one is written that goes behind `zxid`. */
  begin(zxid: Zxid): Writer {
    const last = this.#groups.at(-1);
    if (last === undefined || zxid > last.after) {
      this.#groups.push({ after: zxid, start: this.#writer.length });
    }
    return this.#writer;
  }

  /** Writes those that are due, as everything up to `sentZxid` has been sent. */
  write(sentZxid: Zxid, out: Writer): void {
    const [first] = this.#groups;
    if (first === undefined || sentZxid < first.after) return;
    const later = this.#groups.findIndex(({ after }) => after > sentZxid);
    const end = this.#groups[later]?.start ?? this.#writer.length;
    const { bytes, length } = this.#writer;
    out.raw(bytes.subarray(0, end));
    bytes.copyWithin(0, end, length);
    this.#writer.length = length - end;
    const left = later === -1 ? [] : this.#groups.slice(later);
    this.#groups = left.map(({ after, start }) => ({ after, start: start - end }));
  }
}
