// Snapshots that are taken while everything changes, by a server that is killed again and again:
// whichever of them is reloaded, the logs make of it the tree that they make out of nothing.
//
// QUORATE_SNAPSHOT_ROUNDS sets the number of kills.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, connect } from "quorate/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LogEntry, QuorateCommand, servingPort } from "../tools/quorate-command.ts";
import { SUPER_AUTH, SUPER_DIGEST } from "../tools/tree-dump.ts";
import { pause, until } from "../tools/until.ts";
import { treeDifferences } from "./snapshot-compare.ts";
import {
  CrashedDirectory,
  cutDigestSection,
  spoilSnapshotDigest,
  spoilTxnDigest,
} from "./snapshot-directory.ts";
import {
  fill,
  freshAcls,
  type HeardOf,
  leaveSessions,
  RandomLoad,
  type TreeShape,
} from "./snapshot-load.ts";

const ROUNDS = Number(process.env["QUORATE_SNAPSHOT_ROUNDS"] ?? 8);
const ROUND_LIMIT_MS = 60_000;

const SHAPE: TreeShape = { root: "/t", parents: 120, children: 500, dataBytes: 100 };
const CLIENTS = 3;
const IN_FLIGHT = 64;
/** Sessions with ephemerals that are left to expire in each round. */
const LEFT_SESSIONS = 6;
const SNAPSHOTS_PER_ROUND = 2;
const KILL_JITTER_MS = 600;

/** Medians: what makes a snapshot fuzzy. */
const TXNS_DURING_MIN = 1000;
const SLICES_MIN = 50;

/** What the server logs of a snapshot. */
interface SnapshotLine extends LogEntry {
  /** Hexadecimal. */
  readonly zxid: string;
  readonly endZxid: string;
  readonly txnsDuring: number;
  readonly slices: number;
  readonly bytes: number;
  readonly ms: number;
}

const home = mkdtempSync(join(tmpdir(), "quorate-snapshot-"));
const dataDir = join(home, "data");
const directory = new CrashedDirectory(dataDir, home);
const acl = freshAcls();
const heard: HeardOf = new Map();
const taken: SnapshotLine[] = [];
let server: QuorateCommand;

function start(): void {
  server = new QuorateCommand(["server", join(home, "zoo.cfg")]);
}

async function connectTo(port: number): Promise<Client> {
  return connect(`127.0.0.1:${port}`, {
    auth: [{ scheme: "digest", auth: SUPER_AUTH }],
    reapOldSession: false,
  });
}

/** Of this life of the server. */
function snapshotsTaken(): SnapshotLine[] {
  return server.log.filter((entry) => entry.msg === "snapshot taken") as SnapshotLine[];
}

beforeAll(async () => {
  mkdirSync(dataDir);
  const settings = {
    dataDir,
    clientPort: "0",
    clientPortAddress: "127.0.0.1",
    tickTime: "200",
    maxSessionTimeout: "2000",
    // One snapshot is hardly over when the next begins.
    snapCount: "3000",
    preAllocSize: "1024",
    "autopurge.purgeInterval": "0",
    maxClientCnxns: "0",
    "DigestAuthenticationProvider.superDigest": SUPER_DIGEST,
  };
  writeFileSync(
    join(home, "zoo.cfg"),
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(""),
  );
  start();
  const client = await connectTo(await servingPort(server));
  await fill(client, SHAPE, heard);
  await client.close();
});

afterAll(async () => {
  await server.end("SIGKILL");
  rmSync(home, { recursive: true });
});

interface Round {
  readonly answered: number;
  readonly refused: number;
  readonly inSnapshot: boolean;
}

/** Load until the server is killed: in every other round while it writes a snapshot. */
async function killUnderLoad(round: number): Promise<Round> {
  const port = await servingPort(server);
  const earlier = snapshotsTaken().length;
  const loads: RandomLoad[] = [];
  for (let at = 0; at < CLIENTS; at++) {
    const client = await connectTo(port);
    loads.push(new RandomLoad(client, { shape: SHAPE, inFlight: IN_FLIGHT, acl, heard }));
  }
  for (const load of loads) load.start();
  await leaveSessions(port, SHAPE, LEFT_SESSIONS);
  await until("snapshots are taken", () => {
    expect(server.hasEnded, server.stderr).toBe(false);
    return snapshotsTaken().length >= earlier + SNAPSHOTS_PER_ROUND;
  });
  if (round % 2 === 0) await until("a snapshot begins", () => directory.hasUnfinishedSnapshot);
  await pause(Math.random() * KILL_JITTER_MS);
  await server.end("SIGKILL");
  await Promise.all(loads.map((load) => load.stop()));
  expect(loads.flatMap((load) => load.surprises)).toEqual([]);
  taken.push(...snapshotsTaken().slice(earlier));
  return {
    answered: loads.reduce((sum, load) => sum + load.answered, 0),
    refused: loads.reduce((sum, load) => sum + load.refused, 0),
    inSnapshot: directory.hasUnfinishedSnapshot,
  };
}

