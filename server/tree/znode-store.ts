/**
 * Znodes as bytes: a record each (znode-records.ts), a blob for name and data (blob-slab.ts), an
 * index over (parent, name), and children as a linked list. Nothing of a znode is an object, so
 * that millions of them neither cost the garbage collector time nor more memory than their bytes.
 * Paths are taken as UTF-8 where they lie, in a request or in a txn.
 *
 * This is what can be looked up and told of znodes; what changes them, and what they add up to, is
 * in data-tree.ts.
 */
import { STAT_BYTES as WHOLE_STAT_BYTES } from "../../protocol/data.ts";
import type { Writer } from "../../protocol/jute.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { AclHandle } from "./acl-cache.ts";
import { BlobSlab } from "./blob-slab.ts";
import { copyBytes, copyWords } from "./bytes.ts";
import { recordCrc } from "./digest.ts";
import type { NameHash } from "./name-hash.ts";
import { NameIndex } from "./name-index.ts";
import { kindOf, type ZnodeKind } from "./owner.ts";
import { PathTrail } from "./path-trail.ts";
import { Field, type Slot, STAT_BYTES, ZnodeRecords } from "./znode-records.ts";

const SLASH = 0x2f;

/** Beyond this the engine's own copy is faster than one by words, view object included. */
const WORDS_MAX_BYTES = 256;

/** From here on it pays to remember where the last path led. */
const LONG_PATH_BYTES = 256;

export class ZnodeStore {
  readonly #records = new ZnodeRecords();
  readonly #slab = new BlobSlab();
  readonly #index: NameIndex;
  readonly #extendedTypes: boolean;
  readonly #trail = new PathTrail((slot) => this.parent(slot));
  #root: Slot = 0;
  /** For a path that comes as a string. */
  readonly #scratch: Buffer = Buffer.allocUnsafeSlow(1024);

  /** @param extendedTypes Whether TTL znodes are enabled. */
  constructor(hash: NameHash, extendedTypes: boolean) {
    this.#index = new NameIndex(this.#records, this.#slab, hash);
    this.#extendedTypes = extendedTypes;
  }

  /** 0 while there is none. */
  get root(): Slot {
    return this.#root;
  }

  /** Slots in use are below it. Those that are free have no parent. */
  get slotsEnd(): Slot {
    return this.#records.end;
  }

  /** Bytes of memory taken for znodes, used or not. */
  get capacityBytes(): number {
    return this.#records.capacityBytes + this.#slab.capacityBytes;
  }

  // Lookup

  /** The znode of a path as UTF-8; "" and "/" are the root. 0: there is none, or it is no path. */
  find(bytes: Uint8Array, start: number, end: number): Slot {
    if (start === end) return this.#root;
    if (bytes[start] !== SLASH) return 0;
    if (end - start === 1) return this.#root;
    if (end - start >= LONG_PATH_BYTES) return this.#findLong(bytes, start, end);
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

  #findLong(bytes: Uint8Array, start: number, end: number): Slot {
    const trail = this.#trail;
    const isKnown = trail.follow(bytes, start, end);
    let slot = isKnown ? trail.slot : this.#root;
    let at = isKnown ? trail.end : start;
    while (at < end) {
      let nameEnd = at + 1;
      while (nameEnd < end && bytes[nameEnd] !== SLASH) nameEnd++;
      const next = nameEnd === at + 1 ? 0 : this.#index.find(slot, bytes, at + 1, nameEnd);
      if (next === 0) break;
      slot = next;
      at = nameEnd;
    }
    if (at > start) trail.keep(slot, bytes, start, at);
    return at === end ? slot : 0;
  }

  /** The child of `parent` whose name is `bytes` from `start` up to `end`, or 0. */
  child(parent: Slot, bytes: Uint8Array, start: number, end: number): Slot {
    return this.#index.find(parent, bytes, start, end);
  }

