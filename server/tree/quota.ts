/**
 * Quotas in Apache's layout (server-semantics 9.1). For the subtree at /a/b
 *
 *     /zookeeper/quota/a/b/zookeeper_limits   what it may hold; its existence makes the quota
 *     /zookeeper/quota/a/b/zookeeper_stats    what it holds
 *
 * both of them znodes that clients create and may write. The statistics follow every change of the
 * subtree, in silence: neither version nor mzxid move, no watch fires, the digest does not count
 * what lies below /zookeeper. Each change counts for one quota only, the deepest around it.
 *
 * Which paths have a quota is not kept anywhere: /zookeeper/quota is itself a tree of names, and is
 * walked down along the path. So nothing has to be brought in line at load, and a server without
 * quotas asks one question per write: whether /zookeeper/quota has a child.
 */
import { Writer } from "../../protocol/jute.ts";
import { equalBytes } from "./bytes.ts";
import type { DataTree } from "./data-tree.ts";
import { adjustedText, QUOTA_TEXT_BYTES_MAX, QuotaText, writePlainText } from "./quota-text.ts";
import { measure, type Usage, type UsageCount } from "./usage-count.ts";
import type { Slot } from "./znode-records.ts";

/** A limit that a write would pass. */
export interface QuotaExcess {
  /** Whose quota it is. */
  readonly path: string;
  readonly kind: "count" | "bytes";
  readonly isHard: boolean;
  readonly limit: number;
  /** With the write. */
  readonly usage: number;
}

export interface QuotaObserver {
  exceeded(excess: QuotaExcess): void;
  /** The text of this znode cannot be read: the quota has no limits, or its statistics stand still. */
  unreadable(path: string): void;
  /** There is something to count in slices: `count` until it says that there is nothing. */
  counting(): void;
}

const QUOTA_ROOT_BYTES = "/zookeeper/quota".length;
const QUOTA = Buffer.from("quota");
const LIMITS = Buffer.from("zookeeper_limits");
const STATS = Buffer.from("zookeeper_stats");
const SLASH = 0x2f;

const NOTHING: Usage = { count: 0, bytes: 0 };

/** They take half a millisecond. */
const COUNTED_AT_ONCE_MAX = 10_000;

/** A first count that takes slices, and what has changed since it began. */
interface Counting {
  /** The statistics that it is for; until it is complete they say what their creator wrote. */
  readonly stats: Slot;
  readonly base: UsageCount;
  countDiff: number;
  bytesDiff: number;
}

export class Quotas {
  observer: QuotaObserver | undefined;
  readonly #tree: DataTree;
  readonly #countedAtOnceMax: number;
  #counting: Counting | undefined;
  /** Statistics that are counted for after that; nothing is noted for them until then. */
  readonly #uncounted = new Set<Slot>();
  readonly #limits = new QuotaText();
  readonly #stats = new QuotaText();
  /** A text as it was, and as it will be. */
  readonly #before = new Writer(2 * QUOTA_TEXT_BYTES_MAX);
  readonly #after = Buffer.alloc(64);
  /** For a path that comes as a string. */
  readonly #path = Buffer.alloc(1024);

  /** @param countedAtOnceMax Larger subtrees are counted in slices. */
  constructor(tree: DataTree, countedAtOnceMax: number = COUNTED_AT_ONCE_MAX) {
    this.#tree = tree;
    this.#countedAtOnceMax = countedAtOnceMax;
  }

  /** There is no quota: nothing here needs to be called. */
  get idle(): boolean {
    const root = this.#tree.quotaRoot;
    return root === 0 || this.#tree.firstChild(root) === 0;
  }

  // Limits, asked before a write becomes a txn: by what is committed, not by what is outstanding.

