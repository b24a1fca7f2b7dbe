import type { Bug } from "../bug.ts";

/** A follower acknowledges a txn when it is handed to the log. */
export const bug: Bug = {
  name: "learner-acks-before-fsync",
  file: "server/zab/learner-broadcast.ts",
  anchor: `    replica.logTo(zxid);
    return true;`,
  replacement: `    replica.logTo(zxid);
    this.logged(zxid);
    return true;`,
  foundBy: ["AckAfterDurable"],
  inEnsembles: true,
};
