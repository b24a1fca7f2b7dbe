import type { Bug } from "../bug.ts";

/** A connection is told of a change after the next reply, which may already show it. */
export const bug: Bug = {
  name: "watch-after-reply",
  file: "server/net/connection.ts",
  anchor: `    this.#context.stats.countResponse(this.#outbox.endReply(zxid, code));
    this.#countSent();
  }

  answered(type: number, xid: number, zxid: Zxid, latencyMs: number, nowMs: number): void {
    this.usage.answered(type, xid, zxid, latencyMs, nowMs);
  }

  deliver(frame: Buffer): void {
    if (this.#state !== "open") return;
    this.out.raw(frame);
    this.#countSent();
  }`,
  replacement: `    this.#context.stats.countResponse(this.#outbox.endReply(zxid, code));
    for (const frame of this.late) this.out.raw(frame);
    this.late = [];
    this.#countSent();
  }

  late: Buffer[] = [];

  answered(type: number, xid: number, zxid: Zxid, latencyMs: number, nowMs: number): void {
    this.usage.answered(type, xid, zxid, latencyMs, nowMs);
  }

  deliver(frame: Buffer): void {
    if (this.#state !== "open") return;
    this.late.push(Buffer.from(frame));
    this.#countSent();
  }`,
  foundBy: ["WatchesOnceAndBefore"],
};
