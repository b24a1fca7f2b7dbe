import type { Bug } from "../bug.ts";

/** A read does not wait for the writes of its session that are on their way. */
export const bug: Bug = {
  name: "read-before-own-write",
  file: "server/pipeline/pipeline.ts",
  anchor: "    } else if (requester.isOpen && mustWait(requester, session)) {",
  replacement: "    } else if (requester.isOpen && !requester.waiting.isEmpty) {",
  foundBy: ["SessionOrder"],
  inEnsembles: true,
};
