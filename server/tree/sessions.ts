/**
 * The sessions that exist, as replicated state: created and closed by txns, kept in snapshots
 * (storage 4). Who is connected and until when is the session room's matter.
 */
import type { Writer } from "../../protocol/jute.ts";
import { wordsHex } from "../../protocol/zxid.ts";

interface SessionEntry {
  readonly high: number;
  readonly low: number;
  readonly timeoutMs: number;
}

export class SessionTable {
  readonly #byId = new Map<string, SessionEntry>();

  get size(): number {
    return this.#byId.size;
  }

  has(high: number, low: number): boolean {
    return this.#byId.has(wordsHex(high, low));
  }

  /** The timeout that was negotiated when the session was created; undefined: no such session. */
  timeoutMs(high: number, low: number): number | undefined {
    return this.#byId.get(wordsHex(high, low))?.timeoutMs;
  }

  set(high: number, low: number, timeoutMs: number): void {
    this.#byId.set(wordsHex(high, low), { high, low, timeoutMs });
  }

  remove(high: number, low: number): void {
    this.#byId.delete(wordsHex(high, low));
  }

  forEach(found: (high: number, low: number, timeoutMs: number) => void): void {
    for (const { high, low, timeoutMs } of this.#byId.values()) found(high, low, timeoutMs);
  }

  // The snapshot's section: int n, n x (long sessionId, int timeoutMs)
  write(writer: Writer): void {
    writer.int(this.#byId.size);
    for (const { high, low, timeoutMs } of this.#byId.values()) {
      writer.words(high, low);
      writer.int(timeoutMs);
    }
  }
}
