import type { Bug } from "../bug.ts";

/** A new epoch is promised, and noted in memory alone. */
export const bug: Bug = {
  name: "promise-not-saved",
  file: "server/storage/epochs.ts",
  anchor: `    if (epoch === this.accepted && this.#saves.length === 0) this.#clock.endOfTurn(done);
    else this.#enqueue({ name: "acceptedEpoch", epoch, done });`,
  replacement: `    this.#values.acceptedEpoch = epoch;
    this.#clock.endOfTurn(done);`,
  foundBy: ["PromiseAfterDurable"],
  inEnsembles: true,
};
