import type { Bug } from "../bug.ts";

/** The end of a session that nobody asked for takes all its ephemerals along but one. */
export const bug: Bug = {
  name: "ephemeral-kept-after-expiry",
  file: "server/pipeline/prep.ts",
  anchor: `    for (const path of paths) this.#removePath(path);
    if (this.#options`,
  replacement: `    if (cxid === 0) paths.pop();
    for (const path of paths) this.#removePath(path);
    if (this.#options`,
  also: {
    file: "server/tree/apply.ts",
    anchor:
      "    for (const slot of [...tree.ephemerals.of(wordsHex(this.#clientHigh, this.#clientLow))]) {",
    replacement: "    for (const slot of [] as Slot[]) {",
  },
  foundBy: ["EphemeralsFollowSessions"],
  inEnsembles: true,
};
