/**
 * getChildren of a znode with very many children: the list as it was when the answer was begun,
 * made in slices (long-reads.ts). What happens meanwhile is told behind it, so that the watch
 * which it may set is known to the client before the watch's first event.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import { JuteError, type Reader, Writer } from "../../protocol/jute.ts";
import { OpCode, Perm } from "../../protocol/opcodes.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { ChildListing } from "../tree/child-listing.ts";
import type { DataTree } from "../tree/data-tree.ts";
import type { LongRead } from "./long-reads.ts";
import type { Reads } from "./reads.ts";
import type { AuthId, Requester } from "./requester.ts";

/** Up to so many children are listed at once: about a millisecond. */
export const WIDE_CHILDREN = 4000;
/** Names are handed over in pieces of about this size, so that a list is never copied whole. */
const PIECE_BYTES = 0x4_0000;

// ustring path, boolean watch -> vector<ustring> children [, Stat]

export class WideChildren implements LongRead {
  code: number = ErrorCode.Ok;
  readonly pieces: Buffer[] = [];
  readonly #tree: DataTree;
  readonly #reads: Reads;
  readonly #requester: Requester;
  readonly #ids: readonly AuthId[];
  readonly #path: Buffer;
  readonly #watch: boolean;
  readonly #withStat: boolean;
  readonly #stat = new Writer(128);
  #listing: ChildListing | undefined;

  /** @throws JuteError */
  constructor(
    tree: DataTree,
    reads: Reads,
    requester: Requester,
    type: number,
    reader: Reader,
    ids: readonly AuthId[],
  ) {
    this.#tree = tree;
    this.#reads = reads;
    this.#requester = requester;
    this.#ids = ids;
    const path = reader.buffer();
    if (path === null) throw new JuteError("a null path");
    // The frame is gone when the list's turn comes.
    this.#path = Buffer.from(path);
    this.#watch = reader.boolean();
    this.#withStat = type === OpCode.getChildren2;
  }

  /** What it tells is of this moment. */
  get zxid(): Zxid {
    return this.#listing?.zxid ?? this.#tree.shownZxid;
  }

  /** Its turn has come: this is the moment. */
  begin(out: Writer): void {
    const tree = this.#tree;
    const slot = tree.find(this.#path, 0, this.#path.length);
    if (slot === 0) this.code = ErrorCode.NoNode;
    else if (!this.#reads.permits(this.#ids, tree.acl(slot), Perm.read)) {
      this.code = ErrorCode.NoAuth;
    } else {
      this.#listing = tree.listChildren(slot);
      this.#requester.holdBack();
      if (this.#watch) tree.watches.addChild(this.#path.toString("utf8"), this.#requester);
      if (this.#withStat) tree.writeStat(slot, this.#stat);
      out.int(this.#listing.count);
    }
  }

  step(out: Writer): boolean {
    const more = this.#listing?.step(WIDE_CHILDREN, out) ?? false;
    if (!more) out.raw(this.#stat.written());
    else if (out.length > PIECE_BYTES) this.pieces.push(out.take());
    return more;
  }

  keep(): void {}

  close(): void {
    this.#listing?.close();
  }
}
