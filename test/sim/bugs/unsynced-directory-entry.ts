import type { Bug } from "../bug.ts";

/** A new log file's bytes are synced, its name is not. */
export const bug: Bug = {
  name: "unsynced-directory-entry",
  file: "server/storage/txn-log.ts",
  anchor: "    if (this.#directoryDirty) {",
  replacement: "    if (this.#failed) {",
  foundBy: ["AcknowledgedWritesSurvive", "RecoversFromEveryCrash"],
};
