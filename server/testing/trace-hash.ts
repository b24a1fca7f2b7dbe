/**
 * A running 64-bit hash of all that happens in a world: two runs of a seed are the same run if and
 * only if their hashes are equal (but for chance). Two multiplicative lanes of 32 bits, which
 * are mixed into each other when the hash is read.
 */
export class TraceHash {
  #high = 0x811c9dc5 | 0;
  #low = 0x01000193 | 0;

  /** Takes in 32 bits. */
  word(value: number): void {
    this.#high = Math.imul(this.#high ^ value, 0x9e3779b1);
    this.#high ^= this.#high >>> 15;
    this.#low = Math.imul(this.#low ^ value, 0x85ebca77);
    this.#low ^= this.#low >>> 13;
  }

  /** Takes in a whole number up to 2^53. */
  count(value: number): void {
    this.word(value | 0);
    this.word(Math.floor(value / 0x1_0000_0000));
  }

  bytes(bytes: Uint8Array): void {
    this.word(bytes.length);
    for (let at = 0; at < bytes.length; at++) this.word(bytes[at] as number);
  }

  text(text: string): void {
    this.word(text.length);
    for (let at = 0; at < text.length; at++) this.word(text.charCodeAt(at));
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    const high = Math.imul(this.#high ^ (this.#low >>> 11), 0xc2b2ae3d);
    const low = Math.imul(this.#low ^ (this.#high >>> 9), 0x27d4eb2f);
    return wordHex(high ^ (low >>> 16)) + wordHex(low ^ (high >>> 16));
  }
}

function wordHex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
