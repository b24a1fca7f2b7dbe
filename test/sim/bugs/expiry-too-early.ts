import type { Bug } from "../bug.ts";

/** A deadline is rounded down to the tick before it. */
export const bug: Bug = {
  name: "expiry-too-early",
  file: "server/session/expiry.ts",
  anchor: "    return (Math.floor(ms / this.tickMs) + 1) * this.tickMs;",
  replacement: "    return Math.floor(ms / this.tickMs) * this.tickMs;",
  foundBy: ["ExpiryNotEarly"],
};
