import type { Bug } from "../bug.ts";

/** The number of a sequential znode is how many children there are, not how many there were. */
export const bug: Bug = {
  name: "sequence-from-child-count",
  file: "server/pipeline/prep.ts",
  anchor: "sequenceSuffix(parent.cversion)",
  replacement: "sequenceSuffix(parent.childCount)",
  foundBy: ["SequenceUnique"],
};
