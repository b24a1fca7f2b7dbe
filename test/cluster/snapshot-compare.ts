// Two trees, znode by znode: everything that a txn can change must be the same.

import { Writer } from "../../protocol/jute.ts";
import { wordsHex, zxidHex } from "../../protocol/zxid.ts";
import type { DataTree, Slot } from "../../server/tree/data-tree.ts";

/** More are not told: when one rule is broken there are thousands. */
const TOLD_MAX = 10;
/** A znode's record in a snapshot ends with: long acl, StatPersisted. The ids are each tree's own. */
const ACL_BYTES = 8;
const STAT_BYTES = 60;

/** What differs, in words; nothing if the trees are equal. */
export function treeDifferences(wanted: DataTree, found: DataTree): string[] {
  return [...totalDifferences(wanted, found), ...znodeDifferences(wanted, found)];
}

function totalDifferences(wanted: DataTree, found: DataTree): string[] {
  const [a, b] = [totals(wanted), totals(found)];
  return Object.keys(a)
    .filter((name) => a[name] !== b[name])
    .map((name) => `${name}: ${b[name]} instead of ${a[name]}`);
}

function totals(tree: DataTree): Readonly<Record<string, string>> {
  const sessions: string[] = [];
  tree.sessions.forEach((high, low, timeoutMs) =>
    sessions.push(`${wordsHex(high, low)}:${timeoutMs}`),
  );
  return {
    lastZxid: zxidHex(tree.lastZxid),
    digest: wordsHex(tree.digestHigh, tree.digestLow),
    znodes: String(tree.count),
    dataSize: String(tree.approximateDataSize),
    lists: String(tree.acls.size),
    ephemerals: String(tree.ephemerals.count),
    containers: String(tree.containers.size),
    sessions: sessions.toSorted().join(" "),
  };
}

function znodeDifferences(wanted: DataTree, found: DataTree): string[] {
  const differences: string[] = [];
  const records: [Writer, Writer] = [new Writer(4096), new Writer(4096)];
  const sameLists = new Map<string, boolean>();
  const root = wanted.findText("/");
  for (let slot = root; slot !== 0; slot = wanted.successor(slot)) {
    if (differences.length >= TOLD_MAX) break;
    const path = wanted.pathText(slot);
    const other = found.findText(path);
    if (other === 0) {
      differences.push(`${path} is missing`);
      continue;
    }
    if (!sameRecord(records, wanted, slot, found, other)) {
      differences.push(`${path}: ${figures(found, other)} instead of ${figures(wanted, slot)}`);
    }
    const pair = `${wanted.acl(slot)} ${found.acl(other)}`;
    let isSame = sameLists.get(pair);
    if (isSame === undefined) {
      isSame = aclText(wanted, slot) === aclText(found, other);
      sameLists.set(pair, isSame);
    }
    if (!isSame) {
      differences.push(`${path}: ${aclText(found, other)} instead of ${aclText(wanted, slot)}`);
    }
  }
  return differences;
}

/** Path, data and figures as a snapshot has them. */
function sameRecord(
  [a, b]: readonly [Writer, Writer],
  wanted: DataTree,
  slot: Slot,
  found: DataTree,
  other: Slot,
): boolean {
  a.clear();
  b.clear();
  wanted.writeSnapshotRecord(slot, a);
  found.writeSnapshotRecord(other, b);
  if (a.length !== b.length) return false;
  const [left, right] = [a.written(), b.written()];
  const stat = a.length - STAT_BYTES;
  const acl = stat - ACL_BYTES;
  return (
    left.compare(right, 0, acl, 0, acl) === 0 && left.compare(right, stat, undefined, stat) === 0
  );
}

function figures(tree: DataTree, slot: Slot): string {
  return JSON.stringify({
    czxid: tree.czxid(slot),
    mzxid: tree.mzxid(slot),
    pzxid: tree.pzxid(slot),
    ctime: tree.ctime(slot),
    mtime: tree.mtime(slot),
    version: tree.version(slot),
    cversion: tree.cversion(slot),
    aversion: tree.aversion(slot),
    owner: wordsHex(tree.ownerHigh(slot), tree.ownerLow(slot)),
    dataLength: tree.dataLength(slot),
    children: tree.childCount(slot),
  });
}

function aclText(tree: DataTree, slot: Slot): string {
  return JSON.stringify(tree.acls.get(tree.acl(slot)));
}
