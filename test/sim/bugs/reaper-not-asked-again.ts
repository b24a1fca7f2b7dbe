import type { Bug } from "../bug.ts";

/** What the reaper found to be over goes, even if it was set again before its txn was made. */
export const bug: Bug = {
  name: "reaper-not-asked-again",
  file: "server/pipeline/prep.ts",
  anchor: "    return this.#timeMs - znode.mtime > ttlOf(znode.ownerHigh, znode.ownerLow);",
  replacement: "    return ttlOf(znode.ownerHigh, znode.ownerLow) > 0;",
  foundBy: ["ReapedOnlyWhenOver"],
};
