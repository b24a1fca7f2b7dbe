// What a server under attack leaves: the tree that it shows is the one that its log makes, with and
// without its snapshots, and the one that it shows again after SIGKILL.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dumpDifferences, dumpTree } from "../../tools/tree-dump.ts";
import { until } from "../../tools/until.ts";
import { treeDifferences } from "../snapshot-compare.ts";
import { CrashedDirectory } from "../snapshot-directory.ts";
import type { HostileServer } from "./hostile-server.ts";

/** Sessions of the dumps themselves are gone within this, those of attackers before. */
const EXPIRY_LIMIT_MS = 60_000;

/**
 * Kills the server, compares, and starts it again.
 *
 * @param staying Sessions that are alive and change nothing.
 * @returns what differs, in words, and how many znodes were compared.
 */
export async function aftermath(
  server: HostileServer,
  staying: number,
): Promise<{ differences: string[]; znodes: number }> {
  await until(
    "the attackers' sessions have expired",
    async () => (await server.figure("zk_global_sessions")) === staying,
    EXPIRY_LIMIT_MS,
  );
  const shown = await dumpTree(server.address);
  await server.kill();
  const work = mkdtempSync(join(tmpdir(), "quorate-aftermath-"));
  const differences: string[] = [];
  try {
    const directory = new CrashedDirectory(server.dataDir, work);
    const fromLog = directory.reload(directory.snapshots[0]);
    for (const snapshot of directory.snapshots.slice(1)) {
      const { tree } = directory.reload(snapshot);
      differences.push(
        ...treeDifferences(fromLog.tree, tree).map((text) => `${snapshot}: ${text}`),
      );
    }
    differences.push(...fromLog.report.digestMismatches.map((zxid) => `digest of ${zxid}`));
  } finally {
    rmSync(work, { recursive: true });
  }
  await server.launch();
  differences.push(...dumpDifferences(shown, await dumpTree(server.address)));
  return { differences, znodes: shown.size };
}
