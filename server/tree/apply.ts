/**
 * Txns become changes of the tree: one path for live operation, for replay at start and for
 * followers, from the txn's bytes in place (server-semantics 2.1 and 4, storage 3 and 6).
 *
 * A txn says what the leader decided: every version in it is a result, and applying it is an
 * assignment. What makes replay over a fuzzy snapshot converge is the same in live operation: the
 * counters of a parent are only raised.
 */
import { assert } from "../../protocol/assert.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { JuteError, Reader, Writer } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { DIGEST_VERSION, TXN_DIGEST_BYTES } from "../../protocol/txn.ts";
import { fromWords, wordsHex, type Zxid } from "../../protocol/zxid.ts";
import { lastSlash } from "./bytes.ts";
import type { DataTree } from "./data-tree.ts";
import { DigestLog } from "./digest-log.ts";
import { CONTAINER_HIGH, TTL_HIGH } from "./owner.ts";
import { Field, type Slot } from "./znode-records.ts";

/** "live": the txn is the next one. "replay": its effects, or later ones, may be there already. */
export type ApplyMode = "live" | "replay";

export interface ApplyObserver {
  /**
   * One operation of a txn has been applied and its watchers have been told; in a multi this comes
   * before the next operation. `slot` is the znode that was created or changed, else 0. The path's
   * bytes are those of the txn, from `pathStart` up to `pathEnd`; both 0 where there is none.
   *
   * A multi that failed names each of its operations with type `error` and its code.
   */
  applied(type: number, code: number, slot: Slot, pathStart: number, pathEnd: number): void;
  /**
   * The tree is not what the txn says it should be after it; or the txn, which is the next one, does
   * not fit the tree: then no digest is needed to know that it is another one than its leader's.
   */
  digestMismatch(zxid: Zxid): void;
}

/** No record of a log is longer than this, whatever `jute.maxbuffer` was. */
const FIELD_BYTES_MAX = 0x7fff_ffff;

/** The type and the length of an operation in a multi. */
const OPERATION_BYTES_MIN = 8;
const STRING_BYTES_MIN = 4;

export class TxnApplier {
  readonly #tree: DataTree;
  readonly #reader = new Reader(FIELD_BYTES_MAX);
  readonly #scratch = new Writer(256);
  // The txn at hand.
  #replay = false;
  #clientHigh = 0;
  #clientLow = 0;
  #zxid: Zxid = 0;
  #zxidHigh = 0;
  #zxidLow = 0;
  #timeHigh = 0;
  #timeLow = 0;
  // The operation at hand, for the observer.
  #slot: Slot = 0;
  /** It created the znode; false between operations. */
  #isNew = false;
  #pathStart = 0;
  #pathEnd = 0;

  constructor(tree: DataTree) {
    this.#tree = tree;
  }

