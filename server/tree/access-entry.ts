/**
 * An entry of an access list as it is checked: what can be worked out of its texts is worked out
 * once, when the list is first seen, and not for each request.
 */
import type { ACL } from "../../protocol/data.ts";
import { type IpNetwork, parseNetwork } from "../../protocol/ip-network.ts";

export interface AccessEntry extends ACL {
  /** Whom an entry of scheme `ip` means; undefined for other schemes, and where it means nobody. */
  readonly network: IpNetwork | undefined;
}

export type AccessList = readonly AccessEntry[];

export function accessEntry({ perms, id }: ACL): AccessEntry {
  const network = id.scheme === "ip" && id.id !== null ? parseNetwork(id.id) : undefined;
  return { perms, id, network };
}

export const WORLD_ANYONE_ALL: AccessList = [
  accessEntry({ perms: 31, id: { scheme: "world", id: "anyone" } }),
];