/** Each snapshot with the logs, against the logs alone. Returns how many txns these hold. */
function checkSnapshots(): number {
  const whole = directory.reload();
  expect(whole.report.digestMismatches, "of a replay from an empty tree").toEqual([]);
  for (const name of directory.snapshots) {
    const { tree, report } = directory.reload(name);
    expect(report.digestMismatches, `of a replay from ${name}`).toEqual([]);
    expect(report.warnings.filter((warning) => warning.includes("logs end before"))).toEqual([]);
    expect(treeDifferences(whole.tree, tree), `after ${name} and the logs`).toEqual([]);
  }
  return whole.report.replayed;
}

// storage F-1, F-2, F-3, F-5, F-6, F-7, F-9, F-10, ST-22, WP-10
test(
  `of ${ROUNDS} kills under load, every snapshot and the logs give the tree of the logs alone`,
  async () => {
    const rounds: Round[] = [];
    let reloaded = 0;
    let txns = 0;
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push(await killUnderLoad(round));
      reloaded += directory.snapshots.length;
      txns = checkSnapshots();
      for (const name of directory.snapshots.slice(0, -1)) directory.removeSnapshot(name);
      start();
      await servingPort(server);
      expect(server.log.filter((entry) => entry.level === "error")).toEqual([]);
    }
    const txnsDuring = median(taken.map((line) => line.txnsDuring));
    const slices = median(taken.map((line) => line.slices));
    const inSnapshot = rounds.filter((round) => round.inSnapshot).length;
    console.log(
      `${ROUNDS} kills, ${inSnapshot} in the middle of a snapshot; ${txns} txns, of which ` +
        `${total(rounds.map((round) => round.refused))} refused; ${reloaded} snapshots reloaded; ` +
        `medians of ${taken.length}: ${txnsDuring} txns and ${slices} slices between the first ` +
        `znode and the last, ${median(taken.map((line) => line.ms))} ms, ` +
        `${median(taken.map((line) => line.bytes))} bytes`,
    );
    expect(txnsDuring).toBeGreaterThanOrEqual(TXNS_DURING_MIN);
    expect(slices).toBeGreaterThanOrEqual(SLICES_MIN);
    expect(inSnapshot).toBeGreaterThanOrEqual(Math.floor(ROUNDS / 4));
  },
  ROUNDS * ROUND_LIMIT_MS,
);

// storage F-3, F-10
test(
  "a wrong digest is found where digests are compared, and nowhere else",
  async () => {
    await killUnderLoad(1);
    const { name, zxid, endZxid } = fuzziest();
    const middle = Math.floor((zxid + endZxid) / 2);
    const mismatches = (change: (files: string) => void): readonly number[] =>
      directory.reloadChanged(name, change).report.digestMismatches;

    expect(mismatches((files) => spoilSnapshotDigest(join(files, name)))).toEqual([endZxid]);
    let spoilt = 0;
    const inside = mismatches((files) => {
      spoilt = spoilTxnDigest(files, middle);
    });
    expect(spoilt).toBeLessThan(endZxid);
    expect(inside).toEqual([]);
    const after = mismatches((files) => {
      spoilt = spoilTxnDigest(files, endZxid + 1);
    });
    expect(after).toEqual([spoilt]);
    // The snapshot is the tree of no moment: without its end, digests that hold seem wrong.
    expect(mismatches((files) => cutDigestSection(join(files, name)))).not.toEqual([]);
  },
  ROUND_LIMIT_MS,
);

/** Of the snapshots of this round that others follow. */
function fuzziest(): { name: string; zxid: number; endZxid: number } {
  const names = directory.snapshots;
  const [line] = snapshotsTaken()
    .slice(0, -1)
    .filter((each) => names.includes(`snapshot.${each.zxid}`))
    .toSorted((a, b) => b.txnsDuring - a.txnsDuring);
  if (line === undefined) throw new Error("no snapshot was taken");
  return {
    name: `snapshot.${line.zxid}`,
    zxid: Number.parseInt(line.zxid, 16),
    endZxid: Number.parseInt(line.endZxid, 16),
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
