import type { Bug } from "../bug.ts";

/** Replay changes a znode's data and leaves its part of the tree digest as it was. */
export const bug: Bug = {
  name: "digest-skipped-on-replay",
  file: "server/tree/apply.ts",
  anchor: `    tree.setLong(slot, Field.mtime, this.#timeHigh, this.#timeLow);
    tree.settle(slot);`,
  replacement: `    tree.setLong(slot, Field.mtime, this.#timeHigh, this.#timeLow);
    if (!this.#replay) tree.settle(slot);`,
  foundBy: ["DigestsMatch", "RecoveredPrefix"],
};
