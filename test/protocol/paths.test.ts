import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { baseName, childPath, parentPath, pathProblem } from "../../protocol/paths.ts";

const BAD: readonly (readonly [path: string, problem: string])[] = [
  ["", "empty"],
  ["a", "start with '/'"],
  ["a/b", "start with '/'"],
  ["//", "end with '/'"],
  ["/a/", "end with '/'"],
  ["//a", "empty name at character 1"],
  ["/a//b", "empty name at character 3"],
  ["/.", "relative name at character 1"],
  ["/..", "relative name at character 1"],
  ["/a/.", "relative name at character 3"],
  ["/a/..", "relative name at character 3"],
  ["/./a", "relative name at character 1"],
  ["/a/../b", "relative name at character 3"],
  ["/\u0000", "U+0000"],
  ["/a\u001f", "U+001f"],
  ["/\u007f", "U+007f"],
  ["/a\u009f/b", "U+009f"],
  ["/\ud800", "U+d800"],
  ["/\ue000", "U+e000"],
  ["/\uf8ff", "U+f8ff"],
  ["/\ufff0", "U+fff0"],
  ["/\ufffd", "U+fffd"],
  ["/\uffff", "U+ffff"],
  ["/\u{1f600}", "U+d83d"],
];

const GOOD: readonly string[] = [
  "/",
  "/a",
  "/a/b/c",
  "/.a",
  "/a.",
  "/a..",
  "/..a",
  "/...",
  "/.../....",
  "/ ",
  "/a b",
  "/~",
  "/\u00a0",
  "/\ud7ff",
  "/\uf900",
  "/\uffef",
  "/zwölf/十二",
  "/a/0000000005",
];

// server-semantics 1.1/1, 1.1/2, 1.1/3, 1.1/4, 1.1/5
describe("a path that is refused, and why", () => {
  for (const [path, problem] of BAD) {
    test(JSON.stringify(path), () => expect(pathProblem(path)).toContain(problem));
  }
});

// server-semantics 1.1/1, 1.1/2, 1.1/3, 1.1/4, 1.1/5
describe("a path that is valid", () => {
  for (const path of GOOD) {
    test(JSON.stringify(path), () => expect(pathProblem(path)).toBeUndefined());
  }
});

// server-semantics 1.1/5
test("every character is allowed or refused as the ranges say", () => {
  const ranges = [
    [0x0000, 0x001f],
    [0x007f, 0x009f],
    [0xd800, 0xf8ff],
    [0xfff0, 0xffff],
  ] as const;
  for (let unit = 0; unit <= 0xffff; unit++) {
    const refused = ranges.some(([from, to]) => unit >= from && unit <= to);
    const path = `/a${String.fromCharCode(unit)}b`;
    expect(pathProblem(path) !== undefined, `U+${unit.toString(16)}`).toBe(refused);
  }
});

test("a child's path leads back to its parent and its name", () => {
  const name = fc.stringMatching(/^[a-z0-9-]{1,8}$/);
  fc.assert(
    fc.property(fc.array(name, { maxLength: 4 }), name, (names, last) => {
      const parent = `/${names.join("/")}`;
      const child = childPath(parent, last);
      expect(pathProblem(child)).toBeUndefined();
      expect(parentPath(child)).toBe(parent);
      expect(baseName(child)).toBe(last);
    }),
  );
});
