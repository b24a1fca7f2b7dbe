/**
 * The znodes in memory, with all that is replicated beside them: sessions, access lists, which
 * ephemeral belongs to whom, the digest.
 *
 * A znode is a record (znode-records.ts) with a blob for its name and data (blob-slab.ts), found
 * through an index over (parent, name); children are a linked list. Nothing of it is an object, so
 * that millions of znodes neither cost the garbage collector time nor more memory than their bytes.
 * Paths are taken as UTF-8 bytes where they lie, in a request or in a txn.
 *
 * Everything that changes by a txn goes through `apply`; the methods under "changes" are for it and
 * for the loading of snapshots.
 */
import { assert } from "../../protocol/assert.ts";
import type { Writer } from "../../protocol/jute.ts";
import { wordsHex, type Zxid } from "../../protocol/zxid.ts";
import { AclCache, type AclHandle, OPEN_HANDLE } from "./acl-cache.ts";
import { type ApplyMode, type ApplyObserver, TxnApplier } from "./apply.ts";
import { BlobSlab } from "./blob-slab.ts";
import { copyBytes, lastSlash } from "./bytes.ts";
import { crc32 } from "./crc32.ts";
import { recordCrc } from "./digest.ts";
import { Ephemerals } from "./ephemerals.ts";
import { NameHash } from "./name-hash.ts";
import { NameIndex } from "./name-index.ts";
import { kindOf, type ZnodeKind } from "./owner.ts";
import { SessionTable } from "./sessions.ts";
import { TreeWalk } from "./tree-walk.ts";
import { Watches } from "./watches.ts";
import { Field, type Slot, STAT_BYTES, ZnodeRecords } from "./znode-records.ts";

export type { Slot } from "./znode-records.ts";

export interface TreeOptions {
  /** Random, so that nobody can foresee how names are hashed: 0 <= seed < 2^53. */
  readonly hashSeed: number;
  /** TTL znodes (`zookeeper.extendedTypesEnabled`). Default: false, as in ZooKeeper. */
  readonly extendedTypes?: boolean;
}

const SLASH = 0x2f;

const SYSTEM_NAME = Buffer.from("/zookeeper");

export class DataTree {
  /** The last txn that was applied, or of which an installed snapshot holds the effects. */
  lastZxid: Zxid = 0;
  /** The tree digest, version 2, in two int32 words. */
  digestHigh = 0;
  digestLow = 0;
  /** Digests of txns before this one are not compared: set by recovery (storage F-10). */
  compareDigestsFrom: Zxid = 0;
  /** Who hears of each operation that is applied. */
  observer: ApplyObserver | undefined;

  readonly acls: AclCache;
  readonly sessions: SessionTable = new SessionTable();
  readonly ephemerals: Ephemerals = new Ephemerals();
  readonly watches: Watches = new Watches();
  /** Container znodes, and TTL znodes: what the reaper looks at. */
  readonly containers: Set<Slot> = new Set();
  readonly ttls: Set<Slot> = new Set();

  readonly #records = new ZnodeRecords();
  readonly #slab = new BlobSlab();
  readonly #index: NameIndex;
  readonly #applier: TxnApplier;
  readonly #walks = new Set<TreeWalk>();
  readonly #extendedTypes: boolean;
  #root: Slot = 0;
  /** /zookeeper, below which nothing counts for the digest. */
  #system: Slot = 0;
  #znodes = 0;
  #dataSize = 0;

  /** A fresh tree: the root and ZooKeeper's own znodes (server-semantics 1.2). */
  constructor(options: TreeOptions, kind: "fresh" | "empty" = "fresh") {
    const hash = new NameHash(options.hashSeed, options.hashSeed / 0x1_0000_0000);
    this.acls = new AclCache(hash);
    this.#index = new NameIndex(this.#records, this.#slab, hash);
    this.#applier = new TxnApplier(this);
    this.#extendedTypes = options.extendedTypes ?? false;
    if (kind === "fresh") this.#addSystemZnodes();
  }

