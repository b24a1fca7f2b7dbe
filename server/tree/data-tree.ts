/**
 * All that is replicated: the znodes, sessions, access lists, which ephemeral belongs to whom; with
 * the digest over it, and the walks that copy it while it changes.
 *
 * Whatever changes it in operation is a txn and goes through `apply`; the methods under "changes"
 * are for it and for the loading of snapshots.
 */
import { assert } from "../../protocol/assert.ts";
import { writeACLs } from "../../protocol/data.ts";
import { Writer } from "../../protocol/jute.ts";
import { Perm } from "../../protocol/opcodes.ts";
import { highWord, lowWord, wordsHex, type Zxid } from "../../protocol/zxid.ts";
import { AclCache, type AclHandle, OPEN_HANDLE } from "./acl-cache.ts";
import { type ApplyMode, type ApplyObserver, TxnApplier } from "./apply.ts";
import { lastSlash } from "./bytes.ts";
import { ChildListing } from "./child-listing.ts";
import { crc32 } from "./crc32.ts";
import { isSystemPath } from "./digest.ts";
import { DigestLog } from "./digest-log.ts";
import { Ephemerals } from "./ephemerals.ts";
import { NameHash } from "./name-hash.ts";
import { isQuotaName, Quotas } from "./quota.ts";
import { SessionTable } from "./sessions.ts";
import { TreeLoader } from "./tree-loader.ts";
import { TreeWalk } from "./tree-walk.ts";
import { UsageCount } from "./usage-count.ts";
import { Watches } from "./watches.ts";
import { Field, type Slot } from "./znode-records.ts";
import { ZnodeStore } from "./znode-store.ts";

export type { Slot } from "./znode-records.ts";

export interface TreeOptions {
  /** Random, so that nobody can foresee how names are hashed: 0 <= seed < 2^53. */
  readonly hashSeed: number;
  /** TTL znodes (`zookeeper.extendedTypesEnabled`). Default: false, as in ZooKeeper. */
  readonly extendedTypes?: boolean;
  /** Znodes that are counted at once for a new quota, more of them in slices. Default: 10,000. */
  readonly countedAtOnceMax?: number;
}

const CONFIG_PATH = "/zookeeper/config";

export class DataTree extends ZnodeStore {
  /** The last txn that was applied, or of which an installed snapshot holds the effects. */
  lastZxid: Zxid = 0;
  /** The marker of the epoch in whose history this tree is known to be complete up to there. */
  epochZxid: Zxid = 0;
  /** The tree digest, version 2, in two int32 words. */
  digestHigh = 0;
  digestLow = 0;
  /** Digests of txns before this one are not compared: set by recovery (storage F-10). */
  compareDigestsFrom: Zxid = 0;
  readonly digestLog: DigestLog = new DigestLog();
  /** Who hears of each operation that is applied. */
  observer: ApplyObserver | undefined;

  readonly acls: AclCache;
  readonly sessions: SessionTable = new SessionTable();
  readonly ephemerals: Ephemerals = new Ephemerals();
  readonly watches: Watches = new Watches();
  /** Container znodes, and TTL znodes: what the reaper looks at. */
  readonly containers: Set<Slot> = new Set();
  readonly ttls: Set<Slot> = new Set();

  readonly quotas: Quotas;

  readonly #applier: TxnApplier;
  readonly #walks = new Set<TreeWalk>();
  readonly #counts = new Set<UsageCount>();
  readonly #listings = new Set<ChildListing>();
  /** While a snapshot is loaded. */
  #loader: TreeLoader | undefined;
  /** /zookeeper, below which nothing counts for the digest. */
  #system: Slot = 0;
  /** /zookeeper/quota. */
  #quotaRoot: Slot = 0;
  /** A znode below which everything counts, the last one that was asked about; 0: none. */
  #digestedBelow: Slot = 0;
  #znodes = 0;
  #dataSize = 0;

  /** A fresh tree: the root and ZooKeeper's own znodes (server-semantics 1.2). */
  constructor(options: TreeOptions, kind: "fresh" | "empty" = "fresh") {
    const hash = new NameHash(options.hashSeed, options.hashSeed / 0x1_0000_0000);
    super(hash, options.extendedTypes ?? false);
    this.acls = new AclCache(hash);
    this.#applier = new TxnApplier(this);
    this.quotas = new Quotas(this, options.countedAtOnceMax);
    if (kind === "fresh") this.#addSystemZnodes();
  }

  /** Without a single znode, not even the root: for the loading of a snapshot. */
  static empty(options: TreeOptions): DataTree {
    return new DataTree(options, "empty");
  }

  // Figures of the whole

  /** Znodes as ZooKeeper counts them: the root twice, under "" and "/". */
  get count(): number {
    return this.#znodes + 1;
  }

