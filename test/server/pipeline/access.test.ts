import fc from "fast-check";
import { expect, test } from "vitest";
import type { ACL } from "../../../protocol/data.ts";
import { Perm } from "../../../protocol/opcodes.ts";
import { fixUpAcl, maskDigests, permits } from "../../../server/pipeline/access.ts";

const USER = { scheme: "digest", id: "u:hash" };
const OTHER = { scheme: "digest", id: "v:hash" };
const ADDRESS = { scheme: "ip", id: "127.0.0.1" };
const SUPER = { scheme: "super", id: "" };
const WORLD = { scheme: "world", id: "anyone" };

function entry(perms: number, scheme: string | null, id: string | null): ACL {
  return { perms, id: { scheme, id } };
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
        ({ perms, id }) => (perms & wanted) !== 0 && (id === WORLD || own.includes(id)),
      );
      expect(permits(list, own, wanted)).toBe(allowed);
      expect(permits(list, [...own, SUPER], wanted)).toBe(true);
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
  expect(fixUpAcl(asked, [ADDRESS, USER, SUPER, OTHER])).toEqual([
    { perms: 5, id: USER },
    { perms: 5, id: OTHER },
  ]);
  expect(fixUpAcl(asked, [ADDRESS, SUPER])).toBeUndefined();
});

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
  ];
  for (const one of refused) {
    expect(fixUpAcl([one], [USER])).toBeUndefined();
    expect(fixUpAcl([entry(31, "digest", ":b"), one], [USER])).toBeUndefined();
  }
  expect(fixUpAcl(null, [USER])).toBeUndefined();
  expect(fixUpAcl([], [USER])).toBeUndefined();
});

// server-semantics 7.2
test("the same entry twice is one, in the first one's place", () => {
  const list = [entry(1, "digest", "a:b"), entry(2, "world", "anyone"), entry(1, "digest", "a:b")];
  expect(fixUpAcl(list, [])).toEqual(list.slice(0, 2));
});

// server-semantics Trap 23
test("no hash is shown to who may not change it", () => {
  expect(maskDigests([entry(31, "digest", "a:b"), entry(1, "world", "anyone")])).toEqual([
    entry(31, "digest", "a:x"),
    entry(1, "world", "anyone"),
  ]);
});
