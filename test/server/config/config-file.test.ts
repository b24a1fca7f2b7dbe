import { expect, test } from "vitest";
import type { ServerConfig } from "../../../server/config/config.ts";
import { type ConfigReading, readConfig } from "../../../server/config/config-file.ts";
import { problemsText } from "../../../server/config/problems.ts";

const BASE = "dataDir=/data\nclientPort=2181\n";

interface Beside {
  readonly assignments?: readonly string[];
  readonly javaFlags?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

function read(text: string, beside: Beside = {}): ConfigReading {
  return readConfig({
    assignments: (beside.assignments ?? []).map((assignment) => {
      const [key = "", value = ""] = assignment.split("=");
      return { key, value, place: "--set" };
    }),
    file: { name: "zoo.cfg", bytes: Buffer.from(text) },
    javaFlags: beside.javaFlags ?? "",
    environment: beside.environment ?? {},
    open: () => "there is no such file",
  });
}

/** The configuration of a file that has nothing wrong with it but warnings. */
function config(text: string, beside: Beside = {}): ServerConfig {
  const reading = read(BASE + text, beside);
  if (reading.config === undefined) throw new Error(problemsText(reading.problems));
  return reading.config;
}

/** What is said about lines that follow the base, whose lines are 1 and 2. */
function problems(text: string, beside: Beside = {}): string[] {
  return read(BASE + text, beside).problems.map(
    ({ severity, place, message }) => `${place}: ${severity}: ${message}`,
  );
}

// operations 2.3/dataDir, 2.3/clientPort, 2.3/tickTime, Trap 16; server-semantics 13/tickTime
test("two keys are enough, and the tick is 3000 ms", () => {
  expect(read(BASE).problems).toEqual([]);
  expect(config("")).toMatchObject({
    dataDir: "/data",
    dataLogDir: "/data",
    clientPort: 2181,
    clientPortAddress: undefined,
    tickTimeMs: 3000,
    minSessionTimeoutMs: 6000,
    maxSessionTimeoutMs: 60_000,
    clientPortListenBacklog: 511,
    maxClientConnections: 60,
    maxConnections: 0,
    globalOutstandingLimit: 1000,
    maxBufferBytes: 1_048_575,
    maxBufferExtraBytes: 1_048_575,
    snapCount: 100_000,
    forceSync: true,
    purgeIntervalMs: undefined,
    purgeRetainCount: 3,
    digestEnabled: true,
    skipAcl: false,
    superDigest: undefined,
  });
});

// operations 2.3/dataLogDir, 2.3/clientPortAddress, 2.3/clientPortListenBacklog, 2.3/maxClientCnxns
// operations 2.3/maxCnxns, 2.3/globalOutstandingLimit, 2.3/snapCount, 2.3/snapSizeLimitInKb
// operations 2.3/txnLogSizeLimitInKb, 2.3/preAllocSize, 2.3/forceSync, 2.3/fsync.warningthresholdms
// operations 2.3/datadir.autocreate db.autocreate, 2.3/snapshot.trust.empty, 2.3/digest.enabled
// operations 2.3/closeSessionTxn.enabled, 2.3/serializeLastProcessedZxid.enabled
// operations 2.3/extendedTypesEnabled, 2.3/znode.container.checkIntervalMs, 2.3/skipACL, 2.4/nio.sessionlessCnxnTimeout
// operations 2.3/DigestAuthenticationProvider.superDigest
test.each<[line: string, sets: Partial<ServerConfig>]>([
  ["dataLogDir=/log", { dataLogDir: "/log", dataDir: "/data" }],
  ["clientPortAddress=127.0.0.1", { clientPortAddress: "127.0.0.1" }],
  ["clientPortListenBacklog=50", { clientPortListenBacklog: 50 }],
  ["clientPortListenBacklog=-1", { clientPortListenBacklog: 511 }],
  ["maxClientCnxns=0", { maxClientConnections: 0 }],
  ["maxClientCnxns=-1", { maxClientConnections: 0 }],
  ["maxCnxns=500", { maxConnections: 500 }],
  ["globalOutstandingLimit=2000", { globalOutstandingLimit: 2000 }],
  ["nio.sessionlessCnxnTimeout=5000", { sessionlessTimeoutMs: 5000 }],
  ["snapCount=1000", { snapCount: 1000 }],
  ["snapSizeLimitInKb=1024", { snapSizeLimitBytes: 1_048_576 }],
  ["snapSizeLimitInKb=-1", { snapSizeLimitBytes: 0 }],
  ["txnLogSizeLimitInKb=10", { txnLogSizeLimitBytes: 10_240 }],
  ["preAllocSize=64", { preAllocBytes: 65_536 }],
  ["forceSync=no", { forceSync: false }],
  ["fsync.warningthresholdms=20", { fsyncWarningMs: 20 }],
  ["datadir.autocreate=false", { dataDirAutocreate: false }],
  ["db.autocreate=false", { dbAutocreate: false }],
  ["snapshot.trust.empty=true", { snapshotTrustEmpty: true }],
  ["digest.enabled=false", { digestEnabled: false }],
  ["closeSessionTxn.enabled=false", { closeSessionTxnEnabled: false }],
  ["serializeLastProcessedZxid.enabled=false", { serializeLastProcessedZxid: false }],
  ["extendedTypesEnabled=true", { extendedTypes: true }],
  ["reconfigEnabled=TRUE", { reconfigEnabled: true }],
  ["znode.container.checkIntervalMs=1000", { containerCheckIntervalMs: 1000 }],
  ["znode.container.maxPerMinute=10", { containerMaxPerMinute: 10 }],
  ["znode.container.maxNeverUsedIntervalMs=300000", { containerMaxNeverUsedMs: 300_000 }],
  ["skipACL=yes", { skipAcl: true }],
  ["DigestAuthenticationProvider.superDigest=super:xQJm=", { superDigest: "super:xQJm=" }],
  ["ensembleAuthName=one, two", { ensembleNames: new Set(["one", "two"]) }],
  ["enforce.auth.schemes=digest", { enforceAuthSchemes: new Set(["digest"]) }],
  ["enforceQuota=true", { enforceQuota: true }],
  ["DigestAuthenticationProvider.enabled=false", { digestAuthEnabled: false }],
  ["DigestAuthenticationProvider.digestAlg=SHA-256", { digestAlgorithm: "sha256" }],
  ["quorate.log.level=debug", { logLevel: "debug" }],
])("%s is understood", (line, sets) => {
  expect(config(line)).toMatchObject(sets);
});

// operations 2.3/minSessionTimeout maxSessionTimeout
test("session timeouts follow the tick unless they are given", () => {
  expect(config("tickTime=500")).toMatchObject({
    minSessionTimeoutMs: 1000,
    maxSessionTimeoutMs: 10_000,
  });
  expect(config("tickTime=500\nminSessionTimeout=700\nmaxSessionTimeout=-1")).toMatchObject({
    minSessionTimeoutMs: 700,
    maxSessionTimeoutMs: 10_000,
  });
  expect(problems("minSessionTimeout=5000\nmaxSessionTimeout=4000")).toEqual([
    "zoo.cfg:3:19: error: minSessionTimeout (5000 ms) must not be larger than maxSessionTimeout (4000 ms)",
  ]);
});

// operations 2.3/jute.maxbuffer, 2.3/jute.maxbuffer.extrasize, Trap 19
// operations 2.1/jute.maxbuffer readonlymode.enabled znode.container.
test("keys that ZooKeeper ignores in its file count here, and that is said", () => {
  expect(config("jute.maxbuffer=0x400000")).toMatchObject({
    maxBufferBytes: 4_194_304,
    maxBufferExtraBytes: 4_194_304,
  });
  expect(config("jute.maxbuffer=4000000\njute.maxbuffer.extrasize=1000").maxBufferExtraBytes).toBe(
    1000,
  );
  expect(problems("jute.maxbuffer=4000000")).toEqual([
    'zoo.cfg:3:1: warning: "jute.maxbuffer" counts; ZooKeeper ignores it in the file and needs -Djute.maxbuffer',
  ]);
  expect(problems("", { javaFlags: "-Djute.maxbuffer=4000000" })).toEqual([]);
});

// operations 2.3/4lw.commands.whitelist, 2.8/quorate.4lw.loopbackWhitelist, 3.2
test("the whitelist is a trimmed list, a star in it is everything, strange words are warned about", () => {
  expect(config("4lw.commands.whitelist= stat, ,mntr ").fourLetterWords).toEqual(
    new Set(["stat", "mntr"]),
  );
  expect(config("4lw.commands.whitelist=stat,*").fourLetterWords).toBe("*");
  expect(config("").fourLetterWords).toEqual(new Set(["srvr"]));
  expect(config("").loopbackFourLetterWords).toEqual(new Set(["ruok", "isro", "mntr", "srvr"]));
  expect(config("quorate.4lw.loopbackWhitelist=").loopbackFourLetterWords).toEqual(new Set());
  expect(problems("4lw.commands.whitelist=stat,moo")).toEqual([
    "zoo.cfg:3:24: warning: 4lw.commands.whitelist: not a word of this release: moo",
  ]);
});

// operations 2.2/loose boolean
test("a switch that ZooKeeper reads loosely takes true and false, and nothing else", () => {
  expect(config("digest.enabled=FALSE").digestEnabled).toBe(false);
  expect(problems("digest.enabled=yes")).toEqual([
    'zoo.cfg:3:16: error: digest.enabled: expected true or false, got "yes"',
  ]);
});

// operations 2.2/strict boolean, 2.9/reconfigEnabled=yes, 2.3/reconfigEnabled
test("a switch that ZooKeeper reads strictly takes true and false in any case", () => {
  expect(problems("standaloneEnabled=True\nreconfigEnabled=FALSE")).toEqual([]);
  expect(problems("reconfigEnabled=yes")).toEqual([
    'zoo.cfg:3:17: error: reconfigEnabled: expected true or false, got "yes"',
  ]);
});

// operations 2.2/yes/no, Trap 17
test("forceSync=false and skipACL=true keep the meaning that ZooKeeper gives them, with a warning", () => {
  expect(config("forceSync=false\nskipACL=true")).toMatchObject({
    forceSync: true,
    skipAcl: false,
  });
  expect(problems("forceSync=false\nskipACL=true")).toEqual([
    'zoo.cfg:3:11: warning: forceSync: only "no" changes this, "false" counts as "yes" as in ZooKeeper',
    'zoo.cfg:4:9: warning: skipACL: only "yes" changes this, "true" counts as "no" as in ZooKeeper',
  ]);
  expect(problems("forceSync=No")).toEqual([
    'zoo.cfg:3:11: error: forceSync: expected yes or no, got "No"',
  ]);
});

// operations 2.3/forceSync, 2.3/skipACL
test("what makes a server unsafe is said at each start", () => {
  expect(problems("forceSync=no\nskipACL=yes")).toEqual([
    "zoo.cfg:3:11: warning: forceSync: a write is acknowledged before it is on disk: a power cut loses it",
    "zoo.cfg:4:9: warning: skipACL: no ACL is checked: every client may do everything",
  ]);
});

// operations 2.2/strict int, 2.9
test("a strict integer is decimal and in its range, or its line and column are told", () => {
  expect(config("tickTime=+0500").tickTimeMs).toBe(500);
  expect(problems("tickTime=abc")).toEqual([
    'zoo.cfg:3:10: error: tickTime: expected an integer from 1 to 2147483647, got "abc"',
  ]);
  for (const value of ["0", "-5", "0x10", "2147483648", "1e3", "", "2.5"]) {
    expect(problems(`tickTime=${value}`)).toEqual([
      `zoo.cfg:3:10: error: tickTime: expected an integer from 1 to 2147483647, got "${value}"`,
    ]);
  }
});

// operations 2.2/loose int
test("a loose integer is decimal or 0x, and neither octal nor garbage", () => {
  expect(config("snapCount=0x3E8").snapCount).toBe(1000);
  for (const value of ["010", "#10", "1k", "", "-0x"]) {
    expect(problems(`globalOutstandingLimit=${value}`)).toEqual([
      `zoo.cfg:3:24: error: globalOutstandingLimit: expected an integer from 1 to 2147483647, decimal or 0x, got "${value}"`,
    ]);
  }
});

// operations 2.2/interval, 2.3/autopurge.purgeInterval
test("the purge interval is hours or has a unit, and 0 is never", () => {
  expect(config("autopurge.purgeInterval=2").purgeIntervalMs).toBe(7_200_000);
  expect(config("autopurge.purgeInterval=90s").purgeIntervalMs).toBe(90_000);
  expect(config("autopurge.purgeInterval=1500ms").purgeIntervalMs).toBe(1500);
  expect(config("autopurge.purgeInterval=5m").purgeIntervalMs).toBe(300_000);
  expect(config("autopurge.purgeInterval=2d").purgeIntervalMs).toBe(172_800_000);
  expect(config("autopurge.purgeInterval=0").purgeIntervalMs).toBe(0);
  expect(config("autopurge.purgeInterval=-1").purgeIntervalMs).toBe(0);
  expect(config("autopurge.purgeInterval=1000").purgeIntervalMs).toBe(24 * 86_400_000);
  expect(problems("autopurge.purgeInterval=1w")).toEqual([
    'zoo.cfg:3:25: error: autopurge.purgeInterval: expected hours, or a number with ms, s, m, h or d (0: never), got "1w"',
  ]);
});

// operations 2.3/autopurge.snapRetainCount, 2.3/snapCount
test("counts that are too low are raised, and that is said", () => {
  expect(config("autopurge.snapRetainCount=1\nsnapCount=1")).toMatchObject({
    purgeRetainCount: 3,
    snapCount: 2,
  });
  expect(problems("autopurge.snapRetainCount=1\nsnapCount=1")).toEqual([
    "zoo.cfg:3:27: warning: autopurge.snapRetainCount: 1 is too low: 3 counts",
    "zoo.cfg:4:11: warning: snapCount: 1 is too low: 2 counts",
  ]);
});

// operations 2.1/Comment
test("a comment behind a value is an error that says where comments go", () => {
  expect(problems("tickTime=2000 # ms")).toEqual([
    'zoo.cfg:3:10: error: tickTime: expected an integer from 1 to 2147483647, got "2000 # ms" (a comment needs a line of its own)',
  ]);
});

// operations 2.1/Relative paths
test("a relative path is warned about unless it starts with a dot", () => {
  const text = "clientPort=2181\ndataDir=data\ndataLogDir=./log\n";
  expect(read(text).config).toMatchObject({ dataDir: "data", dataLogDir: "./log" });
  expect(problemsText(read(text).problems)).toBe(
    'zoo.cfg:2:9: warning: dataDir: relative to the working directory ("./data" says that it is meant)\n' +
      "0 errors, 1 warning\n",
  );
});

// operations 2.9, 2.1/Case
test("an unknown key is warned about, with the key that was meant", () => {
  expect(problems("tickTme=5")).toEqual([
    'zoo.cfg:3:1: warning: unknown key "tickTme" ignored (did you mean "tickTime"?)',
  ]);
  expect(problems("peertype=observer")).toEqual([
    'zoo.cfg:3:1: warning: unknown key "peertype" ignored (did you mean "peerType"?)',
  ]);
  expect(problems("my.own.thing=5")).toEqual([
    'zoo.cfg:3:1: warning: unknown key "my.own.thing" ignored',
  ]);
});

// operations 2.9, 2.9/tickTime=abc, 2.9/clientPort=70000, 2.9/no dataDir, 2.9/unknown key, 2.1/Order
test("all problems are told in one pass, in the file's order, and counted", () => {
  const reading = read("tickTme=5\nsnapCount=x\nclientPort=70000\n  tickTime =  abc\n");
  expect(reading.config).toBeUndefined();
  expect(problemsText(reading.problems)).toBe(
    'zoo.cfg:1:1: warning: unknown key "tickTme" ignored (did you mean "tickTime"?)\n' +
      'zoo.cfg:2:11: error: snapCount: expected an integer from -1 to 2147483647, decimal or 0x, got "x"\n' +
      'zoo.cfg:3:12: error: clientPort: expected a port from 0 to 65535 (0: any free one), got "70000"\n' +
      'zoo.cfg:4:15: error: tickTime: expected an integer from 1 to 2147483647, got "abc"\n' +
      "zoo.cfg: error: dataDir is not set\n" +
      "4 errors, 1 warning\n",
  );
});

// operations 2.9, 2.3/clientPortAddress
test("a client port that is missing is an error, and more so behind an address", () => {
  expect(problemsText(read("dataDir=/d").problems)).toBe(
    "zoo.cfg: error: clientPort is not set\n1 error, 0 warnings\n",
  );
  expect(problemsText(read("dataDir=/d\nclientPortAddress=::1").problems)).toBe(
    "zoo.cfg:2:1: error: clientPortAddress is set but clientPort is not set\n1 error, 0 warnings\n",
  );
});

// operations 2.9, Trap 42
test("the value of a secret is never shown", () => {
  expect(problems("DigestAuthenticationProvider.superDigest=hunter2")).toEqual([
    'zoo.cfg:3:42: error: DigestAuthenticationProvider.superDigest: expected user:digest, got "***"',
  ]);
  expect(problems("ssl.keyStore.password=hunter2 #\nmy.secret=hunter2\n").join()).not.toContain(
    "hunter2",
  );
});

// operations 2.1
test("the command line wins over the file, the file over -D, and -D over the environment", () => {
  const environment = { QUORATE_SNAPCOUNT: "10", QUORATE_LOG_LEVEL: "warn" };
  const javaFlags = "-Dzookeeper.snapCount=20";
  expect(config("", { environment })).toMatchObject({ snapCount: 10, logLevel: "warn" });
  expect(config("", { environment, javaFlags }).snapCount).toBe(20);
  expect(config("snapCount=30", { environment, javaFlags }).snapCount).toBe(30);
  expect(
    config("snapCount=30", { environment, javaFlags, assignments: ["snapCount=40"] }).snapCount,
  ).toBe(40);
});

test("what is not of the file names its source", () => {
  expect(
    problems("", {
      assignments: ["tickTime=x"],
      javaFlags: "-Dzookeeper.snapCount=y",
      environment: { QUORATE_MAXCNXNS: "z" },
    }),
  ).toEqual([
    'QUORATE_MAXCNXNS: error: maxCnxns: expected an integer from -1 to 2147483647, decimal or 0x (0 or less: no limit), got "z"',
    '-Dzookeeper.snapCount: error: snapCount: expected an integer from -1 to 2147483647, decimal or 0x, got "y"',
    '--set: error: tickTime: expected an integer from 1 to 2147483647, got "x"',
  ]);
});

// operations 2.1/file only no property at all, 2.1/file key k = property zookeeper.k
// operations 2.1/property without the prefix
test("of Java's flags those count that ZooKeeper reads, the rest is listed once", () => {
  const javaFlags =
    "-Xmx1g -Dzookeeper.tickTime=7 -Dzookeeper.maxCnxns=9 -Djute.maxbuffer=5000 -Dzookeeper.jute.maxbuffer=1 -Dfoo=bar";
  expect(config("", { javaFlags })).toMatchObject({
    tickTimeMs: 3000,
    maxConnections: 9,
    maxBufferBytes: 5000,
  });
  expect(problems("", { javaFlags })).toEqual([
    "JVMFLAGS: warning: of no use to quorate and ignored: -Xmx1g, -Dzookeeper.tickTime, -Dzookeeper.jute.maxbuffer, -Dfoo",
  ]);
});

// operations 2.1/called "system property only" in the manual
test("keys that the manual calls properties work in the file", () => {
  expect(config("datadir.autocreate=false\ndigest.enabled=false")).toMatchObject({
    dataDirAutocreate: false,
    digestEnabled: false,
  });
});

// operations 2.1/A key written with its property prefix
test("a key with the prefix of its property counts, with a warning", () => {
  expect(config("zookeeper.snapCount=50").snapCount).toBe(50);
  expect(problems("zookeeper.snapCount=50\nzookeeper.foo=1")).toEqual([
    'zoo.cfg:3:1: warning: "zookeeper.snapCount" counts as "snapCount" here; ZooKeeper ignores it with the prefix',
    'zoo.cfg:4:1: warning: unknown key "zookeeper.foo" ignored',
  ]);
});

// operations 2.1/Documented key ≠ working key: requestThrottleLimit
// operations 2.4/two different values for a key and its alias
test("two spellings of one key must not disagree", () => {
  expect(problems("requestThrottleLimit=5\nrequest_throttle_max_requests=5")).toEqual([]);
  expect(problems("requestThrottleLimit=5\nrequest_throttle_max_requests=6")[0]).toBe(
    'zoo.cfg:4:1: error: request_throttle_max_requests: the same as "requestThrottleLimit" (zoo.cfg:3:1), with another value',
  );
});

// operations 2.1/A key that merely starts with group or weight switches to, Trap 18
test("only group.N and weight.N speak of quorums", () => {
  expect(problems("groupName=x\nweighted=1")).toEqual([
    'zoo.cfg:3:1: warning: unknown key "groupName" ignored',
    'zoo.cfg:4:1: warning: unknown key "weighted" ignored',
  ]);
  expect(problems("group.1=1:2")).toEqual([
    "zoo.cfg:3:1: error: there are groups, but no server.<id> line",
  ]);
});

// operations 2.4
test("keys that tune what is not here are listed in one warning, and so are those still to come", () => {
  expect(
    problems(
      "nio.numWorkerThreads=4\nadmin.serverPort=1\ncommitProcessor.numWorkerThreads=2\njvm.pause.monitor=true",
    ),
  ).toEqual([
    "zoo.cfg:3:1: warning: of no use to quorate and ignored: nio.numWorkerThreads, commitProcessor.numWorkerThreads",
    "zoo.cfg:4:1: warning: not offered by this release and ignored: admin.serverPort, jvm.pause.monitor",
  ]);
});

// operations 2.4/flushDelay maxWriteQueuePollTime maxBatchSize
// operations 2.4/maxResponseCacheSize maxGetChildrenResponseCacheSize
test("how writes are batched and replies cached is not for a file to say, and that is told", () => {
  const keys = ["flushDelay", "maxWriteQueuePollTime", "maxBatchSize", "maxResponseCacheSize"];
  keys.push("maxGetChildrenResponseCacheSize");
  expect(problems(keys.map((key) => `${key}=5`).join("\n"))).toEqual([
    `zoo.cfg:3:1: warning: of no use to quorate and ignored: ${keys.join(", ")}`,
  ]);
});

// operations 2.9/electionAlg=1, 2.3/electionAlg, 2.4/electionAlg ≠ 3, 2.4/ssl.context.supplier.class, 2.4/oraclePath
// operations 2.4/SASL/Kerberos demanded while no provider is built in
// operations 2.4/emulate353TTLNodes, 2.3/audit.enable, 2.3/client.portUnification
test.each([
  ["electionAlg=1", 'electionAlg: expected 3, got "1"'],
  ["secureClientPort=2281", "secureClientPort: TLS comes with a later release"],
  ["client.portUnification=true", "client.portUnification: TLS comes with a later release"],
  ["ssl.context.supplier.class=a.B", "ssl.context.supplier.class: Java classes cannot be loaded"],
  ["ssl.authProvider=a.B", "ssl.authProvider: Java classes cannot be loaded"],
  ["authProvider.1=a.B", "authProvider.1: Java classes cannot be loaded"],
  ["audit.enable=true", "audit.enable: the audit log comes with a later release"],
  ["metricsProvider.className=a.B", "metricsProvider.className: Java classes cannot be loaded"],
  ["oraclePath=/o", "oraclePath: quorums with an external oracle are not offered"],
  ["enforce.auth.enabled=true", "enforce.auth.schemes is not set"],
  ["enforce.auth.schemes=digest,sasl", "enforce.auth.schemes: expected digest or ip"],
  [
    "quorum.auth.enableSasl=true",
    "quorum.auth.enableSasl: this way to authenticate comes with a later release",
  ],
  ["sessionRequireClientSASLAuth=true", "sessionRequireClientSASLAuth: this way to authenticate"],
  [
    "emulate353TTLNodes=true",
    "emulate353TTLNodes: the TTL znodes of ZooKeeper 3.5.3 are not known",
  ],
  ["snapshot.compression.method=gz", "snapshot.compression.method: compressed snapshots come"],
  ["dynamicConfigFile=/x", "dynamicConfigFile: members that change come with a later release"],
  ["sslQuorum=true", "sslQuorum: TLS comes with a later release"],
])("%s is refused: going on without it would open, lose or hide something", (line, message) => {
  const reading = read(BASE + line);
  expect(reading.config).toBeUndefined();
  expect(reading.problems).toHaveLength(1);
  expect(reading.problems[0]?.message).toContain(message);
  expect(reading.problems[0]?.place).toMatch(/^zoo\.cfg:3:/);
});

test("the same keys in their harmless position say nothing", () => {
  expect(
    problems(
      "electionAlg=3\nsecureClientPort=0\nclient.portUnification=false\nssl.authProvider=x509\naudit.enable=false\n" +
        "metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider\n" +
        "enforce.auth.enabled=false\nenforce.auth.schemes=\nenableEagerACLCheck=true\n" +
        "authProvider.1=org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider\nemulate353TTLNodes=false\nsnapshot.compression.method=\n",
    ),
  ).toEqual([]);
});

// operations 2.6/no server., 2.3/initLimit syncLimit, 2.3/leaderServes
test("keys of ensembles do not disturb a server that stands alone", () => {
  expect(problems("initLimit=10\nsyncLimit=5\npeerType=participant\nleaderServes=yes")).toEqual([]);
  expect(problems("initLimit=ten")).toEqual([
    'zoo.cfg:3:11: error: initLimit: expected an integer from 0 to 2147483647, got "ten"',
  ]);
});

// operations 2.6/1 no observers
test("one member alone makes a standalone server, with a warning", () => {
  expect(config("server.1=localhost:2888:3888").clientPort).toBe(2181);
  expect(problems("server.1=localhost:2888:3888")).toEqual([
    "zoo.cfg:3:1: warning: server.1: the only member, so this server stands alone and the line is ignored",
  ]);
});

test("the only member's line may carry the client port, which must not contradict the key", () => {
  const text = "dataDir=/data\nserver.1=localhost:2888:3888;127.0.0.1:2191\n";
  expect(read(text).config).toMatchObject({ clientPort: 2191, clientPortAddress: "127.0.0.1" });
  expect(problems("server.1=localhost:2888:3888;2182")).toContain(
    "zoo.cfg:3:10: error: server.1: its client port is not the one of clientPort",
  );
});

// operations 2.6/1 + observers, 2.3/standaloneEnabled
test("one participant and observers are refused while the one may stand alone", () => {
  expect(problems("server.1=a:1:2\nserver.2=b:1:2:observer")).toEqual([
    "zoo.cfg:3:1: error: one participant is no ensemble to observe: set standaloneEnabled=false",
  ]);
});

// operations 2.4/observers without participants
test("observers alone, or an ensemble of nobody, are refused", () => {
  expect(problems("server.1=a:1:2:observer")).toEqual([
    "zoo.cfg:3:1: error: observers need a participant to observe",
  ]);
  expect(problems("standaloneEnabled=false")).toEqual([
    "zoo.cfg:3:1: error: standaloneEnabled is false, but there is no server.<id> line",
  ]);
});

// operations 2.9/server.1=a:1, 2.5, 2.3/server.<sid>
test.each([
  "a:1",
  "b:1",
  "a:1:2:chief",
  "a:1:70000",
  "a:1:2;x",
  "a:1:2;1;x",
  "a:1:2;1;2;3",
  "a:1:2:observer|b:1:2:participant",
  "",
])("a member's line %j is shown beside its form", (line) => {
  expect(problems(`server.2=${line}`)).toEqual([
    `zoo.cfg:3:10: error: server.2: expected host:quorumPort:electionPort[:participant|:observer][;[clientHost:]clientPort], ports from 1 to 65535, IPv6 in brackets, got "${line}"`,
  ]);
});

// operations 2.4/request_throttle_max_requests, 2.4/connection_throttle_tokens, 2.4/largeRequestThreshold
test("the throttles are read under their names, and under those of the manual", () => {
  const settings = config(
    "connectionMaxTokens=100\nconnection_throttle_drop_increase=0.5\nrequestThrottleLimit=7\n" +
      "throttled_op_wait_time=20\nlargeRequestThreshold=-1\nrequest_throttle_stall_time=5",
  );
  expect(settings).toMatchObject({
    connectionTokens: 100,
    connectionDropIncrease: 0.5,
    requestThrottleMax: 7,
    throttledOpWaitMs: 20,
    largeRequestThresholdBytes: 0,
    largeRequestMaxBytes: 104_857_600,
  });
  expect(problems("connection_throttle_drop_increase=2")).toEqual([
    'zoo.cfg:3:35: error: connection_throttle_drop_increase: expected a number from 0 to 1, got "2"',
  ]);
});
