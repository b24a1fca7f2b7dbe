/**
 * What is answered from the tree at once (server-semantics 7.3, 8; client-protocol 6). Paths are
 * looked up where they lie in the frame; a string is made only for what is watched.
 */
import { writeACLs } from "../../protocol/data.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { writeWhoAmIResponse } from "../../protocol/inquiries.ts";
import { JuteError, type Reader, type Writer } from "../../protocol/jute.ts";
import { AddWatchMode, OpCode, Perm, WatcherType } from "../../protocol/opcodes.ts";
import type { AclHandle } from "../tree/acl-cache.ts";
import type { DataTree, Slot } from "../tree/data-tree.ts";
import { maskDigests, permits, READ_OR_ADMIN } from "./access.ts";
import type { AuthId, Requester } from "./requester.ts";

export class Reads {
  readonly #tree: DataTree;
  readonly #skipAcl: boolean;

  constructor(tree: DataTree, skipAcl: boolean) {
    this.#tree = tree;
    this.#skipAcl = skipAcl;
  }

  /** Whether somebody with these ids may do any of `wanted` to znodes with this access list. */
  permits(ids: readonly AuthId[], acl: AclHandle, wanted: number): boolean {
    return this.#skipAcl || permits(this.#tree.acls.get(acl), ids, wanted);
  }

  /** Whether a request names a znode with more than so many children; the reader stays. */
  hasMoreChildren(than: number, reader: Reader): boolean {
    const slot = this.#named(reader);
    return slot !== 0 && this.#tree.childCount(slot) > than;
  }

  /** The same for a znode's data, in bytes. */
  hasMoreData(than: number, reader: Reader): boolean {
    const slot = this.#named(reader);
    return slot !== 0 && this.#tree.dataLength(slot) > than;
  }

  /**
   * Writes the body of the answer to `out`.
   *
   * @param ids The requester's when the request was read.
   * @param reader At the request's record.
   * @returns an error code; with one, what was written is to be dropped.
   * @throws JuteError
   */
  answer(
    type: number,
    requester: Requester,
    ids: readonly AuthId[],
    reader: Reader,
    out: Writer,
  ): number {
    switch (type) {
      case OpCode.getData:
        return this.#getData(requester, ids, reader, out);
      case OpCode.exists:
        return this.#exists(requester, ids, reader, out);
      case OpCode.getChildren:
      case OpCode.getChildren2:
        return this.#getChildren(type, requester, ids, reader, out);
      case OpCode.getACL:
        return this.#getACL(ids, reader, out);
      case OpCode.removeWatches:
      case OpCode.checkWatches:
        return this.#findWatches(type, requester, reader);
      case OpCode.addWatch:
        return this.#addWatch(requester, reader, out);
      case OpCode.whoAmI:
        return whoAmI(ids, out);
      default:
        return ErrorCode.Unimplemented;
    }
  }

  /**
   * One of the reads of a multiRead, getData or getChildren; its watch flag counts for nothing.
   *
   * @returns an error code; with one, what was written is to be dropped.
   */
  answerPart(type: number, ids: readonly AuthId[], reader: Reader, out: Writer): number {
    return type === OpCode.getData
      ? this.#getData(undefined, ids, reader, out)
      : this.#getChildren(type, undefined, ids, reader, out);
  }

