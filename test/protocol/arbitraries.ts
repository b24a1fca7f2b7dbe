// Values for property tests of the records: every field takes what its bytes can hold, null and
// empty as values of their own.

import fc from "fast-check";
import type { ACL, Stat, StatPersisted } from "../../protocol/data.ts";

export const int: fc.Arbitrary<number> = fc.integer();

/** A zxid or a time. */
export const long: fc.Arbitrary<number> = fc.oneof(
  fc.maxSafeInteger(),
  fc.constantFrom(-1, 0, 0xffff_ffff, 0x1_0000_0000, -0x1_0000_0000, -0x1_0000_0001),
);

export const text: fc.Arbitrary<string> = fc.string({ unit: "binary", maxLength: 20 });

export const ustring: fc.Arbitrary<string | null> = fc.oneof(fc.constantFrom(null, ""), text);

export const buffer: fc.Arbitrary<Buffer | null> = fc.oneof(
  fc.constantFrom(null, Buffer.alloc(0)),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
);

export const strings: fc.Arbitrary<string[] | null> = fc.oneof(
  fc.constant(null),
  fc.array(text, { maxLength: 4 }),
);

export const acl: fc.Arbitrary<ACL> = fc.record({
  perms: int,
  id: fc.record({ scheme: ustring, id: ustring }),
});

export const acls: fc.Arbitrary<ACL[] | null> = fc.oneof(
  fc.constant(null),
  fc.array(acl, { maxLength: 3 }),
);

const figures = {
  czxid: long,
  mzxid: long,
  ctime: long,
  mtime: long,
  version: int,
  cversion: int,
  aversion: int,
  ownerHigh: int,
  ownerLow: int,
  pzxid: long,
};

export const statPersisted: fc.Arbitrary<StatPersisted> = fc.record(figures);

export const stat: fc.Arbitrary<Stat> = fc.record({
  ...figures,
  dataLength: int,
  numChildren: int,
});
