/**
 * The ids that learners send with each request (`readIds`): a few different ones, said again with
 * every write. What was read before is given again, so that a request costs a comparison of bytes.
 */
import { type Packet, type PacketId, readIds } from "./quorum.ts";

/** As many different ones as are remembered. A power of two. */
const SLOTS = 256;
/** Longer ones are read each time. */
const BYTES_MAX = 512;

interface Known {
  readonly bytes: Buffer;
  readonly ids: readonly PacketId[];
}

export class PresentedIds {
  /** Each list stands in the slot of its hash, the last one that was read. */
  readonly #slots: (Known | undefined)[] = Array.from({ length: SLOTS }, () => undefined);

  /** The ids of a packet, whose lengths its splitter has checked. One list for the same bytes. */
  of(packet: Packet): readonly PacketId[] {
    const { bytes, idsStart, end } = packet;
    if (end - idsStart > BYTES_MAX) return readIds(packet);
    let hash = 0;
    for (let at = idsStart; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] ?? 0)) | 0;
    const slot = (hash ^ (hash >>> 8)) & (SLOTS - 1);
    const known = this.#slots[slot];
    if (known?.bytes.compare(bytes, idsStart, end) === 0) return known.ids;
    const ids = readIds(packet);
    this.#slots[slot] = { bytes: Buffer.from(bytes.subarray(idsStart, end)), ids };
    return ids;
  }
}
