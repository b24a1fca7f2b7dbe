/**
 * Cuts one connection's stream into frames: `int length`, then that many bytes (client-protocol 2).
 *
 * A chunk is passed over once. A frame that lies whole in it is handed out in place; only the bytes
 * of a frame torn between chunks are copied, into one buffer that is used again. No object is made
 * per frame. A length is checked as soon as its four bytes are there, before any of the body is
 * kept, and what a torn frame occupies grows with the bytes that came, not with what was announced.
 */

/** Bytes of a frame's length. */
const LENGTH_BYTES = 4;

/** A buffer larger than this is given up once the frame that needed it has been handed out. */
const RETAINED_BYTES_MAX = 0x1_0000;

const EMPTY = Buffer.alloc(0);

/** A frame's body, `bytes` from `start` up to `end`: the callee's until it returns. */
export type FrameHandler = (bytes: Buffer, start: number, end: number) => void;

/**
 * Four bytes that are no length within the limits, as a signed int; nothing is handed out after
 * this. At the start of a connection they may be a four-letter word.
 */
export type RefusalHandler = (length: number) => void;

export class FrameSplitter {
  readonly #minimum: number;
  readonly #maximum: number;
  readonly #onFrame: FrameHandler;
  readonly #onRefused: RefusalHandler;
  /** Bytes that came and were not handed out, from #start up to #end. */
  #kept: Buffer = EMPTY;
  /** Invariant: 0 <= #start <= #end <= #kept.length. Unless paused they are less than a frame. */
  #start = 0;
  #end = 0;
  #paused = false;
  #stopped = false;
  #dispatching = false;

  /**
   * @param maximum The largest body in bytes; a larger or a negative length is refused.
   * @param minimum The smallest body in bytes.
   */
  constructor(maximum: number, onFrame: FrameHandler, onRefused: RefusalHandler, minimum = 0) {
    this.#minimum = minimum;
    this.#maximum = maximum;
    this.#onFrame = onFrame;
    this.#onRefused = onRefused;
  }

  /** Bytes that wait for the rest of their frame, or for `resume`. */
  get keptBytes(): number {
    return this.#end - this.#start;
  }

  /** Takes the next bytes of the stream; they are the caller's again when this returns. */
  push(chunk: Buffer): void {
    if (this.#stopped) return;
    if (this.#paused) {
      this.#keep(chunk, 0, chunk.length);
      return;
    }
    this.#dispatching = true;
    const at = this.#split(chunk, this.#completeTorn(chunk), chunk.length);
    this.#dispatching = false;
    this.#keepRest(chunk, at);
  }

  /**
   * Hands out nothing until `resume`; callable from inside a frame's handler. What the stream still
   * brings is kept: pause the link as well, then that is the rest of one chunk.
   */
  pause(): void {
    this.#paused = true;
  }

  /** Hands out the frames that were kept. */
  resume(): void {
    this.#paused = false;
    // Inside a frame's handler the loop that called it goes on by itself.
    if (this.#dispatching || this.#stopped) return;
    this.#dispatching = true;
    this.#start = this.#split(this.#kept, this.#start, this.#end);
    this.#dispatching = false;
    this.#forgetSpent();
  }

  /** Hands out nothing ever again, not even what the chunk at hand still holds. */
  stop(): void {
    this.#stopped = true;
    if (!this.#dispatching) this.#forget();
  }

  /** Hands out the frames that lie whole in `bytes` and returns where it stopped. */
  #split(bytes: Buffer, from: number, end: number): number {
    let at = from;
    while (end - at >= LENGTH_BYTES && !this.#paused && !this.#stopped) {
      const length = bytes.readInt32BE(at);
      if (!this.#accepts(length)) return at;
      const start = at + LENGTH_BYTES;
      if (length > end - start) return at;
      at = start + length;
      this.#onFrame(bytes, start, at);
    }
    return at;
  }

  /** Adds to a torn frame what it lacks, hands it out when whole; returns how much that took. */
  #completeTorn(chunk: Buffer): number {
    if (this.#start === this.#end) return 0;
    let taken = 0;
    if (this.keptBytes < LENGTH_BYTES) {
      taken = Math.min(LENGTH_BYTES - this.keptBytes, chunk.length);
      this.#keep(chunk, 0, taken);
      if (this.keptBytes < LENGTH_BYTES) return taken;
    }
    const length = this.#kept.readInt32BE(this.#start);
    if (!this.#accepts(length)) return taken;
    const lacking = LENGTH_BYTES + length - this.keptBytes;
    const more = Math.min(lacking, chunk.length - taken);
    this.#keep(chunk, taken, taken + more);
    if (more === lacking) {
      const start = this.#start + LENGTH_BYTES;
      const bytes = this.#kept;
      this.#forget();
      this.#onFrame(bytes, start, start + length);
    }
    return taken + more;
  }

  #accepts(length: number): boolean {
    if (length >= this.#minimum && length <= this.#maximum) return true;
    this.#stopped = true;
    this.#onRefused(length);
    return false;
  }

  #keepRest(chunk: Buffer, from: number): void {
    if (this.#stopped) this.#forget();
    else if (from < chunk.length) this.#keep(chunk, from, chunk.length);
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    const bytes = to - from;
    if (this.#end + bytes > this.#kept.length) this.#makeRoom(bytes);
    chunk.copy(this.#kept, this.#end, from, to);
    this.#end += bytes;
  }

  #makeRoom(bytes: number): void {
    const kept = this.keptBytes;
    const doubled = Math.min(this.#kept.length * 2, this.#maximum + LENGTH_BYTES);
    const capacity = Math.max(kept + bytes, doubled);
    const target = capacity > this.#kept.length ? Buffer.allocUnsafeSlow(capacity) : this.#kept;
    this.#kept.copy(target, 0, this.#start, this.#end);
    this.#kept = target;
    this.#start = 0;
    this.#end = kept;
  }

  #forgetSpent(): void {
    if (this.#stopped || this.#start === this.#end) this.#forget();
  }

  #forget(): void {
    this.#start = 0;
    this.#end = 0;
    if (this.#kept.length > RETAINED_BYTES_MAX) this.#kept = EMPTY;
  }
}
