/**
 * setWatches and setWatches2: a frame has room for more than a hundred thousand paths, so they are
 * looked up in slices (long-reads.ts). Events of paths that were registered already may come
 * between those that the request itself brings; all of them come before its reply.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import { JuteError, Reader } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import type { DataTree } from "../tree/data-tree.ts";
import { restoreWatch, type WatchList } from "../tree/restore-watches.ts";
import type { Watcher } from "../tree/watches.ts";
import type { LongRead } from "./long-reads.ts";

/** Paths in a slice: a millisecond or two. */
const SLICE_PATHS = 1000;

const LISTS: readonly WatchList[] = ["data", "exist", "child"];
const LISTS2: readonly WatchList[] = [...LISTS, "persistent", "persistentRecursive"];

// long relativeZxid, n x vector<ustring> -> nothing

export class SetWatches implements LongRead {
  readonly code: number;
  readonly #tree: DataTree;
  readonly #watcher: Watcher;
  readonly #lists: readonly WatchList[];
  readonly #relativeZxid: number;
  #reader: Reader;
  /** The list at hand, and how many of its paths are left. */
  #list = -1;
  #left = 0;

  /** @throws JuteError */
  constructor(tree: DataTree, watcher: Watcher, type: number, reader: Reader) {
    this.#tree = tree;
    this.#watcher = watcher;
    this.#reader = reader;
    this.#lists = type === OpCode.setWatches ? LISTS : LISTS2;
    this.#relativeZxid = reader.long();
    const { offset } = reader;
    this.code = this.#check() ? ErrorCode.Ok : ErrorCode.MarshallingError;
    reader.offset = offset;
  }

  step(): boolean {
    if (this.code !== ErrorCode.Ok) return false;
    const reader = this.#reader;
    for (let i = 0; i < SLICE_PATHS; i++) {
      while (this.#left === 0) {
        if (++this.#list === this.#lists.length) return false;
        this.#left = reader.int();
      }
      this.#left--;
      const path = reader.string();
      const list = this.#lists[this.#list];
      if (path === null || list === undefined) continue;
      restoreWatch(this.#tree, this.#watcher, list, path, this.#relativeZxid);
    }
    return true;
  }

  keep(): void {
    const { bytes, offset, end, limit } = this.#reader;
    this.#reader = new Reader(limit).reset(Buffer.from(bytes.subarray(offset, end)));
  }

  close(): void {}

  /** All of it is looked through before any of it is done. False: a list is null. */
  #check(): boolean {
    const reader = this.#reader;
    let whole = true;
    for (let list = 0; list < this.#lists.length; list++) {
      const count = reader.vectorLength(4);
      if (count < 0) whole = false;
      for (let i = 0; i < count; i++) {
        const length = reader.bufferLength();
        if (length < 0) throw new JuteError("a null path");
        reader.skip(length);
      }
    }
    return whole;
  }
}
