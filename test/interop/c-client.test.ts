// ZooKeeper's C client, as Debian packages it, compiled here with a program of ours.
// needs: apache, c-client

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectSame, ServerPair } from "../tools/transcript.ts";

const SOURCES = fileURLToPath(new URL("c-client/", import.meta.url));

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "quorate-c-client-"));
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith(".c"));
  const flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-DTHREADED"];
  const compiled = spawnSync("gcc", [
    ...flags,
    ...["-o", join(directory, "program")],
    ...sources.map((name) => join(SOURCES, name)),
    ...["-lzookeeper_mt", "-lpthread"],
  ]);
  expect(compiled.stderr.toString()).toBe("");
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

// client-protocol 8.4/C
test("the C client sees the same of both servers", async () => {
  await using servers = await ServerPair.start({ settings: { extendedTypesEnabled: "true" } });
  const program = join(directory, "program");
  expectSame(await servers.run((...addresses) => [program, ...addresses]));
});
