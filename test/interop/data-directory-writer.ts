// What is written into a data directory before its server is killed: a znode of each kind, sessions
// that outlive the server, and a load in the middle of which it dies.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type Acl, type Client, connect, isZooKeeperError, openAcl } from "quorate/client";
import { expect } from "vitest";
import { fill, type HeardOf, RandomLoad, type TreeShape } from "../cluster/snapshot-load.ts";
import { RawSession, type SessionIdentity } from "../tools/raw-session.ts";
import type { ServerProcess } from "../tools/server-process.ts";
import { SUPER_AUTH } from "../tools/tree-dump.ts";
import { until } from "../tools/until.ts";

/** Zookeeper's own limit is 1 MiB, the request's other fields included. */
const LARGE_BYTES = 900_000;
const CLIENTS = 3;
const IN_FLIGHT = 40;
const WRITES_MIN = 6000;
const SNAPSHOTS_MIN = 3;
const EPHEMERAL = 1;
/** More than 32 bits. */
const LONG_TTL_MS = 2 ** 39 + 1;
const LEFT_TIMEOUT_MS = 20_000;
const KEPT_TIMEOUT_MS = 60_000;

/**
 * A fixed set, each of them held by a znode throughout: Apache ZooKeeper 3.8.0 does not always find
 * a list again that came or went while a snapshot was taken (ZOOKEEPER-4846).
 */
const ACLS: readonly (readonly Acl[])[] = [
  openAcl,
  [{ permissions: 1, scheme: "world", id: "anyone" }],
  [{ permissions: 31, scheme: "digest", id: "alice:aYXlLOpEooaV1cRAvUL1fp9Qt7E=" }],
  [
    { permissions: 31, scheme: "digest", id: "alice:aYXlLOpEooaV1cRAvUL1fp9Qt7E=" },
    { permissions: 5, scheme: "digest", id: "bob:none" },
    { permissions: 1, scheme: "world", id: "anyone" },
  ],
  [{ permissions: 31, scheme: "ip", id: "10.0.0.0/8" }],
];

/** What was left behind. */
export interface Legacy {
  /** All znodes of this writer are below it. */
  readonly root: string;
  /** Sessions whose connection ended with the server, each with an ephemeral. */
  readonly kept: LeftSession;
  readonly left: LeftSession;
  /** A container with one child, which is persistent. */
  readonly container: string;
  /** A TTL znode that is over, and those that are not. */
  readonly shortLived: string;
  readonly longLived: readonly string[];
  /** Has sequential children; the highest number that was acknowledged. */
  readonly queue: string;
  readonly lastNumber: number;
  readonly answered: number;
  readonly inFlight: number;
  readonly snapshots: number;
}

export interface LeftSession {
  readonly identity: SessionIdentity;
  readonly ephemeral: string;
}

export async function connectAsSuper(server: ServerProcess): Promise<Client> {
  return connect(server.address, {
    auth: [
      { scheme: "digest", auth: SUPER_AUTH },
      { scheme: "digest", auth: "alice:secret" },
    ],
    reapOldSession: false,
    sessionTimeoutMs: KEPT_TIMEOUT_MS,
  });
}

/**
 * Writes below `root`, and kills the server in the middle of thousands of writes.
 *
 * @param moreAcls Lists that only this server takes.
 */
export async function writeAndKill(
  server: ServerProcess,
  root: string,
  moreAcls: readonly (readonly Acl[])[] = [],
): Promise<Legacy> {
  const before = countSnapshots(server);
  const client = await connectAsSuper(server);
  await client.create(root);
  await writeKinds(client, root, [...ACLS, ...moreAcls]);
  await refusedWrites(client, root);
  const container = `${root}/containers/used`;
  const shortLived = `${root}/ttl/short`;
  const longLived = [`${root}/ttl/long`, `${root}/ttl/last`];
  const queue = `${root}/queue`;
  const lastNumber = await writeQueue(client, queue);
  const kept = await leaveSession(server, `${root}/kept`, KEPT_TIMEOUT_MS);
  const left = await leaveSession(server, `${root}/left`, LEFT_TIMEOUT_MS);

  const shape: TreeShape = { root: `${root}/load`, parents: 20, children: 100, dataBytes: 60 };
  await setQuota(client, shape.root);
  const heard: HeardOf = new Map();
  await fill(client, shape, heard);
  const loads: RandomLoad[] = [];
  for (let at = 0; at < CLIENTS; at++) {
    const acl = (): readonly Acl[] => ACLS[Math.floor(Math.random() * ACLS.length)] ?? openAcl;
    const options = { shape, inFlight: IN_FLIGHT, acl, heard };
    loads.push(new RandomLoad(await connectAsSuper(server), options));
  }
  for (const load of loads) load.start();
  const answered = (): number => loads.reduce((sum, load) => sum + load.answered, 0);
  await until("enough is written and several snapshots are taken", () => {
    return answered() >= WRITES_MIN && countSnapshots(server) >= before + SNAPSHOTS_MIN;
  });
  // Behind the snapshots: in the log alone.
  await client.create(`${root}/ttl/last`, null, { mode: "ttl", ttlMs: LONG_TTL_MS });
  const inFlight = loads.reduce((sum, load) => sum + load.inFlight, 0);
  await server.kill();
  await Promise.all([client, ...loads].map((each) => end(each)));
  expect(loads.flatMap((load) => load.surprises)).toEqual([]);
  const snapshots = countSnapshots(server) - before;
  const figures = { answered: answered(), inFlight, snapshots };
  const ttls = { shortLived, longLived };
  return { root, kept, left, container, ...ttls, queue, lastNumber, ...figures };
}

