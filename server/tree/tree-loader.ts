/**
 * Builds a tree from the znodes of a snapshot, a million of them in about a second.
 *
 * A snapshot lists znodes in pre-order, ours and Apache's, so a znode's parent is the one before it
 * or one of that one's ancestors. These are kept as a stack, with what their children go on from;
 * nobody is looked up, and the index is built once, at its final size, when all are there. A file
 * in another order is loaded too, only slower.
 */
import { byteAt, lastSlash } from "./bytes.ts";
import { crc32 } from "./crc32.ts";
import type { DataTree } from "./data-tree.ts";
import { isSystemPath } from "./digest.ts";
import type { Slot } from "./znode-records.ts";

const SLASH = 0x2f;
/** Longer paths make room for themselves. */
const PATH_BYTES = 1024;

/** A znode whose children may follow. */
interface Ancestor {
  slot: Slot;
  /** Bytes of its path, which are the first ones of `#path`. */
  length: number;
  /** CRC-32 of its path. */
  crc: number;
  /** Whether its children count for the digest. */
  counts: boolean;
}

export class TreeLoader {
  readonly #tree: DataTree;
  /** The path of the last znode, or of the parent that was looked up instead. */
  #path = Buffer.alloc(PATH_BYTES);
  /** From the root down; entries are used again. Each one's path starts with those before it. */
  readonly #ancestors: Ancestor[] = [];
  #depth = 0;
  /** Over the bytes that were handed over last: most often the next ones are in there too. */
  #bytes: Buffer | undefined;
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(tree: DataTree) {
    this.#tree = tree;
  }

  /** @see DataTree.load */
  load(
    bytes: Buffer,
    pathStart: number,
    pathEnd: number,
    dataStart: number,
    dataLength: number,
    aclFileId: number,
    statStart: number,
  ): boolean {
    const tree = this.#tree;
    const slash = lastSlash(bytes, pathStart, pathEnd);
    const isRoot = pathStart === pathEnd;
    if (isRoot ? tree.root !== 0 : slash < 0 || slash + 1 === pathEnd) return false;
    const parent = isRoot ? undefined : this.#parent(bytes, pathStart, slash);
    if (!isRoot && parent === undefined) return false;

    const slot = tree.addLoaded(
      parent?.slot ?? 0,
      bytes,
      this.#viewOf(bytes),
      pathStart,
      isRoot ? pathEnd : slash + 1,
      pathEnd,
      dataStart,
      dataLength,
      tree.acls.acquireFileId(aclFileId),
      statStart,
    );
    const counts = parent?.counts ?? true;
    const pathCrc = isRoot ? 0 : crc32(bytes, slash, pathEnd, parent?.crc);
    if (counts) {
      const dataEnd = dataStart + Math.max(dataLength, 0);
      tree.addLoadedDigest(slot, crc32(bytes, dataStart, dataEnd, pathCrc));
    }
    this.#push(slot, bytes, pathStart, pathEnd, pathCrc, counts);
    return true;
  }

  /** The znode whose path is `bytes` from `start` up to `end`. */
  #parent(bytes: Buffer, start: number, end: number): Ancestor | undefined {
    const length = end - start;
    let top = this.#ancestors[this.#depth - 1];
    while (top !== undefined && top.length > length) {
      this.#depth--;
      top = this.#ancestors[this.#depth - 1];
    }
    if (top?.length === length && this.#startsWith(bytes, start, length)) return top;
    return this.#lookUp(bytes, start, end);
  }

  #startsWith(bytes: Buffer, start: number, length: number): boolean {
    // From the end on: siblings' children differ there.
    for (let i = length - 1; i >= 0; i--) {
      if (byteAt(this.#path, i) !== byteAt(bytes, start + i)) return false;
    }
    return true;
  }

  /** For a file that is not in pre-order. */
  #lookUp(bytes: Buffer, start: number, end: number): Ancestor | undefined {
    // "//name" is no path, though its parent's would be another name of the root.
    if (end - start === 1 || !this.#tree.settleIndex()) return undefined;
    const slot = this.#tree.find(bytes, start, end);
    if (slot === 0) return undefined;
    this.#depth = 0;
    let nameEnd = start + 1;
    while (nameEnd < end && bytes[nameEnd] !== SLASH) nameEnd++;
    const counts = !isSystemPath(bytes, start, nameEnd);
    return this.#push(slot, bytes, start, end, crc32(bytes, start, end), counts);
  }

  /** Makes a znode the last of the stack; its ancestors, as far as they are known, are there. */
  #push(
    slot: Slot,
    bytes: Buffer,
    start: number,
    end: number,
    crc: number,
    parentCounts: boolean,
  ): Ancestor {
    const length = end - start;
    const before = this.#ancestors[this.#depth - 1];
    const known = before?.length ?? 0;
    if (length > this.#path.length) {
      this.#path = Buffer.concat([this.#path], 2 * length);
    }
    for (let i = known; i < length; i++) this.#path[i] = byteAt(bytes, start + i);
    const counts = parentCounts && !isSystemPath(bytes, start, end);
    const ancestor = this.#ancestors[this.#depth];
    this.#depth++;
    if (ancestor === undefined) {
      const added = { slot, length, crc, counts };
      this.#ancestors.push(added);
      return added;
    }
    ancestor.slot = slot;
    ancestor.length = length;
    ancestor.crc = crc;
    ancestor.counts = counts;
    return ancestor;
  }

  #viewOf(bytes: Buffer): DataView {
    if (this.#bytes !== bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    return this.#view;
  }
}
