import fc from "fast-check";
import { expect, test } from "vitest";
import type { ACL } from "../../../protocol/data.ts";
import { Perm } from "../../../protocol/opcodes.ts";
import { addressId } from "../../../server/net/auth.ts";
import {
  EXPANSION_BYTES_MAX,
  fixUpAcl,
  maskDigests,
  permits,
} from "../../../server/pipeline/access.ts";
import type { AuthId } from "../../../server/pipeline/requester.ts";
import { accessEntry } from "../../../server/tree/access-entry.ts";

const USER = { scheme: "digest", id: "u:hash", address: undefined };
const OTHER = { scheme: "digest", id: "v:hash", address: undefined };
const ADDRESS = addressId("127.0.0.1");
const SUPER = { scheme: "super", id: "", address: undefined };
const WORLD = { scheme: "world", id: "anyone" };

function entry(perms: number, scheme: string | null, id: string | null): ACL {
  return { perms, id: { scheme, id } };
}

function fixUp(
  acl: readonly ACL[] | null,
  ids: readonly AuthId[],
  digestEnabled: boolean,
): ReturnType<typeof fixUpAcl> {
  return fixUpAcl(acl, ids, digestEnabled, { bytes: EXPANSION_BYTES_MAX });
}

function stored(acl: readonly ACL[] | undefined): ACL[] | undefined {
  return acl?.map(({ perms, id }) => ({ perms, id }));
}

// server-semantics 7.3
test("an entry lets in whom it names, for what it names and nothing else", () => {
  const perm = fc.constantFrom(Perm.read, Perm.write, Perm.create, Perm.delete, Perm.admin);
  const ids = fc.subarray([USER, OTHER, ADDRESS]);
  const acl = fc.array(
    fc.record({ perms: fc.integer({ min: 0, max: 31 }), id: fc.constantFrom(USER, OTHER, WORLD) }),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(acl, ids, perm, (list, own, wanted) => {
      const allowed = list.some(
        ({ perms, id }) =>
          (perms & wanted) !== 0 && (id === WORLD || own.some((one) => one === id)),
      );
      const entries = list.map(accessEntry);
      expect(permits(entries, own, wanted)).toBe(allowed);
      expect(permits(entries, [...own, SUPER], wanted)).toBe(true);
    }),
  );
});

// server-semantics 7.3
test("an empty list lets everybody in", () => {
  expect(permits([], [], Perm.admin)).toBe(true);
});

// server-semantics 7.2/auth : anything, Trap 22
test("auth becomes every id that was proven, and none is no list at all", () => {
  const asked = [entry(5, "auth", "whoever")];
  expect(stored(fixUp(asked, [ADDRESS, USER, SUPER, OTHER], true))).toEqual([
    entry(5, "digest", "u:hash"),
    entry(5, "digest", "v:hash"),
  ]);
  expect(fixUp(asked, [ADDRESS, SUPER], true)).toBeUndefined();
});

// server-semantics 7.2/x509 : x, 7.2/sasl : x
// server-semantics 7.2
test("a list is refused as a whole for one entry that nobody can be", () => {
  const refused = [
    entry(31, "world", "someone"),
    entry(31, "digest", "a:"),
    entry(31, "digest", "a:b:c"),
    entry(31, "digest", "a"),
    entry(31, "nobody", "x"),
    entry(31, null, "x"),
    entry(31, "digest", null),
    entry(31, "ip", "127.0.0"),
    entry(31, "ip", "10.0.0.0/33"),
    entry(31, "x509", "CN=somebody"),
    entry(31, "sasl", "somebody"),
  ];
  for (const one of refused) {
    expect(fixUp([one], [USER], true)).toBeUndefined();
    expect(fixUp([entry(31, "digest", ":b"), one], [USER], true)).toBeUndefined();
  }
  expect(fixUp(null, [USER], true)).toBeUndefined();
  expect(fixUp([], [USER], true)).toBeUndefined();
});

