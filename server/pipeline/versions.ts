/** Versions as clients meet them, also at the end of 32 bits. */

/** -1 matches any version. */
export function matches(expected: number, version: number): boolean {
  return expected === -1 || expected === version;
}

/**
 * The next version, around the end of 32 bits.
 *
 * Differs from ZooKeeper up to 3.9: -1 is left out, since no client could name it (ZOOKEEPER-4743).
 */
export function nextVersion(version: number): number {
  const next = (version + 1) | 0;
  return next === -1 ? 0 : next;
}
