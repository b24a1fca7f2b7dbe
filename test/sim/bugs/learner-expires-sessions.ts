import type { Bug } from "../bug.ts";

/** A learner ends the session of a connection that is gone. */
export const bug: Bug = {
  name: "learner-expires-sessions",
  file: "server/pipeline/pipeline.ts",
  anchor: `    this.#removeWatches(requester);
    this.#held.forget(requester);`,
  replacement: `    const { session } = requester;
    const isLearner = !("expire" in this.#proposer);
    if (isLearner && session?.holder === undefined && session?.closing === false) {
      this.#proposer.closeSession(session, 0);
    }
    this.#removeWatches(requester);
    this.#held.forget(requester);`,
  foundBy: ["ExpiryNotEarly"],
  inEnsembles: true,
};
