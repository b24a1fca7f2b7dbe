/**
 * What setWatches and setWatches2 do when a client comes back (server-semantics 6.5): each watch
 * is registered again, unless what it waited for has happened meanwhile; then the client is told
 * at once. Data is compared by mzxid, child lists by pzxid.
 */
import { EventType } from "../../protocol/opcodes.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { DataTree } from "./data-tree.ts";
import type { Watcher } from "./watches.ts";

/** The lists of the request, in its order. */
export type WatchList = "data" | "exist" | "child" | "persistent" | "persistentRecursive";

/** @param relativeZxid What the client has seen. */
export function restoreWatch(
  tree: DataTree,
  watcher: Watcher,
  list: WatchList,
  path: string,
  relativeZxid: Zxid,
): void {
  const { watches } = tree;
  switch (list) {
    case "data": {
      const slot = tree.findText(path);
      if (slot === 0) watches.tell(watcher, EventType.nodeDeleted, path);
      else if (tree.mzxid(slot) > relativeZxid) {
        watches.tell(watcher, EventType.nodeDataChanged, path);
      } else watches.addData(path, watcher);
      return;
    }
    case "exist":
      if (tree.findText(path) !== 0) watches.tell(watcher, EventType.nodeCreated, path);
      else watches.addData(path, watcher);
      return;
    case "child": {
      const slot = tree.findText(path);
      if (slot === 0) watches.tell(watcher, EventType.nodeDeleted, path);
      else if (tree.pzxid(slot) > relativeZxid) {
        watches.tell(watcher, EventType.nodeChildrenChanged, path);
      } else watches.addChild(path, watcher);
      return;
    }
    case "persistent":
      watches.addPersistent(path, watcher);
      return;
    case "persistentRecursive":
      watches.addRecursive(path, watcher);
  }
}