  // TxnHeader: long clientId, int cxid, long zxid, long time, int type
  apply(bytes: Buffer, start: number, end: number, mode: ApplyMode): void {
    const reader = this.#reader.reset(bytes, start, end);
    this.#replay = mode === "replay";
    this.#clientHigh = reader.int();
    this.#clientLow = reader.int();
    reader.skip(4);
    this.#zxidHigh = reader.int();
    this.#zxidLow = reader.int();
    this.#zxid = fromWords(this.#zxidHigh, this.#zxidLow);
    this.#timeHigh = reader.int();
    this.#timeLow = reader.int();
    const type = reader.int();
    if (!Number.isSafeInteger(this.#zxid)) throw new JuteError("a zxid beyond 2^53");
    assert(this.#replay || this.#zxid > this.#tree.lastZxid, "txns are applied in zxid order");
    if (type === OpCode.multi) this.#multi();
    else this.#operation(type, end);
    this.#tree.lastZxid = Math.max(this.#tree.lastZxid, this.#zxid);
    this.#compareDigest(end);
    if (DigestLog.keeps(this.#zxidLow)) this.#logDigest();
  }

  /** Applies one operation and tells the observer. `end`: what follows its record is not its own. */
  #operation(type: number, end: number): void {
    const tree = this.#tree;
    this.#slot = 0;
    this.#pathStart = 0;
    this.#pathEnd = 0;
    const code = this.#dispatch(type, end);
    tree.observer?.applied(type, code, this.#slot, this.#pathStart, this.#pathEnd);
    // New statistics of a quota are told to their creator as it wrote them, before they are counted.
    if (this.#isNew && !this.#replay && !tree.quotas.idle) {
      tree.quotas.created(this.#slot, this.#reader.bytes, this.#pathStart, this.#pathEnd);
    }
    this.#isNew = false;
  }

  #dispatch(type: number, end: number): number {
    switch (type) {
      case OpCode.create:
      case OpCode.create2:
      case OpCode.createContainer:
      case OpCode.createTTL:
        return this.#create(type, end);
      case OpCode.delete:
      case OpCode.deleteContainer:
        return this.#delete();
      case OpCode.setData:
      case OpCode.reconfig:
        return this.#setData();
      case OpCode.setACL:
        return this.#setAcl();
      case OpCode.check:
        this.#readPath();
        this.#reader.skip(4);
        return ErrorCode.Ok;
      case OpCode.error:
        return this.#reader.int();
      case OpCode.createSession:
        this.#tree.sessions.set(this.#clientHigh, this.#clientLow, this.#reader.int());
        return ErrorCode.Ok;
      case OpCode.closeSession:
        this.#closeSession();
        return ErrorCode.Ok;
      default:
        throw new JuteError(`unknown type ${type} of txn`);
    }
  }

  // int n, n x (int type, buffer record)
  #multi(): void {
    const reader = this.#reader;
    const count = reader.vectorLength(OPERATION_BYTES_MIN);
    const failed = this.#hasFailed(count);
    let code: number = ErrorCode.Ok;
    for (let i = 0; i < count; i++) {
      const type = reader.int();
      const length = reader.bufferLength();
      const end = reader.offset + Math.max(length, 0);
      if (!failed) this.#operation(type, end);
      else {
        // In the order of the operations: no error, the error, and what was never tried.
        if (code !== ErrorCode.Ok) code = ErrorCode.RuntimeInconsistency;
        else if (type === OpCode.error) code = reader.int();
        this.#tree.observer?.applied(OpCode.error, code, 0, 0, 0);
      }
      reader.offset = end;
    }
  }

  /** Whether one of the operations that follow is an error: then none of them was applied. */
  #hasFailed(count: number): boolean {
    const reader = this.#reader;
    const start = reader.offset;
    let failed = false;
    for (let i = 0; i < count && !failed; i++) {
      failed = reader.int() === OpCode.error;
      reader.skip(Math.max(reader.bufferLength(), 0));
    }
    reader.offset = start;
    return failed;
  }

  // create, create2: ustring path, buffer data, vector<ACL> acl, bool ephemeral,
  //                  int parentCVersion (absent before 3.4)
  // createContainer: ustring path, buffer data, vector<ACL> acl, int parentCVersion
  // createTTL:       ustring path, buffer data, vector<ACL> acl, int parentCVersion, long ttl
  #create(type: number, end: number): number {
    const reader = this.#reader;
    const tree = this.#tree;
    this.#readPath();
    const dataLength = reader.bufferLength();
    const dataStart = reader.offset;
    reader.skip(Math.max(dataLength, 0));
    const aclStart = reader.offset;
    this.#skipAcl();
    const aclEnd = reader.offset;
    let ownerHigh = 0;
    let ownerLow = 0;
    let parentCversion: number;
    if (type === OpCode.createContainer) {
      ownerHigh = CONTAINER_HIGH;
      parentCversion = reader.int();
    } else if (type === OpCode.createTTL) {
      parentCversion = reader.int();
      ownerHigh = TTL_HIGH | reader.int();
      ownerLow = reader.int();
    } else {
      if (reader.boolean()) {
        ownerHigh = this.#clientHigh;
        ownerLow = this.#clientLow;
      }
      parentCversion = end - reader.offset >= 4 ? reader.int() : -1;
    }

    const slash = lastSlash(reader.bytes, this.#pathStart, this.#pathEnd);
    const parent = slash < 0 ? 0 : tree.find(reader.bytes, this.#pathStart, slash);
    if (parent === 0 || slash + 1 === this.#pathEnd) return this.#miss(ErrorCode.NoNode);
    const existing = tree.child(parent, reader.bytes, slash + 1, this.#pathEnd);
    if (existing !== 0) {
      // Its data and stat are of this txn or of a later one; its list may name one that the
      // snapshot does not hold (storage F-6).
      tree.setAcl(existing, tree.acls.acquire(reader.bytes, aclStart, aclEnd));
      this.#raiseParent(parent, parentCversion);
      return this.#miss(ErrorCode.NodeExists);
    }
    const acl = tree.acls.acquire(reader.bytes, aclStart, aclEnd);
    const slot = tree.insert(
      parent,
      reader.bytes,
      this.#pathStart,
      this.#pathEnd,
      dataStart,
      dataLength,
      acl,
    );
    tree.setLong(slot, Field.czxid, this.#zxidHigh, this.#zxidLow);
    tree.setLong(slot, Field.mzxid, this.#zxidHigh, this.#zxidLow);
    tree.setLong(slot, Field.pzxid, this.#zxidHigh, this.#zxidLow);
    tree.setLong(slot, Field.ctime, this.#timeHigh, this.#timeLow);
    tree.setLong(slot, Field.mtime, this.#timeHigh, this.#timeLow);
    tree.setLong(slot, Field.owner, ownerHigh, ownerLow);
    tree.settleNew(slot);
    this.#raiseParent(parent, parentCversion);
    this.#slot = slot;
    this.#isNew = true;
    if (!tree.watches.idle) {
      tree.watches.created(this.#pathText(), this.#zxid, acl, tree.acl(parent));
    }
    return ErrorCode.Ok;
  }

  // ustring path
  #delete(): number {
    this.#readPath();
    return this.#deletePath(this.#reader.bytes, this.#pathStart, this.#pathEnd)
      ? ErrorCode.Ok
      : this.#miss(ErrorCode.NoNode);
  }

  /** False: it is not there. The parent's pzxid is raised all the same. */
  #deletePath(bytes: Buffer, start: number, end: number): boolean {
    const tree = this.#tree;
    const slot = tree.find(bytes, start, end);
    if (slot === tree.root) return false;
    const parent = slot === 0 ? this.#parentOf(bytes, start, end) : tree.parent(slot);
    if (slot !== 0) {
      if (tree.childCount(slot) > 0) this.#misfit();
      const acl = tree.acl(slot);
      const dataLength = tree.dataLength(slot);
      // The list outlives the znode until its watchers have been told.
      tree.acls.retain(acl);
      tree.remove(slot);
      if (!this.#replay && !tree.quotas.idle) {
        tree.quotas.deleted(slot, dataLength, bytes, start, end);
      }
      if (!tree.watches.idle) {
        const path = bytes.toString("utf8", start, end);
        tree.watches.deleted(path, this.#zxid, acl, tree.acl(parent));
      }
      tree.acls.release(acl);
    }
    if (parent !== 0 && this.#zxid > tree.pzxid(parent)) {
      tree.setLong(parent, Field.pzxid, this.#zxidHigh, this.#zxidLow);
      tree.settle(parent);
    }
    return slot !== 0;
  }

  // ustring path, buffer data, int version
  #setData(): number {
    const reader = this.#reader;
    const tree = this.#tree;
    this.#readPath();
    const dataLength = reader.bufferLength();
    const dataStart = reader.offset;
    reader.skip(Math.max(dataLength, 0));
    const version = reader.int();
    const slot = tree.find(reader.bytes, this.#pathStart, this.#pathEnd);
    if (slot === 0) return this.#miss(ErrorCode.NoNode);
    const before = tree.dataLength(slot);
    tree.setData(slot, reader.bytes, this.#pathStart, this.#pathEnd, dataStart, dataLength);
    tree.setInt(slot, Field.version, version);
    tree.setLong(slot, Field.mzxid, this.#zxidHigh, this.#zxidLow);
    tree.setLong(slot, Field.mtime, this.#timeHigh, this.#timeLow);
    tree.settle(slot);
    if (!this.#replay && !tree.quotas.idle) {
      tree.quotas.dataChanged(slot, before, reader.bytes, this.#pathStart, this.#pathEnd);
    }
    this.#slot = slot;
    if (!tree.watches.idle) {
      tree.watches.dataChanged(this.#pathText(), this.#zxid, tree.acl(slot));
    }
    return ErrorCode.Ok;
  }

  // ustring path, vector<ACL> acl, int version
  #setAcl(): number {
    const reader = this.#reader;
    const tree = this.#tree;
    this.#readPath();
    const aclStart = reader.offset;
    this.#skipAcl();
    const aclEnd = reader.offset;
    const aversion = reader.int();
    const slot = tree.find(reader.bytes, this.#pathStart, this.#pathEnd);
    if (slot === 0) return this.#miss(ErrorCode.NoNode);
    tree.setAcl(slot, tree.acls.acquire(reader.bytes, aclStart, aclEnd));
    tree.setInt(slot, Field.aversion, aversion);
    tree.settle(slot);
    this.#slot = slot;
    return ErrorCode.Ok;
  }

  // vector<ustring> paths (absent before 3.6)
  /**
   * Deletes the paths that the leader listed, whoever owns them now, then what else the session
   * owns. A listed path may be gone: the leader and we need not have listed the same.
   */
  #closeSession(): void {
    const reader = this.#reader;
    const tree = this.#tree;
    const count = this.#listsPaths() ? reader.vectorLength(STRING_BYTES_MIN) : 0;
    for (let i = 0; i < count; i++) {
      const length = Math.max(reader.bufferLength(), 0);
      const start = reader.offset;
      reader.skip(length);
      this.#deletePath(reader.bytes, start, start + length);
    }
    for (const slot of [...tree.ephemerals.of(wordsHex(this.#clientHigh, this.#clientLow))]) {
      this.#scratch.clear();
      tree.writePath(slot, this.#scratch);
      this.#deletePath(this.#scratch.bytes, STRING_BYTES_MIN, this.#scratch.length);
    }
    tree.sessions.remove(this.#clientHigh, this.#clientLow);
  }

  /**
   * Whether a closeSession has its list. What remains may be a digest alone: it reads as a list of
   * two paths in eight bytes, which cannot be.
   */
  #listsPaths(): boolean {
    const { remaining, bytes, offset } = this.#reader;
    if (remaining < 4) return false;
    return remaining !== TXN_DIGEST_BYTES || bytes.readInt32BE(offset) !== DIGEST_VERSION;
  }

  #raiseParent(parent: Slot, parentCversion: number): void {
    const tree = this.#tree;
    const cversion = tree.cversion(parent);
    const raised = parentCversion === -1 ? (cversion + 1) | 0 : parentCversion;
    if (raised <= cversion) return;
    tree.setInt(parent, Field.cversion, raised);
    tree.setLong(parent, Field.pzxid, this.#zxidHigh, this.#zxidLow);
    tree.settle(parent);
  }

  // TxnDigest: int version, long treeDigest
  #compareDigest(end: number): void {
    const reader = this.#reader;
    const tree = this.#tree;
    if (end - reader.offset < TXN_DIGEST_BYTES || this.#zxid < tree.compareDigestsFrom) return;
    if (reader.int() !== DIGEST_VERSION) return;
    const high = reader.int();
    const low = reader.int();
    if (high === tree.digestHigh && low === tree.digestLow) return;
    tree.observer?.digestMismatch(this.#zxid);
  }

  /** Not while a fuzzy snapshot is replayed: the tree is of no single zxid then. */
  #logDigest(): void {
    const tree = this.#tree;
    if (this.#zxid < tree.compareDigestsFrom) return;
    tree.digestLog.add(this.#zxid, tree.digestHigh, tree.digestLow);
  }

  /** Nothing unusual while a fuzzy snapshot is replayed. */
  #misfit(): void {
    if (this.#replay) return;
    const { observer } = this.#tree;
    assert(observer !== undefined, "a live txn fits the tree");
    observer.digestMismatch(this.#zxid);
  }

  /** A znode is not there, or in the way: in replay it is part of what follows or came later. */
  #miss(code: number): number {
    this.#misfit();
    return code;
  }

  #readPath(): void {
    const length = Math.max(this.#reader.bufferLength(), 0);
    this.#pathStart = this.#reader.offset;
    this.#pathEnd = this.#pathStart + length;
    this.#reader.skip(length);
  }

  #parentOf(bytes: Buffer, start: number, end: number): Slot {
    const slash = lastSlash(bytes, start, end);
    return slash < 0 ? 0 : this.#tree.find(bytes, start, slash);
  }

  #pathText(): string {
    return this.#reader.bytes.toString("utf8", this.#pathStart, this.#pathEnd);
  }

  // vector<ACL>: int n (-1 is null), n x (int perms, ustring scheme, ustring id)
  #skipAcl(): void {
    const reader = this.#reader;
    const count = reader.vectorLength(4);
    for (let i = 0; i < count; i++) {
      reader.skip(4);
      reader.skip(Math.max(reader.bufferLength(), 0));
      reader.skip(Math.max(reader.bufferLength(), 0));
    }
  }
}
