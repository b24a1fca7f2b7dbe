// Long paths are looked up from where they part from the last one: what is found must be what a walk
// from the root finds.

import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { OPEN_HANDLE } from "../../../server/tree/acl-cache.ts";
import { DataTree, type Slot } from "../../../server/tree/data-tree.ts";

const LONG = `/${"long".repeat(80)}`;
const DEPTH = 3000;

function add(tree: DataTree, path: string): void {
  const bytes = Buffer.from(path);
  const parent = walk(tree, path.slice(0, path.lastIndexOf("/")));
  tree.acls.retain(OPEN_HANDLE);
  const slot = tree.insert(parent, bytes, 0, bytes.length, bytes.length, 0, OPEN_HANDLE);
  tree.settleNew(slot);
}

/** Name by name. */
function walk(tree: DataTree, path: string): Slot {
  let slot = tree.root;
  for (const name of path.split("/").slice(1)) {
    const bytes = Buffer.from(name);
    if (slot === 0 || bytes.length === 0) return 0;
    slot = tree.child(slot, bytes, 0, bytes.length);
  }
  return slot;
}

test("whatever was looked up, made and deleted before, a long path is found as by a walk", () => {
  const name = fc.constantFrom("a", "b", "ab", "a".repeat(300));
  const path = fc.array(name, { maxLength: 6 }).map((names) => [LONG, ...names].join("/"));
  const odd = path.chain((valid) =>
    fc.constantFrom(`${valid}/`, `${valid}//a`, `x${valid}`, `${valid}x`, valid.slice(0, -1)),
  );
  const step = fc.tuple(fc.constantFrom("add", "remove", "find", "find"), path, odd);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const tree = new DataTree({ hashSeed: 1 });
      add(tree, LONG);
      for (const [what, at, other] of steps) {
        const slot = walk(tree, at);
        const parent = walk(tree, at.slice(0, at.lastIndexOf("/")));
        if (what === "add" && slot === 0 && parent !== 0) add(tree, at);
        if (what === "remove" && slot !== 0 && tree.childCount(slot) === 0 && at !== LONG) {
          tree.remove(slot);
        }
        expect(tree.findText(other)).toBe(walk(tree, other.startsWith("/") ? other : "//"));
        expect(tree.findText(at)).toBe(walk(tree, at));
      }
    }),
  );
});

test("a level more costs no more, however deep it lies", () => {
  const tree = new DataTree({ hashSeed: 1 });
  const bytes = Buffer.from("/d".repeat(DEPTH));
  const climbs = vi.spyOn(tree, "parent");
  for (let end = 2; end <= bytes.length; end += 2) {
    const above = tree.find(bytes, 0, end - 2);
    tree.acls.retain(OPEN_HANDLE);
    const slot = tree.insert(above, bytes, 0, end, end, 0, OPEN_HANDLE);
    tree.settleNew(slot);
    expect(tree.find(bytes, 0, end)).toBe(slot);
  }
  expect(climbs.mock.calls.length).toBeLessThan(10 * DEPTH);
});
