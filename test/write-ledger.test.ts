// The checker of the suites that kill servers under load is itself tried: on a history that is
// right, and on those that are wrong in one place each.

import type { Stat } from "quorate/client";
import { expect, test } from "vitest";
import type { SeenZnode } from "./tools/tree-dump.ts";
import { type Acknowledged, WriteLedger } from "./tools/write-ledger.ts";

const STAT: Stat = {
  czxid: 1n,
  mzxid: 1n,
  pzxid: 1n,
  ctimeMs: 0,
  mtimeMs: 0,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  dataLength: 0,
  childCount: 0,
};

function set(number: number, version: number, zxid: number, after = zxid - 1): Acknowledged {
  return { client: 0, number, path: "/load/c0", version, zxid, after };
}

function create(number: number, zxid: number, after = zxid - 1): Acknowledged {
  const path = `/load/c0/p1/n-000000000${number}`;
  return { client: 0, number, path, version: undefined, zxid, after };
}

const RIGHT = [set(0, 1, 10), create(1, 11), set(2, 2, 12), create(3, 13)];

function znode(data: string, stat: Partial<Stat>): SeenZnode {
  return { data: Buffer.from(data), acl: [], stat: { ...STAT, ...stat } };
}

/** The tree that the right history makes. */
function tree(): Map<string, SeenZnode> {
  return new Map([
    ["/load/c0", znode("0:2", { version: 2 })],
    ["/load/c0/p1/n-0000000001", znode("0:1", { czxid: 11n })],
    ["/load/c0/p1/n-0000000003", znode("0:3", { czxid: 13n })],
  ]);
}

function problems(
  history: readonly Acknowledged[],
  seen: ReadonlyMap<string, SeenZnode>,
  lost: readonly number[] = [],
): string[] {
  const ledger = new WriteLedger();
  for (const write of history) ledger.keep(write);
  for (const number of lost) ledger.lost(0, number);
  return [...ledger.check(seen)];
}

test("nothing is wrong with a history whose tree has it all", () => {
  expect(problems(RIGHT, tree())).toEqual([]);
});

test("a write whose reply was lost may be there, or not, once", () => {
  const seen = tree().set("/load/c0/p1/n-0000000005", znode("0:5", { czxid: 15n }));
  seen.set("/load/c0", znode("0:4", { version: 3 }));
  expect(problems(RIGHT, seen, [4, 5])).toEqual([]);
  expect(problems(RIGHT, tree(), [4, 5])).toEqual([]);
  seen.set("/load/c0/p1/n-0000000006", znode("0:5", { czxid: 16n }));
  expect(problems(RIGHT, seen, [4, 5])).toEqual(["/load/c0/p1/n-0000000006: 0:5 is there twice"]);
});

test("a write that was acknowledged and is gone, or is another one, is found", () => {
  const gone = tree();
  gone.delete("/load/c0/p1/n-0000000003");
  expect(problems(RIGHT, gone)[0]).toMatch(/n-0000000003 .* was acknowledged and is lost/);
  const undone = tree().set("/load/c0", znode("0:0", { version: 1 }));
  expect(problems(RIGHT, undone)).toEqual([
    "/load/c0 holds 0:0 after 0:2 was acknowledged",
    "/load/c0 has version 1, not 2",
  ]);
  const again = tree().set("/load/c0/p1/n-0000000003", znode("0:3", { czxid: 14n }));
  expect(problems(RIGHT, again)[0]).toMatch(/was acknowledged with zxid 13 and has 14/);
});

test("a child that was deleted is gone, may be if the reply was lost, and comes not back", () => {
  const path = "/load/c0/p1/n-0000000001";
  const gone = tree();
  gone.delete(path);
  const check = (isAcknowledged: boolean, seen: ReadonlyMap<string, SeenZnode>): string[] => {
    const ledger = new WriteLedger();
    for (const write of RIGHT) ledger.keep(write);
    ledger.deleted(path, isAcknowledged);
    return [...ledger.check(seen)];
  };
  expect(check(true, gone)).toEqual([]);
  expect(check(false, gone)).toEqual([]);
  expect(check(false, tree())).toEqual([]);
  expect(check(true, tree())[0]).toMatch(/was deleted, that was acknowledged, and it is there/);
});

test("what was done twice, or by nobody, is found", () => {
  const twice = tree().set("/load/c0", znode("0:2", { version: 3 }));
  expect(problems(RIGHT, twice)[0]).toMatch(/was set 3 times, by 2 and at most 0 writes/);
  const strange = tree().set("/load/c0/p1/n-0000000009", znode("0:9", {}));
  expect(problems(RIGHT, strange)).toEqual(["/load/c0/p1/n-0000000009: nobody wrote it"]);
});

test("what happened in another order than the clients saw is found", () => {
  const swapped = [set(0, 1, 12), create(1, 11, 0), set(2, 2, 13), create(3, 14)];
  expect(problems(swapped, tree()).join("\n")).toMatch(/has a smaller zxid than the one before/);
  const late = [...RIGHT.slice(0, 3), create(3, 13, 20)];
  expect(problems(late, tree()).join("\n")).toMatch(
    /was sent after 20 was acknowledged, and got 13/,
  );
  const same = [...RIGHT.slice(0, 3), create(3, 12, 11)];
  expect(problems(same, tree()).join("\n")).toMatch(/has the zxid 12 of another write/);
  const overtaken = tree().set("/load/c0", znode("0:0", { version: 3 }));
  expect(problems([...RIGHT.slice(1)], overtaken, [0])[0]).toMatch(/holds 0:0 after 0:2/);
});
