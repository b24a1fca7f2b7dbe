/**
 * Names as the cache has them, and as a journal may have them after a power cut. Each change is
 * atomic; which of those since the last sync last is for chance: often a prefix, as a journal
 * writes them, at times any subset, which POSIX allows.
 */
import type { DiskLosses } from "./sim-disk.ts";
import type { Inode } from "./sim-file.ts";
import type { SimRandom } from "./sim-random.ts";

export type Entry = Inode | Directory;

/** One atomic change; a rename removes and puts. */
export interface NameChange {
  readonly remove?: string;
  readonly put?: string;
  readonly entry?: Entry;
}

export class Directory {
  readonly names: Map<string, Entry> = new Map<string, Entry>();
  readonly #durable = new Map<string, Entry>();
  /** Changes since the last sync, oldest first. Invariant: durable + changes = names. */
  #changes: NameChange[] = [];
  /** How many changes were made durable before. */
  #synced = 0;

  change(change: NameChange): void {
    apply(this.names, change);
    this.#changes.push(change);
  }

  /** How many changes there have been: what a sync that begins now covers. */
  mark(): number {
    return this.#synced + this.#changes.length;
  }

  sync(mark: number = this.mark()): void {
    const covered = Math.max(0, mark - this.#synced);
    for (const change of this.#changes.splice(0, covered)) apply(this.#durable, change);
    this.#synced += covered;
  }

  /** Settles names and all that lies below. */
  powerCut(draw: SimRandom, losses: DiskLosses): void {
    const habit = draw.below(4);
    const kept =
      habit === 0 ? 0 : habit === 1 ? this.#changes.length : draw.below(this.#changes.length + 1);
    for (const [index, change] of this.#changes.entries()) {
      const lasts = habit === 3 ? draw.chance(0.5) : index < kept;
      if (lasts) apply(this.#durable, change);
      else losses.lostNames++;
    }
    this.#changes = [];
    this.names.clear();
    for (const [name, entry] of this.#durable) this.names.set(name, entry);
    for (const entry of this.names.values()) {
      if (entry instanceof Directory) {
        entry.powerCut(draw, losses);
      } else {
        const loss = entry.powerCut(draw);
        losses.lostBlocks += loss.lost;
        losses.tornBlocks += loss.torn;
      }
    }
  }
}

function apply(names: Map<string, Entry>, change: NameChange): void {
  if (change.remove !== undefined) names.delete(change.remove);
  if (change.put !== undefined && change.entry !== undefined) names.set(change.put, change.entry);
}
