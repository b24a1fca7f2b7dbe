/**
 * Deletes containers whose last child is gone (server-semantics 9.3; ZooKeeper 3.9,
 * ContainerManager). It only proposes: prep looks again, against what is outstanding too.
 */
import type { Clock, Timer } from "../../protocol/host.ts";
import type { DataTree, Slot } from "../tree/data-tree.ts";

export interface ReaperOptions {
  readonly checkIntervalMs: number;
  readonly maxPerMinute: number;
  /** A container that never had a child goes after this time; 0: never. */
  readonly maxNeverUsedMs: number;
}

const MINUTE_MS = 60_000;

export class ContainerReaper {
  readonly #clock: Clock;
  readonly #tree: DataTree;
  readonly #options: ReaperOptions;
  readonly #deleteContainer: (path: string) => void;
  readonly #step: () => void;
  /** Found at the last check, the next to go at the end. */
  #candidates: string[] = [];
  #timer: Timer | undefined;

  constructor(
    clock: Clock,
    tree: DataTree,
    options: ReaperOptions,
    deleteContainer: (path: string) => void,
  ) {
    this.#clock = clock;
    this.#tree = tree;
    this.#options = options;
    this.#deleteContainer = deleteContainer;
    this.#step = () => this.#next();
  }

  start(): void {
    this.#timer = this.#clock.after(this.#options.checkIntervalMs, this.#step);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** One deletion at a time, spread over the minute; a new search once all have gone. */
  #next(): void {
    const { checkIntervalMs, maxPerMinute } = this.#options;
    if (this.#candidates.length === 0) this.#search();
    const path = this.#candidates.pop();
    if (path !== undefined && this.#isStillUseless(path)) this.#deleteContainer(path);
    const waitMs = this.#candidates.length > 0 ? MINUTE_MS / maxPerMinute : checkIntervalMs;
    this.#timer = this.#clock.after(waitMs, this.#step);
  }

  #search(): void {
    const wallMs = this.#clock.wallMs();
    for (const slot of this.#tree.containers) {
      if (this.#isUseless(slot, wallMs)) this.#candidates.push(this.#tree.pathText(slot));
    }
  }

  /** Another one may have taken its place since the search, and may not have been used yet. */
  #isStillUseless(path: string): boolean {
    const slot = this.#tree.findText(path);
    return this.#tree.containers.has(slot) && this.#isUseless(slot, this.#clock.wallMs());
  }

  #isUseless(slot: Slot, wallMs: number): boolean {
    if (this.#tree.childCount(slot) > 0) return false;
    if (this.#tree.cversion(slot) > 0) return true;
    const { maxNeverUsedMs } = this.#options;
    return maxNeverUsedMs > 0 && wallMs - this.#tree.mtime(slot) > maxNeverUsedMs;
  }
}
