/**
 * Where in the log files the txns lie that a learner may be sent from there (quorum-protocol 7.4).
 *
 * Only those that this process replayed itself or wrote itself: what lies before them on disk may
 * be of an epoch that nobody knows, left by a server that was sent a tree over it (S-6,
 * ZOOKEEPER-2846), and no file says so. They are its history, whoever else has them.
 *
 * A mark for every quarter of a megabyte: so far, or one batch of the log, has to be read to find a
 * txn. Bytes are those of records; files are longer, space being taken ahead of them (Trap 14).
 */
import type { Zxid } from "../../protocol/zxid.ts";
import { zxidCounter } from "../../protocol/zxid.ts";
import { follows } from "./recovery.ts";

const MARK_BYTES: number = 256 * 1024;
/** Some gigabytes of log; the oldest are forgotten beyond. */
const MARKS_MAX = 16_384;

interface Mark {
  /** The last zxid before the record that begins here. */
  readonly after: Zxid;
  readonly path: string;
  readonly offset: number;
  /** Bytes of all records that were added before. */
  readonly before: number;
}

/** Where to begin to read, and what files to go on with. */
export interface LogPosition {
  readonly after: Zxid;
  readonly paths: readonly string[];
  /** In the first of them. */
  readonly offset: number;
  /** From there to where it was to end, to a mark. */
  readonly bytes: number;
}

/** Invariant: the records behind `base` up to `last` follow one another, and all are in files. */
export class LogIndex {
  #base: Zxid = 0;
  #last: Zxid = 0;
  /** By `after`, ascending. */
  readonly #marks: Mark[] = [];
  #bytes = 0;

  get lastZxid(): Zxid {
    return this.#last;
  }

  /** Nothing is in it: the history up to `zxid` is not to be read from a log. */
  reset(zxid: Zxid): void {
    this.#base = zxid;
    this.#last = zxid;
    this.#marks.length = 0;
    this.#bytes = 0;
  }

  /** The records from `first` to `last` lie in a file from `offset` up to `end`. */
  add(path: string, offset: number, end: number, first: Zxid, last: Zxid): void {
    if (!follows(this.#last, first)) this.reset(first - 1);
    const mark = this.#marks.at(-1);
    const isDue = mark === undefined || mark.path !== path || offset - mark.offset >= MARK_BYTES;
    if (isDue) this.#marks.push({ after: this.#last, path, offset, before: this.#bytes });
    if (this.#marks.length > MARKS_MAX) {
      this.#marks.splice(0, MARKS_MAX / 2);
      this.#base = this.#marks[0]?.after ?? this.#base;
    }
    this.#bytes += end - offset;
    this.#last = last;
  }

  /** Undefined: it does not surely have every txn behind `after` up to `upTo`. */
  find(after: Zxid, upTo: Zxid): LogPosition | undefined {
    // An epoch begins once all before it is in the log; its marker is no record.
    const isReached = upTo <= this.#last || zxidCounter(upTo) === 0;
    if (after < this.#base || after >= upTo || !isReached) return undefined;
    const first = this.#marks.findLastIndex((mark) => mark.after <= after);
    const from = this.#marks[first];
    if (from === undefined) return undefined;
    const end = this.#marks.find((mark) => mark.after >= upTo)?.before ?? this.#bytes;
    const paths = [...new Set(this.#marks.slice(first).map(({ path }) => path))];
    return { after: from.after, paths, offset: from.offset, bytes: end - from.before };
  }
}
