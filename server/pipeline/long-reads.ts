/**
 * Reads whose work has no small bound: a multiRead of a whole frame, the number of all descendants,
 * all ephemerals of a session. One that a slice is enough for is answered at once, as any other.
 * A longer one goes on in turns of its own, a slice at a time, and its connection is not read
 * meanwhile: so replies keep their order, and one connection has one long read at most.
 *
 *     begin ──slice──▶ reply
 *       └──more──▶ queue ──slice, one of one read each turn──▶ reply, and what waited behind it
 *
 * Txns are applied between two slices. A list of children and a number of descendants are of the
 * one moment at which they were begun. What a long multiRead or a long list of ephemerals tells is
 * not, but each part of it was true at some moment between the request and its reply. Lists of
 * children are made one after the other, and none is begun while too many wait for clients that
 * are slow to take them.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { Clock } from "../../protocol/host.ts";
import { Writer } from "../../protocol/jute.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { DataTree } from "../tree/data-tree.ts";
import type { Requester } from "./requester.ts";

export interface LongRead {
  /** Does a slice of the work, of a millisecond or two. True: there is more. */
  step(out: Writer): boolean;
  /** There is more, and the frame that it came in is about to be gone. */
  keep(): void;
  /** Valid once `step` returned false; with an error code, what was written is dropped. */
  readonly code: number;
  /** Of what moment its answer is, where `keep` or `begin` held back what came later. */
  readonly zxid?: Zxid;
  /** What goes before that which the last `step` wrote. */
  readonly pieces?: readonly Buffer[];
  /** It is over, or nobody waits for it any more. */
  close(): void;
}

/** A long read that is begun when its turn comes, and not at once. */
export interface LongList extends LongRead {
  begin(out: Writer): void;
}

/** A request for one. */
export interface LongRequest {
  readonly requester: Requester;
  readonly xid: number;
  readonly type: number;
  readonly read: LongRead;
  readonly arrivedMs: number;
}

interface ListRequest extends LongRequest {
  readonly read: LongList;
}

/** One that is under way. */
interface Running extends LongRequest {
  readonly out: Writer;
}

/** Between two slices. */
const PAUSE_MS = 1;
/** Lists that were made and not taken may add up to this when the next one is begun. */
const UNTAKEN_MAX_BYTES = 128 * 1024 * 1024;
/** While they do. */
const UNTAKEN_PAUSE_MS = 20;
const NO_PIECES: readonly Buffer[] = [];

const INITIAL_OUT_BYTES = 1024;
/** What a large answer may leave allocated. */
const RETAINED_OUT_BYTES = 0x1_0000;

export class LongReads {
  readonly #clock: Clock;
  readonly #tree: DataTree;
  readonly #answered: (request: LongRequest) => void;
  /** Invariant: at most one for each connection. The first is the next to go on. */
  readonly #queue: Running[] = [];
  /** Lists whose turn has not come. */
  readonly #lists: ListRequest[] = [];
  /** The one that is being made. Invariant: it is in #queue. */
  #list: LongRequest | undefined;
  /** Who may not have taken theirs. */
  readonly #takers = new Set<Requester>();
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

  /** The same for a list. */
  list(request: ListRequest): void {
    request.requester.longReadBegins();
    this.#lists.push(request);
    this.#arm();
  }

  readonly #turn = (): void => {
    this.#isArmed = false;
    this.#beginList();
    const running = this.#queue.shift();
    if (running !== undefined) this.#step(running);
    this.#arm();
  };

  #step(running: Running): void {
    const { requester, xid, read, out } = running;
    if (requester.isOpen && read.step(out)) {
      this.#queue.push(running);
      return;
    }
    const zxid = read.zxid ?? this.#tree.shownZxid;
    read.close();
    if (running === this.#list) {
      this.#list = undefined;
      this.#takers.add(requester);
    }
    if (requester.isOpen) this.#answered(running);
    // Requests that waited are taken up in here, and may begin another one.
    const { code, pieces = NO_PIECES } = read;
    requester.longReadEnds({ xid, zxid, code, pieces, rest: out.written() });
  }

  #beginList(): void {
    if (this.#list !== undefined || this.#untakenBytes() > UNTAKEN_MAX_BYTES) return;
    for (let next = this.#lists.shift(); next !== undefined; next = this.#lists.shift()) {
      if (!next.requester.isOpen) {
        next.requester.longReadEnds(undefined);
        continue;
      }
      const running = { ...next, out: new Writer(INITIAL_OUT_BYTES) };
      next.read.begin(running.out);
      this.#list = running;
      this.#queue.push(running);
      return;
    }
  }

  #untakenBytes(): number {
    let bytes = 0;
    for (const requester of this.#takers) {
      const unsent = requester.isOpen ? requester.unsentBytes : 0;
      if (unsent === 0) this.#takers.delete(requester);
      bytes += unsent;
    }
    return bytes;
  }

  #arm(): void {
    const isIdle = this.#queue.length === 0;
    if (this.#isArmed || (isIdle && this.#lists.length === 0)) return;
    this.#isArmed = true;
    const mustWait = isIdle && this.#takers.size > 0;
    this.#clock.after(mustWait ? UNTAKEN_PAUSE_MS : PAUSE_MS, this.#turn);
  }

  #reply(request: LongRequest, out: Writer): void {
    const { requester, xid, read } = request;
    read.close();
    requester.beginReply(xid);
    if (read.code === ErrorCode.Ok) requester.out.raw(out.written());
    requester.endReply(this.#tree.shownZxid, read.code);
    this.#answered(request);
  }
}