  /** False: a hard limit is in the way of a znode more, or of bytes more or less. */
  allows(path: string, countDiff: number, bytesDiff: number): boolean {
    const length = Buffer.byteLength(path);
    const bytes = length > this.#path.length ? Buffer.from(path) : this.#path;
    if (bytes === this.#path) bytes.write(path);
    const quota = this.#deepest(bytes, 0, length);
    if (quota === 0) return true;
    const limits = this.#limits;
    const stats = this.#stats;
    if (!this.#read(this.#limitsOf(quota), limits)) return true;
    const hasCount = limits.count > -1 || limits.countHardLimit > -1;
    const hasBytes = limits.bytes > -1 || limits.byteHardLimit > -1;
    const asksCount = hasCount && countDiff !== 0;
    const asksBytes = hasBytes && bytesDiff !== 0;
    if (!(asksCount || asksBytes)) return true;
    const statsSlot = this.#statsOf(quota);
    if (statsSlot === 0 || !this.#read(statsSlot, stats)) return true;
    const { count, bytes: byteLimit, countHardLimit, byteHardLimit } = limits;
    return (
      (!asksCount ||
        this.#isWithin(quota, "count", stats.count + countDiff, count, countHardLimit)) &&
      (!asksBytes ||
        this.#isWithin(quota, "bytes", stats.bytes + bytesDiff, byteLimit, byteHardLimit))
    );
  }

  /** A hard limit takes the place of the soft one, which nobody is refused for. */
  #isWithin(
    quota: Slot,
    kind: QuotaExcess["kind"],
    usage: number,
    softLimit: number,
    hardLimit: number,
  ): boolean {
    const isHard = hardLimit > -1;
    const limit = isHard ? hardLimit : softLimit;
    if (usage <= limit) return true;
    const path = this.#tree.pathText(quota).slice(QUOTA_ROOT_BYTES);
    this.observer?.exceeded({ path, kind, isHard, limit, usage });
    return !isHard;
  }

  // Statistics, after each change that a txn made. Not in replay: `recount` follows it.

  /** The znode at the path in `bytes` from `start` up to `end` was created. */
  created(slot: Slot, bytes: Buffer, start: number, end: number): void {
    const tree = this.#tree;
    const parent = tree.parent(slot);
    const dataBytes = Math.max(tree.dataLength(slot), 0);
    if (isStatsPath(bytes, start, end) && this.#isQuota(parent)) {
      this.#uncounted.add(slot);
      if (this.#counting === undefined) this.#countNext();
      if (this.#counting !== undefined) this.observer?.counting();
    }
    this.#adjust(bytes, start, end, 1, dataBytes);
  }

  /** The znode that had this slot and data is gone. */
  deleted(slot: Slot, dataLength: number, bytes: Buffer, start: number, end: number): void {
    const dataBytes = Math.max(dataLength, 0);
    this.#forget(slot);
    this.#adjust(bytes, start, end, -1, -dataBytes);
  }

  /** The znode's data had length `before`. */
  dataChanged(slot: Slot, before: number, bytes: Buffer, start: number, end: number): void {
    const bytesDiff = Math.max(this.#tree.dataLength(slot), 0) - Math.max(before, 0);
    // Whoever writes statistics means them.
    this.#forget(slot);
    this.#adjust(bytes, start, end, 0, bytesDiff);
  }

  /** Works on what is to be counted, as much as `slots` of the tree's. False: nothing is left. */
  count(slots: number): boolean {
    const counting = this.#counting;
    if (counting?.base.step(slots) === true) {
      const { stats, base, countDiff, bytesDiff } = counting;
      this.#endCounting();
      this.#write(stats, base.count + countDiff, base.bytes + bytesDiff);
    }
    if (this.#counting === undefined) this.#countNext();
    return this.#counting !== undefined;
  }

  /** Counts for all statistics at once: what a log or a snapshot says of them may be of any time. */
  recount(): void {
    const tree = this.#tree;
    this.#endCounting();
    this.#uncounted.clear();
    const known = new Map<Slot, Usage>();
    // The deepest first, so that no subtree is walked twice.
    for (const quota of this.#quotas().reverse()) {
      const target = this.#target(quota);
      const usage = target === 0 ? undefined : measure(tree, target, Number.MAX_VALUE, known);
      if (usage !== undefined) known.set(target, usage);
      this.#write(this.#statsOf(quota), usage?.count ?? 0, usage?.bytes ?? 0);
    }
  }

  /** Everything at or below /zookeeper/quota that has statistics, parents before children. */
  #quotas(): Slot[] {
    const tree = this.#tree;
    const root = tree.quotaRoot;
    const found: Slot[] = [];
    if (root === 0) return found;
    for (let slot = root; ; slot = tree.successor(slot)) {
      if (slot === 0 || !this.#isQuota(slot)) return found;
      if (this.#statsOf(slot) !== 0) found.push(slot);
    }
  }

  /** Counts what is small at once, and begins with what is not. */
  #countNext(): void {
    const tree = this.#tree;
    for (const stats of this.#uncounted) {
      this.#uncounted.delete(stats);
      const target = this.#target(tree.parent(stats));
      const usage = target === 0 ? NOTHING : measure(tree, target, this.#countedAtOnceMax);
      if (usage === undefined) {
        const base = tree.countUsage(target);
        this.#counting = { stats, base, countDiff: 0, bytesDiff: 0 };
        return;
      }
      this.#write(stats, usage.count, usage.bytes);
    }
  }

  /** The znode that a quota is for; 0: it does not exist. */
  #target(quota: Slot): Slot {
    this.#before.clear();
    this.#tree.writePath(quota, this.#before);
    return this.#tree.find(this.#before.bytes, 4 + QUOTA_ROOT_BYTES, this.#before.length);
  }

  /** The statistics are gone, or say what somebody wrote. */
  #forget(stats: Slot): void {
    this.#uncounted.delete(stats);
    if (this.#counting?.stats === stats) this.#endCounting();
  }

  #endCounting(): void {
    this.#counting?.base.close();
    this.#counting = undefined;
  }

  #adjust(bytes: Buffer, start: number, end: number, countDiff: number, bytesDiff: number): void {
    const quota = this.#deepest(bytes, start, end);
    const stats = quota === 0 ? 0 : this.#statsOf(quota);
    if (stats === 0) return;
    if (this.#uncounted.has(stats)) return;
    if (this.#counting?.stats === stats) {
      this.#counting.countDiff += countDiff;
      this.#counting.bytesDiff += bytesDiff;
      return;
    }
    const text = this.#stats;
    if (!this.#read(stats, text)) return;
    const count = text.count + countDiff;
    const dataBytes = text.bytes + bytesDiff;
    if (text.isPlain && Number.isSafeInteger(count) && Number.isSafeInteger(dataBytes)) {
      this.#write(stats, count, dataBytes);
      return;
    }
    const before = this.#before.bytes.toString("utf8", 4, this.#before.length);
    const after = Buffer.from(adjustedText(before, countDiff, bytesDiff));
    this.#tree.setData(stats, after, 0, 0, 0, after.length);
  }

  /** The znode below /zookeeper/quota that makes the deepest quota around a path; 0: there is none. */
  #deepest(bytes: Uint8Array, start: number, end: number): Slot {
    const tree = this.#tree;
    let deepest: Slot = 0;
    let quota = tree.quotaRoot;
    for (let at = start + 1; at < end; ) {
      let nameEnd = at;
      while (nameEnd < end && bytes[nameEnd] !== SLASH) nameEnd++;
      quota = tree.child(quota, bytes, at, nameEnd);
      if (quota === 0) break;
      if (this.#limitsOf(quota) !== 0) deepest = quota;
      at = nameEnd + 1;
    }
    return deepest;
  }

  #limitsOf(quota: Slot): Slot {
    return this.#tree.child(quota, LIMITS, 0, LIMITS.length);
  }

  #statsOf(quota: Slot): Slot {
    return this.#tree.child(quota, STATS, 0, STATS.length);
  }

  /** Whether this is /zookeeper/quota or lies below it. */
  #isQuota(slot: Slot): boolean {
    const root = this.#tree.quotaRoot;
    let at = slot;
    while (at !== 0 && at !== root) at = this.#tree.parent(at);
    return at !== 0;
  }

  #read(slot: Slot, text: QuotaText): boolean {
    const before = this.#before;
    before.clear();
    const isShort = this.#tree.dataLength(slot) <= QUOTA_TEXT_BYTES_MAX;
    if (isShort) this.#tree.writeData(slot, before);
    if (isShort && text.read(before.bytes, 4, before.length)) return true;
    this.observer?.unreadable(this.#tree.pathText(slot));
    return false;
  }

  #write(stats: Slot, count: number, bytes: number): void {
    const length = writePlainText(this.#after, count, bytes);
    this.#tree.setData(stats, this.#after, 0, 0, 0, length);
  }
}

/** Whether a child of /zookeeper with this name is the root of all quotas. */
export function isQuotaName(bytes: Buffer, start: number, end: number): boolean {
  return end - start === QUOTA.length && equalBytes(bytes, start, QUOTA, 0, QUOTA.length);
}

function isStatsPath(bytes: Buffer, start: number, end: number): boolean {
  const slash = end - 1 - STATS.length;
  return (
    slash >= start && bytes[slash] === SLASH && equalBytes(bytes, slash + 1, STATS, 0, STATS.length)
  );
}
