import { expect, test } from "vitest";
import {
  type AdminSource,
  fourLetterAnswer,
  fourLetterWord,
  knownWords,
} from "../../../server/admin/four-letter.ts";
import { Summary } from "../../../server/admin/summary.ts";
import { VERSION_TEXT } from "../../../server/version.ts";

const ELSEWHERE = "10.0.0.7";

function summary(...values: number[]): Summary {
  const result = new Summary();
  for (const value of values) result.add(value);
  return result;
}

function source(changes: Partial<AdminSource> = {}): AdminSource {
  return {
    versionText: VERSION_TEXT,
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
      },
      {
        remoteAddress: "2001:db8::1",
        remotePort: 37852,
        interest: 0,
        queued: 3,
        received: 1,
        sent: 0,
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
    forceSync: true,
    openFileDescriptorCount: () => 270,
    maxFileDescriptorCount: 20_000,
    ...changes,
  };
}

// operations 3.5
test("srvr prints its lines in ZooKeeper's order", () => {
  expect(fourLetterAnswer("srvr", source(), ELSEWHERE)).toBe(
    `Zookeeper version: ${VERSION_TEXT}\n` +
      "Latency min/avg/max: 0/3.1667/7\nReceived: 7\nSent: 6\nConnections: 2\nOutstanding: 0\n" +
      "Zxid: 0x100000007\nMode: standalone\nNode count: 9\n",
  );
});

// operations 3.5, Trap 6
test("stat puts the clients between the version and the rest, and ends them with an empty line", () => {
  const lines = fourLetterAnswer("stat", source(), ELSEWHERE).split("\n");
  expect(lines.slice(0, 6)).toEqual([
    `Zookeeper version: ${VERSION_TEXT}`,
    "Clients:",
    " /127.0.0.1:37832[1](queued=0,recved=4,sent=5)",
    " /[2001:db8::1]:37852[0](queued=3,recved=1,sent=0)",
    "",
    "Latency min/avg/max: 0/3.1667/7",
  ]);
  expect([lines[0], ...lines.slice(5)].join("\n")).toBe(
    fourLetterAnswer("srvr", source(), ELSEWHERE),
  );
});

// operations 3.5/ruok, 3.5/isro, Trap 3
test("ruok and isro end without a newline", () => {
  expect(fourLetterAnswer("ruok", source(), ELSEWHERE)).toBe("imok");
  expect(fourLetterAnswer("isro", source(), ELSEWHERE)).toBe("rw");
});

// operations 3.3
test("while nothing is served, ruok still answers and the others say so", () => {
  const idle = source({ serving: false });
  const text = "This ZooKeeper instance is not currently serving requests\n";
  expect(["srvr", "stat", "mntr"].map((word) => fourLetterAnswer(word, idle, ELSEWHERE))).toEqual([
    text,
    text,
    text,
  ]);
  expect(fourLetterAnswer("ruok", idle, ELSEWHERE)).toBe("imok");
  expect(fourLetterAnswer("isro", idle, ELSEWHERE)).toBe("null");
});

// operations 3.2
test("a word that the whitelist lacks gets one exact sentence, and srvr is always answered", () => {
  const strict = source({ fourLetterWords: new Set() });
  expect(fourLetterAnswer("mntr", strict, ELSEWHERE)).toBe(
    "mntr is not executed because it is not in the whitelist.\n",
  );
  expect(fourLetterAnswer("srvr", strict, ELSEWHERE)).toContain("Mode: standalone");
});

// operations 3.2
test("the loopback may ask what its own list adds, others may not", () => {
  const local = source({ fourLetterWords: new Set(), loopbackFourLetterWords: new Set(["ruok"]) });
  for (const address of ["127.0.0.1", "127.3.2.1", "::1"]) {
    expect(fourLetterAnswer("ruok", local, address)).toBe("imok");
  }
  for (const address of [ELSEWHERE, "12.127.0.1", "::2", ""]) {
    expect(fourLetterAnswer("ruok", local, address)).toMatch(/^ruok is not executed/);
  }
  expect(fourLetterAnswer("mntr", local, "127.0.0.1")).toMatch(/^mntr is not executed/);
});

test("words of ZooKeeper that this release does not answer are refused like unlisted ones", () => {
  expect(fourLetterAnswer("wchp", source(), "127.0.0.1")).toBe(
    "wchp is not executed because it is not in the whitelist.\n",
  );
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
  const text = fourLetterAnswer("mntr", source(), ELSEWHERE);
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
  expect(fourLetterAnswer("mntr", source(), ELSEWHERE)).not.toContain("nosync");
  expect(fourLetterAnswer("mntr", source({ forceSync: false }), ELSEWHERE)).toContain(
    "\nzk_quorate_unsafe_nosync\t1\n",
  );
});
