// A data directory moves between Apache ZooKeeper and us, in both directions, after SIGKILL in the
// middle of load and with the rest of a torn write at the log's end: what either shows of it is the
// same, znode by znode, and its sessions go on.
// needs: apache

import { closeSync, cpSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Acl, isZooKeeperError } from "quorate/client";
import { afterAll, expect, test } from "vitest";
import { nodeHost } from "../../protocol/node-host.ts";
import { fileZxid, isLogName } from "../../server/storage/files.ts";
import { LogFile } from "../../server/storage/log-file.ts";
import { type Recovered, recover } from "../../server/storage/recovery.ts";
import { ApacheServer } from "../tools/apache.ts";
import { QuorateServer } from "../tools/quorate-server.ts";
import { RawSession } from "../tools/raw-session.ts";
import type { ServerProcess } from "../tools/server-process.ts";
import { dumpDifferences, dumpTree, SUPER_DIGEST, type TreeDump } from "../tools/tree-dump.ts";
import { until } from "../tools/until.ts";
import {
  connectAsSuper,
  type Legacy,
  sequenceNumber,
  writeAndKill,
} from "./data-directory-writer.ts";

type Kind = "Apache ZooKeeper" | "quorate";

/** What each takes and the other does not, but has to keep. */
const OWN_ACLS: Readonly<Record<Kind, readonly (readonly Acl[])[]>> = {
  "Apache ZooKeeper": [],
  quorate: [[{ permissions: 31, scheme: "ip", id: "fd00::/8" }]],
};

const TICK_MS = 500;
const SESSION_TIMEOUT_MAX_MS = 60_000;
const CONTAINER_CHECK_MS = 500;
/** Small: several snapshots in a few thousand txns. */
const SNAP_COUNT = "1500";
const PREALLOC_KB = "1024";
const SHORT_TIMEOUT_MS = 1000;
/** Checksum and length, before a txn. */
const RECORD_HEAD_BYTES = 12;
/** What SIGKILL leaves: Apache ZooKeeper writes snapshots under their final names. */
const ORDINARY = /ends with an unfinished write|is incomplete$|was unfinished and is removed$/;
const TEST_LIMIT_MS = 300_000;

const home = mkdtempSync(join(tmpdir(), "quorate-directory-"));
let copies = 0;
const running = new Set<ServerProcess>();

afterAll(async () => {
  await Promise.all([...running].map((server) => server.stop()));
  rmSync(home, { recursive: true });
});

interface StartOptions {
  readonly containerCheckMs?: number;
}

async function start(
  kind: Kind,
  dataDir: string,
  options: StartOptions = {},
): Promise<ServerProcess> {
  const { containerCheckMs = 600_000 } = options;
  const shared = { tickTimeMs: TICK_MS, dataDir };
  const limits = { maxSessionTimeout: String(SESSION_TIMEOUT_MAX_MS) };
  const settings = {
    snapCount: SNAP_COUNT,
    preAllocSize: PREALLOC_KB,
    "znode.container.checkIntervalMs": String(containerCheckMs),
    extendedTypesEnabled: "true",
    "DigestAuthenticationProvider.superDigest": SUPER_DIGEST,
  };
  const properties = {
    "zookeeper.snapCount": SNAP_COUNT,
    "zookeeper.preAllocSize": PREALLOC_KB,
    "znode.container.checkIntervalMs": String(containerCheckMs),
    "zookeeper.extendedTypesEnabled": "true",
    "zookeeper.DigestAuthenticationProvider.superDigest": SUPER_DIGEST,
  };
  const server =
    kind === "quorate"
      ? await QuorateServer.start({ ...shared, settings: { ...limits, ...settings } })
      : await ApacheServer.start({ ...shared, settings: limits, properties });
  running.add(server);
  return server;
}

async function stop(server: ServerProcess): Promise<void> {
  running.delete(server);
  await server.stop();
}

function copyOf(dataDir: string): string {
  const copy = join(home, `copy-${copies++}`);
  cpSync(dataDir, copy, { recursive: true });
  return copy;
}

/** What a server shows of a copy of the directory. */
async function shownBy(kind: Kind, dataDir: string): Promise<TreeDump> {
  const server = await start(kind, copyOf(dataDir));
  const dump = await dumpTree(server.address);
  const mismatches = /zk_digest_mismatches_count\s+(\d+)/.exec(await server.word("mntr"))?.[1];
  expect(mismatches, `digests that ${kind} compared`).toBe("0");
  await stop(server);
  return dump;
}

function recovered(dataDir: string): Recovered {
  const files = join(copyOf(dataDir), "version-2");
  return recover(
    nodeHost().disk,
    { snapshots: files, logs: files },
    { tree: { hashSeed: 1, extendedTypes: true }, trustEmpty: false, mayBeEmpty: false },
  );
}

/** Leaves half of a record behind the last one, as a write that a power cut ends. */
function tear(dataDir: string): void {
  const files = join(dataDir, "version-2");
  const newestFirst = readdirSync(files)
    .filter(isLogName)
    .toSorted((a, b) => fileZxid(b) - fileZxid(a));
  for (const name of newestFirst) {
    if (appendHalfRecord(join(files, name))) return;
    // Just created: Apache ZooKeeper 3.8.0 refuses a log without a byte (storage ST-26).
    rmSync(join(files, name));
  }
}

