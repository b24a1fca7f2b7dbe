// `npm run check:proof`: shows that `npm run check` can fail. In a temporary copy of the checkout
// it plants one violation for each thing that a tool guards, runs that tool, and wants it to fail
// and to name what was planted.

import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

interface Violation {
  readonly title: string;
  readonly file: string;
  /** The file's new text; it gets "" for a file that is not there. */
  readonly plant: (text: string) => string;
  readonly command: string;
  /** What the tool must print, besides failing. */
  readonly says: RegExp;
}

const PLANTED = "client/planted.ts";
const TIDY = "vitest run test/tidy.test.ts -t";

const VIOLATIONS: readonly Violation[] = [
  {
    title: "formatter: a line in another layout",
    file: PLANTED,
    plant: () => "export const   planted = 'x'\n",
    command: "biome check",
    says: /planted\.ts[\s\S]*format/,
  },
  {
    title: "formatter: imports out of order",
    file: PLANTED,
    plant: () =>
      'import "./b.ts";\nimport { z } from "./z.ts";\nimport { a } from "./a.ts";\na(z);\n',
    command: "biome check",
    says: /planted\.ts[\s\S]*organizeImports/,
  },
  {
    title: "linter: a promise that nobody awaits",
    file: PLANTED,
    plant: () => "async function work(): Promise<void> {}\nwork();\n",
    command: "oxlint",
    says: /no-floating-promises/,
  },
  {
    title: "linter: a switch that leaves a case out",
    file: PLANTED,
    plant: () =>
      'export function planted(x: "a" | "b"): void {\n  switch (x) {\n    case "a":\n      break;\n  }\n}\n',
    command: "oxlint",
    says: /switch-exhaustiveness-check/,
  },
  {
    title: "linter: a condition that always holds",
    file: PLANTED,
    plant: () => "export function planted(x: object): number {\n  return x ? 1 : 2;\n}\n",
    command: "oxlint",
    says: /no-unnecessary-condition/,
  },
  {
    title: "linter: a clock beside the host's",
    file: PLANTED,
    plant: () => "export const planted: number = Date.now();\n",
    command: "oxlint",
    says: /no-restricted-globals[\s\S]*Date/,
  },
  {
    title: "linter: a timer beside the host's",
    file: PLANTED,
    plant: () => "setTimeout(() => undefined, 1);\n",
    command: "oxlint",
    says: /no-restricted-globals[\s\S]*setTimeout/,
  },
  {
    title: "linter: randomness beside the host's",
    file: PLANTED,
    plant: () => "export const planted: number = Math.random();\n",
    command: "oxlint",
    says: /no-restricted-properties/,
  },
  {
    title: "linter: the network beside the host's",
    file: PLANTED,
    plant: () =>
      'import { connect } from "node:net";\n\nexport const planted: unknown = connect(1);\n',
    command: "oxlint",
    says: /no-restricted-imports/,
  },
  {
    title: "type check",
    file: PLANTED,
    plant: () => 'export const planted: number = "one";\n',
    command: "tsc -p tsconfig.json",
    says: /planted\.ts.*TS2322/,
  },
  {
    title: "dead code: a file that nothing imports",
    file: PLANTED,
    plant: () => "export const planted: number = 1;\n",
    command: "knip",
    says: /Unused files[\s\S]*planted\.ts/,
  },
  {
    title: "dead code: an export that nothing imports",
    file: "protocol/zxid.ts",
    plant: (text) => `${text}\nexport const planted: number = 1;\n`,
    command: "knip",
    says: /Unused exports[\s\S]*planted/,
  },
  {
    title: "package check: an entry that is not in the package",
    file: "package.json",
    plant: (text) => text.replace("./dist/client/index.js", "./dist/client/gone.js"),
    command: "publint --strict",
    says: /gone\.js but the file does not exist/,
  },
  {
    title: "import directions: a recipe that sees the server",
    file: "recipes/planted.ts",
    plant: () => 'export { planted } from "../server/index.ts";\n',
    command: `${TIDY} one.way`,
    says: /recipes\/planted\.ts must not import \.\.\/server\/index\.ts/,
  },
  {
    title: "import directions: a room of the server that sees another",
    file: "server/tree/planted.ts",
    plant: () => 'import { planted } from "../storage/txn-log.ts";\n\nplanted();\n',
    command: `${TIDY} one.way`,
    says: /server\/tree\/planted\.ts must not import/,
  },
  {
    title: "loaded modules: a client that brings the server's logger",
    file: "dist/client/index.js",
    plant: (text) => `import "pino";\n${text}`,
    command: `${TIDY} quorate.client`,
    says: /node_modules\/pino/,
  },
  {
    title: "rules of the specification: a proof whose test is gone",
    file: "test/rules.tsv",
    plant: (text) => text.replace(/^(storage\tST-1\t).*$/m, "$1test/gone.test.ts"),
    command: `${TIDY} every.proof`,
    says: /storage ST-1: listed \W+test\/gone\.test\.ts/,
  },
  {
    title: "rules of the specification: a rule that nobody decided about",
    file: "test/rules.tsv",
    plant: (text) => text.replace(/^(storage\tST-1\t).*$/m, "$1?"),
    command: `${TIDY} every.rule`,
    says: /storage ST-1: \?/,
  },
  {
    title: "documentation: a page that names a file which is not there",
    file: "docs/planted.md",
    plant: () => "See `server/gone.ts`.\n",
    command: `${TIDY} documentation`,
    says: /docs\/planted\.md names server\/gone\.ts/,
  },
];

const root = fileURLToPath(new URL("../..", import.meta.url));
const copy = mkdtempSync(join(tmpdir(), "quorate-check-"));
const environment = {
  ...process.env,
  NO_COLOR: "1",
  PATH: `${root}/node_modules/.bin:${process.env["PATH"] ?? ""}`,
};
let passed = 0;
const failures: string[] = [];
try {
  copyCheckout();
  for (const violation of VIOLATIONS) {
    const problem = prove(violation);
    if (problem === undefined) passed += 1;
    else failures.push(`${violation.title}: ${problem}`);
    console.log(
      `${problem === undefined ? "fails as it should" : "NOT CAUGHT"}  ${violation.title}`,
    );
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
for (const failure of failures) console.error(`\n${failure}`);
console.log(`${passed} passed, ${failures.length} failed`);
if (failures.length > 0) process.exitCode = 1;

function copyCheckout(): void {
  const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  for (const path of [...listed.split("\n"), "dist"]) {
    if (path === "" || !existsSync(join(root, path))) continue;
    cpSync(join(root, path), join(copy, path), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  execFileSync("git", ["init", "-q"], { cwd: copy });
}

/** What went wrong, or undefined when the tool failed as it should. */
function prove({ file, plant, command, says }: Violation): string | undefined {
  const path = join(copy, file);
  const before = existsSync(path) ? readFileSync(path, "utf8") : undefined;
  const planted = plant(before ?? "");
  if (planted === before) return `nothing to plant it on in ${file}`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, planted);
  const [tool = "", ...args] = command.split(" ");
  const run = spawnSync(tool, args, { cwd: copy, encoding: "utf8", env: environment });
  if (before === undefined) rmSync(path);
  else writeFileSync(path, before);
  if (run.error !== undefined) return run.error.message;
  const output = `${run.stdout}${run.stderr}`;
  if (run.status === 0) return `${command} passed`;
  return says.test(output) ? undefined : `${command} failed for another reason:\n${output}`;
}
