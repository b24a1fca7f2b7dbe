// The reference's hole: it walks and loads a tree by recursion, so that a tree which clients can make
// is one that no server can write or load any more. Here nothing is as deep as the tree.

import { expect, test } from "vitest";
import { OPEN_HANDLE } from "../../../server/tree/acl-cache.ts";
import { DataTree, type Slot } from "../../../server/tree/data-tree.ts";
import { measure } from "../../../server/tree/usage-count.ts";

const OPTIONS = { hashSeed: 42 };

/** Beyond any stack of Node's. */
const DEPTH = 50_000;

/** /a/a/a… */
function deepTree(depth: number): DataTree {
  const tree = DataTree.empty(OPTIONS);
  const name = Buffer.from("/a");
  let parent: Slot = add(tree, 0, name.subarray(0, 0));
  for (let i = 0; i < depth; i++) parent = add(tree, parent, name);
  return tree;
}

function add(tree: DataTree, parent: Slot, name: Buffer): Slot {
  const slot = tree.insert(parent, name, 0, name.length, name.length, 0, OPEN_HANDLE);
  tree.acls.retain(OPEN_HANDLE);
  tree.settleNew(slot);
  return slot;
}

// operations 7.9/9 Deep tree
test("a tree of fifty thousand generations is looked up in and counted", () => {
  const tree = deepTree(DEPTH);
  const path = "/a".repeat(DEPTH);
  const deepest = tree.findText(path);
  expect(deepest).not.toBe(0);
  expect(tree.pathText(deepest) === path).toBe(true);
  expect(measure(tree, tree.root, DEPTH + 1)?.count).toBe(DEPTH + 1);
});
