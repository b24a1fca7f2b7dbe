/**
 * A file's bytes as the page cache has them and as the platter may have them. For each block that
 * changed since a sync, the earlier content is kept; a power cut picks among the versions, sector
 * by sector. Blocks that were never written are holes and read as zeros, so a preallocated file
 * costs nothing.
 */
import type { SimRandom } from "./sim-random.ts";

export const BLOCK_BYTES = 4096;
const SECTOR_BYTES = 512;

/** What a sync that is under way, or has failed, would make durable: the state before it. */
export interface Checkpoint {
  readonly blocks: Map<number, Uint8Array | undefined>;
  readonly size: number;
  /** The sync failed: the kernel holds the pages for clean, the platter may not have them. */
  failed: boolean;
}

/** What a power cut does to a file's blocks. */
type Habit = "lost" | "partly" | "kept";

/** What a power cut did to a file. */
export interface Loss {
  lost: number;
  torn: number;
}

export class Inode {
  size = 0;
  readonly #blocks = new Map<number, Uint8Array>();
  /** Earlier content of blocks changed since the last sync began; undefined: a hole. */
  #before = new Map<number, Uint8Array | undefined>();
  #sizeBefore = 0;
  /** Syncs that have begun and not succeeded, oldest first. */
  #checkpoints: Checkpoint[] = [];

  /** How many blocks it fills. */
  get blockCount(): number {
    return this.#blocks.size;
  }

