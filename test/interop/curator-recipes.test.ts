// Curator, as Debian ships it, against a server of ours and against Apache ZooKeeper: the framework
// and the recipes of a Java service that knows nothing of quorate.
// needs: apache, curator

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { javaClassPath } from "../tools/apache.ts";
import { expectSame, ServerPair } from "../tools/transcript.ts";

const SOURCES = ["Recipes", "Transcript"].map((name) =>
  fileURLToPath(new URL(`curator/${name}.java`, import.meta.url)),
);
const classPath = javaClassPath("curator-client", "curator-framework", "curator-recipes", "guava");
/** Sessions of a minute live through a restart on a slow machine. */
const TICK_MS = 3000;

let servers: ServerPair;
let classes: string;

beforeAll(async () => {
  classes = mkdtempSync(join(tmpdir(), "quorate-curator-"));
  const compiled = spawnSync("javac", ["-nowarn", "-cp", classPath, "-d", classes, ...SOURCES]);
  expect({ code: compiled.status, said: compiled.stderr.toString() }).toMatchObject({ code: 0 });
  servers = await ServerPair.start({
    tickTimeMs: TICK_MS,
    settings: { extendedTypesEnabled: "true" },
  });
});

afterAll(async () => {
  await servers[Symbol.asyncDispose]();
  rmSync(classes, { recursive: true });
});

// server-semantics 9.3/TTL
test("Curator's framework, caches, latches, locks, counts and nodes do the same", async () => {
  const java = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-XX:TieredStopAtLevel=1"];
  const transcripts = await servers.run((address) => [
    "java",
    ...java,
    "-cp",
    `${classes}:${classPath}`,
    "Recipes",
    address,
  ]);
  expectSame(transcripts);
  expect(transcripts.ours).toContain("same session: true");
});
