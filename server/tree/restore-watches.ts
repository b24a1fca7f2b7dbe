/**
 * What setWatches and setWatches2 do when a client comes back (server-semantics 6.5): each watch
 * is registered again, unless what it waited for has happened meanwhile; then the client is told
 * at once. Data is compared by mzxid, child lists by pzxid.
 */

import { EventType } from "../../protocol/opcodes.ts";
import type { SetWatches, SetWatches2 } from "../../protocol/proto.ts";
import type { DataTree } from "./data-tree.ts";
import type { Watcher } from "./watches.ts";

/** @returns false, and nothing is done, if a list is null: the answer is MarshallingError. */
export function restoreWatches(
  tree: DataTree,
  watcher: Watcher,
  request: SetWatches | SetWatches2,
): boolean {
  const { dataWatches, existWatches, childWatches, relativeZxid } = request;
  if (dataWatches === null || existWatches === null || childWatches === null) return false;
  const persistent = "persistentWatches" in request ? request.persistentWatches : [];
  const recursive =
    "persistentRecursiveWatches" in request ? request.persistentRecursiveWatches : [];
  if (persistent === null || recursive === null) return false;
  const { watches } = tree;
  for (const path of dataWatches) {
    const slot = tree.findText(path);
    if (slot === 0) watches.tell(watcher, EventType.nodeDeleted, path);
    else if (tree.mzxid(slot) > relativeZxid) {
      watches.tell(watcher, EventType.nodeDataChanged, path);
    } else watches.addData(path, watcher);
  }
  for (const path of existWatches) {
    if (tree.findText(path) !== 0) watches.tell(watcher, EventType.nodeCreated, path);
    else watches.addData(path, watcher);
  }
  for (const path of childWatches) {
    const slot = tree.findText(path);
    if (slot === 0) watches.tell(watcher, EventType.nodeDeleted, path);
    else if (tree.pzxid(slot) > relativeZxid) {
      watches.tell(watcher, EventType.nodeChildrenChanged, path);
    } else watches.addChild(path, watcher);
  }
  for (const path of persistent) watches.addPersistent(path, watcher);
  for (const path of recursive) watches.addRecursive(path, watcher);
  return true;
}