  /** The znode whose path a record begins with; 0: there is none. */
  #named({ offset, end, bytes }: Reader): Slot {
    if (end - offset < 4) return 0;
    const start = offset + 4;
    const length = bytes.readInt32BE(offset);
    if (length < 0 || length > end - start) return 0;
    return this.#tree.find(bytes, start, start + length);
  }

  // ustring path, boolean watch -> buffer data, Stat

  #getData(
    watcher: Requester | undefined,
    ids: readonly AuthId[],
    reader: Reader,
    out: Writer,
  ): number {
    const tree = this.#tree;
    const start = readPath(reader);
    const end = reader.offset;
    const watch = reader.boolean();
    const slot = tree.find(reader.bytes, start, end);
    if (slot === 0) return ErrorCode.NoNode;
    if (!this.permits(ids, tree.acl(slot), Perm.read)) return ErrorCode.NoAuth;
    if (watch && watcher !== undefined) tree.watches.addData(text(reader, start, end), watcher);
    tree.writeData(slot, out);
    tree.writeStat(slot, out);
    return 0;
  }

  // ustring path, boolean watch -> Stat

  #exists(requester: Requester, ids: readonly AuthId[], reader: Reader, out: Writer): number {
    const tree = this.#tree;
    const start = readPath(reader);
    const end = reader.offset;
    const watch = reader.boolean();
    const slot = tree.find(reader.bytes, start, end);
    if (slot === 0) {
      if (reader.bytes.subarray(start, end).includes(0)) return ErrorCode.BadArguments;
      // The one read whose watch waits for what is not there.
      if (watch) tree.watches.addData(text(reader, start, end), requester);
      return ErrorCode.NoNode;
    }
    if (!this.permits(ids, tree.acl(slot), Perm.read)) return ErrorCode.NoAuth;
    if (watch) tree.watches.addData(text(reader, start, end), requester);
    tree.writeStat(slot, out);
    return 0;
  }

  // ustring path, boolean watch -> vector<ustring> children [, Stat]

  #getChildren(
    type: number,
    watcher: Requester | undefined,
    ids: readonly AuthId[],
    reader: Reader,
    out: Writer,
  ): number {
    const tree = this.#tree;
    const start = readPath(reader);
    const end = reader.offset;
    const watch = reader.boolean();
    const slot = tree.find(reader.bytes, start, end);
    if (slot === 0) return ErrorCode.NoNode;
    if (!this.permits(ids, tree.acl(slot), Perm.read)) return ErrorCode.NoAuth;
    if (watch && watcher !== undefined) tree.watches.addChild(text(reader, start, end), watcher);
    tree.writeChildren(slot, out);
    if (type === OpCode.getChildren2) tree.writeStat(slot, out);
    return 0;
  }

  // ustring path -> vector<ACL> acl, Stat

  #getACL(ids: readonly AuthId[], reader: Reader, out: Writer): number {
    const tree = this.#tree;
    const start = readPath(reader);
    const slot = tree.find(reader.bytes, start, reader.offset);
    if (slot === 0) return ErrorCode.NoNode;
    const handle = tree.acl(slot);
    if (!this.permits(ids, handle, READ_OR_ADMIN)) return ErrorCode.NoAuth;
    const acl = tree.acls.get(handle);
    const seesHashes = this.permits(ids, handle, Perm.admin);
    writeACLs(out, seesHashes ? acl : maskDigests(acl));
    tree.writeStat(slot, out);
    return 0;
  }

  // ustring path, int watcherType -> nothing

  #findWatches(type: number, requester: Requester, reader: Reader): number {
    const start = readPath(reader);
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

  // ustring path, int mode -> int err, which is 0

  #addWatch(requester: Requester, reader: Reader, out: Writer): number {
    const start = readPath(reader);
    const path = text(reader, start, reader.offset);
    const mode = reader.int();
    const { watches } = this.#tree;
    if (mode === AddWatchMode.persistent) watches.addPersistent(path, requester);
    else if (mode === AddWatchMode.persistentRecursive) watches.addRecursive(path, requester);
    else return ErrorCode.MarshallingError;
    out.int(0);
    return 0;
  }
}

/** Steps over a path and returns where its bytes start. @throws JuteError for a null one. */
export function readPath(reader: Reader): number {
  const length = reader.bufferLength();
  if (length < 0) throw new JuteError("a null path");
  const start = reader.offset;
  reader.skip(length);
  return start;
}

// -> vector<ClientInfo: ustring authScheme, ustring user>

/** The names only: the rest of a digest's id is what proves it. */
function whoAmI(ids: readonly AuthId[], out: Writer): number {
  const clientInfo = ids.map(({ scheme, id }) => ({
    authScheme: scheme,
    user: scheme === "digest" ? id.slice(0, id.indexOf(":")) : id,
  }));
  writeWhoAmIResponse(out, { clientInfo });
  return 0;
}

function text(reader: Reader, start: number, end: number): string {
  return reader.bytes.toString("utf8", start, end);
}
