// The repository's own rules. The suite reads sources, dist and git's list of files; it needs a
// build (`npm run build`).

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { wrongImports } from "./tools/directions.ts";
import { needsOf } from "./tools/engines.ts";
import { placeIds, resolveRule, ruleIds } from "./tools/rule-ids.ts";
import {
  PAGES,
  pageHash,
  parseRules,
  provenBy,
  provenKey,
  type Rules,
  UNDECIDED,
} from "./tools/rules.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string): string => readFileSync(`${root}/${path}`, "utf8");

/** What is in the repository, or about to be. */
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((path) => path !== "" && existsSync(`${root}/${path}`));

const rules: Rules = parseRules(read("test/rules.tsv"));
const specification = `${root}/../shared/spec`;

function idsOf(page: (typeof PAGES)[number]): string[] {
  return [...(rules.get(page)?.proofs.keys() ?? [])];
}

test("every rule of the specification has a proof, a later piece of work, or is the peer's", () => {
  const wrong: string[] = [];
  for (const [page, { proofs }] of rules) {
    for (const [rule, proof] of proofs) {
      const isDecided = proof === "peer only" || /^later: \S/.test(proof);
      const isProven = /^test\/\S+\.(test|suite)\.ts( test\/\S+\.(test|suite)\.ts)*$/.test(proof);
      if (proof === UNDECIDED || (!isDecided && !isProven)) wrong.push(`${page} ${rule}: ${proof}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("every proof in rules.tsv is a test whose comment names the rule, and the other way round", () => {
  const { proven, problems } = provenBy(root, idsOf);
  const wrong = [...problems];
  for (const [page, { proofs }] of rules) {
    for (const [rule, proof] of proofs) {
      const named = [...(proven.get(provenKey(page, rule)) ?? [])].sort().join(" ");
      const listed = proof.startsWith("test/") ? proof : "";
      if (named !== listed) wrong.push(`${page} ${rule}: listed "${listed}", tests say "${named}"`);
    }
  }
  expect(wrong, "`npm run rules` brings test/rules.tsv up to date").toEqual([]);
});

test("rules.tsv holds the rules of the pages as they are, where they lie beside the checkout", () => {
  if (!existsSync(specification)) return;
  for (const page of PAGES) {
    const text = readFileSync(`${specification}/${page}.md`, "utf8");
    expect(rules.get(page)?.sha256, page).toBe(pageHash(text));
    const listed = new Set(idsOf(page));
    const missing = ruleIds(page, text).filter((rule) => !listed.delete(rule));
    expect(missing, page).toEqual([]);
    // What is left are places that tests name of their own accord.
    const places = new Set(placeIds(text));
    expect(
      [...listed].filter((place) => !places.has(place)),
      page,
    ).toEqual([]);
  }
});

test("a rule is found by its id, and a row by an end of its name that no other row has", () => {
  const text = `
## 3. Checks
### 3.2 Order
Sentences say this.

| # | op | checks |
| --- | --- | --- |
| 1 | create | \`a\` |
| 15 | create2 | b |

1. first
## 4. Log
- **ST-1** one. ST-2 two (see ST-1).
## 5. Traps
1. **Beware.**
`;
  const ids = ruleIds("client-protocol", text);
  expect(ids).toEqual(["3.2", "3.2/1 create", "3.2/15 create2", "3.2/1", "ST-1", "ST-2", "Trap 1"]);
  expect(resolveRule("3.2/create", ids)).toBe("3.2/1 create");
  expect(resolveRule("3.2/1", ids)).toBe("3.2/1");
  expect(resolveRule("3.2/2", ids)).toBeUndefined();
});

test("imports go one way", () => {
  expect(wrongImports(root)).toEqual([]);
});

/** Only the server, or only the command, may make Node load these. */
const NOT_FOR_CLIENTS = /\/dist\/(server\/|cli\.js)|\/node_modules\/(pino|commander)\//;

test.each(["client", "recipes"])(
  "quorate/%s loads no server and nothing that only it needs",
  (entry) => {
    // The debugger hears of every script, those that CommonJS packages require among them.
    const script = `
    import { Session } from "node:inspector";
    const urls = [];
    const session = new Session();
    session.connect();
    session.on("Debugger.scriptParsed", ({ params }) => urls.push(params.url));
    session.post("Debugger.enable");
    await import("quorate/${entry}");
    session.disconnect();
    console.log(urls.join("\\n"));
  `;
    const run = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: root,
      encoding: "utf8",
    });
    expect(run.stderr).toBe("");
    const loaded = run.stdout.split("\n");
    expect(loaded.some((url) => url.endsWith(`/dist/${entry}/index.js`))).toBe(true);
    expect(loaded.filter((url) => NOT_FOR_CLIENTS.test(url))).toEqual([]);
  },
);

const SOURCE_LIMIT_LINES = 500;
/** A suite is a list, and longer before it is hard to read. */
const SUITE_LIMIT_LINES = 700;
/** Longer files, each with its reason. */
const LONGER: ReadonlyMap<string, string> = new Map();

test("a source file explains one noun in no more than 500 lines, a suite has 700", () => {
  const long = files
    .filter((path) => /\.(ts|mjs)$/.test(path) && !LONGER.has(path))
    .map((path) => ({ path, lines: read(path).split("\n").length - 1 }))
    .filter(({ path, lines }) => {
      return lines > (path.startsWith("test/") ? SUITE_LIMIT_LINES : SOURCE_LIMIT_LINES);
    });
  expect(long).toEqual([]);
  for (const path of LONGER.keys()) expect(files).toContain(path);
});

test("every file that a page of the documentation names is there", () => {
  const known = new Set(files.flatMap((path) => [path, ...parentsOf(path)]));
  const missing = files
    .filter((path) => path.endsWith(".md"))
    .flatMap((page) =>
      namedFiles(read(page))
        .filter((path) => !known.has(path) && !known.has(posix.join(posix.dirname(page), path)))
        .map((path) => `${page} names ${path}`),
    );
  expect(missing).toEqual([]);
});

/** Paths in code marks and in links that look like files or folders of ours. */
function namedFiles(markdown: string): string[] {
  const roots = "protocol|server|client|recipes|test|docs|examples|\\.ci";
  const marked = new RegExp(`\`((?:${roots})/[\\w./-]*)\``, "g");
  const linked = /\]\((?!\w+:|#)([^)#\s]+)/g;
  return [marked, linked]
    .flatMap((pattern) => Array.from(markdown.matchAll(pattern)))
    .map(([, path = ""]) => path.replace(/\/$/, ""));
}

function parentsOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

test("no file names a path of the machine it was written on, nor a registry's host", () => {
  const machine = /(?<![\w.])\/(work|farm|root|home)\/\w/;
  const registry = /registry\.npmjs|registry\.yarnpkg|"resolved": "http/;
  const wrong = files
    .filter((path) => !/\.(bin|png|gz|jar)$/.test(path))
    .filter(
      (path) =>
        machine.test(read(path)) || (path.startsWith("package") && registry.test(read(path))),
    );
  expect(wrong).toEqual([]);
});

test("a suite whose tests talk to another program says what it needs", () => {
  const silent = files
    .filter((path) => /^test\/(interop|containers)\/.*\.test\.ts$/.test(path))
    .filter((path) => needsOf(read(path)).length === 0);
  expect(silent).toEqual([]);
});
