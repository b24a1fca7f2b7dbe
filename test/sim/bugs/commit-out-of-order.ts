import type { Bug } from "../bug.ts";

/** Of the commits that are due the last one is sent for all. */
export const bug: Bug = {
  name: "commit-out-of-order",
  file: "server/zab/learner-handler.ts",
  anchor:
    "this.#settledZxid = window.writeCommits(this.#settledZxid, upTo, end - out.length, out);",
  replacement: "this.#settledZxid = window.writeCommits(upTo - 1, upTo, end - out.length, out);",
  foundBy: ["CommitInOrder"],
  inEnsembles: true,
};
