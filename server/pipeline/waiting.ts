/**
 * Reads of one connection that wait for an earlier write of the same session (server-semantics
 * 3.6, rule 4), in the order they came:
 *
 *   [ position | ids | length | frame ][ position | ids | length | frame ] ...
 *     ^ #head                                                              ^ #end
 *
 * A frame may run once the session's writes up to `position` have been answered; it runs with the
 * first `ids` identities of its connection, those that were proven when it came. The frames are
 * copied, since the chunk that they came in is gone by then; the memory is used again.
 *
 * One that may take several turns seals the queue: a write behind it would be applied, and answered,
 * before the read has ended. So nothing more is read from the connection until the queue is empty.
 */
const HEADER_BYTES = 16;
/** A whole request has a type too. */
export const XID_BYTES = 4;
const INITIAL_BYTES = 1024;
/**
 * Above this no more is read from the connection: they are all answered in one step, and each
 * answer may be as large as a znode, so many may be owed at once.
 */
const FULL_FRAMES = 48;
const FULL_BYTES: number = 1024 * 1024;
/** A queue that grew beyond this gives its memory back when it is empty. */
const RETAINED_BYTES_MAX = 0x1_0000;

/** A frame whose time has come, and with how many ids. False: no more for now. */
export type WaitingHandler = (bytes: Buffer, start: number, end: number, ids: number) => boolean;

const EMPTY = Buffer.alloc(0);

export class WaitingFrames {
  #bytes: Buffer = EMPTY;
  /** Invariant: 0 <= #head <= #end <= #bytes.length. */
  #head = 0;
  #end = 0;
  #count = 0;
  #isSealed = false;

  get isEmpty(): boolean {
    return this.#head === this.#end;
  }

  /** Frames that wait. */
  get count(): number {
    return this.#count;
  }

  /** Bytes that wait. */
  get size(): number {
    return this.#end - this.#head;
  }

  /** Nothing more is to be read from the connection before some of them have been answered. */
  get isFull(): boolean {
    if (this.isEmpty) return false;
    return this.#isSealed || this.#count >= FULL_FRAMES || this.size > FULL_BYTES;
  }

  /** A request that is refused once its turn comes stands here with its xid alone. */
  pushRefused(position: number, xid: number): void {
    const frame = Buffer.alloc(XID_BYTES);
    frame.writeInt32BE(xid);
    this.push(position, 0, frame, 0, XID_BYTES);
  }

  push(position: number, ids: number, frame: Buffer, start: number, end: number): void {
    const length = end - start;
    this.#makeRoom(HEADER_BYTES + length);
    this.#bytes.writeDoubleBE(position, this.#end);
    this.#bytes.writeInt32BE(ids, this.#end + 8);
    this.#bytes.writeInt32BE(length, this.#end + 12);
    frame.copy(this.#bytes, this.#end + HEADER_BYTES, start, end);
    this.#end += HEADER_BYTES + length;
    this.#count++;
    this.#isSealed = false;
  }

  /** The one that was pushed last may take several turns. */
  seal(): void {
    this.#isSealed = true;
  }

  /** Hands out the frames whose position is at most `answered`, oldest first; false stops it. */
  drain(answered: number, run: WaitingHandler): void {
    while (this.#head < this.#end) {
      if (this.#bytes.readDoubleBE(this.#head) > answered) return;
      const ids = this.#bytes.readInt32BE(this.#head + 8);
      const start = this.#head + HEADER_BYTES;
      const end = start + this.#bytes.readInt32BE(this.#head + 12);
      this.#head = end;
      this.#count--;
      if (!run(this.#bytes, start, end, ids)) return;
    }
    this.clear();
  }

  clear(): void {
    this.#head = 0;
    this.#end = 0;
    this.#count = 0;
    if (this.#bytes.length > RETAINED_BYTES_MAX) this.#bytes = EMPTY;
  }

  #makeRoom(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return;
    const size = this.size;
    const fits = size + bytes <= this.#bytes.length / 2;
    const target = fits
      ? this.#bytes
      : Buffer.allocUnsafeSlow(Math.max(INITIAL_BYTES, (size + bytes) * 2));
    this.#bytes.copy(target, 0, this.#head, this.#end);
    this.#bytes = target;
    this.#head = 0;
    this.#end = size;
  }
}
