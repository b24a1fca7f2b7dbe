// A tree as deep as one client cares to make it: nothing recurses over its depth.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type WatchOutcome } from "quorate/client";
import { afterEach, expect, test } from "vitest";
import { until } from "../../tools/until.ts";
import { CrashedDirectory } from "../snapshot-directory.ts";
import { HostileServer } from "./hostile-server.ts";

/** Apache ZooKeeper does not start again with 5,000. */
const DEPTH = 6000;
const AT_ONCE = 250;

let server: HostileServer | undefined;
afterEach(() => server?.stop());

// operations 7.9/9 Deep tree, Trap 30
test("a tree six thousand levels deep is made, read, copied, loaded and taken down", async () => {
  server = await HostileServer.start({ snapCount: "5000" });
  const pathAt = (depth: number): string => "/d".repeat(depth);
  const levels = (from: number): number[] => Array.from({ length: AT_ONCE }, (_, at) => from + at);
  const client = await connect(server.address);
  for (let depth = 1; depth <= DEPTH; depth += AT_ONCE) {
    await Promise.all(levels(depth).map((at) => client.create(pathAt(at))));
  }
  const deepest = pathAt(DEPTH);
  const outcomes: WatchOutcome[] = [];
  await client.exists(deepest, { watch: (outcome) => outcomes.push(outcome) });
  expect((await client.getChildren(pathAt(DEPTH - 1))).children).toEqual(["d"]);
  await client.delete(deepest);
  await client.create(deepest);
  expect(outcomes).toMatchObject([{ type: "deleted", path: deepest }]);
  const work = mkdtempSync(join(tmpdir(), "quorate-deep-"));
  try {
    const directory = new CrashedDirectory(server.dataDir, work);
    await until("a snapshot of it was taken", () => directory.snapshots.length > 1);
    await client.close({ timeoutMs: 0 });
    await server.kill();
    for (const name of directory.snapshots) {
      expect(directory.reload(name).tree.findText(deepest), name).not.toBe(0);
    }
  } finally {
    rmSync(work, { recursive: true });
  }
  await server.launch();
  const again = await connect(server.address);
  expect(await again.exists(deepest)).toBeDefined();
  const last = levels(DEPTH - AT_ONCE + 1).toReversed();
  await Promise.all(last.map((at) => again.delete(pathAt(at))));
  expect((await again.getChildren(pathAt(DEPTH - AT_ONCE))).children).toEqual([]);
  await again.close();
  expect(server.complaints()).toEqual([]);
});
