// A server as the words see it, made up.

import { OpCode } from "../../../protocol/opcodes.ts";
import { fourLetterAnswer } from "../../../server/admin/four-letter.ts";
import type { AdminSource, DirectoryBytes, WatchesView } from "../../../server/admin/source.ts";
import { Summary } from "../../../server/admin/summary.ts";
import { QUORATE_VERSION, VERSION_TEXT } from "../../../server/version.ts";

export const ELSEWHERE = "10.0.0.7";

/** The whole answer to a word. */
export function answered(word: string, source: AdminSource, address: string = ELSEWHERE): string {
  const answer = fourLetterAnswer(word, source, address);
  if (answer.kind === "text") return answer.text(source);
  if (answer.kind === "mask") return "(a mask is to come)";
  let text = "";
  const pieces = answer.pieces(source);
  for (let next = pieces.next(); next.done !== true; next = pieces.next()) text += next.value;
  return text;
}

export function summary(...values: number[]): Summary {
  const result = new Summary();
  for (const value of values) result.add(value);
  return result;
}

function watches(...paths: [path: string, sessions: number[]][]): WatchesView {
  const bySession = new Map<number, { session: { high: number; low: number } }>();
  const watched = paths.map(([path, sessions]) => {
    const watchers = new Map<{ session: { high: number; low: number } }, number>();
    for (const low of sessions) {
      const watcher = bySession.get(low) ?? { session: { high: 0, low } };
      bySession.set(low, watcher);
      watchers.set(watcher, 1);
    }
    return { path, watchers };
  });
  return {
    watcherCount: bySession.size,
    pathCount: watched.length,
    size: watched.reduce((sum, { watchers }) => sum + watchers.size, 0),
    paths: () => watched,
    watchers: () =>
      [...bySession.values()].map(
        (watcher) =>
          [watcher, new Set(watched.filter(({ watchers }) => watchers.has(watcher)))] as const,
      ),
  };
}

export function source(changes: Partial<AdminSource> = {}): AdminSource {
  return {
    versionText: VERSION_TEXT,
    quorateVersion: QUORATE_VERSION,
    serving: true,
    mode: "standalone",
    ensemble: undefined,
    localSessionDeadlines: () => undefined,
    globalSessions: () => undefined,
    uptimeMs: 80_023.7,
    fourLetterWords: "*",
    loopbackFourLetterWords: new Set(),
    lastZxid: 0x1_0000_0007,
    znodeCount: 9,
    ephemeralCount: 1,
    watchCount: 2,
    approximateDataBytes: 53,
    sessionCount: 1,
    localSessionCount: 0,
    connectionCount: 2,
    connections: () => [
      {
        remoteAddress: "127.0.0.1",
        remotePort: 37832,
        interest: 1,
        queued: 0,
        received: 4,
        sent: 5,
        session: {
          high: 0x0100_0010,
          low: 0xf867_0001 | 0,
          timeoutMs: 10_000,
          sinceMs: 1_795_362_654_578,
          usage: {
            lastType: OpCode.getData,
            lastXid: 3,
            lastZxid: 7,
            lastResponseMs: 1_116_660.4,
            lastLatencyMs: 0.3,
            minLatencyMs: 0.1,
            maxLatencyMs: 3.9,
            totalLatencyMs: 6.2,
            answers: 5,
          },
        },
      },
      {
        remoteAddress: "2001:db8::1",
        remotePort: 37852,
        interest: 0,
        queued: 3,
        received: 1,
        sent: 0,
        session: undefined,
      },
    ],
    packetsReceived: 7,
    packetsSent: 6,
    bytesReceived: 217,
    bytesSent: 153,
    outstandingRequests: 0,
    connectionRequestCount: 1,
    connectionRejectedCount: 0,
    connectionDropCount: 0,
    sessionlessExpiredCount: 0,
    staleSessionsExpiredCount: 0,
    authFailedCount: 0,
    digestMismatchCount: 0,
    lastResponseBytes: 16,
    minResponseBytes: 16,
    maxResponseBytes: 91,
    requestLatency: summary(0.2, 7, 2.3),
    readLatency: summary(),
    updateLatency: summary(2, 50),
    fsyncTime: summary(1.5),
    snapshotTime: summary(),
    settings: {
      clientPort: 2181,
      snapshotDirectory: "/data/version-2",
      logDirectory: "/logs/version-2",
      tickTimeMs: 2000,
      maxClientConnections: 60,
      minSessionTimeoutMs: 4000,
      maxSessionTimeoutMs: 40_000,
      clientPortListenBacklog: 511,
      serverId: 0,
    },
    machine: () => ({
      hostName: "zk1",
      nodeVersion: "20.20.0",
      osName: "Linux",
      osArchitecture: "x64",
      osVersion: "6.1.0",
      userName: "quorate",
      userHome: "/srv/quorate",
      workingDirectory: "/srv",
      freeBytes: 3_145_727,
      totalBytes: 8 * 1_048_576,
      maxBytes: 173 * 1_048_576,
    }),
    traceMask: 306n,
    digests: () => [{ zxid: 0x1_0000_0080, high: 64, low: -1 }],
    dataWatches: watches(["/app", [1, 2]], ["/b", [2]]),
    sessionDeadlines: () => [
      { wallMs: 1_795_362_665_000, count: 2, names: () => ["0x1", "0x2"] },
      { wallMs: 1_795_362_666_000, count: 1, names: () => ["0x3"] },
    ],
    connectionDeadlines: () => [
      { wallMs: 1_795_362_667_000, count: 1, names: () => ["ip: /10.0.0.7:1 sessionId: 0x1"] },
    ],
    ephemeralOwnerCount: 1,
    ephemeralOwners: () => [{ session: "0x1", count: 1, paths: () => ["/e"] }],
    *directoryBytes(): Generator<"", DirectoryBytes> {
      yield "";
      return { snapshots: 457, logs: 67_108_880 };
    },
    resetConnections: () => undefined,
    resetStatistics: () => undefined,
    forceSync: true,
    openFileDescriptorCount: () => 270,
    maxFileDescriptorCount: 20_000,
    ...changes,
  };
}
