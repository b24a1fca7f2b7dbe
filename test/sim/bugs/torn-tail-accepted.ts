import type { Bug } from "../bug.ts";

/** Recovery takes a record whose checksum is wrong. */
export const bug: Bug = {
  name: "torn-tail-accepted",
  file: "server/storage/log-file.ts",
  anchor: `    if (bytes.readUInt32BE(at + 4) !== adler32(bytes, start, end)) return false;
`,
  replacement: "",
  foundBy: ["RecoveredPrefix"],
};