async function end(client: Client | RandomLoad): Promise<void> {
  if (client instanceof RandomLoad) await client.stop();
  else await client.close({ timeoutMs: 0 });
}

async function writeKinds(
  client: Client,
  root: string,
  acls: readonly (readonly Acl[])[],
): Promise<void> {
  const data = `${root}/data`;
  await client.create(data);
  await client.create(`${data}/null`, null);
  await client.create(`${data}/empty`, Buffer.alloc(0));
  await client.create(`${data}/binary`, Buffer.from([0, 255, 0x42, 0x5a, 0, 0, 128]));
  await client.create(`${data}/large`, Buffer.alloc(LARGE_BYTES, "large"));
  await client.create(`${data}/to-null`, Buffer.from("x"));
  await client.setData(`${data}/to-null`, null);
  await client.create(`${data}/to-empty`, null);
  await client.setData(`${data}/to-empty`, Buffer.alloc(0), { version: 0 });

  const names = `${root}/ünï çødé`;
  await client.create(names);
  for (const name of ["名前", "a b", ".hidden", "...", "x".repeat(200)]) {
    await client.create(`${names}/${name}`, Buffer.from(name));
  }

  const lists = `${root}/acls`;
  await client.create(lists);
  for (const [at, acl] of acls.entries()) await client.create(`${lists}/${at}`, null, { acl });
  await client.create(`${lists}/creator`, null, {
    acl: [{ permissions: 31, scheme: "auth", id: "" }],
  });
  await client.create(`${lists}/changed`);
  await client.setACL(`${lists}/changed`, ACLS[3] ?? openAcl);
  await client.setACL(`${lists}/changed`, ACLS[2] ?? openAcl, { version: 1 });

  const containers = `${root}/containers`;
  await client.create(containers);
  await client.create(`${containers}/never-used`, null, { mode: "container" });
  await client.create(`${containers}/used`, Buffer.from("c"), { mode: "container" });
  await client.create(`${containers}/used/child`);

  const ttls = `${root}/ttl`;
  await client.create(ttls);
  await client.create(`${ttls}/short`, Buffer.from("t"), { mode: "ttl", ttlMs: 1 });
  await client.create(`${ttls}/long`, null, { mode: "ttl", ttlMs: LONG_TTL_MS });

  await client.create(`${root}/ephemeral`, Buffer.from("mine"), { mode: "ephemeral" });
  const multi = `${root}/multi`;
  await client.create(multi);
  await client
    .transaction()
    .create(`${multi}/a`, Buffer.from("1"))
    .create(`${multi}/a/b`, null, { mode: "persistent-sequential" })
    .create(`${multi}/gone`)
    .setData(`${multi}/a`, Buffer.from("2"), 0)
    .check(`${multi}/a`, 1)
    .delete(`${multi}/gone`)
    .commit();
}

/** The server keeps count of all that comes and goes below `path`. */
async function setQuota(client: Client, path: string): Promise<void> {
  let quota = "/zookeeper/quota";
  for (const name of path.split("/").slice(1)) {
    quota += `/${name}`;
    await client.create(quota);
  }
  await client.create(`${quota}/zookeeper_limits`, Buffer.from("count=5,bytes=-1"));
  await client.create(`${quota}/zookeeper_stats`, Buffer.from("count=0,bytes=0"));
}

/** They are in the log too. */
async function refusedWrites(client: Client, root: string): Promise<void> {
  const writes: readonly (() => Promise<unknown>)[] = [
    () => client.create(root),
    () => client.create(`${root}/none/child`),
    () => client.delete(`${root}/data`),
    () => client.setData(`${root}/data`, null, { version: 7 }),
    () => client.create(`${root}/ephemeral/child`),
    () => client.transaction().create(`${root}/never`).check(root, 7).commit(),
  ];
  const codes: string[] = [];
  for (const write of writes) {
    codes.push(
      await write().then(
        () => "done",
        (error: unknown) => (isZooKeeperError(error) ? error.code : String(error)),
      ),
    );
  }
  expect(codes).toEqual([
    "NodeExists",
    "NoNode",
    "NotEmpty",
    "BadVersion",
    "NoChildrenForEphemerals",
    "BadVersion",
  ]);
}

/** Some of the queue's znodes are gone again: numbers do not come from how many there are. */
async function writeQueue(client: Client, queue: string): Promise<number> {
  await client.create(queue);
  const paths: string[] = [];
  for (const mode of ["persistent-sequential", "ephemeral-sequential"] as const) {
    for (let at = 0; at < 4; at++) {
      paths.push((await client.create(`${queue}/q-`, Buffer.from(mode), { mode })).path);
    }
  }
  for (const path of paths.slice(2, 6)) await client.delete(path);
  return sequenceNumber(paths.at(-1) ?? "");
}

export function sequenceNumber(path: string): number {
  return Number(path.slice(-10));
}

/** A session that only a server's clock or its own client ends. */
async function leaveSession(
  server: ServerProcess,
  ephemeral: string,
  timeoutMs: number,
): Promise<LeftSession> {
  const session = await RawSession.open(server.port, { timeoutMs });
  expect(await session.create(ephemeral, Buffer.from("mine"), EPHEMERAL)).toBe(0);
  return { identity: session.identity, ephemeral };
}

function countSnapshots(server: ServerProcess): number {
  const names = readdirSync(join(server.dataDir, "version-2"));
  return names.filter((name) => /^snapshot\.[0-9a-f]+$/.test(name)).length;
}