  /** Without a single znode, not even the root: for the loading of a snapshot. */
  static empty(options: TreeOptions): DataTree {
    return new DataTree(options, "empty");
  }

  // Lookup

  /** The znode of a path as UTF-8; "" and "/" are the root. 0: there is none, or it is no path. */
  find(bytes: Uint8Array, start: number, end: number): Slot {
    if (start === end) return this.#root;
    if (bytes[start] !== SLASH) return 0;
    if (end - start === 1) return this.#root;
    let slot = this.#root;
    for (let at = start + 1; slot !== 0; ) {
      let nameEnd = at;
      while (nameEnd < end && bytes[nameEnd] !== SLASH) nameEnd++;
      if (nameEnd === at) return 0;
      slot = this.#index.find(slot, bytes, at, nameEnd);
      if (nameEnd === end) return slot;
      at = nameEnd + 1;
    }
    return 0;
  }

  /** The child of `parent` whose name is `bytes` from `start` up to `end`, or 0. */
  child(parent: Slot, bytes: Uint8Array, start: number, end: number): Slot {
    return this.#index.find(parent, bytes, start, end);
  }

  findText(path: string): Slot {
    const bytes = Buffer.from(path);
    return this.find(bytes, 0, bytes.length);
  }

  /** "/" for the root. */
  pathText(slot: Slot): string {
    if (slot === this.#root) return "/";
    const bytes = Buffer.allocUnsafe(this.pathLength(slot));
    this.#fillPath(slot, bytes, bytes.length);
    return bytes.toString();
  }

  /** Bytes of the path; 0 for the root, whose path is "" in snapshots and digests. */
  pathLength(slot: Slot): number {
    let length = 0;
    for (let at = slot; at !== this.#root; at = this.parent(at)) {
      length += 1 + this.#records.int(at, Field.nameLength);
    }
    return length;
  }

  /** The path as a jute string; the root's is empty. */
  writePath(slot: Slot, writer: Writer): void {
    const length = this.pathLength(slot);
    writer.int(length);
    const at = writer.reserve(length);
    this.#fillPath(slot, writer.bytes, at + length);
  }

  // One znode's figures

  czxid(slot: Slot): Zxid {
    return this.#records.long(slot, Field.czxid);
  }

  mzxid(slot: Slot): Zxid {
    return this.#records.long(slot, Field.mzxid);
  }

  pzxid(slot: Slot): Zxid {
    return this.#records.long(slot, Field.pzxid);
  }

  ctime(slot: Slot): number {
    return this.#records.long(slot, Field.ctime);
  }

  mtime(slot: Slot): number {
    return this.#records.long(slot, Field.mtime);
  }

  version(slot: Slot): number {
    return this.#records.int(slot, Field.version);
  }

  /** As stored, the number of creates of children: where sequence numbers come from. */
  cversion(slot: Slot): number {
    return this.#records.int(slot, Field.cversion);
  }

  aversion(slot: Slot): number {
    return this.#records.int(slot, Field.aversion);
  }

  /** As stored: a session, or the marker of a container or TTL znode. */
  ownerHigh(slot: Slot): number {
    return this.#records.int(slot, Field.owner);
  }

  ownerLow(slot: Slot): number {
    return this.#records.int(slot, Field.owner + 4);
  }

  kind(slot: Slot): ZnodeKind {
    return kindOf(this.ownerHigh(slot), this.ownerLow(slot), this.#extendedTypes);
  }

  childCount(slot: Slot): number {
    return this.#records.int(slot, Field.childCount);
  }

  /** In bytes; -1: null. */
  dataLength(slot: Slot): number {
    return this.#records.int(slot, Field.dataLength);
  }

  /** A handle of `acls`. */
  acl(slot: Slot): AclHandle {
    return this.#records.int(slot, Field.acl);
  }

  /** CRC-32 of path and data, for the digest of a planned change; 0 for what does not count. */
  contentCrc(slot: Slot): number {
    return this.#records.int(slot, Field.contentCrc);
  }

  /** What the znode adds to the tree digest, unsigned. */
  digest(slot: Slot): number {
    return this.#records.int(slot, Field.digest) >>> 0;
  }

  /** 0 for the root. */
  parent(slot: Slot): Slot {
    return this.#records.int(slot, Field.parent);
  }

  firstChild(slot: Slot): Slot {
    return this.#records.int(slot, Field.firstChild);
  }

  nextSibling(slot: Slot): Slot {
    return this.#records.int(slot, Field.nextSibling);
  }

  // Replies

  // Stat: long czxid, long mzxid, long ctime, long mtime, int version, int cversion, int aversion,
  //       long ephemeralOwner, int dataLength, int numChildren, long pzxid
  /** As clients see it: cversion counts deletes too, only a session is an owner. */
  writeStat(slot: Slot, writer: Writer): void {
    const view = this.#records.view(slot);
    const at = this.#records.offset(slot);
    const childCount = view.getInt32(at + Field.childCount);
    for (let i = 0; i < Field.cversion; i += 4) writer.int(view.getInt32(at + i));
    writer.int(2 * view.getInt32(at + Field.cversion) - childCount);
    writer.int(view.getInt32(at + Field.aversion));
    const high = view.getInt32(at + Field.owner);
    const low = view.getInt32(at + Field.owner + 4);
    const owned = kindOf(high, low, this.#extendedTypes) === "ephemeral";
    writer.words(owned ? high : 0, owned ? low : 0);
    writer.int(Math.max(view.getInt32(at + Field.dataLength), 0));
    writer.int(childCount);
    writer.words(view.getInt32(at + Field.pzxid), view.getInt32(at + Field.pzxid + 4));
  }

  /** The data as a jute buffer. */
  writeData(slot: Slot, writer: Writer): void {
    const length = this.dataLength(slot);
    writer.int(length);
    if (length <= 0) return;
    const blob = this.#records.int(slot, Field.blob);
    const start = this.#slab.offset(blob) + this.#records.int(slot, Field.nameLength);
    const at = writer.reserve(length);
    copyBytes(this.#slab.bytes(blob), start, start + length, writer.bytes, at);
  }

  /** The children's names as a jute vector of strings, in no particular order. */
  writeChildren(slot: Slot, writer: Writer): void {
    writer.int(this.childCount(slot));
    for (let child = this.firstChild(slot); child !== 0; child = this.nextSibling(child)) {
      const length = this.#records.int(child, Field.nameLength);
      writer.int(length);
      const at = writer.reserve(length);
      this.#copyName(child, writer.bytes, at);
    }
  }

  // Figures of the whole

  /** Znodes as ZooKeeper counts them: the root twice, under "" and "/". */
  get count(): number {
    return this.#znodes + 1;
  }

  /** Bytes of all paths and data. */
  get approximateDataSize(): number {
    // The root's path is empty here and "/" there.
    return this.#dataSize + 1;
  }

  /** Bytes of memory taken for znodes, used or not. */
  get capacityBytes(): number {
    return this.#records.capacityBytes + this.#slab.capacityBytes;
  }

  // Txns

  /**
   * Applies the txn (header, body and, if there is one, digest) in `bytes` from `start` up to
   * `end`. "live": it is the next one, and a znode that is missing or in the way is a bug of ours.
   * "replay": over a fuzzy snapshot that may hold its effects, or later ones, already (storage 6).
   *
   * @throws JuteError for bytes that are no txn, AssertionError for a live txn that does not fit.
   */
  apply(bytes: Buffer, start: number, end: number, mode: ApplyMode): void {
    this.#applier.apply(bytes, start, end, mode);
  }

  // Snapshots

  /** Starts a walk over all znodes; more than one may be under way. */
  walk(): TreeWalk {
    const walk = new TreeWalk(this, this.#root);
    this.#walks.add(walk);
    return walk;
  }

  /** For the walk itself: it is over. */
  endWalk(walk: TreeWalk): void {
    this.#walks.delete(walk);
  }

  /** The next znode in pre-order, 0 after the last. */
  successor(slot: Slot): Slot {
    const child = this.firstChild(slot);
    if (child !== 0) return child;
    for (let at = slot; at !== 0; at = this.parent(at)) {
      const sibling = this.nextSibling(at);
      if (sibling !== 0) return sibling;
    }
    return 0;
  }

  // ustring path, buffer data, long acl, StatPersisted
  writeSnapshotRecord(slot: Slot, writer: Writer): void {
    this.writePath(slot, writer);
    this.writeData(slot, writer);
    writer.long(this.acls.fileId(this.acl(slot)));
    const view = this.#records.view(slot);
    const at = this.#records.offset(slot);
    for (let i = 0; i < STAT_BYTES; i += 4) writer.int(view.getInt32(at + i));
  }

  /**
   * Adds a znode of a snapshot, whose path, data and StatPersisted lie in `bytes`; its parent came
   * before. False: the path is no path, there is no such parent, or it is there already.
   *
   * @param dataLength -1: null.
   */
  load(
    bytes: Buffer,
    pathStart: number,
    pathEnd: number,
    dataStart: number,
    dataLength: number,
    aclFileId: number,
    statStart: number,
  ): boolean {
    const parent = this.#loadedParent(bytes, pathStart, pathEnd);
    if (parent === undefined) return false;
    const acl = this.acls.acquireFileId(aclFileId);
    const slot = this.insert(parent, bytes, pathStart, pathEnd, dataStart, dataLength, acl);
    for (let i = 0; i < STAT_BYTES; i += 4) {
      this.#records.setInt(slot, i, bytes.readInt32BE(statStart + i));
    }
    this.settleNew(slot);
    return true;
  }

  /** The parent of a path that is not there yet, 0 for the root; undefined: it cannot be loaded. */
  #loadedParent(bytes: Buffer, start: number, end: number): Slot | undefined {
    if (start === end) return this.#root === 0 ? 0 : undefined;
    const slash = lastSlash(bytes, start, end);
    if (slash < 0 || slash + 1 === end) return undefined;
    const parent = this.find(bytes, start, slash);
    if (parent === 0 || this.child(parent, bytes, slash + 1, end) !== 0) return undefined;
    return parent;
  }

  /** Every znode of a snapshot was loaded. False: there was none, so there is no root. */
  loaded(): boolean {
    this.acls.loaded();
    return this.#root !== 0;
  }

  // Changes

  /**
   * Adds a znode with a stat of zeros as its parent's first child; its user fills in the stat and
   * calls `settleNew`. The name is what follows the last slash.
   *
   * @param acl Acquired for this znode.
   */
  insert(
    parent: Slot,
    bytes: Buffer,
    pathStart: number,
    pathEnd: number,
    dataStart: number,
    dataLength: number,
    acl: AclHandle,
  ): Slot {
    const slot = this.#records.allocate();
    const nameStart = parent === 0 ? pathEnd : lastSlash(bytes, pathStart, pathEnd) + 1;
    const nameLength = pathEnd - nameStart;
    this.#records.setInt(slot, Field.parent, parent);
    this.#records.setInt(slot, Field.nameLength, nameLength);
    this.#records.setInt(slot, Field.dataLength, dataLength);
    this.#records.setInt(slot, Field.acl, acl);
    const dataBytes = Math.max(dataLength, 0);
    const blob = this.#slab.allocate(nameLength + dataBytes);
    this.#records.setInt(slot, Field.blob, blob);
    const memory = this.#slab.bytes(blob);
    const at = this.#slab.offset(blob);
    copyBytes(bytes, nameStart, pathEnd, memory, at);
    copyBytes(bytes, dataStart, dataStart + dataBytes, memory, at + nameLength);
    if (parent === 0) this.#root = slot;
    else {
      this.#index.insert(slot, parent, bytes, nameStart, pathEnd);
      this.#linkChild(parent, slot);
      if (parent === this.#root && isSystemPath(bytes, pathStart, pathEnd)) this.#system = slot;
    }
    if (this.#counts(slot)) {
      const crc = crc32(bytes, pathStart, pathEnd);
      const contentCrc = crc32(bytes, dataStart, dataStart + dataBytes, crc);
      this.#records.setInt(slot, Field.contentCrc, contentCrc);
    }
    this.#znodes++;
    this.#dataSize += pathEnd - pathStart + dataBytes;
    return slot;
  }

  /** The stat of a znode that was inserted is complete. */
  settleNew(slot: Slot): void {
    const kind = this.kind(slot);
    if (kind === "ephemeral") this.ephemerals.add(this.#ownerKey(slot), slot);
    else if (kind === "container") this.containers.add(slot);
    else if (kind === "ttl") this.ttls.add(slot);
    this.settle(slot);
  }

  /** The stat of a znode has changed: brings the digest up to date. */
  settle(slot: Slot): void {
    if (!this.#counts(slot)) return;
    const view = this.#records.view(slot);
    const at = this.#records.offset(slot);
    const before = view.getInt32(at + Field.digest) >>> 0;
    const after = recordCrc(view.getInt32(at + Field.contentCrc), view, at);
    view.setInt32(at + Field.digest, after);
    this.#addToDigest(after - before);
  }

  setInt(slot: Slot, field: number, value: number): void {
    this.#records.setInt(slot, field, value);
  }

  setLong(slot: Slot, field: number, high: number, low: number): void {
    this.#records.setLong(slot, field, high, low);
  }

  /** Replaces the data; the path's bytes lie in `bytes` too. `settle` follows. */
  setData(
    slot: Slot,
    bytes: Buffer,
    pathStart: number,
    pathEnd: number,
    dataStart: number,
    dataLength: number,
  ): void {
    const nameLength = this.#records.int(slot, Field.nameLength);
    const sizeBefore = nameLength + Math.max(this.dataLength(slot), 0);
    const dataBytes = Math.max(dataLength, 0);
    let blob = this.#records.int(slot, Field.blob);
    if (!this.#slab.fits(sizeBefore, nameLength + dataBytes)) {
      const old = blob;
      blob = this.#slab.allocate(nameLength + dataBytes);
      this.#copyName(slot, this.#slab.bytes(blob), this.#slab.offset(blob));
      this.#records.setInt(slot, Field.blob, blob);
      this.#slab.free(old);
    }
    const at = this.#slab.offset(blob) + nameLength;
    copyBytes(bytes, dataStart, dataStart + dataBytes, this.#slab.bytes(blob), at);
    this.#records.setInt(slot, Field.dataLength, dataLength);
    this.#dataSize += nameLength + dataBytes - sizeBefore;
    if (!this.#counts(slot)) return;
    // The root's path is empty in digests, whatever it was called.
    const crc = slot === this.#root ? 0 : crc32(bytes, pathStart, pathEnd);
    const contentCrc = crc32(bytes, dataStart, dataStart + dataBytes, crc);
    this.#records.setInt(slot, Field.contentCrc, contentCrc);
  }

  /** @param acl Acquired for this znode. */
  setAcl(slot: Slot, acl: AclHandle): void {
    const before = this.acl(slot);
    this.#records.setInt(slot, Field.acl, acl);
    this.acls.release(before);
  }

  /**
   * Deletes a znode and, if it has any, its descendants: they are there only while a fuzzy
   * snapshot is replayed, where they came from txns that follow.
   */
  remove(slot: Slot): void {
    let at = slot;
    for (;;) {
      const child = this.firstChild(at);
      if (child !== 0) {
        at = child;
        continue;
      }
      const parent = this.parent(at);
      this.#removeLeaf(at);
      if (at === slot) return;
      at = parent;
    }
  }

  #removeLeaf(slot: Slot): void {
    assert(slot !== this.#root, "the root is never deleted");
    for (const walk of this.#walks) walk.leave(slot);
    const kind = this.kind(slot);
    if (kind === "ephemeral") this.ephemerals.remove(this.#ownerKey(slot), slot);
    else if (kind === "container") this.containers.delete(slot);
    else if (kind === "ttl") this.ttls.delete(slot);
    this.#addToDigest(-this.digest(slot));
    this.#dataSize -= this.pathLength(slot) + Math.max(this.dataLength(slot), 0);
    this.#znodes--;
    if (slot === this.#system) this.#system = 0;
    this.#index.remove(slot);
    this.#unlinkChild(slot);
    this.acls.release(this.acl(slot));
    this.#slab.free(this.#records.int(slot, Field.blob));
    this.#records.free(slot);
  }

  #linkChild(parent: Slot, slot: Slot): void {
    const first = this.firstChild(parent);
    this.#records.setInt(slot, Field.nextSibling, first);
    if (first !== 0) this.#records.setInt(first, Field.previousSibling, slot);
    this.#records.setInt(parent, Field.firstChild, slot);
    this.#records.setInt(parent, Field.childCount, this.childCount(parent) + 1);
  }

  #unlinkChild(slot: Slot): void {
    const parent = this.parent(slot);
    const previous = this.#records.int(slot, Field.previousSibling);
    const next = this.nextSibling(slot);
    if (previous === 0) this.#records.setInt(parent, Field.firstChild, next);
    else this.#records.setInt(previous, Field.nextSibling, next);
    if (next !== 0) this.#records.setInt(next, Field.previousSibling, previous);
    this.#records.setInt(parent, Field.childCount, this.childCount(parent) - 1);
  }

  /** Whether the znode counts for the digest: what lies below /zookeeper does not. */
  #counts(slot: Slot): boolean {
    if (this.#system === 0) return true;
    for (let at = this.parent(slot); at !== 0; at = this.parent(at)) {
      if (at === this.#system) return false;
    }
    return true;
  }

  /** Adds to the sum modulo 2^64; |difference| < 2^32. */
  #addToDigest(difference: number): void {
    const sum = (this.digestLow >>> 0) + difference;
    this.digestLow = sum | 0;
    this.digestHigh = (this.digestHigh + Math.floor(sum / 0x1_0000_0000)) | 0;
  }

  #ownerKey(slot: Slot): string {
    return wordsHex(this.ownerHigh(slot), this.ownerLow(slot));
  }

  #copyName(slot: Slot, target: Buffer, at: number): void {
    const blob = this.#records.int(slot, Field.blob);
    const start = this.#slab.offset(blob);
    const end = start + this.#records.int(slot, Field.nameLength);
    copyBytes(this.#slab.bytes(blob), start, end, target, at);
  }

  /** Fills in the path from its last byte, before `end`, to its first. */
  #fillPath(slot: Slot, target: Buffer, end: number): void {
    let to = end;
    for (let at = slot; at !== this.#root; at = this.parent(at)) {
      to -= this.#records.int(at, Field.nameLength);
      this.#copyName(at, target, to);
      target[--to] = SLASH;
    }
  }

  #addSystemZnodes(): void {
    const readOnly = Buffer.from("0000000100000001", "hex");
    const anyone = Buffer.from("00000005776f726c6400000006616e796f6e65", "hex");
    const acl = Buffer.concat([readOnly, anyone]);
    this.#addSystemZnode("", OPEN_HANDLE);
    this.#addSystemZnode("/zookeeper", OPEN_HANDLE);
    this.#addSystemZnode("/zookeeper/quota", OPEN_HANDLE);
    const config = this.#addSystemZnode("/zookeeper/config", this.acls.acquire(acl, 0, acl.length));
    this.setInt(config, Field.aversion, -1);
  }

  #addSystemZnode(path: string, acl: AclHandle): Slot {
    const bytes = Buffer.from(path);
    const parent = path === "" ? 0 : this.find(bytes, 0, lastSlash(bytes, 0, bytes.length));
    const slot = this.insert(parent, bytes, 0, bytes.length, bytes.length, 0, acl);
    if (acl === OPEN_HANDLE) this.acls.retain(acl);
    this.settleNew(slot);
    return slot;
  }
}

function isSystemPath(bytes: Buffer, start: number, end: number): boolean {
  return bytes.compare(SYSTEM_NAME, 0, SYSTEM_NAME.length, start, end) === 0;
}
