// ZooKeeper's Java client, as Debian packages it, with a program of ours.
// needs: apache, javac

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { javaClassPath } from "../tools/apache.ts";
import { type Difference, expectSame, ServerPair } from "../tools/transcript.ts";

const SOURCES = fileURLToPath(new URL("java/", import.meta.url));

/** How often the servers look for what has lived too long. */
const CHECK_MS = 200;

const CHILDREN_CHANGED = [
  "event of children: NodeChildrenChanged /j/p",
  "event of persistent: NodeChildrenChanged /j/p",
  "event of recursive: NodeChildrenChanged /j/p",
];

const DIFFERENCES: readonly Difference[] = [
  {
    row: "several watch modes on one path and connection",
    apache: [
      "set again: OK",
      ...CHILDREN_CHANGED,
      "create /j/p/c: OK, /j/p/c",
      "delete the child: OK",
    ],
    ours: [
      "event of persistent: NodeDataChanged /j/p",
      "event of recursive: NodeDataChanged /j/p",
      "set again: OK",
      "event of recursive: NodeCreated /j/p/c",
      ...CHILDREN_CHANGED,
      "create /j/p/c: OK, /j/p/c",
      "event of recursive: NodeDeleted /j/p/c",
      ...CHILDREN_CHANGED.slice(1),
      "delete the child: OK",
    ],
  },
];

let classes: string;

beforeAll(() => {
  classes = mkdtempSync(join(tmpdir(), "quorate-java-client-"));
  const sources = readdirSync(SOURCES).map((name) => join(SOURCES, name));
  const flags = ["-encoding", "UTF-8", "-cp", javaClassPath(), "-d", classes];
  const compiled = spawnSync("javac", [...flags, ...sources]);
  expect(compiled.stderr.toString()).toBe("");
});

afterAll(() => {
  rmSync(classes, { recursive: true });
});

// client-protocol 8.1/addWatch mode 0, 8.1/addWatch mode 1, 8.4/Java, 10.3
test("the Java client sees the same of both servers", async () => {
  await using servers = await ServerPair.start({
    settings: { extendedTypesEnabled: "true" },
    properties: { "znode.container.checkIntervalMs": String(CHECK_MS) },
  });
  const flags = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-XX:TieredStopAtLevel=1"];
  const transcripts = await servers.run((...addresses) => [
    ...(["java", ...flags, "-cp", `${classes}:${javaClassPath()}`, "JavaClient"] as const),
    ...addresses,
  ]);
  expectSame(transcripts, DIFFERENCES);
});