  /**
   * What clients are told that they have seen. A learner of a new epoch without txns has all that
   * its leader shows, and must not turn away who has seen the epoch's marker there.
   */
  get shownZxid(): Zxid {
    return Math.max(this.lastZxid, this.epochZxid);
  }

  /** /zookeeper/quota; 0: there is none, which only a damaged tree can say. */
  get quotaRoot(): Slot {
    return this.#quotaRoot;
  }

  /** Bytes of all paths and data. */
  get approximateDataSize(): number {
    // The root's path is empty here and "/" there.
    return this.#dataSize + 1;
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
    const walk = new TreeWalk(this, this.root);
    this.#walks.add(walk);
    return walk;
  }

  /** For the walk itself: it is over. */
  endWalk(walk: TreeWalk): void {
    this.#walks.delete(walk);
  }

  /** Starts to count a subtree as it is now; the count is closed when it is no more needed. */
  countUsage(root: Slot): UsageCount {
    const count = new UsageCount(this, root);
    this.#counts.add(count);
    return count;
  }

  /** For the count itself: it is over. */
  endCount(count: UsageCount): void {
    this.#counts.delete(count);
  }

  /** Starts to list a znode's children as they are now. */
  listChildren(slot: Slot): ChildListing {
    const listing = new ChildListing(this, slot);
    this.#listings.add(listing);
    return listing;
  }

  /** For the listing itself: it is over. */
  endListing(listing: ChildListing): void {
    this.#listings.delete(listing);
  }

  // ustring path, buffer data, long acl, StatPersisted
  writeSnapshotRecord(slot: Slot, writer: Writer): void {
    this.writePath(slot, writer);
    this.writeData(slot, writer);
    writer.long(this.acls.fileId(this.acl(slot)));
    this.writePersistedStat(slot, writer);
  }

  /**
   * Adds a znode of a snapshot, whose path, data and StatPersisted lie in `bytes`; its parent came
   * before. False: the path is no path, or there is no such parent. Lookups may not find it before
   * `loaded`, which tells of paths that were there twice.
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
    this.#loader ??= new TreeLoader(this);
    return this.#loader.load(
      bytes,
      pathStart,
      pathEnd,
      dataStart,
      dataLength,
      aclFileId,
      statStart,
    );
  }

  /** For the loader: adds a znode whose parent is known and counts what its path and data are. */
  addLoaded(
    parent: Slot,
    bytes: Buffer,
    view: DataView,
    pathStart: number,
    nameStart: number,
    pathEnd: number,
    dataStart: number,
    dataLength: number,
    acl: AclHandle,
    statStart: number,
  ): Slot {
    const slot = this.addDeferred(
      parent,
      bytes,
      view,
      nameStart,
      pathEnd,
      dataStart,
      dataLength,
      statStart,
    );
    this.setInt(slot, Field.acl, acl);
    this.#noteSystem(slot, parent, bytes, nameStart, pathEnd);
    this.#znodes++;
    this.#dataSize += pathEnd - pathStart + Math.max(dataLength, 0);
    this.#enlist(slot);
    return slot;
  }

  /** For the loader: the digest of a znode whose path and data have this CRC. */
  addLoadedDigest(slot: Slot, contentCrc: number): void {
    this.setInt(slot, Field.contentCrc, contentCrc);
    const digest = this.digestOf(slot);
    this.setInt(slot, Field.digest, digest);
    this.#addToDigest(digest);
  }

