import type { Bug } from "../bug.ts";

/** A learner that has promised an epoch follows the leader of an earlier one. */
export const bug: Bug = {
  name: "older-epoch-accepted",
  file: "server/zab/learner.ts",
  anchor: `    if (epoch < acceptedEpoch) {
      this.#leave(\`the leader's epoch \${epoch} is before \${acceptedEpoch}, which was promised\`);
      return;
    }
    const term = this.#termOf(link, epoch, info.isOurs);
    if (epoch === acceptedEpoch) {`,
  replacement: `    const term = this.#termOf(link, epoch, info.isOurs);
    if (epoch <= acceptedEpoch) {`,
  foundBy: ["NoOlderEpoch"],
  inEnsembles: true,
};
