/** Whose ephemerals a tree holds that came from a file or a leader. */
import { keyHighWord, keyLowWord, wordsHex } from "../../protocol/zxid.ts";
import type { DataTree } from "../tree/data-tree.ts";
import { kindOf } from "../tree/owner.ts";

/** Sessions that own ephemerals and do not exist, as 16 digits (storage F-5). */
export function findOrphans(tree: DataTree): string[] {
  const known = new Set<string>();
  tree.sessions.forEach((high, low) => known.add(wordsHex(high, low)));
  return [...tree.ephemerals.sessions()].filter((session) => !known.has(session));
}

/**
 * Why a tree with TTL znodes is not served where they are not enabled; undefined: it is.
 *
 * Differs from ZooKeeper: it takes theirs for ephemerals of sessions that nobody knows, and deletes
 * them when it starts.
 */
export function ttlRefusal(tree: DataTree): string | undefined {
  const owned = findOrphans(tree).filter(isTtlMarker);
  const slots = owned.flatMap((owner) => [...tree.ephemerals.of(owner)]);
  const [first] = slots;
  if (first === undefined) return undefined;
  return (
    `${tree.pathText(first)} is a TTL znode, one of ${slots.length}, and extendedTypesEnabled is ` +
    "not true: they would be taken for ephemerals of sessions that are over. Start with " +
    "extendedTypesEnabled=true; to give them up, delete them there first"
  );
}

function isTtlMarker(owner: string): boolean {
  return kindOf(keyHighWord(owner), keyLowWord(owner), true) === "ttl";
}
