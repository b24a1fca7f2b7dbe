/** A link that keeps what is written into it, and drains when it is told to. */
import { Writer } from "../../../protocol/jute.ts";
import type { QuorumLink } from "../../../server/zab/effects.ts";

export class FakeLink implements QuorumLink {
  readonly remoteAddress = "learner";
  readonly out: Writer = new Writer();
  readonly sent: Buffer[] = [];
  isBlocked = false;
  /** Somebody asked for `fill`. */
  isMarked = false;

  mark(): void {
    this.isMarked = true;
  }

  /** What the end of a turn does. Returns the bytes that left. */
  turn(fill: (room: number) => void, room: number): number {
    this.isMarked = false;
    fill(room);
    const bytes = this.out.length;
    if (bytes > 0) this.sent.push(Buffer.from(this.out.written()));
    this.out.clear();
    return bytes;
  }

  readRaw(): void {
    throw new Error("only a learner reads");
  }

  pause(): void {}

  resume(): void {}

  close(): void {}
}
