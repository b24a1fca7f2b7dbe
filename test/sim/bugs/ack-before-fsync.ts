import type { Bug } from "../bug.ts";

/** A batch is acknowledged while its fsync is still under way. */
export const bug: Bug = {
  name: "ack-before-fsync",
  file: "server/storage/txn-log.ts",
  anchor: `    if (this.#options.forceSync) this.#open().datasync(this.#batchSynced);
    else this.#becomeDurable();`,
  replacement: `    if (this.#directoryDirty) {
      this.#open().datasync(this.#batchSynced);
    } else {
      this.#open().datasync(() => {});
      this.#becomeDurable();
    }`,
  foundBy: ["AcknowledgedWritesSurvive"],
};
