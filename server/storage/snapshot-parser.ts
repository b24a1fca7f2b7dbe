/**
 * Reads a snapshot file: the tree in it goes to a sink, a tree at start-up, nothing where a purge
 * only wants to know that the file is whole. It stops and goes on anywhere between two entries, so
 * that a purge can spread over many turns.
 */
import { SNAPSHOT_FILE_HEADER } from "../../protocol/persistence.ts";
import { DIGEST_VERSION } from "../../protocol/txn.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import { fromWords } from "../../protocol/zxid.ts";
import { ADLER_START, adler32 } from "./adler32.ts";
import { FileWindow } from "./file-window.ts";
import { LAST_ZXID_SECTION_BYTES, SEAL_BYTES, SLASH } from "./snapshot-format.ts";
import type { ByteSource } from "./snapshot-source.ts";
import { SnapshotError, TreeParser, type TreeSink } from "./tree-parser.ts";

/** The digest section. */
export interface SnapshotDigest {
  /** E: the last txn that was applied when copying ended. */
  readonly zxid: Zxid;
  readonly high: number;
  readonly low: number;
}

const HEADER_BYTES = 16;
/** No entry of a snapshot is longer. */
const ENTRY_MAX_BYTES: number = 1024 * 1024 * 1024;

type Phase = "header" | "tree" | "sections" | "done";

export class SnapshotParser {
  /** Once done: undefined where the section is absent or of an old version. */
  digest: SnapshotDigest | undefined;
  /** Once done: the lastZxid section's; it is checked and has no further use at start-up. */
  lastZxid: Zxid | undefined;

  readonly #window: FileWindow;
  readonly #tree: TreeParser;
  #phase: Phase = "header";
  #position = 0;
  /** Adler-32 of the bytes before `#position`. */
  #sum: number = ADLER_START;

  constructor(source: ByteSource, sink: TreeSink) {
    this.#window = new FileWindow(source);
    this.#tree = new TreeParser(sink, {
      position: HEADER_BYTES,
      entryMaxBytes: ENTRY_MAX_BYTES,
      entriesMax: this.#window.size,
    });
  }

  /** Znodes handed to the sink. */
  get znodes(): number {
    return this.#tree.znodes;
  }

  get position(): number {
    return this.#position;
  }

  /**
   * Reads on for `budgetBytes` or an entry. False: the snapshot was read to its end and is whole.
   *
   * @throws SnapshotError it is not; JuteError for an access list that is none.
   */
  advance(budgetBytes: number): boolean {
    const enough = this.#position + budgetBytes;
    while (this.#phase !== "done" && this.#position < enough) {
      if (this.#phase === "header") this.#header();
      else if (this.#phase === "tree") this.#readTree(enough - this.#position);
      else this.#sections();
    }
    return this.#phase !== "done";
  }

  #header(): void {
    const at = this.#need(HEADER_BYTES);
    if (this.#window.bytes.readInt32BE(at) !== SNAPSHOT_FILE_HEADER.magic) {
      throw new SnapshotError("it does not start with ZKSN");
    }
    this.#take(at, HEADER_BYTES);
    this.#phase = "tree";
  }

  /** Reads what the window holds of it, up to `budgetBytes` where that is less. */
  #readTree(budgetBytes: number): void {
    const { needed } = this.#tree;
    const start = this.#need(needed);
    const available = this.#window.available(this.#position);
    const end = start + Math.min(available, Math.max(budgetBytes, needed));
    const stopped = this.#tree.read(this.#window.bytes, start, end);
    this.#take(start, stopped - start);
    if (!this.#tree.isComplete) return;
    this.#checkSeal();
    this.#phase = "sections";
  }

  /**
   * By what is left of the file, not by settings: either section may be missing (ST-17). Bytes that
   * no section explains are ignored.
   */
  #sections(): void {
    const left = (): number => this.#window.size - this.#position;
    if (left() > LAST_ZXID_SECTION_BYTES) this.#digestSection();
    if (left() >= LAST_ZXID_SECTION_BYTES) {
      this.lastZxid = this.#zxid();
      this.#checkSeal();
    }
    this.#phase = "done";
  }

  #digestSection(): void {
    const zxid = this.#zxid();
    const at = this.#need(4);
    const version = this.#window.bytes.readInt32BE(at);
    this.#take(at, 4);
    if (version < DIGEST_VERSION) {
      const length = 4 + this.#checkLength(this.#window.bytes.readInt32BE(this.#need(4)));
      this.#take(this.#need(length), length);
    } else {
      const digestAt = this.#need(8);
      const { bytes } = this.#window;
      const high = bytes.readInt32BE(digestAt);
      const low = bytes.readInt32BE(digestAt + 4);
      if (version === DIGEST_VERSION) this.digest = { zxid, high, low };
      this.#take(digestAt, 8);
    }
    this.#checkSeal();
  }

  #zxid(): Zxid {
    const at = this.#need(8);
    const { bytes } = this.#window;
    const zxid = fromWords(bytes.readInt32BE(at), bytes.readInt32BE(at + 4));
    this.#take(at, 8);
    return zxid;
  }

  #checkSeal(): void {
    const expected = this.#sum;
    const at = this.#need(SEAL_BYTES);
    const { bytes } = this.#window;
    const holds =
      bytes.readInt32BE(at) === 0 &&
      bytes.readUInt32BE(at + 4) === expected &&
      bytes.readInt32BE(at + 8) === 1 &&
      bytes[at + 12] === SLASH;
    if (!holds) throw new SnapshotError(`the checksum at byte ${this.#position} does not match`);
    this.#take(at, SEAL_BYTES);
  }

  /** A null string has no bytes. */
  #checkLength(length: number): number {
    if (length < -1 || length > ENTRY_MAX_BYTES) {
      throw new SnapshotError(`a field of ${length} bytes in the entry at byte ${this.#position}`);
    }
    return Math.max(length, 0);
  }

  /** Where in the window the next `count` bytes are. */
  #need(count: number): number {
    const at = this.#window.locate(this.#position, count);
    if (at < 0) throw new SnapshotError(`it ends inside the entry at byte ${this.#position}`);
    return at;
  }

  /** The next `count` bytes, which are at `at`, have been read. */
  #take(at: number, count: number): void {
    this.#sum = adler32(this.#window.bytes, at, at + count, this.#sum);
    this.#position += count;
  }
}