// server-semantics 7.2
test("the same entry twice is one, in the first one's place", () => {
  const list = [entry(1, "digest", "a:b"), entry(2, "world", "anyone"), entry(1, "digest", "a:b")];
  expect(stored(fixUp(list, [], true))).toEqual(list.slice(0, 2));
});

// server-semantics Trap 23
test("no hash is shown to who may not change it", () => {
  expect(maskDigests([entry(31, "digest", "a:b"), entry(1, "world", "anyone")])).toEqual([
    entry(31, "digest", "a:x"),
    entry(1, "world", "anyone"),
  ]);
});

// server-semantics 7.2/ip : a or a/n, 7.3/ip; operations 7.4
test("an entry for a network lets in who comes from there, in either family", () => {
  const letsIn = (network: string, address: string): boolean | undefined => {
    const list = fixUp([entry(31, "ip", network)], [], true);
    return list && permits(list, [addressId(address)], Perm.read);
  };
  expect(letsIn("10.1.0.0/16", "10.1.200.3")).toBe(true);
  expect(letsIn("10.1.0.0/16", "10.2.0.1")).toBe(false);
  expect(letsIn("10.1.2.3", "10.1.2.3")).toBe(true);
  expect(letsIn("10.1.2.3", "10.1.2.4")).toBe(false);
  expect(letsIn("fd00::/8", "fdab:1::9")).toBe(true);
  expect(letsIn("fd00::/8", "fc00::9")).toBe(false);
  expect(letsIn("::/0", "10.1.2.3")).toBe(false);
  expect(letsIn("0.0.0.0/0", "::1")).toBe(false);
  expect(letsIn("0.0.0.0/0", "::ffff:10.1.2.3")).toBe(true);
  expect(letsIn("0.0.0.0/0", "no address")).toBe(false);
});

// Each entry compared with each would take longer than a test may.
test("as many entries as a frame holds are fixed up at once", () => {
  const many = Array.from({ length: 50_000 }, (_, i) => entry(i, "digest", "a:b"));
  expect(fixUp([...many, ...many], [], true)).toHaveLength(many.length);
});

// operations 7.9/18
test("a long list and many ids are decided as a short one is", () => {
  const own = [
    USER,
    ...Array.from({ length: 500 }, (_, i) => ({
      scheme: "digest",
      id: `u${i}:h`,
      address: undefined,
    })),
  ];
  const strangers = Array.from({ length: 5000 }, (_, i) =>
    accessEntry(entry(31, "digest", `s${i}:h`)),
  );
  const among = (last: ACL) => [...strangers, accessEntry(last)];
  expect(permits(strangers, own, Perm.read)).toBe(false);
  expect(permits(strangers, [...own, SUPER], Perm.read)).toBe(true);
  expect(permits(among(entry(Perm.read, "digest", "u7:h")), own, Perm.read)).toBe(true);
  expect(permits(among(entry(Perm.read, "digest", "u7:h")), own, Perm.write)).toBe(false);
  expect(permits(among(entry(1, "ip", "127.0.0.0/8")), [...own, ADDRESS], Perm.read)).toBe(true);
  expect(permits(among(entry(1, "ip", "10.0.0.0/8")), [...own, ADDRESS], Perm.read)).toBe(false);
  expect(permits(among(entry(1, "world", "anyone")), own, Perm.read)).toBe(true);
});

// operations 7.9/18
test("auth entries may not make a list that no peer can take", () => {
  const own = Array.from({ length: 1000 }, (_, i) => ({
    scheme: "digest",
    id: `user-${i}:hash`,
    address: undefined,
  }));
  const asked = (count: number): ACL[] =>
    Array.from({ length: count }, (_, i) => entry(31, "auth", String(i)));
  expect(fixUp(asked(10), own, true)).toHaveLength(10_000);
  expect(fixUp(asked(50_000), own, true)).toBeUndefined();
});

// operations 7.1/Built-in schemes
test("where digest is not enabled no list names anybody by it", () => {
  const list = [entry(31, "world", "anyone"), entry(31, "digest", "a:b")];
  expect(fixUp(list, [], true)).toBeDefined();
  expect(fixUp(list, [], false)).toBeUndefined();
});
