/**
 * What is answered from the tree at once (server-semantics 7.3, 8; client-protocol 6). Paths are
 * looked up where they lie in the frame; a string is made only for what is watched.
 */
import { writeACLs } from "../../protocol/data.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Reader, Writer } from "../../protocol/jute.ts";
import { OpCode, Perm, WatcherType } from "../../protocol/opcodes.ts";
import { readSetWatches, readSetWatches2 } from "../../protocol/proto.ts";
import type { DataTree } from "../tree/data-tree.ts";
import { restoreWatches } from "../tree/restore-watches.ts";
import { maskDigests, permits, READ_OR_ADMIN } from "./access.ts";
import type { Requester } from "./requester.ts";

export class Reads {
  readonly #tree: DataTree;
  readonly #skipAcl: boolean;

  constructor(tree: DataTree, skipAcl: boolean) {
    this.#tree = tree;
    this.#skipAcl = skipAcl;
  }

  /** Whether the requester may do any of `wanted` to znodes with this access list. */
  permits(requester: Requester, acl: number, wanted: number): boolean {
    return this.#skipAcl || permits(this.#tree.acls.get(acl), requester.authIds, wanted);
  }

  /**
   * Writes the body of the answer to `out`.
   *
   * @param reader At the request's record.
   * @returns an error code; with one, what was written is to be dropped.
   * @throws JuteError
   */
  answer(type: number, requester: Requester, reader: Reader, out: Writer): number {
    switch (type) {
      case OpCode.getData:
        return this.#getData(requester, reader, out);
      case OpCode.exists:
        return this.#exists(requester, reader, out);
      case OpCode.getChildren:
      case OpCode.getChildren2:
        return this.#getChildren(type, requester, reader, out);
      case OpCode.getACL:
        return this.#getACL(requester, reader, out);
      case OpCode.setWatches:
        return restored(restoreWatches(this.#tree, requester, readSetWatches(reader)));
      case OpCode.setWatches2:
        return restored(restoreWatches(this.#tree, requester, readSetWatches2(reader)));
      case OpCode.removeWatches:
      case OpCode.checkWatches:
        return this.#findWatches(type, requester, reader);
      default:
        return ErrorCode.Unimplemented;
    }
  }

  // ustring path, boolean watch -> buffer data, Stat

  #getData(requester: Requester, reader: Reader, out: Writer): number {
    const tree = this.#tree;
    const start = pathStart(reader);
    const end = reader.offset;
    const watch = reader.boolean();
    const slot = tree.find(reader.bytes, start, end);
    if (slot === 0) return ErrorCode.NoNode;
    if (!this.permits(requester, tree.acl(slot), Perm.read)) return ErrorCode.NoAuth;
    if (watch) tree.watches.addData(text(reader, start, end), requester);
    tree.writeData(slot, out);
    tree.writeStat(slot, out);
    return 0;
  }

  // ustring path, boolean watch -> Stat

  #exists(requester: Requester, reader: Reader, out: Writer): number {
    const tree = this.#tree;
    const start = pathStart(reader);
    const end = reader.offset;
    const watch = reader.boolean();
    const slot = tree.find(reader.bytes, start, end);
    if (slot === 0) {
      if (reader.bytes.subarray(start, end).includes(0)) return ErrorCode.BadArguments;
      // The one read whose watch waits for what is not there.
      if (watch) tree.watches.addData(text(reader, start, end), requester);
      return ErrorCode.NoNode;
    }
    if (!this.permits(requester, tree.acl(slot), Perm.read)) return ErrorCode.NoAuth;
    if (watch) tree.watches.addData(text(reader, start, end), requester);
    tree.writeStat(slot, out);
    return 0;
  }

  // ustring path, boolean watch -> vector<ustring> children [, Stat]

  #getChildren(type: number, requester: Requester, reader: Reader, out: Writer): number {
    const tree = this.#tree;
    const start = pathStart(reader);
    const end = reader.offset;
    const watch = reader.boolean();
    const slot = tree.find(reader.bytes, start, end);
    if (slot === 0) return ErrorCode.NoNode;
    if (!this.permits(requester, tree.acl(slot), Perm.read)) return ErrorCode.NoAuth;
    if (watch) tree.watches.addChild(text(reader, start, end), requester);
    tree.writeChildren(slot, out);
    if (type === OpCode.getChildren2) tree.writeStat(slot, out);
    return 0;
  }

  // ustring path -> vector<ACL> acl, Stat

  #getACL(requester: Requester, reader: Reader, out: Writer): number {
    const tree = this.#tree;
    const start = pathStart(reader);
    const slot = tree.find(reader.bytes, start, reader.offset);
    if (slot === 0) return ErrorCode.NoNode;
    const handle = tree.acl(slot);
    if (!this.permits(requester, handle, READ_OR_ADMIN)) return ErrorCode.NoAuth;
    const acl = tree.acls.get(handle);
    const seesHashes = this.permits(requester, handle, Perm.admin);
    writeACLs(out, seesHashes ? acl : maskDigests(acl));
    tree.writeStat(slot, out);
    return 0;
  }

  // ustring path, int watcherType -> nothing

  #findWatches(type: number, requester: Requester, reader: Reader): number {
    const start = pathStart(reader);
    const path = text(reader, start, reader.offset);
    const kind = reader.int();
    if (kind < WatcherType.children || kind > WatcherType.persistentRecursive) {
      return ErrorCode.MarshallingError;
    }
    const { watches } = this.#tree;
    const found =
      type === OpCode.removeWatches
        ? watches.remove(path, requester, kind)
        : watches.has(path, requester, kind);
    return found ? 0 : ErrorCode.NoWatcher;
  }
}

/** Steps over a path and returns where its bytes start; a null one is taken for an empty one. */
function pathStart(reader: Reader): number {
  const length = reader.bufferLength();
  const start = reader.offset;
  if (length > 0) reader.skip(length);
  return start;
}

function text(reader: Reader, start: number, end: number): string {
  return reader.bytes.toString("utf8", start, end);
}

function restored(done: boolean): number {
  return done ? 0 : ErrorCode.MarshallingError;
}
