import type { Bug } from "../bug.ts";

/** A leader takes office before a quorum has acknowledged its history. */
export const bug: Bug = {
  name: "uptodate-before-quorum",
  file: "server/zab/leader.ts",
  anchor: `    if (!this.#isQuorum(this.#adopted)) return;
`,
  replacement: "",
  foundBy: ["ServeAfterQuorum"],
  inEnsembles: true,
};
