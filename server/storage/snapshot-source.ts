/** A snapshot file as plain bytes, whatever it is compressed with (storage ST-5, ST-19, ST-20). */
import { gunzipSync } from "node:zlib";
import type { Disk } from "../../protocol/host.ts";
import { isSnappyStream, unsnappyStream } from "./snappy.ts";
import { SLASH, SNAPSHOT_MIN_BYTES } from "./snapshot-format.ts";

/** Bytes that are read from front to back. */
export interface ByteSource {
  size(): number;
  /** Fills `target` from `position` on as far as there are bytes; returns how many. */
  readNow(target: Uint8Array, position: number): number;
  closeNow(): void;
}

/** The largest snapshot that is decompressed: it is held in memory while it is read. */
const DECOMPRESSED_MAX_BYTES: number = 4 * 1024 * 1024 * 1024;

/** Bytes at the start or end of a file that tell what it is. */
const MARK_BYTES = 8;

export type Compression = "none" | "gz" | "snappy";

export function compressionOf(name: string): Compression {
  if (name.endsWith(".gz")) return "gz";
  return name.endsWith(".snappy") ? "snappy" : "none";
}

/**
 * Whether a file may be a whole snapshot, without reading it: a plain one ends with a seal, a
 * compressed one starts with its format's mark.
 */
export function passesForSnapshot(disk: Disk, path: string): boolean {
  const file = disk.openNow(path, "read");
  try {
    const size = file.size();
    const mark = Buffer.alloc(MARK_BYTES);
    const compression = compressionOf(path);
    if (compression === "none") {
      if (size < SNAPSHOT_MIN_BYTES) return false;
      file.readNow(mark.subarray(0, 5), size - 5);
      return mark.readInt32BE(0) === 1 && mark[4] === SLASH;
    }
    file.readNow(mark, 0);
    return compression === "gz" ? mark[0] === 0x1f && mark[1] === 0x8b : isSnappyStream(mark);
  } finally {
    file.closeNow();
  }
}

/** @throws Error for a compressed stream that is damaged; HostError. */
export function openSnapshot(disk: Disk, path: string): ByteSource {
  const file = disk.openNow(path, "read");
  const compression = compressionOf(path);
  if (compression === "none") return file;
  try {
    const compressed = Buffer.allocUnsafeSlow(file.size());
    file.readNow(compressed, 0);
    if (compression === "snappy") return new MemorySource(unsnappyStream(compressed));
    return new MemorySource(gunzipSync(compressed, { maxOutputLength: DECOMPRESSED_MAX_BYTES }));
  } finally {
    file.closeNow();
  }
}

class MemorySource implements ByteSource {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  size(): number {
    return this.#bytes.length;
  }

  readNow(target: Uint8Array, position: number): number {
    return this.#bytes.copy(target, 0, position);
  }

  closeNow(): void {
    // Memory alone: nothing is open.
  }
}
