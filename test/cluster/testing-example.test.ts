// examples/testing.ts as a user runs it: from dist, under the package's public names.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const EXAMPLE = fileURLToPath(new URL("../../dist/examples/testing.js", import.meta.url));
/** A process that something keeps alive is killed, and then has no exit code. */
const LIMIT_MS = 60_000;

test("an ensemble in a process of one's own fails as told, and lets the process end", () => {
  const run = spawnSync(process.execPath, [EXAMPLE], { encoding: "utf8", timeout: LIMIT_MS });
  expect(run.stderr).toBe("");
  expect(run.stdout).toMatch(
    new RegExp(
      [
        String.raw`^server (\d) led and is dead, (?!\1)\d leads; we hold the lock`,
        String.raw`(\d) is cut off, (?!\2)\d leads`,
        "our session has expired: the lock's signal told us",
        "$",
      ].join("\n"),
    ),
  );
  expect(run.status).toBe(0);
});
