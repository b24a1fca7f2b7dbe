import type { Bug } from "../bug.ts";

/** A connection is told of a change after the next reply, which may already show it. */
export const bug: Bug = {
  name: "watch-after-reply",
  file: "server/net/connection.ts",
  anchor: `    out.patchInt(start + 16, code);
    this.#countSent();
  }

  deliver(frame: Buffer): void {
    if (this.#state !== "open") return;
    this.out.raw(frame);
    this.#countSent();
  }`,
  replacement: `    out.patchInt(start + 16, code);
    for (const frame of this.late) out.raw(frame);
    this.late = [];
    this.#countSent();
  }

  late: Buffer[] = [];

  deliver(frame: Buffer): void {
    if (this.#state !== "open") return;
    this.late.push(Buffer.from(frame));
    this.#countSent();
  }`,
  foundBy: ["WatchesOnceAndBefore"],
};
