// Which attackers are tried, with what of a server, and how much each may make it grow.

import { connect, type Transaction } from "quorate/client";
import type { AttackSize } from "./attacks.ts";
import { BIG, SHARED, WIDE } from "./attacks.ts";
import type { HostileServer } from "./hostile-server.ts";

export interface Trial {
  readonly attack: string;
  readonly size: AttackSize;
  /** What the server's memory may grow by, at its peak. */
  readonly growthMb: number;
  /** False: only by hand. docs/hostile.md says what is seen, and why. */
  readonly isShort?: boolean;
  readonly settings?: Readonly<Record<string, string>>;
  readonly prepare?: (server: HostileServer) => Promise<void>;
}

const CHILDREN_PER_BATCH = 1000;

export const TRIALS: readonly Trial[] = [
  { attack: "slowHandshake", size: { connections: 1000, perSecond: 1000 }, growthMb: 64 },
  {
    attack: "announcedAndSilent",
    size: { connections: 1000, perSecond: 1 },
    growthMb: 64,
    isShort: false,
  },
  { attack: "almostWholeHandshake", size: { connections: 200, perSecond: 1 }, growthMb: 192 },
  { attack: "connectionFlood", size: { connections: 0, perSecond: 500 }, growthMb: 64 },
  { attack: "sessionFlood", size: { connections: 0, perSecond: 400 }, growthMb: 64 },
  {
    attack: "unreadAnswers",
    size: { connections: 40, perSecond: 40 },
    growthMb: 256,
    prepare: (server) => put(server, BIG, Buffer.alloc(1_000_000)),
  },
  { attack: "watchBomb", size: { connections: 1, perSecond: 10_000 }, growthMb: 64 },
  {
    attack: "watchFan",
    size: { connections: 150, perSecond: 4 },
    growthMb: 64,
    prepare: (server) => put(server, SHARED, Buffer.alloc(0)),
  },
  {
    attack: "setWatchesStorm",
    size: { connections: 4, perSecond: 4 },
    growthMb: 512,
    isShort: false,
  },
  {
    attack: "authFlood",
    size: { connections: 4, perSecond: 2000 },
    growthMb: 64,
    isShort: false,
  },
  { attack: "undoneMulti", size: { connections: 2, perSecond: 4 }, growthMb: 64 },
  { attack: "hugeMulti", size: { connections: 2, perSecond: 2 }, growthMb: 128, isShort: false },
  {
    attack: "wideListing",
    size: { connections: 2, perSecond: 10 },
    growthMb: 128,
    isShort: false,
    prepare: (server) => widen(server, 100_000),
  },
  {
    attack: "wideListingChanged",
    size: { connections: 2, perSecond: 10 },
    growthMb: 128,
    prepare: (server) => widen(server, 100_000),
  },
  { attack: "deepTree", size: { connections: 1, perSecond: 2000 }, growthMb: 64 },
  {
    attack: "smallRequests",
    size: { connections: 10, perSecond: 400 },
    growthMb: 64,
    isShort: false,
  },
  {
    attack: "spoiltFrames",
    size: { connections: 20, perSecond: 5000 },
    growthMb: 64,
    isShort: false,
  },
];

async function put(server: HostileServer, path: string, data: Buffer): Promise<void> {
  const client = await connect(server.address);
  await client.create(path, data);
  await client.close();
}

async function widen(server: HostileServer, children: number): Promise<void> {
  const client = await connect(server.address);
  await client.create(WIDE);
  for (let from = 0; from < children; from += CHILDREN_PER_BATCH) {
    let batch: Transaction<readonly unknown[]> = client.transaction();
    for (let at = from; at < from + CHILDREN_PER_BATCH; at++) {
      batch = batch.create(`${WIDE}/child-${at}`);
    }
    await batch.commit();
  }
  await client.close();
}
