import type { Bug } from "../bug.ts";

/** What a session's end lists is deleted as in replay, since it may be gone: no quota is told. */
export const bug: Bug = {
  name: "usage-keeps-ephemerals",
  file: "server/tree/apply.ts",
  anchor: "      this.#deletePath(reader.bytes, start, start + length);",
  replacement: `      const replay = this.#replay;
      this.#replay = true;
      this.#deletePath(reader.bytes, start, start + length);
      this.#replay = replay;`,
  foundBy: ["UsageIsCounted"],
};
