import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseProperties } from "../../protocol/properties.ts";

function parse(text: string): Record<string, string> {
  const file = parseProperties(Buffer.from(text));
  return Object.fromEntries(file.properties.map(({ key, value }) => [key, value]));
}

function problems(text: string): string[] {
  return parseProperties(Buffer.from(text)).problems.map(
    ({ severity, at, message }) => `${at.line}:${at.column} ${severity}: ${message}`,
  );
}

function escaped(text: string): string {
  return text.replaceAll(/[^]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

// operations 2.1/Comment
test("a comment starts with # or ! as the first character that is not blank", () => {
  expect(parse("# a=1\n\t ! b=2\n\n  \nc=3\n#d=4\\\ne=5")).toEqual({ c: "3", e: "5" });
});

// operations 2.1/Comment
test("nothing trails a value: what looks like a comment belongs to it", () => {
  expect(parse("tickTime=2000 # ms")).toEqual({ tickTime: "2000 # ms" });
});

// operations 2.1/Separator, Trap 15
test("the first unescaped equals sign, colon or run of blanks separates", () => {
  expect(
    parse("a=1\nb:2\nc 3\nd \t= 4\ne : 5\nf\t\f6\ng==7\nh=:8\ni\\=j=9\nk\\:l:10\nm\\ n o\np"),
  ).toEqual({
    a: "1",
    b: "2",
    c: "3",
    d: "4",
    e: "5",
    f: "6",
    g: "=7",
    h: ":8",
    "i=j": "9",
    "k:l": "10",
    "m n": "o",
    p: "",
  });
});

// operations 2.1/Trim
test("keys and values lose the blanks at both ends, escaped ones too", () => {
  expect(parse("  a =  1 \t\n\\ b = \\t2\\n")).toEqual({ a: "1", b: "2" });
});

// operations 2.1/Continuation
test("an odd number of backslashes at the end joins the next line without its leading blanks", () => {
  expect(parse("a=1,\\\n   2,\\\r\n\t3\nb=x\\\\\nc=y\\\\\\\n z")).toEqual({
    a: "1,2,3",
    b: "x\\",
    c: "y\\z",
  });
});

test("a blank line ends a continued one, and a comment sign in it is text", () => {
  expect(parse("a=1\\\n\nb=2\\\n#c=3")).toEqual({ a: "1", b: "2#c=3" });
});

test("a backslash alone on a line continues nothing", () => {
  expect(parse("\\\n#a=1\n\\\n\nb=2")).toEqual({ b: "2" });
});

test("the last line may end in a backslash", () => {
  expect(parse("a=1\\")).toEqual({ a: "1" });
});

// operations 2.1/Escapes
test("escapes are read as Java reads them, and a dropped backslash is warned about", () => {
  expect(parse("a=\\u0041\\u00e9x\\\\y\\=\\tz")).toEqual({ a: "Aéx\\y=\tz" });
  expect(problems("a=\\u0041\\\\y\\=\\tz")).toEqual([]);
  expect(parse("dataDir=C:\\zk")).toEqual({ dataDir: "C:zk" });
  expect(problems("\ndataDir=C:\\zk")).toEqual([
    '2:11 warning: the backslash before "z" is dropped (\\\\ keeps one)',
  ]);
});

test("a broken unicode escape is an error", () => {
  expect(problems("a=1\nb=x\\u00g1")).toEqual([
    "2:4 error: expected four hexadecimal digits after \\u",
  ]);
});

// operations 2.1/Duplicates
test("the last of two equal keys wins, and both lines are named", () => {
  expect(parse("a=1\nb=2\na=3")).toEqual({ a: "3", b: "2" });
  expect(problems("a=1\nb=2\n  a=3")).toEqual([
    '3:3 warning: "a" again: line 1 is overridden by this one',
  ]);
});

// operations 2.1/Encoding
test("the file is UTF-8, loses its byte order mark, and anything but ASCII is warned about", () => {
  expect(parse("\ufeffa=1")).toEqual({ a: "1" });
  expect(problems("\ufeffa=1")).toEqual([]);
  expect(parse("dir=/zürich")).toEqual({ dir: "/zürich" });
  expect(problems("a=1\ndir=/zürich")).toEqual([
    "2:7 warning: not ASCII: read as UTF-8, while ZooKeeper reads ISO-8859-1",
  ]);
});

// operations 2.1/Case, 2.1/Interpolation
test("keys keep their case, and nothing is interpolated", () => {
  expect(parse("Key=${HOME}\nkey=$HOME")).toEqual({ Key: "${HOME}", key: "$HOME" });
});

test("keys and values know their line and column, across line ends and continuations", () => {
  const { properties } = parseProperties(Buffer.from("a=1\r\n  b = 2\rc\\\n  d :\\\n   e\n"));
  expect(properties).toEqual([
    { key: "a", value: "1", keyAt: { line: 1, column: 1 }, valueAt: { line: 1, column: 3 } },
    { key: "b", value: "2", keyAt: { line: 2, column: 3 }, valueAt: { line: 2, column: 7 } },
    { key: "cd", value: "e", keyAt: { line: 3, column: 1 }, valueAt: { line: 5, column: 4 } },
  ]);
});

test("whatever key and value are escaped into a line comes back out of it", () => {
  const name = fc.string({ minLength: 1, unit: fc.constantFrom(..."ab=: \\#!\t.".split("")) });
  fc.assert(
    fc.property(name, name, (key, value) => {
      fc.pre(/[^ \t]/.test(key));
      expect(parse(`${escaped(key)}=${escaped(value)}`)).toEqual({ [key.trim()]: value.trim() });
    }),
  );
});

test("no bytes at all make it throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      parseProperties(bytes);
    }),
  );
});
