import type { Bug } from "../bug.ts";

/** A learner that is told to truncate keeps what it has. */
export const bug: Bug = {
  name: "trunc-skipped",
  file: "server/zab/learner-sync.ts",
  anchor: "    replica.truncate(zxid, (outcome) => {",
  replacement: "    replica.truncate(replica.lastZxid, (outcome) => {",
  foundBy: ["NoAlarm", "EqualHistories", "AgreementOnContent", "RepliesAgreeWithModel"],
  inEnsembles: true,
};
