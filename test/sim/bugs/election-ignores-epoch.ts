import type { Bug } from "../bug.ts";

/** The longer history wins an election, however old its epoch is. */
export const bug: Bug = {
  name: "election-ignores-epoch",
  file: "server/zab/vote.ts",
  anchor: `  if (vote.peerEpoch !== other.peerEpoch) return vote.peerEpoch > other.peerEpoch;
`,
  replacement: "",
  foundBy: ["ServesAgain", "BigEnough", "NothingLost", "CommitByQuorum"],
  inEnsembles: true,
};
