/**
 * The living tree on its way to learners (quorum-protocol 7.5): what a snapshot file holds, without
 * the file's header, checksums and sections, ended by a signature. It is as fuzzy as a snapshot is
 * (tree-copy.ts): the leader sends every txn behind S after it (S-7, S-8).
 *
 *     mark ─▶ fill: a slice ─▶ out ─▶ the link         a link that is blocked: no slice until it
 *      ▲          │                                    has drained, and so no more memory than a
 *      └───rest───┘                                    slice, however slow the learner is
 *
 * After a slice the loop is left to requests for as long as the slice took. Several learners share
 * what one would take.
 */
import type { Clock, Timer } from "../../protocol/host.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { DataTree } from "../tree/data-tree.ts";
import type { QuorumLink, TreeStream } from "../zab/effects.ts";
import { STREAM_SIGNATURE } from "./snapshot-format.ts";
import { SLICE_MS, TreeCopy } from "./tree-copy.ts";

/** A slice is never shorter: looking at the clock has to be worth it. */
const SLICE_MIN_MS = 0.2;

export class TreeStreams {
  readonly #clock: Clock;
  readonly #open = new Set<Stream>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Streams that are under way. */
  get count(): number {
    return this.#open.size;
  }

  /** Sends `tree` into `link`; `done` follows once the last byte is written to it. */
  open(tree: DataTree, link: QuorumLink, done: () => void): TreeStream {
    const stream = new Stream(this.#clock, this.#open, tree, link, done);
    this.#open.add(stream);
    return stream;
  }
}

class Stream implements TreeStream {
  readonly #clock: Clock;
  readonly #open: Set<Stream>;
  readonly #copy: TreeCopy;
  readonly #link: QuorumLink;
  /** Undefined: it is over. */
  #done: (() => void) | undefined;
  /** The sessions and lists are written. */
  #isBegun = false;
  /** While it rests after a slice. */
  #rest: Timer | undefined;

  constructor(clock: Clock, open: Set<Stream>, tree: DataTree, link: QuorumLink, done: () => void) {
    this.#clock = clock;
    this.#open = open;
    this.#copy = new TreeCopy(tree);
    this.#link = link;
    this.#done = done;
  }

  get zxid(): Zxid {
    return this.#copy.zxid;
  }

  fill(room: number): void {
    if (!this.#open.has(this) || this.#rest !== undefined || this.#link.isBlocked) return;
    const { out } = this.#link;
    const share = this.#open.size;
    const startedMs = this.#clock.nowMs();
    const enough = out.length + room;
    if (!this.#isBegun) {
      this.#isBegun = true;
      this.#copy.begin(out);
    }
    const sliceMs = Math.max(SLICE_MS / share, SLICE_MIN_MS);
    if (this.#copy.slice(out, Math.max(enough - out.length, 1), this.#clock, sliceMs)) {
      const tookMs = this.#clock.nowMs() - startedMs;
      // Together they copy for one part of the time and rest for the other.
      this.#rest = this.#clock.after(tookMs * (2 * share - 1), this.#rested);
      return;
    }
    out.raw(STREAM_SIGNATURE);
    this.#open.delete(this);
    this.#clock.endOfTurn(this.#tell);
  }

  abandon(): void {
    this.#done = undefined;
    this.#open.delete(this);
    this.#rest?.cancel();
    this.#copy.close();
  }

  readonly #rested = (): void => {
    this.#rest = undefined;
    this.#link.mark();
  };

  readonly #tell = (): void => {
    const done = this.#done;
    this.#done = undefined;
    done?.();
  };
}
