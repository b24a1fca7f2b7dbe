// The model's quota (server-semantics 9.1): one marked subtree with hard limits. Its statistics are
// what is there, counted anew after each txn.

import type { Node } from "./model.ts";

/** The subtree that has a quota once the znodes that make it are there. */
export const LIMITED = "/limited";
export const QUOTA: string = `/zookeeper/quota${LIMITED}`;
export const QUOTA_LIMITS: string = `${QUOTA}/zookeeper_limits`;
export const QUOTA_STATS: string = `${QUOTA}/zookeeper_stats`;

/** What the log says about a request that a quota may have refused. */
export interface QuotaView {
  /** When it was looked at, all txns up to this one had been applied, later ones perhaps. */
  readonly since: number;
  /** Which of a multi's operations a quota refused, 0 for a single one; -1: none. */
  readonly refusedPart: number;
}

/** A quota after a txn; a limit of -1 is none. */
interface State {
  readonly zxid: number;
  readonly count: number;
  readonly bytes: number;
  readonly countLimit: number;
  readonly byteLimit: number;
}

export class ModelQuota {
  /** What the statistics say; undefined: there are none. */
  usage: string | undefined;
  /** Oldest first; the first holds from the beginning on. */
  readonly #states: State[] = [{ zxid: 0, count: 0, bytes: 0, countLimit: -1, byteLimit: -1 }];

  /** Writes the statistics, in silence: no other field of their znode moves. */
  settle(nodes: Map<string, Node>, zxid: number): void {
    const stats = nodes.get(QUOTA_STATS);
    this.usage = undefined;
    if (stats === undefined) return;
    let count = 0;
    let bytes = 0;
    for (const [path, { data }] of nodes) {
      if (!isLimited(path)) continue;
      count++;
      bytes += data?.length ?? 0;
    }
    this.usage = `count=${count},bytes=${bytes}`;
    nodes.set(QUOTA_STATS, { ...stats, data: Buffer.from(this.usage) });
    const limits = nodes.get(QUOTA_LIMITS)?.data?.toString() ?? "";
    const countLimit = limitIn(limits, /countHardLimit=(\d+)/);
    const byteLimit = limitIn(limits, /byteHardLimit=(\d+)/);
    this.#states.push({ zxid, count, bytes, countLimit, byteLimit });
  }

  /**
   * Whether a write is refused. Usage counts as it was committed when the request was looked at:
   * where that is not known, the log says which it was.
   */
  refuses(
    path: string,
    countDiff: number,
    bytesDiff: number,
    since: number,
    wasRefused: boolean,
  ): boolean {
    if (!isLimited(path)) return false;
    const first = this.#states.findLastIndex(({ zxid }) => zxid <= since);
    const verdicts = this.#states
      .slice(Math.max(first, 0))
      .map((state) => isPassed(state, countDiff, bytesDiff));
    return verdicts.includes(wasRefused) ? wasRefused : !wasRefused;
  }
}

function isLimited(path: string): boolean {
  return path === LIMITED || path.startsWith(`${LIMITED}/`);
}

function isPassed(state: State, countDiff: number, bytesDiff: number): boolean {
  const { count, bytes, countLimit, byteLimit } = state;
  const passes = (limit: number, usage: number, diff: number): boolean =>
    limit >= 0 && diff !== 0 && usage + diff > limit;
  return passes(countLimit, count, countDiff) || passes(byteLimit, bytes, bytesDiff);
}

function limitIn(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? -1);
}
