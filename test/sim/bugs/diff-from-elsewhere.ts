import type { Bug } from "../bug.ts";

/** A learner is sent what follows its last txn, though the leader never had that one. */
export const bug: Bug = {
  name: "diff-from-elsewhere",
  file: "server/zab/sync-plan.ts",
  anchor: `    if (!isHere && !(isMarker && learnerZxid < committedZxid)) return snap;
`,
  replacement: "",
  foundBy: ["NoAlarm", "EqualHistories", "AgreementOnContent", "RepliesAgreeWithModel"],
  inEnsembles: true,
};