  findText(path: string): Slot {
    // Three bytes hold any UTF-16 unit.
    const fits = path.length * 3 <= this.#scratch.length;
    const bytes = fits ? this.#scratch : Buffer.from(path);
    return this.find(bytes, 0, fits ? bytes.write(path) : bytes.length);
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

  // StatPersisted
  /** As stored. */
  writePersistedStat(slot: Slot, writer: Writer): void {
    const view = this.#records.view(slot);
    const at = this.#records.offset(slot);
    for (let i = 0; i < STAT_BYTES; i += 4) writer.int(view.getInt32(at + i));
  }

  /** The data as a jute buffer. */
  writeData(slot: Slot, writer: Writer): void {
    const length = this.dataLength(slot);
    writer.int(length);
    if (length <= 0) return;
    const blob = this.#records.int(slot, Field.blob);
    const start = this.#slab.offset(blob) + this.#records.int(slot, Field.nameLength);
    // A Stat comes behind it.
    writer.makeRoom(length + WHOLE_STAT_BYTES);
    const at = writer.reserve(length);
    copyBytes(this.#slab.bytes(blob), start, start + length, writer.bytes, at);
  }

  /** The children's names as a jute vector of strings, in no particular order. */
  writeChildren(slot: Slot, writer: Writer): void {
    writer.int(this.childCount(slot));
    for (let child = this.firstChild(slot); child !== 0; child = this.nextSibling(child)) {
      this.writeName(child, writer);
    }
  }

  // ustring name
  writeName(slot: Slot, writer: Writer): void {
    const length = this.#records.int(slot, Field.nameLength);
    writer.int(length);
    const at = writer.reserve(length);
    this.#copyName(slot, writer.bytes, at);
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

  // Changes

  setInt(slot: Slot, field: number, value: number): void {
    this.#records.setInt(slot, field, value);
  }

  setLong(slot: Slot, field: number, high: number, low: number): void {
    this.#records.setLong(slot, field, high, low);
  }

  /** Adds a record with a stat of zeros as its parent's first child; parent 0 makes the root. */
  protected addRecord(
    parent: Slot,
    bytes: Buffer,
    nameStart: number,
    nameEnd: number,
    dataStart: number,
    dataLength: number,
  ): Slot {
    const slot = this.#records.allocate();
    const nameLength = nameEnd - nameStart;
    const dataBytes = Math.max(dataLength, 0);
    const blob = this.#slab.allocate(nameLength + dataBytes);
    this.#records.setInt(slot, Field.parent, parent);
    this.#records.setInt(slot, Field.nameLength, nameLength);
    this.#records.setInt(slot, Field.dataLength, dataLength);
    this.#records.setInt(slot, Field.blob, blob);
    const memory = this.#slab.bytes(blob);
    const at = this.#slab.offset(blob);
    copyBytes(bytes, nameStart, nameEnd, memory, at);
    copyBytes(bytes, dataStart, dataStart + dataBytes, memory, at + nameLength);
    if (parent === 0) {
      this.#root = slot;
    } else {
      this.#index.insert(slot, parent, bytes, nameStart, nameEnd);
      this.#linkChild(parent, slot);
    }
    return slot;
  }

  /**
   * As `addRecord`, with a stat, and it is not found before `settleIndex`. `view` is of `bytes`.
   */
  protected addDeferred(
    parent: Slot,
    bytes: Buffer,
    view: DataView,
    nameStart: number,
    nameEnd: number,
    dataStart: number,
    dataLength: number,
    statStart: number,
  ): Slot {
    const slot = this.#records.allocate();
    const nameLength = nameEnd - nameStart;
    const dataEnd = dataStart + Math.max(dataLength, 0);
    const blob = this.#slab.allocate(nameLength + dataEnd - dataStart);
    const record = this.#records.view(slot);
    const at = this.#records.offset(slot);
    for (let i = 0; i < STAT_BYTES; i += 4) {
      record.setInt32(at + i, view.getInt32(statStart + i));
    }
    record.setInt32(at + Field.parent, parent);
    record.setInt32(at + Field.nameLength, nameLength);
    record.setInt32(at + Field.dataLength, dataLength);
    record.setInt32(at + Field.blob, blob);
    const memory = this.#slab.view(blob);
    const blobAt = this.#slab.offset(blob);
    if (memory === undefined || dataLength > WORDS_MAX_BYTES) {
      copyBytes(bytes, nameStart, nameEnd, this.#slab.bytes(blob), blobAt);
      copyBytes(bytes, dataStart, dataEnd, this.#slab.bytes(blob), blobAt + nameLength);
    } else {
      copyWords(view, nameStart, nameEnd, memory, blobAt);
      copyWords(view, dataStart, dataEnd, memory, blobAt + nameLength);
    }
    if (parent === 0) {
      this.#root = slot;
    } else {
      this.#index.defer(slot, parent, bytes, nameStart, nameEnd);
      this.#linkChild(parent, slot);
    }
    return slot;
  }

  /** What was added deferred is found from now on. False: two of them are one path. */
  settleIndex(): boolean {
    return this.#index.settle();
  }

  /** Frees the record of a znode that is not the root and has no children. */
  protected removeRecord(slot: Slot): void {
    this.#trail.leave(slot, this.#records.int(slot, Field.nameLength));
    this.#index.remove(slot);
    this.#unlinkChild(slot);
    this.#slab.free(this.#records.int(slot, Field.blob));
    this.#records.free(slot);
  }

  /** Replaces the data, in place where its size allows. */
  protected replaceData(slot: Slot, bytes: Buffer, dataStart: number, dataLength: number): void {
    const nameLength = this.#records.int(slot, Field.nameLength);
    const dataBytes = Math.max(dataLength, 0);
    const sizeBefore = nameLength + Math.max(this.dataLength(slot), 0);
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
  }

  /** What the znode adds to the tree digest with its stat as it is, unsigned. */
  protected digestOf(slot: Slot): number {
    const at = this.#records.offset(slot);
    return recordCrc(this.contentCrc(slot), this.#records.view(slot), at);
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
}
