// test/rules.tsv: each rule of the specification's pages and what proves it. A row is
//
//   page <tab> rule <tab> proof
//
// where proof is the test files whose comments name the rule (separated by a blank), or
// `later: TOPIC`, or `peer only`. The row `page <tab> sha256 <tab> HASH` tells which text of the
// page the rules were read from.
//
// A test names what it proves in a comment above it: `// storage ST-6, ST-7`. `npm run rules`
// brings the file up to date; tidy.test.ts checks it.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { resolveRule } from "./rule-ids.ts";
import { filesUnder } from "./sources.ts";

export const PAGES = [
  "client-protocol",
  "operations",
  "quorum-protocol",
  "recipes",
  "server-semantics",
  "storage",
] as const;

export type Page = (typeof PAGES)[number];

/** What stands for a rule that nothing proves and nobody has decided about. */
export const UNDECIDED = "?";

export interface PageRules {
  sha256: string;
  /** Rule to proof, in the page's order. */
  readonly proofs: Map<string, string>;
}

export type Rules = ReadonlyMap<Page, PageRules>;

export function emptyRules(): Rules {
  return new Map(PAGES.map((page) => [page, { sha256: "", proofs: new Map<string, string>() }]));
}

export function parseRules(text: string): Rules {
  const rules = emptyRules();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [page, rule, proof] = line.split("\t");
    const row = page === undefined ? undefined : rules.get(page as Page);
    if (row === undefined || rule === undefined || proof === undefined) {
      throw new Error(`not a row of rules.tsv: ${line}`);
    }
    if (rule === "sha256") row.sha256 = proof;
    else row.proofs.set(rule, proof);
  }
  return rules;
}

export function formatRules(rules: Rules): string {
  const lines: string[] = [];
  for (const [page, of] of rules) {
    lines.push(`${page}\tsha256\t${of.sha256}`);
    for (const [rule, proof] of of.proofs) lines.push(`${page}\t${rule}\t${proof}`);
  }
  return `${lines.join("\n")}\n`;
}

export function pageHash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A comment that says what the test below it proves. */
interface Claim {
  /** "client-protocol" and what follows it. */
  readonly page: Page;
  readonly references: string;
  /** The test file, from the checkout's root. */
  readonly file: string;
  readonly line: number;
}

/** "// storage ST-6, ST-7" claims; "// storage 13.2: how it is laid out" only explains. */
const COMMENT = new RegExp(`^\\s*// (${PAGES.join("|")}) (?!\\S+: )(.+)$`);
/** One comment may go on with another page: "// storage ST-6; server-semantics 4". */
const ANOTHER_PAGE = new RegExp(`^(${PAGES.join("|")}) (.+)$`);
/** A test, or a call that defines several. */
const TEST = /\b(test|describe)\b|^\s*[\w.]+\(/;
/** Tests, and suites that tests run against several peers. */
const TEST_FILE = /\.(test|suite)\.ts$/;
/** A claim's test starts within this many lines below it, other comments not counted. */
const TEST_WITHIN_LINES = 3;

/** The claims of all test files; one that stands above no test is in `problems`. */
function claims(root: string): { claims: Claim[]; problems: string[] } {
  const found: Claim[] = [];
  const problems: string[] = [];
  for (const file of filesUnder(root, "test").filter((path) => TEST_FILE.test(path))) {
    const lines = readFileSync(join(root, file), "utf8").split("\n");
    for (const [index, text] of lines.entries()) {
      const match = COMMENT.exec(text);
      if (match === null) continue;
      const below = lines
        .slice(index + 1)
        .filter((line) => !/^\s*\/\//.test(line))
        .slice(0, TEST_WITHIN_LINES);
      if (!below.some((line) => TEST.test(line))) {
        problems.push(`${file}:${index + 1}: no test below "${text.trim()}"`);
      }
      const page = match[1] as Page;
      found.push({ page, references: match[2] ?? "", file, line: index + 1 });
    }
  }
  return { claims: found, problems };
}

/** Test files by page and rule, as the tests' comments say. */
export type Proven = ReadonlyMap<string, ReadonlySet<string>>;

export function provenKey(page: Page, rule: string): string {
  return `${page}\t${rule}`;
}

/** Reads the comments of all tests against the rules that there are. */
export function provenBy(
  root: string,
  rules: (page: Page) => readonly string[],
): { proven: Proven; problems: string[] } {
  const { claims: all, problems } = claims(root);
  const proven = new Map<string, Set<string>>();
  for (const { page: first, references, file, line } of all) {
    let page = first;
    // A row's name may have a comma itself: the longest run of parts that is a rule is taken.
    const parts = references.split(/([,;] )/);
    for (let start = 0; start < parts.length; ) {
      const other = ANOTHER_PAGE.exec(parts[start] ?? "");
      if (other !== null) {
        page = other[1] as Page;
        parts[start] = other[2] ?? "";
      }
      let end = parts.length;
      let rule: string | undefined;
      for (; end > start; end -= 2) {
        rule = resolveRule(parts.slice(start, end).join(""), rules(page));
        if (rule !== undefined) break;
      }
      if (rule === undefined) {
        problems.push(`${file}:${line}: ${page} has no rule "${parts[start]}", or several`);
        start += 2;
      } else {
        const key = provenKey(page, rule);
        const files = proven.get(key) ?? new Set<string>();
        proven.set(key, files.add(file));
        start = end + 1;
      }
    }
  }
  return { proven, problems };
}
