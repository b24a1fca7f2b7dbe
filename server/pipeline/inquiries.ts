/** Reads about many znodes at once: as long as there are many of them (long-reads.ts). */
import { ErrorCode } from "../../protocol/errors.ts";
import type { Reader, Writer } from "../../protocol/jute.ts";
import { Perm } from "../../protocol/opcodes.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { DataTree, Slot } from "../tree/data-tree.ts";
import { measure, type UsageCount } from "../tree/usage-count.ts";
import type { LongRead } from "./long-reads.ts";
import { type Reads, readPath } from "./reads.ts";
import type { AuthId, Requester } from "./requester.ts";

/** Descendants that are counted at once: a millisecond. */
const COUNTED_AT_ONCE_MAX = 10_000;
/** Records passed in a slice of a count of more: a millisecond. */
const SLICE_COUNTED = 20_000;
const SLICE_EPHEMERALS = 2000;

/**
 * getAllChildrenNumber: how many descendants a znode has when its turn comes; many are counted in
 * slices, and what happens meanwhile is told behind the answer. The root's are known without
 * counting; to the empty path ZooKeeper counts the root as well.
 *
 * ustring path -> int totalNumber
 */
export class AllChildrenNumber implements LongRead {
  code: number = ErrorCode.Ok;
  readonly zxid: Zxid;
  readonly #requester: Requester;
  #total = 0;
  /** Of more than are counted at once. */
  #count: UsageCount | undefined;

  /** @throws JuteError */
  constructor(
    tree: DataTree,
    reads: Reads,
    requester: Requester,
    reader: Reader,
    ids: readonly AuthId[],
  ) {
    this.zxid = tree.shownZxid;
    this.#requester = requester;
    const start = readPath(reader);
    const slot = tree.find(reader.bytes, start, reader.offset);
    if (slot === 0) {
      this.code = ErrorCode.NoNode;
    } else if (!reads.permits(ids, tree.acl(slot), Perm.read)) {
      this.code = ErrorCode.NoAuth;
    } else if (slot === tree.root) {
      // The tree counts the root twice.
      this.#total = tree.count - (reader.offset === start ? 1 : 2);
    } else {
      const usage = measure(tree, slot, COUNTED_AT_ONCE_MAX);
      if (usage === undefined) this.#count = tree.countUsage(slot);
      else this.#total = usage.count - 1;
    }
  }

  step(out: Writer): boolean {
    if (this.#count?.step(SLICE_COUNTED) === false) return true;
    out.int(this.#count === undefined ? this.#total : this.#count.count - 1);
    return false;
  }

  keep(): void {
    this.#requester.holdBack();
  }

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