/** False: the log has no record that could be torn. */
function appendHalfRecord(path: string): boolean {
  const log = new LogFile(nodeHost().disk, path);
  let half: Buffer | undefined;
  while (log.next()) {
    const bytes = RECORD_HEAD_BYTES + Math.floor((log.end - log.start) / 2);
    const start = log.start - RECORD_HEAD_BYTES;
    half = Buffer.from(log.bytes.subarray(start, start + bytes));
  }
  log.close();
  if (half === undefined) return false;
  const file = openSync(path, "r+");
  writeSync(file, half, 0, half.length, log.offset);
  closeSync(file);
  return true;
}

/** Both servers, and our recovery by itself, see the same in it. Returns what they see. */
async function compareBoth(dataDir: string): Promise<TreeDump> {
  const apache = await shownBy("Apache ZooKeeper", dataDir);
  const ours = await shownBy("quorate", dataDir);
  expect(dumpDifferences(apache, ours)).toEqual([]);
  const { tree, report } = recovered(dataDir);
  expect(report.digestMismatches).toEqual([]);
  expect(report.orphans).toEqual([]);
  expect(report.warnings).toContainEqual(expect.stringContaining("ends with an unfinished write"));
  expect(report.warnings.filter((warning) => !ORDINARY.test(warning))).toEqual([]);
  expect(tree.count).toBe(ours.size + 1);
  return ours;
}

/** What the heir of a directory does with the sessions, the containers and the TTL znodes in it. */
async function liveOn(kind: Kind, dataDir: string, legacy: Legacy): Promise<void> {
  const server = await start(kind, dataDir, { containerCheckMs: CONTAINER_CHECK_MS });
  const client = await connectAsSuper(server);
  const isThere = async (path: string): Promise<boolean> =>
    (await client.exists(path)) !== undefined;

  const { kept, left } = legacy;
  const wrong = { ...kept.identity, password: Buffer.alloc(16, 1) };
  await expect(RawSession.open(server.port, { identity: wrong })).rejects.toThrow();
  const back = await RawSession.open(server.port, {
    identity: kept.identity,
    timeoutMs: SHORT_TIMEOUT_MS,
  });
  expect(back.identity).toEqual(kept.identity);
  expect(await back.create(`${kept.ephemeral}-again`, Buffer.alloc(0), 1)).toBe(0);
  const again = await client.exists(`${kept.ephemeral}-again`);
  expect(again?.ephemeralOwner).toBe((await client.exists(kept.ephemeral))?.ephemeralOwner);
  expect(await isThere(kept.ephemeral)).toBe(true);
  back.drop();
  await until("the session that came back expires", async () => !(await isThere(kept.ephemeral)));
  await expect(RawSession.open(server.port, { identity: kept.identity })).rejects.toThrow();

  expect(await isThere(left.ephemeral), "a session's ephemeral, before its time").toBe(true);
  await until("the session that nobody came back to expires", async () => {
    return !(await isThere(left.ephemeral));
  });

  const next = await client.create(`${legacy.queue}/q-`, null, { mode: "persistent-sequential" });
  expect(sequenceNumber(next.path)).toBe(legacy.lastNumber + 1);
  expect(await isThere(legacy.container)).toBe(true);
  await client.delete(`${legacy.container}/child`);
  await until("the container is deleted", async () => !(await isThere(legacy.container)));
  await until("the TTL znode is deleted", async () => !(await isThere(legacy.shortLived)));
  for (const path of legacy.longLived) expect(await isThere(path), path).toBe(true);
  await expect(client.create(`${legacy.root}/ephemeral`)).rejects.toSatisfy((error) =>
    isZooKeeperError(error, "NodeExists"),
  );
  await client.close();
  await stop(server);
}

function describeLegacy(kind: Kind, legacy: Legacy, dump: TreeDump): string {
  const { answered, inFlight, snapshots } = legacy;
  return (
    `${kind} killed after ${answered} writes of the load, ${inFlight} more under way, and ` +
    `${snapshots} snapshots: ${dump.size} znodes are equal`
  );
}

for (const [first, second] of [
  ["Apache ZooKeeper", "quorate"],
  ["quorate", "Apache ZooKeeper"],
] as const) {
  // storage ST-1, ST-2, ST-6, ST-8, ST-10, ST-14, ST-15, ST-16, ST-17, ST-19, ST-22, ST-23, F-5, F-8, F-10; client-protocol 3.7
  // server-semantics 9.1/activation (A), 9.1/update (A)
  test(
    `what ${first} wrote until SIGKILL is the same to both, and ${second} goes on with it`,
    async () => {
      const dataDir = join(home, first.replace(" ", "-"));
      const writer = await start(first, dataDir);
      const legacy = await writeAndKill(writer, "/first", OWN_ACLS[first]);
      await stop(writer);
      tear(dataDir);
      console.log(describeLegacy(first, legacy, await compareBoth(dataDir)));
      await liveOn(second, copyOf(dataDir), legacy);

      const heir = await start(second, dataDir);
      const more = await writeAndKill(heir, "/second", OWN_ACLS[second]);
      await stop(heir);
      tear(dataDir);
      console.log(describeLegacy(second, more, await compareBoth(dataDir)));
    },
    TEST_LIMIT_MS,
  );
}
