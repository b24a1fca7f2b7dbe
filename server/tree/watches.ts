/**
 * Who is to be told of changes (server-semantics 6, client-protocol 8): two tables, one for data
 * and one for child lists, of (path, connection) with a set of modes each. Watches belong to a
 * connection, not to its session.
 *
 * An event is written once, for all of its watchers. While nobody watches, a change costs one
 * comparison.
 */
import { Writer } from "../../protocol/jute.ts";
import { EventType, SYNC_CONNECTED, WatcherType, Xid } from "../../protocol/opcodes.ts";
import { parentPath } from "../../protocol/paths.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { AclHandle } from "./acl-cache.ts";
import { WatchMode, WatchTable } from "./watch-table.ts";

/** A connection that is told. */
export interface Watcher {
  /** Whose it is; undefined: nobody's any more. */
  readonly session: { readonly high: number; readonly low: number } | undefined;
  /** Takes a whole frame, length included. The bytes are its own only until it returns. */
  deliver(frame: Buffer): void;
  /** Whether its auth ids may read a znode with this access list. */
  mayRead(acl: AclHandle): boolean;
}

const ALL_MODES = WatchMode.standard | WatchMode.persistent | WatchMode.recursive;

/** The zxid of events that answer setWatches: they belong to no txn. */
const NO_ZXID = -1;

export class Watches {
  /** exists, getData, persistent, recursive. */
  readonly data: WatchTable = new WatchTable();
  /** getChildren, persistent. */
  readonly child: WatchTable = new WatchTable();
  readonly #frame = new Writer(256);
  /** Who has been told in this step of a change, so that nobody is told twice. */
  readonly #told = new Set<Watcher>();

  /** Nobody watches anything. */
  get idle(): boolean {
    return this.data.size === 0 && this.child.size === 0;
  }

  /** Watches in both tables, as `mntr` counts them. */
  get size(): number {
    return this.data.size + this.child.size;
  }

  addData(path: string, watcher: Watcher): void {
    this.data.add(path, watcher, WatchMode.standard);
  }

  addChild(path: string, watcher: Watcher): void {
    this.child.add(path, watcher, WatchMode.standard);
  }

  addPersistent(path: string, watcher: Watcher): void {
    this.data.add(path, watcher, WatchMode.persistent);
    this.child.add(path, watcher, WatchMode.persistent);
  }

  addRecursive(path: string, watcher: Watcher): void {
    this.data.add(path, watcher, WatchMode.recursive);
  }

  /** What removeWatches does; `type` is one of `WatcherType`. False: there was no such watch. */
  remove(path: string, watcher: Watcher, type: number): boolean {
    const inData = this.data.remove(path, watcher, modesInData(type));
    const inChild = this.child.remove(path, watcher, modesInChild(type));
    return inData || inChild;
  }

  /** What checkWatches asks. */
  has(path: string, watcher: Watcher, type: number): boolean {
    return (
      (this.data.modes(path, watcher) & modesInData(type)) !== 0 ||
      (this.child.modes(path, watcher) & modesInChild(type)) !== 0
    );
  }

  /** The connection is gone, and up to `max` watches with it. True: there are more. */
  removeWatcher(watcher: Watcher, max: number = Number.POSITIVE_INFINITY): boolean {
    return this.data.removeWatcher(watcher, max) || this.child.removeWatcher(watcher, max);
  }

  /** A znode was created: who watches its data, then who watches its parent's child list. */
  created(path: string, zxid: Zxid, acl: AclHandle, parentAcl: AclHandle): void {
    this.#fire(this.data, EventType.nodeCreated, path, zxid, acl);
    this.#told.clear();
    this.#childrenChanged(path, zxid, parentAcl);
  }

  dataChanged(path: string, zxid: Zxid, acl: AclHandle): void {
    this.#fire(this.data, EventType.nodeDataChanged, path, zxid, acl);
    this.#told.clear();
  }

  /** A znode was deleted: who watches it, each once, then who watches its parent's child list. */
  deleted(path: string, zxid: Zxid, acl: AclHandle, parentAcl: AclHandle): void {
    this.#fire(this.data, EventType.nodeDeleted, path, zxid, acl);
    this.#fire(this.child, EventType.nodeDeleted, path, zxid, acl);
    this.#told.clear();
    this.#childrenChanged(path, zxid, parentAcl);
  }

  /** Tells one watcher what it missed, as an answer to setWatches: no access list is asked. */
  tell(watcher: Watcher, type: number, path: string): void {
    watcher.deliver(this.#event(type, path, NO_ZXID));
  }

  #childrenChanged(path: string, zxid: Zxid, parentAcl: AclHandle): void {
    if (this.child.size === 0) return;
    this.#fire(this.child, EventType.nodeChildrenChanged, parentPath(path), zxid, parentAcl);
    this.#told.clear();
  }

  /** A standard watch is used up even if its connection may not read the znode. */
  #fire(table: WatchTable, type: number, path: string, zxid: Zxid, acl: AclHandle): void {
    if (table.size === 0) return;
    let frame: Buffer | undefined;
    table.collect(path, (watcher) => {
      if (this.#told.has(watcher)) return;
      this.#told.add(watcher);
      if (!watcher.mayRead(acl)) return;
      frame ??= this.#event(type, path, zxid);
      watcher.deliver(frame);
    });
  }

  // int length, ReplyHeader: int xid, long zxid, int err; WatcherEvent: int type, int state,
  // ustring path
  #event(type: number, path: string, zxid: Zxid): Buffer {
    const frame = this.#frame;
    frame.clear();
    frame.int(0);
    frame.int(Xid.notification);
    frame.long(zxid);
    frame.int(0);
    frame.int(type);
    frame.int(SYNC_CONNECTED);
    frame.string(path);
    frame.patchInt(0, frame.length - 4);
    return frame.written();
  }
}

/** ZooKeeper 3.9: a type of watch matches its own mode only. Differs from 3.8, where any matched. */
function modesInData(type: number): number {
  switch (type) {
    case WatcherType.data:
      return WatchMode.standard;
    case WatcherType.persistent:
      return WatchMode.persistent;
    case WatcherType.persistentRecursive:
      return WatchMode.recursive;
    case WatcherType.any:
      return ALL_MODES;
    default:
      return 0;
  }
}

function modesInChild(type: number): number {
  switch (type) {
    case WatcherType.children:
      return WatchMode.standard;
    case WatcherType.persistent:
      return WatchMode.persistent;
    case WatcherType.any:
      return ALL_MODES;
    default:
      return 0;
  }
}
