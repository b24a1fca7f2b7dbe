import { expect, test } from "vitest";
import { type ACL, writeACLs } from "../../../protocol/data.ts";
import { Writer } from "../../../protocol/jute.ts";
import { AclCache, OPEN_HANDLE } from "../../../server/tree/acl-cache.ts";
import { NameHash } from "../../../server/tree/name-hash.ts";
import { worldAcl } from "./tree-driver.ts";

function bytesOf(acl: readonly ACL[] | null): Buffer {
  const writer = new Writer();
  writeACLs(writer, acl);
  return writer.take();
}

function acquire(cache: AclCache, acl: readonly ACL[] | null): number {
  const bytes = bytesOf(acl);
  return cache.acquire(bytes, 0, bytes.length);
}

function load(cache: AclCache, fileId: number, acl: readonly ACL[]): void {
  const bytes = bytesOf(acl);
  cache.load(fileId, bytes, 0, bytes.length);
}

function newCache(): AclCache {
  return new AclCache(new NameHash(1, 2));
}

function written(cache: AclCache): string {
  const writer = new Writer();
  cache.write(writer);
  return writer.take().toString("hex");
}

// storage ST-15
test("equal lists are one, until the last znode that has it is gone", () => {
  const cache = newCache();
  const first = acquire(cache, worldAcl(1));
  const other = acquire(cache, worldAcl(2));
  expect(acquire(cache, worldAcl(1))).toBe(first);
  expect(other).not.toBe(first);
  expect([cache.fileId(first), cache.fileId(other), cache.size]).toEqual([1, 2, 2]);
  expect(cache.get(first)).toEqual(worldAcl(1));
  cache.release(first);
  expect(cache.get(first)).toEqual(worldAcl(1));
  cache.release(first);
  expect(cache.size).toBe(1);
  expect(() => cache.get(first)).toThrow();
});

// storage F-6
test("a handle is used again, a file id never", () => {
  const cache = newCache();
  const handle = acquire(cache, worldAcl(1));
  cache.release(handle);
  expect(acquire(cache, worldAcl(2))).toBe(handle);
  expect(cache.fileId(handle)).toBe(2);
});

// storage ST-15
test("the open list of a fresh tree is -1, and a client's equal list has an id of its own", () => {
  const cache = newCache();
  expect(cache.acquireFileId(-1)).toBe(OPEN_HANDLE);
  expect(cache.fileId(OPEN_HANDLE)).toBe(-1);
  expect(cache.get(OPEN_HANDLE)).toEqual(worldAcl(31));
  expect(cache.fileId(acquire(cache, worldAcl(31)))).toBe(1);
});

// storage F-6
test("a list that a snapshot lacks denies everything, and its id is not given to another", () => {
  const cache = newCache();
  load(cache, 3, worldAcl(1));
  const unknown = cache.acquireFileId(7);
  expect(cache.acquireFileId(7)).toBe(unknown);
  expect(cache.get(unknown).every(({ perms }) => perms === 0)).toBe(true);
  expect(cache.get(unknown)).not.toEqual([]);
  expect(cache.fileId(unknown)).toBe(7);
  expect(cache.acquireFileId(3)).not.toBe(unknown);
  cache.loaded();
  expect(cache.fileId(acquire(cache, worldAcl(9)))).toBe(8);
});

// storage F-7
test("lists that no loaded znode has are dropped", () => {
  const cache = newCache();
  load(cache, 1, worldAcl(1));
  load(cache, 2, worldAcl(2));
  cache.acquireFileId(2);
  cache.loaded();
  expect(cache.size).toBe(1);
  expect(written(cache)).toBe(`000000010000000000000002${bytesOf(worldAcl(2)).toString("hex")}`);
});

test("a null list and an empty one are two, both without entries", () => {
  const cache = newCache();
  const none = acquire(cache, null);
  const empty = acquire(cache, []);
  expect(none).not.toBe(empty);
  expect([cache.get(none), cache.get(empty)]).toEqual([[], []]);
  expect(written(cache)).toBe("000000020000000000000001ffffffff000000000000000200000000");
});

test("lists whose hashes are the same are kept apart, and dropped one by one", () => {
  // A hash that sees nothing but the length.
  class LengthHash extends NameHash {
    override of(_parent: number, _bytes: Uint8Array, start: number, end: number): number {
      return end - start;
    }
  }
  const cache = new AclCache(new LengthHash(0, 0));
  const handles = [1, 2, 4, 8].map((perms) => acquire(cache, worldAcl(perms)));
  expect(new Set(handles).size).toBe(4);
  const [first = 0, second = 0, third = 0, fourth = 0] = handles;
  for (const handle of [second, fourth]) cache.release(handle);
  expect(acquire(cache, worldAcl(1))).toBe(first);
  expect(acquire(cache, worldAcl(4))).toBe(third);
  expect(cache.size).toBe(2);
  expect(cache.get(acquire(cache, worldAcl(2)))).toEqual(worldAcl(2));
});
