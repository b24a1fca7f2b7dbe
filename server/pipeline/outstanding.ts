/**
 * The changes that are on their way: txns that were made and not yet applied (server-semantics
 * 3.3). Prep validates a request as if every earlier one had been committed, so it looks here
 * first and in the tree behind.
 *
 * There is one record per path, changed in place by each further txn. It leaves when the txn that
 * changed it last has been applied: the tree then says the same.
 */
import { assert } from "../../protocol/assert.ts";
import { wordsHex, type Zxid } from "../../protocol/zxid.ts";
import type { AccessList } from "../tree/access-entry.ts";
import type { DataTree } from "../tree/data-tree.ts";
import { statCrc } from "../tree/digest.ts";

/** A znode as it will be. */
export class Change {
  path = "";
  /** The txn that changed it last. */
  zxid: Zxid = 0;
  /** False: deleted. */
  exists = true;
  czxid: Zxid = 0;
  mzxid: Zxid = 0;
  pzxid: Zxid = 0;
  ctime = 0;
  mtime = 0;
  version = 0;
  /** As stored: creates of children. */
  cversion = 0;
  aversion = 0;
  ownerHigh = 0;
  ownerLow = 0;
  childCount = 0;
  acl: AccessList = [];
  /** In bytes; -1: null. */
  dataLength = -1;
  /** CRC-32 state over path and data. */
  contentCrc = 0;
  /** Its part of the tree's digest; 0 where it has none. */
  digest = 0;
  /** The last multi that touched it: what was at its path before that is kept, to be undone. */
  keptFor = 0;

  copyFrom(other: Change): void {
    this.path = other.path;
    this.zxid = other.zxid;
    this.exists = other.exists;
    this.czxid = other.czxid;
    this.mzxid = other.mzxid;
    this.pzxid = other.pzxid;
    this.ctime = other.ctime;
    this.mtime = other.mtime;
    this.version = other.version;
    this.cversion = other.cversion;
    this.aversion = other.aversion;
    this.ownerHigh = other.ownerHigh;
    this.ownerLow = other.ownerLow;
    this.childCount = other.childCount;
    this.acl = other.acl;
    this.dataLength = other.dataLength;
    this.contentCrc = other.contentCrc;
    this.digest = other.digest;
  }
}

/** What was at one path before a multi, to be undone: the record that stood there, and how it was. */
interface Undo {
  readonly path: string;
  readonly record: Change | undefined;
  readonly before: Change | undefined;
}

const TWO_32 = 0x1_0000_0000;
/** Applied entries that the queue may carry at its head before it is copied down. */
const APPLIED_MAX = 4096;
/** What lies below does not count in the digest: peers differ there. */
const UNDIGESTED_PREFIX = "/zookeeper/";

export class OutstandingChanges {
  /** The tree's digest once all that is outstanding has been applied. */
  digestHigh: number;
  digestLow: number;

  readonly #tree: DataTree;
  readonly #byPath = new Map<string, Change>();
  /** Every change in zxid order: a record may stand here once for each txn that changed it. */
  #order: Change[] = [];
  #orderZxids: Zxid[] = [];
  #head = 0;
  /** Paths of ephemerals that are being created, per session, so that closing it finds them. */
  readonly #ephemerals = new Map<string, Set<Change>>();
  /** Bytes of the paths of each session's ephemerals, those on the way included. */
  readonly #ephemeralBytes = new Map<string, number>();
  /** Within a multi: what was there before. */
  #undo: Undo[] | undefined;
  /** Counts multis. */
  #multi = 0;
  #undoEphemerals: Change[] = [];
  #undoBytes: { readonly key: string; readonly bytes: number }[] = [];
  #undoOrder = 0;
  #undoDigestHigh = 0;
  #undoDigestLow = 0;

  constructor(tree: DataTree) {
    this.#tree = tree;
    this.digestHigh = tree.digestHigh;
    this.digestLow = tree.digestLow;
    for (const key of tree.ephemerals.sessions()) {
      for (const slot of tree.ephemerals.of(key)) {
        this.#countEphemeral(key, pathBytes(tree.pathText(slot)));
      }
    }
  }

  /** Paths with a change on the way. */
  get size(): number {
    return this.#byPath.size;
  }

