import type { Bug } from "../bug.ts";

/** A learner adopts an epoch, and logs the history that its leader began with after that. */
export const bug: Bug = {
  name: "epoch-before-history",
  file: "server/zab/learner-sync.ts",
  anchor: `    replica.logTo(this.#settled);
    replica.whenLogged(() => {
      this.#kept = this.#settled;
      if (this.#settled > this.#base) {
        replica.window.commitTo(this.#settled);
        replica.deliver();
      }
      this.#whenDelivered(() => {
        this.#saveEpoch();
      });
    });`,
  replacement: `    replica.saveCurrentEpoch(epoch, () => {
      if (this.#phase === "over") return;
      replica.logTo(this.#settled);
      replica.whenLogged(() => {
        this.#kept = this.#settled;
        if (this.#settled > this.#base) {
          replica.window.commitTo(this.#settled);
          replica.deliver();
        }
        this.#whenDelivered(() => {
          this.#saveEpoch();
        });
      });
    });`,
  foundBy: ["EpochAfterHistory"],
  inEnsembles: true,
};
