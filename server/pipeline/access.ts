/**
 * Who may do what: how an ACL list is checked and how one that a client sends is fixed up
 * (server-semantics 7.2, 7.3).
 */
import type { ACL } from "../../protocol/data.ts";
import { isWithin } from "../../protocol/ip-network.ts";
import { Perm } from "../../protocol/opcodes.ts";
import { type AccessEntry, type AccessList, accessEntry } from "../tree/access-entry.ts";
import { OPEN_ACL } from "./operation.ts";
import type { AuthId } from "./requester.ts";

/** Schemes whose ids stand for a proven user: what `auth` expands to. */
const AUTHENTICATED_SCHEMES: ReadonlySet<string> = new Set(["digest", "sasl", "x509"]);

/** Entries times ids, above which looking each pair up one after the other takes too long. */
const SCAN_MAX = 1024;
/** What the entries that `auth` stands for may add to a txn: it must fit every peer. */
export const EXPANSION_BYTES_MAX = 0x8_0000;
/** An entry's perms and the lengths of its two strings. */
const ENTRY_BYTES = 12;

/** Whether a connection with these ids may do what any of the wanted permission bits allows. */
export function permits(acl: AccessList, ids: readonly AuthId[], wanted: number): boolean {
  if (acl.length === 0) return true;
  if (acl.length * ids.length > SCAN_MAX) return permitsInLongList(acl, ids, wanted);
  for (const entry of acl) {
    if ((entry.perms & wanted) === 0) continue;
    if (isWorldAnyone(entry)) return true;
    for (const own of ids) if (names(entry, own)) return true;
  }
  return ids.some((own) => own.scheme === "super");
}

/** Whether an entry is about who this is. */
function names({ id, network }: AccessEntry, own: AuthId): boolean {
  if (id.scheme !== own.scheme) return false;
  if (id.scheme !== "ip") return id.id === own.id;
  return network !== undefined && own.address !== undefined && isWithin(network, own.address);
}

/** The same for a long list or many ids: each entry is looked up once. */
function permitsInLongList(acl: AccessList, ids: readonly AuthId[], wanted: number): boolean {
  const byScheme = new Map<string, Set<string>>();
  for (const { scheme, id } of ids) {
    const known = byScheme.get(scheme);
    if (known === undefined) byScheme.set(scheme, new Set([id]));
    else known.add(id);
  }
  if (byScheme.has("super")) return true;
  // The one that the socket has.
  const peer = ids.find((own) => own.scheme === "ip");
  return acl.some((entry) => {
    const { scheme, id } = entry.id;
    if ((entry.perms & wanted) === 0 || scheme === null || id === null) return false;
    if (scheme === "ip") return peer !== undefined && names(entry, peer);
    return isWorldAnyone(entry) || byScheme.get(scheme)?.has(id) === true;
  });
}

/** What is left of `EXPANSION_BYTES_MAX` for the lists of one request, of which a multi has many. */
export interface ExpansionRoom {
  bytes: number;
}

/**
 * The list as it is stored, or undefined: InvalidACL.
 *
 * Differs from ZooKeeper: there a request may grow without bound by what `auth` stands for, and
 * the txn it becomes is one that no server can read again (ZOOKEEPER-2101).
 *
 * @param room Loses what `auth` stood for.
 */
export function fixUpAcl(
  acl: readonly ACL[] | null,
  ids: readonly AuthId[],
  digestEnabled: boolean,
  room: ExpansionRoom,
): AccessList | undefined {
  if (acl === null || acl.length === 0) return undefined;
  if (acl === OPEN_ACL) return OPEN_ACL;
  const fixed: AccessEntry[] = [];
  for (const { perms, id } of withoutDuplicates(acl)) {
    if (id.scheme === "auth") {
      const own = ids.filter((one) => AUTHENTICATED_SCHEMES.has(one.scheme));
      if (own.length === 0) return undefined;
      for (const one of own) {
        room.bytes -= ENTRY_BYTES + Buffer.byteLength(one.scheme) + Buffer.byteLength(one.id);
        if (room.bytes < 0) return undefined;
        fixed.push({ perms, id: { scheme: one.scheme, id: one.id }, network: undefined });
      }
      continue;
    }
    const entry = accessEntry({ perms, id });
    if (!canBeSomebody(entry, digestEnabled)) return undefined;
    fixed.push(entry);
  }
  return fixed;
}

/** Whether there may be someone whom an entry means. */
function canBeSomebody(entry: AccessEntry, digestEnabled: boolean): boolean {
  const { scheme, id } = entry.id;
  if (scheme === null || id === null) return false;
  if (scheme === "ip") return entry.network !== undefined;
  return isWorldAnyone(entry) || (digestEnabled && scheme === "digest" && isDigestId(id));
}

/** The list as someone without ADMIN sees it: the hash of each digest entry is hidden. */
export function maskDigests(acl: readonly ACL[]): ACL[] {
  return acl.map(({ perms, id }) => {
    if (id.scheme !== "digest" || id.id === null) return { perms, id };
    const colon = id.id.indexOf(":");
    return {
      perms,
      id: { scheme: "digest", id: `${colon < 0 ? id.id : id.id.slice(0, colon)}:x` },
    };
  });
}

/** What getACL asks for: any of the two. */
export const READ_OR_ADMIN: number = Perm.read | Perm.admin;

function isWorldAnyone(entry: ACL): boolean {
  return entry.id.scheme === "world" && entry.id.id === "anyone";
}

/** Exactly two parts at the colons, of which trailing empty ones do not count (as Java's split). */
function isDigestId(id: string): boolean {
  const parts = id.split(":");
  while (parts.length > 0 && parts[parts.length - 1] === "") parts.pop();
  return parts.length === 2;
}

/** In the order of their first ones. A frame holds too many entries to compare each with each. */
function withoutDuplicates(acl: readonly ACL[]): readonly ACL[] {
  if (acl.length === 1) return acl;
  const seen = new Set<string>();
  return acl.filter(({ perms, id }) => {
    const text = JSON.stringify([perms, id.scheme, id.id]);
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}
