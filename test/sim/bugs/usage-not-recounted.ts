import type { Bug } from "../bug.ts";

/** After recovery a quota's statistics are what the snapshot, or whoever wrote them, said. */
export const bug: Bug = {
  name: "usage-not-recounted",
  file: "server/storage/recovery.ts",
  anchor: "    tree.quotas.recount();\n",
  replacement: "",
  foundBy: ["UsageIsCounted"],
};
