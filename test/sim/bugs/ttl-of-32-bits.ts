import type { Bug } from "../bug.ts";

/** Of the 40 bits of a TTL the low word is read: what should live for seven weeks is gone at once. */
export const bug: Bug = {
  name: "ttl-of-32-bits",
  file: "server/tree/owner.ts",
  anchor: "  return (high & 0xff) * 0x1_0000_0000 + (low >>> 0);",
  replacement: "  return (high & 0) + (low >>> 0);",
  foundBy: ["ReapedOnlyWhenOver"],
};
