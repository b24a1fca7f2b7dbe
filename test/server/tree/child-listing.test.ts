import fc from "fast-check";
import { expect, test } from "vitest";
import { Reader, Writer } from "../../../protocol/jute.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { TreeDriver } from "./tree-driver.ts";

function names(writer: Writer): string[] {
  const reader = new Reader().reset(writer.written());
  const found: string[] = [];
  while (reader.remaining > 0) found.push(reader.string() ?? "");
  return found.toSorted();
}

// operations 7.9/10 One node with millions of children
test("a list in slices is the one of its beginning, whatever comes and goes meanwhile", () => {
  const change = fc.record({
    create: fc.boolean(),
    parent: fc.constantFrom("/p", "/p", "/q"),
    name: fc.integer({ min: 0, max: 30 }),
  });
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 40 }),
      fc.array(fc.array(change, { maxLength: 10 }), { maxLength: 20 }),
      fc.integer({ min: 1, max: 5 }),
      (first, rounds, slice) => {
        const driver = new TreeDriver(new DataTree({ hashSeed: 1 }));
        const { tree } = driver;
        const there = new Set<string>();
        const apply = (create: boolean, path: string): void => {
          if (create === there.has(path)) return;
          if (create) driver.create(path);
          else driver.delete(path);
          if (create) there.add(path);
          else there.delete(path);
        };
        driver.create("/p");
        driver.create("/q");
        for (const name of first) apply(true, `/p/${name}`);
        const expected = [...there].map((path) => path.slice(3)).toSorted();
        const listing = tree.listChildren(tree.findText("/p"));
        const writer = new Writer();
        let more = true;
        for (const changes of rounds) {
          if (more) more = listing.step(slice, writer);
          for (const { create, parent, name } of changes) apply(create, `${parent}/${name}`);
        }
        while (more) more = listing.step(slice, writer);
        listing.close();
        expect(names(writer)).toEqual(expected);
        expect(listing.count).toBe(expected.length);
      },
    ),
  );
});

test("a list goes on when the parent is deleted with all that was in it, and made again", () => {
  const driver = new TreeDriver(new DataTree({ hashSeed: 1 }));
  driver.create("/p");
  for (let i = 0; i < 10; i++) driver.create(`/p/${i}`);
  const listing = driver.tree.listChildren(driver.tree.findText("/p"));
  const writer = new Writer();
  listing.step(3, writer);
  for (let i = 0; i < 10; i++) driver.delete(`/p/${i}`);
  driver.delete("/p");
  driver.create("/p");
  for (let i = 0; i < 10; i++) driver.create(`/p/new-${i}`);
  for (let i = 0; i < 5; i++) driver.delete(`/p/new-${i}`);
  expect(listing.step(100, writer)).toBe(false);
  listing.close();
  expect(names(writer)).toEqual(Array.from({ length: 10 }, (_, i) => String(i)));
});
