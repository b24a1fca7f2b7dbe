import { expect, test } from "vitest";
import { OpCode } from "../../../protocol/opcodes.ts";
import { fourLetterAnswer, fourLetterWord, knownWords } from "../../../server/admin/four-letter.ts";
import type { AdminSource, DirectoryBytes, WatchesView } from "../../../server/admin/source.ts";
import { Summary } from "../../../server/admin/summary.ts";
import { QUORATE_VERSION, VERSION_TEXT } from "../../../server/version.ts";

const ELSEWHERE = "10.0.0.7";

/** The whole answer to a word. */
function answered(word: string, source: AdminSource, address = ELSEWHERE): string {
  const answer = fourLetterAnswer(word, source, address);
  if (answer.kind === "text") return answer.text(source);
  if (answer.kind === "mask") return "(a mask is to come)";
  let text = "";
  const pieces = answer.pieces(source);
  for (let next = pieces.next(); next.done !== true; next = pieces.next()) text += next.value;
  return text;
}

function summary(...values: number[]): Summary {
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

function source(changes: Partial<AdminSource> = {}): AdminSource {
  return {
    versionText: VERSION_TEXT,
    quorateVersion: QUORATE_VERSION,
    serving: true,
    mode: "standalone",
    uptimeMs: 80_023.7,
    fourLetterWords: "*",
    loopbackFourLetterWords: new Set(),
    lastZxid: 0x1_0000_0007,
    znodeCount: 9,
    ephemeralCount: 1,
    watchCount: 2,
    approximateDataBytes: 53,
    sessionCount: 1,
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

// operations 3.5
test("srvr prints its lines in ZooKeeper's order", () => {
  expect(answered("srvr", source())).toBe(
    `Zookeeper version: ${VERSION_TEXT}\n` +
      "Latency min/avg/max: 0/3.1667/7\nReceived: 7\nSent: 6\nConnections: 2\nOutstanding: 0\n" +
      "Zxid: 0x100000007\nMode: standalone\nNode count: 9\n",
  );
});

// operations 3.5, Trap 6
test("stat puts the clients between the version and the rest, and ends them with an empty line", () => {
  const lines = answered("stat", source()).split("\n");
  expect(lines.slice(0, 6)).toEqual([
    `Zookeeper version: ${VERSION_TEXT}`,
    "Clients:",
    " /127.0.0.1:37832[1](queued=0,recved=4,sent=5)",
    " /[2001:db8:0:0:0:0:0:1]:37852[0](queued=3,recved=1,sent=0)",
    "",
    "Latency min/avg/max: 0/3.1667/7",
  ]);
  expect([lines[0], ...lines.slice(5)].join("\n")).toBe(answered("srvr", source()));
});

// operations 3.5/ruok, 3.5/isro, Trap 3
test("ruok and isro end without a newline", () => {
  expect(answered("ruok", source())).toBe("imok");
  expect(answered("isro", source())).toBe("rw");
});

// operations 3.3, 3.3/srvr stat conf cons dump wchs wchc wchp dirs mntr crst srst, 3.3/hash,
// operations 3.3/isro, 3.3/ruok, 3.3/envi gtmk stmk
test("while nothing is served, most words say so and a few answer as ever", () => {
  const idle = source({ serving: false });
  const text = "This ZooKeeper instance is not currently serving requests";
  const silent = "srvr stat conf cons dump wchs wchc wchp dirs mntr crst srst".split(" ");
  for (const word of silent) expect([word, answered(word, idle)]).toEqual([word, `${text}\n`]);
  expect(answered("hash", idle)).toBe(text);
  expect(answered("isro", idle)).toBe("null");
  for (const word of ["ruok", "envi", "gtmk", "stmk"]) {
    expect([word, answered(word, idle)]).toEqual([word, answered(word, source())]);
  }
  expect(answered("ruok", idle)).toBe("imok");
});

// operations 3.2
test("a word that the whitelist lacks gets one exact sentence, and srvr is always answered", () => {
  const strict = source({ fourLetterWords: new Set() });
  expect(answered("mntr", strict)).toBe(
    "mntr is not executed because it is not in the whitelist.\n",
  );
  expect(answered("srvr", strict)).toContain("Mode: standalone");
});

// operations 3.2
test("the loopback may ask what its own list adds, others may not", () => {
  const local = source({ fourLetterWords: new Set(), loopbackFourLetterWords: new Set(["ruok"]) });
  for (const address of ["127.0.0.1", "127.3.2.1", "::1"]) {
    expect(answered("ruok", local, address)).toBe("imok");
  }
  for (const address of [ELSEWHERE, "12.127.0.1", "::2", ""]) {
    expect(answered("ruok", local, address)).toMatch(/^ruok is not executed/);
  }
  expect(answered("mntr", local, "127.0.0.1")).toMatch(/^mntr is not executed/);
});

// operations 3.5, 3.5/[n], 3.5/sid…, 3.5/lop, 3.5/est, 3.5/lcxid, 3.5/lresp, 3.5/IPv6
test("cons tells how each session's requests fare, and of other connections only the packets", () => {
  expect(answered("cons", source())).toBe(
    " /127.0.0.1:37832[1](queued=0,recved=4,sent=5,sid=0x1000010f8670001,lop=GETD," +
      "est=1795362654578,to=10000,lcxid=0x3,lzxid=0x7,lresp=1116660,llat=0,minlat=0,avglat=1," +
      "maxlat=3)\n" +
      " /[2001:db8:0:0:0:0:0:1]:37852[0](queued=3,recved=1,sent=0)\n\n",
  );
});

// operations 3.5
test("conf prints the settings in ZooKeeper's order and ends at serverId", () => {
  expect(answered("conf", source())).toBe(
    "clientPort=2181\nsecureClientPort=-1\ndataDir=/data/version-2\ndataDirSize=457\n" +
      "dataLogDir=/logs/version-2\ndataLogSize=67108880\ntickTime=2000\nmaxClientCnxns=60\n" +
      "minSessionTimeout=4000\nmaxSessionTimeout=40000\nclientPortListenBacklog=511\n" +
      "serverId=0\n",
  );
});

// operations 3.5/dirs, 3.5/wchs, 3.5/wchc, 3.5/wchp, 3.5/hash, 3.5/gtmk, 3.5/crst, 3.5/srst
test("the short words print what their readers split", () => {
  expect(answered("dirs", source())).toBe("datadir_size: 457\nlogdir_size: 67108880\n");
  expect(answered("wchs", source())).toBe("2 connections watching 2 paths\nTotal watches:3\n");
  expect(answered("wchc", source())).toBe("0x1\n\t/app\n0x2\n\t/app\n\t/b\n\n");
  expect(answered("wchp", source())).toBe("/app\n\t0x1\n\t0x2\n/b\n\t0x2\n\n");
  expect(answered("hash", source())).toBe("100000080: 279172874239\n");
  expect(answered("gtmk", source())).toBe("306");
  expect(answered("crst", source())).toBe("Connection stats reset.\n");
  expect(answered("srst", source())).toBe("Server stats reset.\n");
});

// operations 3.5
test("dump lists sessions and connections by the moment they expire, and the ephemerals", () => {
  expect(answered("dump", source())).toBe(
    "SessionTracker dump:\nSession Sets (2)/(3):\n" +
      "2 expire at Sun Nov 22 15:51:05 UTC 2026:\n\t0x1\n\t0x2\n" +
      "1 expire at Sun Nov 22 15:51:06 UTC 2026:\n\t0x3\n" +
      "ephemeral nodes dump:\nSessions with Ephemerals (1):\n0x1:\n\t/e\n" +
      "Connections dump:\nConnections Sets (1)/(1):\n" +
      "1 expire at Sun Nov 22 15:51:07 UTC 2026:\n\tip: /10.0.0.7:1 sessionId: 0x1\n",
  );
});

// operations 3.5/envi, 3.4/kazoo server_version() [P]
test("envi begins with a version that kazoo reads, and shows no environment variables", () => {
  const text = answered("envi", source());
  expect(/zookeeper\.version=([0-9.]*[0-9])/.exec(text)?.[1]).toBe("3.9.4");
  expect(text.split("\n").map((line) => line.split("=")[0])).toEqual([
    "Environment:",
    "zookeeper.version",
    "quorate.version",
    "host.name",
    "node.version",
    "os.name",
    "os.arch",
    "os.version",
    "user.name",
    "user.home",
    "user.dir",
    "os.memory.free",
    "os.memory.max",
    "os.memory.total",
    "",
  ]);
  expect(text).toMatch(/^os\.memory\.free=2MB\nos\.memory\.max=173MB\nos\.memory\.total=8MB$/m);
});

// operations 3.1/The first 4 bytes of a connection read as a big-endian
test("a word is known by its four bytes, and everything else is a length", () => {
  for (const word of knownWords) {
    expect(fourLetterWord(Buffer.from(word).readInt32BE(0))).toBe(word);
  }
  expect(knownWords).toHaveLength(18);
  expect(fourLetterWord(45)).toBeUndefined();
  expect(fourLetterWord(0xfff4fffd | 0)).toBeUndefined();
  expect(fourLetterWord(Buffer.from("RUOK").readInt32BE(0))).toBeUndefined();
});

// operations 3.5/zk_server_state, Trap 4
test("every line of mntr is a key, a tab and a value that Telegraf and Solr can read", () => {
  const text = answered("mntr", source());
  expect(text.endsWith("\n")).toBe(true);
  const lines = text.slice(0, -1).split("\n");
  for (const line of lines) expect(line).toMatch(/^zk_\w+\t[\w.-]+/);
  for (const line of lines.slice(2)) expect(line).toMatch(/^zk_\w+\t-?\d+(\.\d{1,4})?$/);
  expect(lines.slice(0, 2)).toEqual([`zk_version\t${VERSION_TEXT}`, "zk_server_state\tstandalone"]);
  expect(lines).toEqual(
    expect.arrayContaining([
      "zk_avg_latency\t3.1667",
      "zk_min_latency\t0",
      "zk_max_latency\t7",
      "zk_znode_count\t9",
      "zk_watch_count\t2",
      "zk_ephemerals_count\t1",
      "zk_approximate_data_size\t53",
      "zk_num_alive_connections\t2",
      "zk_open_file_descriptor_count\t270",
      "zk_uptime\t80023",
      "zk_avg_updatelatency\t26.0",
      "zk_cnt_updatelatency\t2",
      "zk_sum_updatelatency\t52",
      "zk_avg_fsynctime\t1.5",
      "zk_max_fsynctime\t1",
      "zk_avg_readlatency\t0.0",
    ]),
  );
  expect(new Set(lines.map((line) => line.split("\t")[0])).size).toBe(lines.length);
});

// operations 2.3/forceSync
test("mntr shows that acknowledged writes may be lost", () => {
  expect(answered("mntr", source())).not.toContain("nosync");
  expect(answered("mntr", source({ forceSync: false }))).toContain(
    "\nzk_quorate_unsafe_nosync\t1\n",
  );
});