  /** How many blocks writing there would add. */
  missingBlocks(position: number, length: number): number {
    let missing = 0;
    for (let block = blockOf(position); block <= blockOf(position + length - 1); block++) {
      if (!this.#blocks.has(block)) missing++;
    }
    return missing;
  }

  read(target: Uint8Array, position: number): number {
    const length = Math.max(0, Math.min(target.length, this.size - position));
    target.fill(0, 0, length);
    let at = 0;
    while (at < length) {
      const offset = (position + at) % BLOCK_BYTES;
      const part = Math.min(BLOCK_BYTES - offset, length - at);
      const block = this.#blocks.get(blockOf(position + at));
      if (block !== undefined) target.set(block.subarray(offset, offset + part), at);
      at += part;
    }
    return length;
  }

  write(bytes: Uint8Array, position: number): void {
    let at = 0;
    while (at < bytes.length) {
      const offset = (position + at) % BLOCK_BYTES;
      const part = Math.min(BLOCK_BYTES - offset, bytes.length - at);
      this.#change(blockOf(position + at)).set(bytes.subarray(at, at + part), offset);
      at += part;
    }
    this.size = Math.max(this.size, position + bytes.length);
  }

  truncate(size: number): void {
    for (const block of [...this.#blocks.keys()]) {
      if (block * BLOCK_BYTES >= size) {
        this.#change(block);
        this.#blocks.delete(block);
      } else if ((block + 1) * BLOCK_BYTES > size) {
        this.#change(block).fill(0, size - block * BLOCK_BYTES);
      }
    }
    this.size = size;
  }

  /** A sync begins: it covers what was written before. */
  beginSync(): Checkpoint {
    const checkpoint = { blocks: this.#before, size: this.#sizeBefore, failed: false };
    this.#checkpoints.push(checkpoint);
    this.#before = new Map();
    this.#sizeBefore = this.size;
    return checkpoint;
  }

  endSync(checkpoint: Checkpoint, succeeded: boolean): void {
    if (!succeeded) {
      checkpoint.failed = true;
      return;
    }
    const upTo = this.#checkpoints.indexOf(checkpoint);
    // What was written again after a failed sync is dirty again, and now on the platter.
    for (const [index, { failed, blocks }] of this.#checkpoints.entries()) {
      if (!failed || index >= upTo) continue;
      for (const block of checkpoint.blocks.keys()) blocks.delete(block);
    }
    this.#checkpoints = this.#checkpoints.filter(
      ({ failed, blocks }, index) => index > upTo || (failed && blocks.size > 0),
    );
  }

  /** The power is cut: every block that was not synced becomes any of its versions, or a mixture. */
  powerCut(draw: SimRandom): Loss {
    const loss = { lost: 0, torn: 0 };
    const states = [...this.#checkpoints, { blocks: this.#before, size: this.#sizeBefore }];
    const changed = new Set<number>();
    for (const state of states) for (const block of state.blocks.keys()) changed.add(block);
    // At times all is lost, at times the cache was written back, most often a part is.
    const habit = draw.pick<Habit>(["lost", "partly", "partly", "kept"]);
    for (const block of changed) {
      const versions = versionsOf(states, block);
      versions.push(this.#blocks.get(block));
      this.#settle(block, versions, habit, draw, loss);
    }
    const sizes = [...states.map((state) => state.size), this.size];
    const size =
      habit === "lost" ? (sizes[0] as number) : habit === "kept" ? this.size : draw.pick(sizes);
    this.#before.clear();
    this.#checkpoints = [];
    if (size < this.size) {
      if (loss.lost === 0) loss.lost++;
      this.truncate(size);
      this.#before.clear();
    } else {
      this.size = size;
    }
    this.#sizeBefore = this.size;
    return loss;
  }

  /** Flips one bit for good, as a decaying medium does. Flipping it again mends it. */
  flip(position: number, bit: number): void {
    const block = this.#blocks.get(blockOf(position));
    const offset = position % BLOCK_BYTES;
    if (block !== undefined) block[offset] = (block[offset] as number) ^ (1 << bit);
  }

  /** The block's memory, after its content is remembered for a power cut. */
  #change(block: number): Uint8Array {
    let bytes = this.#blocks.get(block);
    if (!this.#before.has(block)) this.#before.set(block, bytes && copyOf(bytes));
    if (bytes === undefined) {
      bytes = newBlock();
      this.#blocks.set(block, bytes);
    }
    return bytes;
  }

  #settle(
    block: number,
    versions: (Uint8Array | undefined)[],
    habit: Habit,
    draw: SimRandom,
    loss: Loss,
  ): void {
    const newest = versions.length - 1;
    const fate = draw.fraction();
    if (habit === "kept" || (habit === "partly" && fate < 0.3)) return; // written back in time
    if (habit === "lost" || fate < 0.5) {
      const version = versions[habit === "lost" ? 0 : draw.below(newest + 1)];
      if (version === undefined) this.#blocks.delete(block);
      else this.#blocks.set(block, version);
      loss.lost++;
      return;
    }
    const mixed = newBlock();
    for (let at = 0; at < BLOCK_BYTES; at += SECTOR_BYTES) {
      const sector = versions[draw.below(newest + 1)]?.subarray(at, at + SECTOR_BYTES);
      if (sector !== undefined) mixed.set(sector, at);
    }
    this.#blocks.set(block, mixed);
    loss.torn++;
  }
}

/** The earlier contents of a block, oldest first. */
function versionsOf(
  states: readonly { readonly blocks: ReadonlyMap<number, Uint8Array | undefined> }[],
  block: number,
): (Uint8Array | undefined)[] {
  return states.filter((state) => state.blocks.has(block)).map((state) => state.blocks.get(block));
}

/** What blocks are cut from: one by one, they would be most of what the garbage collector sees. */
const SLAB_BYTES = 16 * BLOCK_BYTES;
let slab = new ArrayBuffer(SLAB_BYTES);
let slabUsed = 0;

/** A block of zeros. */
function newBlock(): Uint8Array {
  if (slabUsed === SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    slabUsed = 0;
  }
  const block = new Uint8Array(slab, slabUsed, BLOCK_BYTES);
  slabUsed += BLOCK_BYTES;
  return block;
}

function copyOf(block: Uint8Array): Uint8Array {
  const copy = newBlock();
  copy.set(block);
  return copy;
}

function blockOf(position: number): number {
  return Math.floor(position / BLOCK_BYTES);
}
