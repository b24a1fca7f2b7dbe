// What clients were told of their writes, and whether a tree agrees: each acknowledged write is
// there, once, and in order; nothing is there that nobody wrote. Each client has one request in
// flight and numbers its writes: even ones set its own znode, odd ones create a sequential child.

import type { SeenZnode } from "./tree-dump.ts";

/** All that is written is below it. */
export const LOAD_ROOT = "/load";

/** A write that was acknowledged. */
export interface Acknowledged {
  readonly client: number;
  readonly number: number;
  readonly path: string;
  /** Of the znode that was set; undefined: it was created. */
  readonly version: number | undefined;
  readonly zxid: number;
  /** The highest zxid that anybody had been acknowledged when this one was sent. */
  readonly after: number;
}

/** What was acknowledged, and what may have happened besides. */
export class WriteLedger {
  readonly acknowledged: Acknowledged[] = [];
  /** Tokens of writes whose reply was lost. */
  readonly unknown: Set<string> = new Set();
  readonly surprises: string[] = [];
  /** Children that were acknowledged and then deleted; true: that was acknowledged too. */
  readonly #deleted = new Map<string, boolean>();
  highestZxid = 0;
  #lastMs = performance.now();
  #longestGapMs = 0;

  keep(write: Acknowledged): void {
    const nowMs = performance.now();
    this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    if (write.zxid > this.highestZxid) this.highestZxid = write.zxid;
    this.acknowledged.push(write);
  }

  lost(client: number, number: number): void {
    this.unknown.add(token(client, number).toString());
  }

  deleted(path: string, isAcknowledged: boolean): void {
    this.#deleted.set(path, isAcknowledged);
  }

  surprise(text: string): void {
    this.surprises.push(text);
  }

  takeLongestGapMs(): number {
    const gapMs = Math.max(this.#longestGapMs, performance.now() - this.#lastMs);
    this.#longestGapMs = 0;
    this.#lastMs = performance.now();
    return gapMs;
  }

  *check(tree: ReadonlyMap<string, SeenZnode>): Generator<string> {
    yield* this.#order();
    const seen = this.#created(tree);
    yield* seen.problems;
    const lastSet = new Map<string, Acknowledged>();
    const setCount = new Map<string, number>();
    for (const write of this.acknowledged) {
      const name = `${write.path} (client ${write.client}, write ${write.number})`;
      const znode = tree.get(write.path);
      const isDeleted = this.#deleted.get(write.path);
      if (isDeleted === true && znode !== undefined) {
        yield `${name} was deleted, that was acknowledged, and it is there`;
      } else if (znode === undefined && isDeleted !== undefined) {
        continue;
      } else if (znode === undefined) {
        yield `${name} was acknowledged and is lost`;
      } else if (write.version === undefined) {
        const expected = token(write.client, write.number);
        if (znode.data?.equals(expected) !== true) yield `${name} holds ${String(znode.data)}`;
        if (Number(znode.stat.czxid) !== write.zxid) {
          yield `${name} was acknowledged with zxid ${write.zxid} and has ${znode.stat.czxid}`;
        }
      } else {
        lastSet.set(write.path, write);
        setCount.set(write.path, (setCount.get(write.path) ?? 0) + 1);
      }
    }
    for (const [path, write] of lastSet) yield* this.#checkSet(tree, path, write, setCount);
  }

  /** What one client was told in order happened in order, and so did what others had been told before. */
  *#order(): Generator<string> {
    const zxids = new Set<number>();
    const last = new Map<number, number>();
    for (const { client, number, zxid, after, path } of this.acknowledged) {
      const name = `${path} (client ${client}, write ${number})`;
      if (zxids.has(zxid)) yield `${name} has the zxid ${zxid} of another write`;
      zxids.add(zxid);
      if (zxid <= (last.get(client) ?? 0)) yield `${name} has a smaller zxid than the one before`;
      if (zxid <= after) yield `${name} was sent after ${after} was acknowledged, and got ${zxid}`;
      last.set(client, zxid);
    }
  }

  /** Every child of the tree was asked for, and once. */
  #created(tree: ReadonlyMap<string, SeenZnode>): { problems: string[] } {
    const problems: string[] = [];
    const known = new Set(
      this.acknowledged
        .filter((each) => each.version === undefined)
        .map((each) => token(each.client, each.number).toString()),
    );
    const found = new Set<string>();
    for (const [path, znode] of tree) {
      if (!path.startsWith(`${LOAD_ROOT}/`) || !path.includes("/n-")) continue;
      const data = String(znode.data);
      if (found.has(data)) problems.push(`${path}: ${data} is there twice`);
      found.add(data);
      if (!known.has(data) && !this.unknown.has(data)) problems.push(`${path}: nobody wrote it`);
    }
    return { problems };
  }

  /** The last one acknowledged, or one behind it whose reply was lost; each counted once. */
  *#checkSet(
    tree: ReadonlyMap<string, SeenZnode>,
    path: string,
    last: Acknowledged,
    setCount: ReadonlyMap<string, number>,
  ): Generator<string> {
    const znode = tree.get(path);
    if (znode === undefined) return;
    const { version } = znode.stat;
    const data = String(znode.data);
    const number = Number(data.split(":")[1]);
    const isLast = data === token(last.client, last.number).toString();
    if (!isLast && !(this.unknown.has(data) && number > last.number)) {
      yield `${path} holds ${data} after ${last.client}:${last.number} was acknowledged`;
    }
    if (version < (last.version ?? 0)) yield `${path} has version ${version}, not ${last.version}`;
    const acknowledged = setCount.get(path) ?? 0;
    const unknown = [...this.unknown].filter((each) => isSetOf(each, last.client)).length;
    if (version > acknowledged + unknown) {
      yield `${path} was set ${version} times, by ${acknowledged} and at most ${unknown} writes`;
    }
  }
}

/** A write's data. */
export function token(client: number, number: number): Buffer {
  return Buffer.from(`${client}:${number}`);
}

/** Even numbers set. */
function isSetOf(text: string, client: number): boolean {
  const [owner, number] = text.split(":").map(Number);
  return owner === client && (number ?? 1) % 2 === 0;
}
