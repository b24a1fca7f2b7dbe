// The model's access lists (server-semantics 7.2 and 7.3), for the schemes that the workload uses.

import { createHash } from "node:crypto";
import type { ACL } from "../../protocol/data.ts";
import { Perm } from "../../protocol/opcodes.ts";

/** Who asks. */
export interface Requester {
  readonly session: string;
  /** Its authentications, `scheme:id`. */
  readonly auths: ReadonlySet<string>;
}

/** The id that a digest authentication of `user:password` gives. */
export function digestId(credentials: string): string {
  const user = credentials.slice(0, credentials.indexOf(":"));
  return `${user}:${createHash("sha1").update(credentials).digest("base64")}`;
}

/** Whether a list lets someone do one of `wanted`. */
export function allowed(acl: readonly ACL[], wanted: number, requester: Requester): boolean {
  return acl.some(
    ({ perms, id }) =>
      (perms & wanted) !== 0 &&
      ((id.scheme === "world" && id.id === "anyone") ||
        requester.auths.has(`${id.scheme}:${id.id}`)),
  );
}

/** The list as it is stored, or undefined where it is none. */
export function fixAcl(
  acl: readonly ACL[] | null,
  requester: Requester,
): readonly ACL[] | undefined {
  if (acl === null || acl.length === 0) return undefined;
  const fixed: ACL[] = [];
  const add = (entry: ACL): void => {
    const text = JSON.stringify(entry);
    if (!fixed.some((other) => JSON.stringify(other) === text)) fixed.push(entry);
  };
  for (const { perms, id } of acl) {
    if (id.scheme === "world" && id.id === "anyone") {
      add({ perms, id });
    } else if (id.scheme === "digest" && id.id?.split(":").length === 2) {
      add({ perms, id });
    } else if (id.scheme === "auth") {
      const own = [...requester.auths].filter((auth) => auth.startsWith("digest:"));
      if (own.length === 0) return undefined;
      for (const auth of own) {
        add({ perms, id: { scheme: "digest", id: auth.slice("digest:".length) } });
      }
    } else {
      return undefined;
    }
  }
  return fixed;
}

/** What getACL shows of it: without the right to change it, no hash of a password. */
export function shownAcl(acl: readonly ACL[], requester: Requester): readonly ACL[] {
  if (allowed(acl, Perm.admin, requester)) return acl;
  return acl.map(({ perms, id }) => {
    if (id.scheme !== "digest") return { perms, id };
    return { perms, id: { scheme: id.scheme, id: `${id.id?.split(":")[0]}:x` } };
  });
}

/** What whoAmI tells somebody: names, and nothing that proves them. */
export function identitiesOf({ auths }: Requester): readonly string[] {
  return [...auths].map((auth) => {
    const [scheme, user] = auth.split(":");
    return `${scheme}:${user}`;
  });
}
