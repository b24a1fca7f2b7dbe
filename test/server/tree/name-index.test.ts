import { expect, test } from "vitest";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { NameHash } from "../../../server/tree/name-hash.ts";
import { TreeDriver } from "./tree-driver.ts";

test("the hash tells names, lengths, parents and keys apart, whatever lies around the name", () => {
  const hash = new NameHash(1, 2);
  const of = (text: string, parent = 5): number => {
    const bytes = Buffer.from(`<${text}>`);
    return hash.of(parent, bytes, 1, bytes.length - 1);
  };
  const names = ["", "a", "b", "ab", "ba", "abc", "abcd", "abcde", "abcdefgh", "\0", "\0\0", "é"];
  const hashes = names.flatMap((name) => [of(name), of(name, 6)]);
  expect(new Set(hashes).size).toBe(hashes.length);
  const other = new NameHash(1, 3);
  const bytes = Buffer.from("abc");
  expect(other.of(5, bytes, 0, 3)).not.toBe(of("abc"));
  expect(of("abc")).toBe(hash.of(5, bytes, 0, 3));
});

test("thousands of names are found while the index grows, and not once they are deleted", () => {
  const driver = new TreeDriver(new DataTree({ hashSeed: 77 }));
  const { tree } = driver;
  const count = 40_000;
  driver.create("/a");
  driver.create("/b");
  for (let i = 0; i < count; i++) driver.create(`/${i % 2 === 0 ? "a" : "b"}/${i}`);
  for (let i = 0; i < count; i += 3) driver.delete(`/${i % 2 === 0 ? "a" : "b"}/${i}`);
  const wrong: number[] = [];
  for (let i = 0; i < count; i++) {
    const slot = tree.findText(`/${i % 2 === 0 ? "a" : "b"}/${i}`);
    if ((slot === 0) !== (i % 3 === 0)) wrong.push(i);
    if (tree.findText(`/${i % 2 === 0 ? "b" : "a"}/${i}`) !== 0) wrong.push(i);
  }
  expect(wrong).toEqual([]);
}, 60_000);
