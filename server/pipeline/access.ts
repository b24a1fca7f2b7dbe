/**
 * Who may do what: how an ACL list is checked and how one that a client sends is fixed up
 * (server-semantics 7.2, 7.3).
 */
import type { ACL } from "../../protocol/data.ts";
import { Perm } from "../../protocol/opcodes.ts";
import type { AuthId } from "./requester.ts";

/** Schemes whose ids stand for a proven user: what `auth` expands to. */
const AUTHENTICATED_SCHEMES: ReadonlySet<string> = new Set(["digest", "sasl", "x509"]);

/** Whether a connection with these ids may do what any of the wanted permission bits allows. */
export function permits(acl: readonly ACL[], ids: readonly AuthId[], wanted: number): boolean {
  if (acl.length === 0) return true;
  for (const { perms, id } of acl) {
    if ((perms & wanted) === 0) continue;
    if (id.scheme === "world" && id.id === "anyone") return true;
    for (const own of ids) if (own.scheme === id.scheme && own.id === id.id) return true;
  }
  return ids.some((own) => own.scheme === "super");
}

/** The list as it is stored, or undefined: InvalidACL. */
export function fixUpAcl(
  acl: readonly ACL[] | null,
  ids: readonly AuthId[],
): readonly ACL[] | undefined {
  if (acl === null || acl.length === 0) return undefined;
  const only = acl[0];
  if (acl.length === 1 && only !== undefined && isWorldAnyone(only)) return acl;
  const fixed: ACL[] = [];
  for (const entry of withoutDuplicates(acl)) {
    const { scheme, id } = entry.id;
    if (scheme === null || id === null) return undefined;
    if (scheme === "auth") {
      const own = ids.filter((one) => AUTHENTICATED_SCHEMES.has(one.scheme));
      if (own.length === 0) return undefined;
      for (const one of own) fixed.push({ perms: entry.perms, id: one });
    } else if (isWorldAnyone(entry) || (scheme === "digest" && isDigestId(id))) {
      fixed.push(entry);
    } else {
      return undefined;
    }
  }
  return fixed;
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

function withoutDuplicates(acl: readonly ACL[]): readonly ACL[] {
  return acl.filter(
    (entry, at) =>
      acl.findIndex(
        (other) =>
          other.perms === entry.perms &&
          other.id.scheme === entry.id.scheme &&
          other.id.id === entry.id.id,
      ) === at,
  );
}
