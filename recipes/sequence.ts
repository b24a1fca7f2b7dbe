/**
 * Names of contenders. A server appends ten digits to the name of a sequential znode: the count of
 * creates under the parent, as `%010d` of a signed 32-bit number. Contenders stand in the order of
 * that number, never in the order of their names: Curator puts a random guid in front, and the
 * number turns negative at the end of its range.
 */

/** One place in a queue of sequential ephemerals. */
export interface Place {
  readonly name: string;
  readonly sequence: number;
  readonly family: Family;
}

/**
 * Who made the name. Families in one directory do not see each other: Curator takes a lock that a
 * kazoo client holds.
 */
export type Family = "curator" | "curator-read-write" | "kazoo" | "zookeeper-recipe";

/** Sequence numbers from here on are close enough to the end of their range to warn. */
export const NEAR_OVERFLOW: number = 2 ** 31 - 2 ** 20;

const LAST = 2 ** 31 - 1;

/**
 * A number that orders nobody. Servers since 3.6 stop counting at the last one and give it to every
 * create from then on; older ones, and creates that were under way, go on with negative ones.
 */
export function isBeyondRange(sequence: number): boolean {
  return sequence < 0 || sequence >= LAST;
}

const NUMBER = String.raw`(-\d{9,10}|\d{10})`;
const UUID = String.raw`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`;
/** Curator writes a UUID, go-zookeeper 32 digits; without either it is an unprotected create. */
const PROTECTION = String.raw`(?:_c_(?:${UUID}|[0-9a-f]{32})-)?`;

const FAMILIES: readonly (readonly [Family, RegExp])[] = [
  ["curator", new RegExp(`^${PROTECTION}lock-${NUMBER}$`)],
  ["curator-read-write", new RegExp(`^${PROTECTION}__(?:READ|WRIT)__${NUMBER}$`)],
  ["kazoo", new RegExp(String.raw`^[0-9a-f]{32}__r?lock__${NUMBER}$`)],
  ["zookeeper-recipe", new RegExp(String.raw`^x--?\d+-${NUMBER}$`)],
];

/** What the name of a child tells, or undefined for a child that is no contender. */
export function parsePlace(name: string): Place | undefined {
  for (const [family, pattern] of FAMILIES) {
    const digits = pattern.exec(name)?.[1];
    if (digits !== undefined) return { name, sequence: Number(digits), family };
  }
  return undefined;
}

/** The contenders among a directory's children, first in line first. */
export function placesInOrder(children: readonly string[]): Place[] {
  const places = children.map(parsePlace).filter((place) => place !== undefined);
  return places.sort((a, b) => a.sequence - b.sequence);
}
