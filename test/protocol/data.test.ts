import { describe, expect, test } from "vitest";
import {
  readACL,
  readACLs,
  readId,
  readStat,
  readStatPersisted,
  readStrings,
  STAT_BYTES,
  STAT_PERSISTED_BYTES,
  writeACL,
  writeACLs,
  writeId,
  writeStat,
  writeStatPersisted,
  writeStrings,
} from "../../protocol/data.ts";
import { JuteError, Reader, Writer } from "../../protocol/jute.ts";
import { acl, acls, stat, statPersisted, strings } from "./arbitraries.ts";
import { codecLaws } from "./codec-laws.ts";

// client-protocol 5/Id, 5/ACL, 5/Stat
describe("Id", () => {
  codecLaws({ arbitrary: acl.map(({ id }) => id), read: readId, write: writeId });
});
describe("ACL", () => {
  codecLaws({ arbitrary: acl, read: readACL, write: writeACL });
});
describe("vector<ACL>", () => {
  codecLaws({ arbitrary: acls, read: readACLs, write: writeACLs });
});
describe("vector<ustring>", () => {
  codecLaws({ arbitrary: strings, read: readStrings, write: writeStrings });
});
describe("Stat", () => {
  codecLaws({ arbitrary: stat, read: readStat, write: writeStat });
});
describe("StatPersisted", () => {
  codecLaws({
    arbitrary: statPersisted,
    read: readStatPersisted,
    write: writeStatPersisted,
  });
});

function fromHex(digits: string): number {
  return Number.parseInt(digits, 16);
}

const STAT = {
  czxid: 1,
  mzxid: 2,
  ctime: 3,
  mtime: 4,
  version: 5,
  cversion: 6,
  aversion: 7,
  ownerHigh: 8,
  ownerLow: 9,
  dataLength: 10,
  numChildren: 11,
  pzxid: 12,
};

// client-protocol 5/Stat
test("a Stat's 68 bytes have its fields in their order", () => {
  const writer = new Writer();
  writeStat(writer, STAT);
  expect(writer.length).toBe(STAT_BYTES);
  expect(writer.written().toString("hex").match(/.{8}/g)?.map(fromHex)).toEqual([
    0, 1, 0, 2, 0, 3, 0, 4, 5, 6, 7, 8, 9, 10, 11, 0, 12,
  ]);
});

// storage ST-16
test("a StatPersisted is a Stat without the two figures that follow from the znode", () => {
  const writer = new Writer();
  writeStatPersisted(writer, STAT);
  expect(writer.length).toBe(STAT_PERSISTED_BYTES);
  expect(writer.written().toString("hex").match(/.{8}/g)?.map(fromHex)).toEqual([
    0, 1, 0, 2, 0, 3, 0, 4, 5, 6, 7, 8, 9, 0, 12,
  ]);
});

// client-protocol 1/vector<T>
test("a vector that is null and one that is empty are two values", () => {
  for (const write of [writeACLs, writeStrings]) {
    const writer = new Writer();
    write(writer, null);
    write(writer, []);
    expect(writer.written().toString("hex")).toBe("ffffffff00000000");
  }
  const reader = new Reader().reset(Buffer.from("ffffffff00000000ffffffff00000000", "hex"));
  expect([readACLs(reader), readACLs(reader)]).toEqual([null, []]);
  expect([readStrings(reader), readStrings(reader)]).toEqual([null, []]);
});

// client-protocol 1
test("a vector that announces more than its bytes can hold is refused before it is made", () => {
  for (const length of ["7fffffff", "00000002", "fffffffe", "80000000"]) {
    const bytes = Buffer.from(`${length}0000000000000000`, "hex");
    expect(() => readACLs(new Reader().reset(bytes))).toThrow(JuteError);
  }
  for (const length of ["7fffffff", "00000003", "fffffffe", "80000000"]) {
    const bytes = Buffer.from(`${length}0000000000000000`, "hex");
    expect(() => readStrings(new Reader().reset(bytes))).toThrow(JuteError);
  }
});

test("a null string among others is refused", () => {
  const bytes = Buffer.from("00000002000000016100000000ffffffff", "hex");
  expect(readStrings(new Reader().reset(bytes))).toEqual(["a", ""]);
  bytes.writeInt32BE(-1, 9);
  expect(() => readStrings(new Reader().reset(bytes))).toThrow(JuteError);
});
