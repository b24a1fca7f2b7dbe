import { expect, test } from "vitest";
import { fourLetterWord, knownWords } from "../../../server/admin/four-letter.ts";
import { VERSION_TEXT } from "../../../server/version.ts";
import { answered, ELSEWHERE, source } from "./admin-source.ts";

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
