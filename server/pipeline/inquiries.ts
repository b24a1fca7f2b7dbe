/** Reads about many znodes at once: as long as there are many of them (long-reads.ts). */
import { ErrorCode } from "../../protocol/errors.ts";
import type { Reader, Writer } from "../../protocol/jute.ts";
import { Perm } from "../../protocol/opcodes.ts";
import type { DataTree, Slot } from "../tree/data-tree.ts";
import type { SubtreeCount } from "../tree/subtree-count.ts";
import type { LongRead } from "./long-reads.ts";
import { type Reads, readPath } from "./reads.ts";
import type { AuthId } from "./requester.ts";

/** Znodes in a slice: a millisecond or two. */
const SLICE_COUNTED = 20_000;
const SLICE_EPHEMERALS = 2000;

/**
 * getAllChildrenNumber: how many descendants a znode has. The root's are known without counting;
 * to the empty path ZooKeeper counts the root as well.
 *
 * ustring path -> int totalNumber
 */
export class AllChildrenNumber implements LongRead {
  code: number = ErrorCode.Ok;
  readonly #tree: DataTree;
  #count: SubtreeCount | undefined;
  /** What there is beside the root's descendants; the tree counts the root twice. */
  readonly #besides: number;

  /** @throws JuteError */
  constructor(tree: DataTree, reads: Reads, ids: readonly AuthId[], reader: Reader) {
    this.#tree = tree;
    const start = readPath(reader);
    this.#besides = reader.offset === start ? 1 : 2;
    const slot = tree.find(reader.bytes, start, reader.offset);
    if (slot === 0) this.code = ErrorCode.NoNode;
    else if (!reads.permits(ids, tree.acl(slot), Perm.read)) this.code = ErrorCode.NoAuth;
    else if (slot !== tree.root) this.#count = tree.countBelow(slot);
  }

  step(out: Writer): boolean {
    const count = this.#count;
    if (count?.step(SLICE_COUNTED) === true) return true;
    out.int(count?.total ?? this.#tree.count - this.#besides);
    return false;
  }

  keep(): void {}

  close(): void {
    this.#count?.close();
  }
}

/** Nothing, blanks, or the root between blanks. */
const EVERYWHERE = /^[\0- ]*\/?[\0- ]*$/;

/**
 * getEphemerals: the asking session's own, whose paths begin with a prefix, as text.
 *
 * ustring prefixPath -> vector<ustring> ephemerals
 */
export class EphemeralsOf implements LongRead {
  readonly code: number = ErrorCode.Ok;
  readonly #tree: DataTree;
  readonly #prefix: Buffer;
  /** Goes on when the session's ephemerals change on the way. */
  readonly #slots: Iterator<Slot, undefined>;
  #found = 0;

  /** @throws JuteError */
  constructor(tree: DataTree, session: string, reader: Reader) {
    this.#tree = tree;
    const prefix = reader.string() ?? "";
    this.#prefix = Buffer.from(EVERYWHERE.test(prefix) ? "" : prefix);
    this.#slots = tree.ephemerals.of(session).values();
  }

  step(out: Writer): boolean {
    if (out.length === 0) out.int(0);
    for (let i = 0; i < SLICE_EPHEMERALS; i++) {
      const slot = this.#slots.next().value;
      if (slot === undefined) {
        out.patchInt(0, this.#found);
        return false;
      }
      const start = out.length;
      this.#tree.writePath(slot, out);
      const path = start + 4;
      if (out.length - path >= this.#prefix.length && this.#begins(out.bytes, path)) this.#found++;
      else out.length = start;
    }
    return true;
  }

  keep(): void {}

  close(): void {}

  #begins(bytes: Buffer, at: number): boolean {
    return this.#prefix.compare(bytes, at, at + this.#prefix.length) === 0;
  }
}
