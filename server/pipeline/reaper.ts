/**
 * Deletes what nobody else ends: containers whose last child is gone and TTL znodes whose time is
 * over (server-semantics 9.3; ZooKeeper 3.9, ContainerManager). It only proposes: prep looks again,
 * against what is outstanding too.
 *
 *     wait ─▶ round: look at every container and TTL znode, some each turn ─▶ wait
 *                 └─▶ found one: propose its deletion, then go on after a pause
 */
import type { Clock, Timer } from "../../protocol/host.ts";
import type { DataTree, Slot } from "../tree/data-tree.ts";
import { ttlOf } from "../tree/owner.ts";

export interface ReaperOptions {
  readonly checkIntervalMs: number;
  readonly maxPerMinute: number;
  /** A container that never had a child goes after this time; 0: never. */
  readonly maxNeverUsedMs: number;
}

const MINUTE_MS = 60_000;

/** Znodes that are looked at in a turn: a millisecond. */
const LOOKS_MAX = 5000;
/** Before the next are looked at. */
const LOOKS_PAUSE_MS = 5;

export class Reaper {
  readonly #clock: Clock;
  readonly #tree: DataTree;
  readonly #options: ReaperOptions;
  readonly #propose: (path: string, czxid: number) => void;
  readonly #step: () => void;
  /** Where the round is; it goes on while znodes come and go. Undefined: between two rounds. */
  #round: Iterator<Slot, undefined> | undefined;
  #timer: Timer | undefined;

  /** @param propose Deletes the znode of this path, if it is still the one that this txn created. */
  constructor(
    clock: Clock,
    tree: DataTree,
    options: ReaperOptions,
    propose: (path: string, czxid: number) => void,
  ) {
    this.#clock = clock;
    this.#tree = tree;
    this.#options = options;
    this.#propose = propose;
    this.#step = () => this.#next();
  }

  start(): void {
    this.#timer = this.#clock.after(this.#options.checkIntervalMs, this.#step);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #next(): void {
    this.#round ??= candidates(this.#tree);
    const waitMs = this.#look(this.#round);
    this.#timer = this.#clock.after(waitMs, this.#step);
  }

  /** Looks at a few znodes, up to the first that has to go; returns when to go on. */
  #look(round: Iterator<Slot, undefined>): number {
    const { checkIntervalMs, maxPerMinute } = this.#options;
    const wallMs = this.#clock.wallMs();
    for (let i = 0; i < LOOKS_MAX; i++) {
      const slot = round.next().value;
      if (slot === undefined) {
        this.#round = undefined;
        return checkIntervalMs;
      }
      if (this.#isOver(slot, wallMs)) {
        this.#propose(this.#tree.pathText(slot), this.#tree.czxid(slot));
        return MINUTE_MS / maxPerMinute;
      }
    }
    return LOOKS_PAUSE_MS;
  }

  #isOver(slot: Slot, wallMs: number): boolean {
    const tree = this.#tree;
    if (tree.childCount(slot) > 0) return false;
    const ageMs = wallMs - tree.mtime(slot);
    if (tree.kind(slot) === "ttl") return ageMs > ttlOf(tree.ownerHigh(slot), tree.ownerLow(slot));
    if (tree.cversion(slot) > 0) return true;
    const { maxNeverUsedMs } = this.#options;
    return maxNeverUsedMs > 0 && ageMs > maxNeverUsedMs;
  }
}

function* candidates(tree: DataTree): Generator<Slot, undefined> {
  yield* tree.containers;
  yield* tree.ttls;
}
