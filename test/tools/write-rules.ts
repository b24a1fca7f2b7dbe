// `npm run rules [-- PAGES]`: brings test/rules.tsv up to date with the specification's pages
// (a folder, by default the one beside the checkout) and with what the tests' comments say.
// Decisions made by hand (`later: TOPIC`, `peer only`) stay; a proof takes their place.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { placeIds, ruleIds } from "./rule-ids.ts";
import {
  emptyRules,
  formatRules,
  PAGES,
  pageHash,
  parseRules,
  provenBy,
  provenKey,
  UNDECIDED,
} from "./rules.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const pages = resolve(process.argv[2] ?? join(root, "../shared/spec"));
const file = join(root, "test/rules.tsv");

const before = existsSync(file) ? parseRules(readFileSync(file, "utf8")) : emptyRules();
const texts = new Map(PAGES.map((page) => [page, readFileSync(join(pages, `${page}.md`), "utf8")]));
const ids = new Map([...texts].map(([page, text]) => [page, ruleIds(page, text)]));
const places = new Map(
  [...texts].map(([page, text]) => [
    page,
    [...new Set([...(ids.get(page) ?? []), ...placeIds(text)])],
  ]),
);
const { proven, problems } = provenBy(root, (page) => places.get(page) ?? []);

const after = emptyRules();
const counts = { proven: 0, later: 0, "peer only": 0, undecided: 0 };
for (const [page, rules] of after) {
  rules.sha256 = pageHash(texts.get(page) ?? "");
  const isRule = new Set(ids.get(page));
  for (const rule of places.get(page) ?? []) {
    if (!isRule.has(rule) && !proven.has(provenKey(page, rule))) continue;
    const files = proven.get(provenKey(page, rule));
    const decided = before.get(page)?.proofs.get(rule);
    const kept = decided?.startsWith("test/") === true ? undefined : decided;
    const proof = files === undefined ? (kept ?? UNDECIDED) : [...files].sort().join(" ");
    rules.proofs.set(rule, proof);
    if (files !== undefined) counts.proven += 1;
    else if (proof === UNDECIDED) counts.undecided += 1;
    else if (proof === "peer only") counts["peer only"] += 1;
    else counts.later += 1;
  }
}
writeFileSync(file, formatRules(after));
for (const problem of problems) console.error(problem);
console.log(
  Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(", "),
);
if (problems.length > 0) process.exitCode = 1;
