import type { Bug } from "../bug.ts";

/** A snapshot's TTL znodes are not put on the reaper's list. */
export const bug: Bug = {
  name: "recovered-ttls-not-enlisted",
  file: "server/tree/data-tree.ts",
  anchor: "    this.#enlist(slot);\n    return slot;",
  replacement: '    if (this.kind(slot) !== "ttl") this.#enlist(slot);\n    return slot;',
  foundBy: ["WhatIsOverGoes"],
};
