// `npm test [-- PROJECT...]`: runs every suite that this machine can run, or those named. Where an
// engine is missing, one line says which and how to get it; with CI set that fails the run.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ENGINES, needsOf } from "./engines.ts";
import { filesUnder } from "./sources.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const projects = process.argv.slice(2);

function isWanted(path: string): boolean {
  return projects.length === 0 || projects.some((name) => path.startsWith(`test/${name}/`));
}

const needs = filesUnder(root, "test")
  .filter((path) => path.endsWith(".test.ts") && isWanted(path))
  .map((path) => ({ path, engines: needsOf(readFileSync(join(root, path), "utf8")) }));
const wanted = new Set(needs.flatMap(({ engines }) => engines));
const missing = ENGINES.filter(({ name, isThere }) => wanted.has(name) && !isThere());
const excluded = needs.filter(({ engines }) => missing.some(({ name }) => engines.includes(name)));

const unknown = [...wanted].filter((name) => !ENGINES.some((engine) => engine.name === name));
if (unknown.length > 0) throw new Error(`no such engine: ${unknown.join(", ")}`);
for (const { name, title, install } of missing) {
  const files = excluded.filter(({ engines }) => engines.includes(name)).map(({ path }) => path);
  console.log(`Left out for want of ${title} (${install}): ${files.join(" ")}`);
}
if (missing.length > 0 && (process.env["CI"] ?? "") !== "") {
  console.error("CI is set: a missing engine fails the run.");
  process.exitCode = 1;
} else {
  const run = spawnSync(
    "vitest",
    [
      "run",
      "--passWithNoTests",
      ...projects.flatMap((name) => ["--project", name]),
      ...excluded.flatMap(({ path }) => ["--exclude", path]),
    ],
    { cwd: root, stdio: "inherit" },
  );
  if (run.error !== undefined) throw run.error;
  process.exitCode = run.status ?? 1;
}
