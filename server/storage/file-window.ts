/**
 * A file read from front to back through one buffer, with the bytes asked for in one piece. Start-up
 * reads gigabytes this way: synchronously, since nothing else runs then, in chunks that stay in the
 * processor's cache.
 */
import type { ByteSource } from "./snapshot-source.ts";

/** Read at a time; 1 MB measured as fast as anything larger. */
const CHUNK_BYTES: number = 1024 * 1024;

/** Invariant: bytes[0, #filled) are the file's bytes from #from on. */
export class FileWindow {
  bytes: Buffer;
  readonly size: number;
  readonly #file: ByteSource;
  #from = 0;
  #filled = 0;

  readonly #chunkBytes: number;

  constructor(file: ByteSource, chunkBytes: number = CHUNK_BYTES) {
    this.#file = file;
    this.#chunkBytes = chunkBytes;
    this.size = file.size();
    this.bytes = Buffer.allocUnsafeSlow(Math.min(chunkBytes, this.size));
  }

  /**
   * Where in `bytes` the `count` bytes at `position` are, until the next call; -1 when the file
   * ends before.
   */
  locate(position: number, count: number): number {
    const at = position - this.#from;
    if (at >= 0 && at + count <= this.#filled) return at;
    if (position + count > this.size) return -1;
    this.#load(position, count);
    return count <= this.#filled ? 0 : -1;
  }

  /** How many bytes from `position` on are in `bytes` already. */
  available(position: number): number {
    return Math.max(0, this.#from + this.#filled - position);
  }

  #load(position: number, count: number): void {
    const at = position - this.#from;
    const kept = at >= 0 && at < this.#filled ? this.#filled - at : 0;
    const wanted = Math.max(count, Math.min(this.#chunkBytes, this.size - position));
    if (wanted > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(wanted);
      this.bytes.copy(larger, 0, at, at + kept);
      this.bytes = larger;
    } else {
      this.bytes.copyWithin(0, at, at + kept);
    }
    this.#from = position;
    const target = this.bytes.subarray(kept, wanted);
    this.#filled = kept + this.#file.readNow(target, position + kept);
  }
}
