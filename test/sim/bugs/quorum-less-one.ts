import type { Bug } from "../bug.ts";

/** A txn is settled by one server less than a quorum. */
export const bug: Bug = {
  name: "quorum-less-one",
  file: "server/zab/quorum-verifier.ts",
  anchor: "return sorted[sorted.length >> 1] ?? Number.NEGATIVE_INFINITY;",
  replacement: "return sorted[(sorted.length >> 1) - 1] ?? Number.NEGATIVE_INFINITY;",
  foundBy: ["CommitByQuorum"],
  inEnsembles: true,
};
