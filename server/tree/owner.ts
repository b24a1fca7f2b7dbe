/**
 * What the 64 bits of a stored ephemeralOwner say (server-semantics 2.5): a session, or a marker
 * of a kind of znode that no session owns.
 */
export type ZnodeKind = "persistent" | "ephemeral" | "container" | "ttl";

/** The high word of a container's marker; the low word is 0. */
export const CONTAINER_HIGH: number = 0x8000_0000 | 0;

/** The high word of a TTL's marker, whose low 40 bits are the TTL in milliseconds. */
export const TTL_HIGH: number = 0xff00_0000 | 0;

/**
 * @param extendedTypes Whether TTL znodes are enabled. Without it their markers read as sessions,
 *   as in ZooKeeper.
 */
export function kindOf(high: number, low: number, extendedTypes: boolean): ZnodeKind {
  if (high === 0 && low === 0) return "persistent";
  // Bits 40 to 55 select a feature, of which TTL is number 0 and the only one.
  if (extendedTypes && (high & 0xffff_ff00) === TTL_HIGH) return "ttl";
  if (high === CONTAINER_HIGH && low === 0) return "container";
  return "ephemeral";
}

/** The longest TTL: 40 bits. */
export const TTL_MAX_MS: number = 2 ** 40 - 1;

/** The TTL in a marker of kind "ttl", in milliseconds. */
export function ttlOf(high: number, low: number): number {
  return (high & 0xff) * 0x1_0000_0000 + (low >>> 0);
}