  /** The znode as it will be, or undefined: there will be none. Not to be changed before `touch`. */
  find(path: string): Change | undefined {
    const change = this.#byPath.get(path);
    if (change !== undefined) return change.exists ? change : undefined;
    const tree = this.#tree;
    const slot = tree.findText(path);
    if (slot === 0) return undefined;
    const loaded = new Change();
    loaded.path = path;
    loaded.czxid = tree.czxid(slot);
    loaded.mzxid = tree.mzxid(slot);
    loaded.pzxid = tree.pzxid(slot);
    loaded.ctime = tree.ctime(slot);
    loaded.mtime = tree.mtime(slot);
    loaded.version = tree.version(slot);
    loaded.cversion = tree.cversion(slot);
    loaded.aversion = tree.aversion(slot);
    loaded.ownerHigh = tree.ownerHigh(slot);
    loaded.ownerLow = tree.ownerLow(slot);
    loaded.childCount = tree.childCount(slot);
    loaded.acl = tree.acls.get(tree.acl(slot));
    loaded.dataLength = tree.dataLength(slot);
    loaded.contentCrc = tree.contentCrc(slot);
    loaded.digest = tree.digest(slot);
    return loaded;
  }

  /** Announces that txn `zxid` changes this record, which `find` gave: change it after this call. */
  touch(change: Change, zxid: Zxid): void {
    if (this.#undo !== undefined && change.keptFor !== this.#multi) {
      this.#keepFor(this.#undo, change.path);
      change.keptFor = this.#multi;
    }
    // Within one txn it stands in the order once.
    if (change.zxid === zxid) return;
    change.zxid = zxid;
    this.#byPath.set(change.path, change);
    this.#order.push(change);
    this.#orderZxids.push(zxid);
  }

  /** A record for a znode that txn `zxid` creates: fill it, then `settle` it. */
  create(path: string, zxid: Zxid): Change {
    // A record of the path's earlier life may still be on its way: the new life replaces it.
    const change = new Change();
    change.path = path;
    this.touch(change, zxid);
    return change;
  }

  /** Takes the record's present state into the digest; call once per change, after it. */
  settle(change: Change): void {
    const before = change.digest;
    change.digest = change.exists ? digestOf(change) : 0;
    this.#addDigest(change.digest - before);
  }

