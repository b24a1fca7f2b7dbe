import type { Bug } from "../bug.ts";

/** A learner that has promised an epoch follows the leader of an earlier one, and logs what it proposes. */
export const bug: Bug = {
  name: "older-epoch-accepted",
  file: "server/zab/learner.ts",
  anchor: "    const { acceptedEpoch } = replica;",
  replacement: "    const acceptedEpoch = Math.min(replica.acceptedEpoch, epoch);",
  foundBy: ["NoOlderEpoch"],
  inEnsembles: true,
};