  /**
   * Every znode of a snapshot was loaded. False: there was none, so there is no root; or one of them
   * was there twice.
   */
  loaded(): boolean {
    this.#loader = undefined;
    this.acls.loaded();
    return this.settleIndex() && this.root !== 0;
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
    const nameStart = parent === 0 ? pathEnd : lastSlash(bytes, pathStart, pathEnd) + 1;
    const slot = this.addRecord(parent, bytes, nameStart, pathEnd, dataStart, dataLength);
    this.setInt(slot, Field.acl, acl);
    this.#noteSystem(slot, parent, bytes, nameStart, pathEnd);
    if (this.#isDigested(slot)) {
      const crc = crc32(bytes, pathStart, pathEnd);
      const contentCrc = crc32(bytes, dataStart, dataStart + Math.max(dataLength, 0), crc);
      this.setInt(slot, Field.contentCrc, contentCrc);
    }
    this.#znodes++;
    this.#dataSize += pathEnd - pathStart + Math.max(dataLength, 0);
    for (const count of this.#counts) count.created(slot, parent, Math.max(dataLength, 0));
    return slot;
  }

  /** The stat of a znode that was inserted is complete. */
  settleNew(slot: Slot): void {
    this.#enlist(slot);
    this.settle(slot);
  }

  #enlist(slot: Slot): void {
    const kind = this.kind(slot);
    if (kind === "ephemeral") this.ephemerals.add(this.#ownerKey(slot), slot);
    else if (kind === "container") this.containers.add(slot);
    else if (kind === "ttl") this.ttls.add(slot);
  }

  /** The stat of a znode has changed: brings the digest up to date. */
  settle(slot: Slot): void {
    if (!this.#isDigested(slot)) return;
    const before = this.digest(slot);
    const after = this.digestOf(slot);
    this.setInt(slot, Field.digest, after);
    this.#addToDigest(after - before);
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
    const difference = Math.max(dataLength, 0) - Math.max(this.dataLength(slot), 0);
    this.#dataSize += difference;
    for (const count of this.#counts) count.dataChanged(slot, difference);
    this.replaceData(slot, bytes, dataStart, dataLength);
    if (!this.#isDigested(slot)) return;
    // The root's path is empty in digests, whatever it was called.
    const crc = slot === this.root ? 0 : crc32(bytes, pathStart, pathEnd);
    const contentCrc = crc32(bytes, dataStart, dataStart + Math.max(dataLength, 0), crc);
    this.setInt(slot, Field.contentCrc, contentCrc);
  }

  /**
   * Writes the members of the ensemble into /zookeeper/config, without a txn: each server does so,
   * by its own clock (quorum-protocol R-1). The znode counts for no digest.
   */
  setConfig(text: string, version: Zxid, timeMs: number): void {
    const bytes = Buffer.from(CONFIG_PATH + text);
    const at = CONFIG_PATH.length;
    const slot = this.find(bytes, 0, at) || this.#addConfig();
    this.setData(slot, bytes, 0, at, at, bytes.length - at);
    this.setInt(slot, Field.version, -1);
    this.setLong(slot, Field.mzxid, highWord(version), lowWord(version));
    this.setLong(slot, Field.mtime, highWord(timeMs), lowWord(timeMs));
    this.settle(slot);
  }

  /** @param acl Acquired for this znode. */
  setAcl(slot: Slot, acl: AclHandle): void {
    const before = this.acl(slot);
    this.setInt(slot, Field.acl, acl);
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
    assert(slot !== this.root, "the root is never deleted");
    for (const walk of this.#walks) walk.leave(slot);
    for (const count of this.#counts) {
      count.deleted(slot, this.parent(slot), Math.max(this.dataLength(slot), 0));
    }
    for (const listing of this.#listings) listing.leave(slot);
    const kind = this.kind(slot);
    if (kind === "ephemeral") this.ephemerals.remove(this.#ownerKey(slot), slot);
    else if (kind === "container") this.containers.delete(slot);
    else if (kind === "ttl") this.ttls.delete(slot);
    this.#addToDigest(-this.digest(slot));
    this.#dataSize -= this.pathLength(slot) + Math.max(this.dataLength(slot), 0);
    this.#znodes--;
    if (slot === this.#digestedBelow) this.#digestedBelow = 0;
    if (slot === this.#system) this.#becomeSystem(0);
    if (slot === this.#quotaRoot) this.#quotaRoot = 0;
    this.acls.release(this.acl(slot));
    this.removeRecord(slot);
  }

  /** The znodes of ZooKeeper's own below which other rules hold. */
  #noteSystem(slot: Slot, parent: Slot, bytes: Buffer, nameStart: number, end: number): void {
    if (parent === this.root) {
      if (isSystemPath(bytes, nameStart - 1, end)) this.#becomeSystem(slot);
    } else if (parent === this.#system && isQuotaName(bytes, nameStart, end)) {
      this.#quotaRoot = slot;
    }
  }

  #becomeSystem(slot: Slot): void {
    this.#system = slot;
    this.#digestedBelow = 0;
  }

  /** Whether the znode counts for the digest: what lies below /zookeeper does not. */
  #isDigested(slot: Slot): boolean {
    if (this.#system === 0) return true;
    const parent = this.parent(slot);
    for (let at = parent; at !== 0 && at !== this.#digestedBelow; at = this.parent(at)) {
      if (at === this.#system) return false;
    }
    this.#digestedBelow = parent;
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

  #addSystemZnodes(): void {
    this.#addSystemZnode("", OPEN_HANDLE);
    this.#addSystemZnode("/zookeeper", OPEN_HANDLE);
    this.#addSystemZnode("/zookeeper/quota", OPEN_HANDLE);
    this.#addConfig();
  }

  #addConfig(): Slot {
    const acl = new Writer();
    writeACLs(acl, [{ perms: Perm.read, id: { scheme: "world", id: "anyone" } }]);
    const readOnly = this.acls.acquire(acl.bytes, 0, acl.length);
    const config = this.#addSystemZnode(CONFIG_PATH, readOnly);
    this.setInt(config, Field.aversion, -1);
    return config;
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