  /** Notes that a session will own this new znode. */
  addEphemeral(change: Change): void {
    const key = wordsHex(change.ownerHigh, change.ownerLow);
    const owned = this.#ephemerals.get(key);
    if (owned === undefined) this.#ephemerals.set(key, new Set([change]));
    else owned.add(change);
    if (this.#undo !== undefined) this.#undoEphemerals.push(change);
    this.#countEphemeral(key, pathBytes(change.path));
  }

  /** Notes that the znode, if a session owns it, no longer counts among that session's. */
  removeEphemeral(change: Change): void {
    if (change.ownerHigh === 0 && change.ownerLow === 0) return;
    const key = wordsHex(change.ownerHigh, change.ownerLow);
    if (this.#ephemeralBytes.has(key)) this.#countEphemeral(key, -pathBytes(change.path));
  }

  /** What the paths of the session's ephemerals will take up in the txn that deletes them all. */
  ephemeralPathBytes(high: number, low: number): number {
    return this.#ephemeralBytes.get(wordsHex(high, low)) ?? 0;
  }

  /** Calls back with the path of every ephemeral that the session will own. */
  forEachEphemeral(high: number, low: number, found: (path: string) => void): void {
    const key = wordsHex(high, low);
    const pending = this.#ephemerals.get(key);
    if (pending !== undefined) {
      for (const change of pending) {
        if (change.exists && this.#byPath.get(change.path) === change) found(change.path);
      }
    }
    for (const slot of this.#tree.ephemerals.of(key)) {
      const path = this.#tree.pathText(slot);
      const change = this.#byPath.get(path);
      if (change === undefined) found(path);
      // A record on the way: deleted, or made anew by whomever, or the same znode changed.
      else if (
        change.exists &&
        change.ownerHigh === high &&
        change.ownerLow === low &&
        pending?.has(change) !== true
      ) {
        found(path);
      }
    }
  }

  /** Starts a multi: its changes can be undone together. */
  beginMulti(): void {
    assert(this.#undo === undefined, "a multi inside a multi");
    this.#undo = [];
    this.#multi++;
    this.#undoOrder = this.#order.length;
    this.#undoDigestHigh = this.digestHigh;
    this.#undoDigestLow = this.digestLow;
  }

  commitMulti(): void {
    this.#undo = undefined;
    this.#undoEphemerals = [];
    this.#undoBytes = [];
  }

  /** Puts back every record, the parents' too, as it was before the multi. */
  undoMulti(): void {
    const undo = this.#undo;
    assert(undo !== undefined, "there is no multi to undo");
    this.#undo = undefined;
    this.#order.length = this.#undoOrder;
    this.#orderZxids.length = this.#undoOrder;
    for (const created of this.#undoEphemerals) this.#forgetEphemeral(created);
    this.#undoEphemerals = [];
    // Backwards, so that no sum on the way is one that never was.
    for (const { key, bytes } of this.#undoBytes.splice(0).toReversed()) {
      this.#countEphemeral(key, -bytes);
    }
    for (let entry = undo.pop(); entry !== undefined; entry = undo.pop()) {
      const { path, record, before } = entry;
      if (record === undefined || before === undefined) {
        this.#byPath.delete(path);
      } else {
        record.copyFrom(before);
        this.#byPath.set(path, record);
      }
    }
    this.digestHigh = this.#undoDigestHigh;
    this.digestLow = this.#undoDigestLow;
  }

  /** Drops what the tree now says itself: every record last changed at or before `zxid`. */
  applied(zxid: Zxid): void {
    let head = this.#head;
    for (; head < this.#order.length; head++) {
      const changeZxid = this.#orderZxids[head];
      const change = this.#order[head];
      if (changeZxid === undefined || change === undefined || changeZxid > zxid) break;
      if (change.zxid > zxid) continue;
      if (this.#byPath.get(change.path) === change) this.#byPath.delete(change.path);
      this.#forgetEphemeral(change);
    }
    this.#head = head;
    if (head === this.#order.length) {
      this.#order.length = 0;
      this.#orderZxids.length = 0;
      this.#head = 0;
    } else if (head > APPLIED_MAX && head * 2 > this.#order.length) {
      this.#order = this.#order.slice(head);
      this.#orderZxids = this.#orderZxids.slice(head);
      this.#head = 0;
    }
  }

  /** Unless an earlier part of the multi has done so. */
  #keepFor(undo: Undo[], path: string): void {
    const record = this.#byPath.get(path);
    if (record?.keptFor === this.#multi) return;
    let before: Change | undefined;
    if (record !== undefined) {
      before = new Change();
      before.copyFrom(record);
    }
    undo.push({ path, record, before });
  }

  #countEphemeral(key: string, bytes: number): void {
    const sum = (this.#ephemeralBytes.get(key) ?? 0) + bytes;
    assert(sum >= 0, "a session has fewer ephemerals than none");
    if (sum === 0) this.#ephemeralBytes.delete(key);
    else this.#ephemeralBytes.set(key, sum);
    if (this.#undo !== undefined) this.#undoBytes.push({ key, bytes });
  }

  #forgetEphemeral(change: Change): void {
    if (change.ownerHigh === 0 && change.ownerLow === 0) return;
    const key = wordsHex(change.ownerHigh, change.ownerLow);
    const owned = this.#ephemerals.get(key);
    if (owned === undefined) return;
    owned.delete(change);
    if (owned.size === 0) this.#ephemerals.delete(key);
  }

  #addDigest(difference: number): void {
    const low = (this.digestLow >>> 0) + difference;
    this.digestHigh = (this.digestHigh + Math.floor(low / TWO_32)) | 0;
    this.digestLow = low | 0;
  }
}

/** What a path takes up in a vector of strings. */
export function pathBytes(path: string): number {
  return 4 + Buffer.byteLength(path);
}

/** The znode's part of the tree's digest (storage 5). */
function digestOf(change: Change): number {
  return change.path.startsWith(UNDIGESTED_PREFIX) ? 0 : statCrc(change.contentCrc, change);
}
