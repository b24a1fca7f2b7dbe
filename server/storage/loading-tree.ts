/** A tree that takes in what a parser finds, of a file or of a stream. */
import { DataTree, type TreeOptions } from "../tree/data-tree.ts";
import { SnapshotError, type TreeSink } from "./tree-parser.ts";

/** Built from nothing, each time: what an attempt that failed has left must not survive (ST-22). */
export class LoadingTree implements TreeSink {
  readonly #tree: DataTree;

  constructor(options: TreeOptions) {
    this.#tree = DataTree.empty(options);
  }

  /** The tree, once all was read. @throws SnapshotError */
  loaded(): DataTree {
    if (!this.#tree.loaded()) throw new SnapshotError("it has no root, or a znode twice");
    return this.#tree;
  }

  session(high: number, low: number, timeoutMs: number): void {
    this.#tree.sessions.set(high, low, timeoutMs);
  }

  list(id: number, bytes: Buffer, start: number, end: number): void {
    this.#tree.acls.load(id, bytes, start, end);
  }

  znode(
    bytes: Buffer,
    pathStart: number,
    pathEnd: number,
    dataStart: number,
    dataLength: number,
    list: number,
    statStart: number,
  ): string | undefined {
    const isLoaded = this.#tree.load(
      bytes,
      pathStart,
      pathEnd,
      dataStart,
      dataLength,
      list,
      statStart,
    );
    return isLoaded ? undefined : "a znode without a parent";
  }
}
