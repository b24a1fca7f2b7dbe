import type { Bug } from "../bug.ts";

/** A client that comes back is not told what changed meanwhile. */
export const bug: Bug = {
  name: "watch-lost-at-reconnect",
  file: "server/tree/restore-watches.ts",
  anchor: `      else if (tree.mzxid(slot) > relativeZxid) {
        watches.tell(watcher, EventType.nodeDataChanged, path);
      } else watches.addData(path, watcher);`,
  replacement: "      else watches.addData(path, watcher);",
  foundBy: ["WatchesOnceAndBefore"],
  inEnsembles: true,
};
