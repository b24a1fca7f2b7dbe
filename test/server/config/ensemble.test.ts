// zoo.cfg of a server that belongs to an ensemble.

import { expect, test } from "vitest";
import { ensembleText } from "../../../protocol/ensemble.ts";
import { type ConfigReading, readConfig } from "../../../server/config/config-file.ts";
import type { EnsembleSettings } from "../../../server/config/ensemble.ts";
import { problemsText } from "../../../server/config/problems.ts";

const BASE = "dataDir=/data\nclientPort=2181\ninitLimit=10\nsyncLimit=5\n";
const THREE = `${BASE}server.1=a:2888:3888\nserver.2=b:2888:3888\nserver.3=c:2888:3888\n`;

/** @param myid What the file of that name holds. */
function read(text: string, myid = "2\n"): ConfigReading {
  return readConfig({
    assignments: [],
    file: { name: "zoo.cfg", bytes: Buffer.from(text) },
    javaFlags: "",
    environment: {},
    open: (path) => {
      expect(path).toBe("/data/myid");
      return Buffer.from(myid);
    },
  });
}

function settings(text: string, myid?: string): EnsembleSettings {
  const { config, problems } = read(text, myid);
  if (config?.ensemble === undefined) throw new Error(problemsText(problems));
  return config.ensemble;
}

function problems(text: string, myid?: string): string[] {
  return read(text, myid).problems.map(
    ({ severity, place, message }) => `${place}: ${severity}: ${message}`,
  );
}

// operations 2.3, 2.3/initLimit syncLimit, 2.5//zookeeper/config
test("three members, a number and two limits make an ensemble", () => {
  expect(problems(THREE)).toEqual([]);
  const { config, ...rest } = settings(THREE);
  expect(ensembleText(config)).toBe(
    "server.1=a:2888:3888:participant\nserver.2=b:2888:3888:participant\n" +
      "server.3=c:2888:3888:participant\nversion=0",
  );
  expect(rest).toEqual({
    sid: 2,
    initLimitTicks: 10,
    syncLimitTicks: 5,
    connectLimitTicks: undefined,
    leaderRetryDelayMs: 100,
    epochLimitMs: undefined,
    leaderServes: true,
    listenOnAllAddresses: false,
    electionBindRetries: 0,
    electionConnectTimeoutMs: 5000,
    electionReadTimeoutMs: undefined,
    multiAddress: false,
    tcpKeepAlive: true,
    minNotificationMs: 200,
    maxNotificationMs: 10_000,
    maxSnapSyncs: 10,
    maxDiffSyncs: 100,
    forceSnapSync: false,
    commitLogCount: 500,
    snapshotSizeFactor: 0.33,
    observerReconnectDelayMs: 0,
    observerElectionDelayMs: 200,
    localSessionsEnabled: false,
    localSessionsUpgradingEnabled: false,
    localSessionWeight: 1,
    allowUnlistedObservers: false,
    readOnlyModeEnabled: false,
  });
});

// operations 2.3/connectToLearnerMasterLimit, 2.3/leaderServes, 2.3/quorumListenOnAllIPs
// operations 2.3/electionPortBindRetry, 2.3/cnxTimeout, 2.3/quorumCnxnTimeoutMs
// operations 2.3/syncEnabled (alias observer.syncEnabled which wins), 2.1/two properties
// operations 2.3/localSessionsEnabled localSessionsUpgradingEnabled
// operations 2.3/commitLogCount, 2.3/snapshotSizeFactor, 2.4/fastleader.minNotificationInterval
// operations 2.4/leader.maxTimeToWaitForEpoch leader.maxConcurrentSnapSyncs
// operations 2.4/observer.reconnectDelayMs observer.election.DelayMs
// operations 2.4/leaderConnectDelayDuringRetryMs, 2.4/forceSnapshotSync
// operations 2.1/multiAddress.enabled=true in the file does not help the
test.each<[line: string, sets: Partial<EnsembleSettings>]>([
  ["connectToLearnerMasterLimit=3", { connectLimitTicks: 3 }],
  ["connectToLearnerMasterLimit=0", { connectLimitTicks: undefined }],
  ["leaderServes=no", { leaderServes: false }],
  ["quorumListenOnAllIPs=true", { listenOnAllAddresses: true }],
  ["electionPortBindRetry=3", { electionBindRetries: 3 }],
  ["cnxTimeout=1000", { electionConnectTimeoutMs: 1000 }],
  ["quorumCnxnTimeoutMs=-1", { electionReadTimeoutMs: undefined }],
  ["quorumCnxnTimeoutMs=700", { electionReadTimeoutMs: 700 }],
  ["tcpKeepAlive=false", { tcpKeepAlive: false }],
  ["syncEnabled=false", { sid: 2 }],
  ["observer.syncEnabled=true", { sid: 2 }],
  ["localSessionsEnabled=true", { localSessionsEnabled: true }],
  ["localSessionsUpgradingEnabled=true", { localSessionsUpgradingEnabled: true }],
  ["connection_throttle_local_session_weight=4", { localSessionWeight: 4 }],
  ["commitLogCount=1000", { commitLogCount: 1000 }],
  ["commitLogCount=10", { commitLogCount: 500 }],
  ["snapshotSizeFactor=0.5", { snapshotSizeFactor: 0.5 }],
  ["snapshotSizeFactor=-1", { snapshotSizeFactor: 0 }],
  ["fastleader.maxNotificationInterval=60000", { maxNotificationMs: 60_000 }],
  [
    "fastleader.minNotificationInterval=20000",
    { minNotificationMs: 20_000, maxNotificationMs: 20_000 },
  ],
  ["leader.maxTimeToWaitForEpoch=900", { epochLimitMs: 900 }],
  ["maxTimeToWaitForEpoch=-1", { epochLimitMs: undefined }],
  ["leader.maxConcurrentSnapSyncs=2", { maxSnapSyncs: 2 }],
  ["maxConcurrentDiffSyncs=3", { maxDiffSyncs: 3 }],
  ["observer.reconnectDelayMs=50", { observerReconnectDelayMs: 50 }],
  ["observer.election.DelayMs=0", { observerElectionDelayMs: 0 }],
  ["leaderConnectDelayDuringRetryMs=10", { leaderRetryDelayMs: 10 }],
  ["forceSnapshotSync=true", { forceSnapSync: true }],
  ["multiAddress.enabled=true", { multiAddress: true }],
  ["peerType=participant", { sid: 2 }],
  ["quorate.quorum.allowUnlistedObservers=true", { allowUnlistedObservers: true }],
])("%s is understood", (line, sets) => {
  expect(settings(THREE + line)).toMatchObject(sets);
});

// operations 2.3/syncEnabled (alias observer.syncEnabled which wins)
test("observers always keep their history, whatever is asked for", () => {
  expect(problems(`${THREE}observer.syncEnabled=false`)).toEqual([
    "zoo.cfg:8:22: warning: observer.syncEnabled: cannot be turned off: observers keep a log and snapshots here",
  ]);
});

// operations 2.3/readonlymode.enabled; server-semantics 13/readonlymode.enabled
test("read-only mode counts in the file, where ZooKeeper does not look for it", () => {
  expect(settings(`${THREE}readonlymode.enabled=true`).readOnlyModeEnabled).toBe(true);
  expect(problems(`${THREE}readonlymode.enabled=true`)).toEqual([
    'zoo.cfg:8:1: warning: "readonlymode.enabled" counts; ZooKeeper ignores it in the file and needs -Dreadonlymode.enabled',
  ]);
});

test("two spellings of one key of ensembles must not disagree either", () => {
  expect(problems(`${THREE}syncEnabled=true\nobserver.syncEnabled=false`)).toContain(
    'zoo.cfg:9:1: error: observer.syncEnabled: the same as "syncEnabled" (zoo.cfg:8:1), with another value',
  );
  expect(
    problems(
      `${THREE}fastleader.minNotificationInterval=20\nfastleader.maxNotificationInterval=10`,
    ),
  ).toEqual([
    "zoo.cfg:9:36: error: fastleader.maxNotificationInterval: 10 is less than fastleader.minNotificationInterval",
  ]);
});

// operations 2.3/initLimit syncLimit
test("an ensemble without its limits is refused", () => {
  const members = THREE.slice(BASE.length);
  expect(problems(`dataDir=/data\nclientPort=2181\n${members}`)).toEqual([
    "zoo.cfg: error: initLimit is not set",
    "zoo.cfg: error: syncLimit is not set",
  ]);
  expect(problems(`dataDir=/data\nclientPort=2181\ninitLimit=0\nsyncLimit=x\n${members}`)).toEqual([
    "zoo.cfg:3:11: error: initLimit is not set",
    'zoo.cfg:4:11: error: syncLimit: expected an integer from 0 to 2147483647, got "x"',
  ]);
});

// operations 1.4/<dataDir>/myid
test("blanks, a carriage return and a byte order mark around myid do not matter", () => {
  expect(settings(THREE, "\ufeff 3 \r\nthe rest\n").sid).toBe(3);
  expect(settings(`${THREE}dataDir=/data/\n`, "1").sid).toBe(1);
});

// operations 2.9/replicated no myid, 2.9/myid = abc, 2.9
// operations 2.4/own sid not in the list myid missing/garbled while
test("a myid that is missing or garbled is refused, with what to do", () => {
  const { config, problems: missing } = readConfig({
    assignments: [],
    file: { name: "zoo.cfg", bytes: Buffer.from(THREE) },
    javaFlags: "",
    environment: {},
    open: () => "there is no such file",
  });
  expect(config).toBeUndefined();
  expect(problemsText(missing)).toBe(
    "myid: error: /data/myid: there is no such file. For an ensemble write this server's number " +
      "into it (echo N > /data/myid). zoo.cfg:5:1 names an ensemble\n1 error, 0 warnings\n",
  );
  for (const garbled of ["abc", "", "-1", "1 2", "9007199254740992"]) {
    expect(problems(THREE, garbled)).toEqual([
      `myid: error: /data/myid: "${garbled}" is not a number: write this server's number into it (echo N > /data/myid). zoo.cfg:5:1 names an ensemble`,
    ]);
  }
});

// operations 2.9/sid not listed, 2.4/own sid not in the list myid missing/garbled while
test("a number that is no member's is refused, with the numbers that are", () => {
  expect(problems(THREE, "9")).toEqual([
    "myid: error: /data/myid says 9, but zoo.cfg:5:1 and what follows names the servers 1, 2, 3: correct the one or the other",
  ]);
});

// operations 2.6/2 any, 2.6/even ≥ 4
test("two participants, or an even number of them, run with a warning", () => {
  expect(problems(`${BASE}server.1=a:1:2\nserver.2=b:1:2`)).toEqual([
    "zoo.cfg:5:1: warning: two participants: when one fails, nothing is written",
  ]);
  expect(problems(`${THREE}server.4=d:1:2`)).toEqual([
    "zoo.cfg:5:1: warning: 4 participants survive no more failures than 3",
  ]);
  expect(problems(`${THREE}server.4=d:1:2:observer`)).toEqual([]);
});

// operations 2.6/1 (+ observers)
test("one participant that must not stand alone is an ensemble of one", () => {
  const one = `${BASE}standaloneEnabled=false\nserver.2=a:1:2\n`;
  expect(settings(one).config.members.size).toBe(1);
  expect(settings(`${one}server.3=b:1:2:observer`).config.members.size).toBe(2);
  expect(problems(one)).toEqual([]);
});

// operations 2.5/sid
test("numbers that session ids cannot carry are warned about", () => {
  expect(problems(`${THREE}server.300=d:1:2:observer\nserver.258=e:1:2:observer`)).toEqual([
    "zoo.cfg:8:1: warning: server.300: a number above 255: session ids carry its low 8 bits only",
    "zoo.cfg:9:1: warning: server.258: equal to server.2 modulo 256: the two may give two sessions one id",
  ]);
});

// operations 2.4/extendedTypesEnabled=true with any sid > 254
test("TTL znodes and a number above 254 do not go together", () => {
  const members = `${THREE}server.255=d:1:2:observer\n`;
  expect(problems(members)).toEqual([]);
  expect(problems(`${members}extendedTypesEnabled=true`)).toEqual([
    "zoo.cfg:8:1: error: server.255: with extendedTypesEnabled=true numbers end at 254, TTL znodes need the rest",
  ]);
});

// operations 2.4/duplicate sid duplicate non-loopback address:port between
test("members that share a number, an address or their own two ports are refused", () => {
  expect(problems(`${THREE}server.1=d:1:2`)).toEqual([
    "zoo.cfg:5:1: error: server.1: said again further down: which one counts?",
    'zoo.cfg:8:1: warning: "server.1" again: line 5 is overridden by this one',
  ]);
  expect(problems(`${THREE}server.01=d:1:2:observer`)).toContain(
    "zoo.cfg:5:1: error: two members have the number 1",
  );
  expect(problems(`${THREE}server.4=A:2000:2888:observer`)).toEqual([
    "zoo.cfg:8:10: error: server.4: a:2888 is also an address of server.1",
  ]);
  expect(problems(`${THREE}server.4=d:2888:2888:observer`)).toEqual([
    "zoo.cfg:8:10: error: server.4: the quorum port and the election port must not be the same",
  ]);
  expect(
    problems(`${THREE}server.4=localhost:1:2:observer\nserver.5=localhost:1:2:observer`),
  ).toEqual([
    "zoo.cfg:9:10: warning: server.5: localhost:1 is also an address of server.4",
    "zoo.cfg:9:10: warning: server.5: localhost:2 is also an address of server.4",
  ]);
});

test("a line whose number is none is refused, not passed over as an unknown key", () => {
  expect(problems(`${THREE}server.l=d:1:2`)).toEqual([
    "zoo.cfg:8:1: error: server.l: expected a number from 0 to 2^53 - 1",
  ]);
  expect(problems(`${THREE}server.4.=d:1:2`)).toEqual([
    "zoo.cfg:8:1: error: server.4.: expected a number from 0 to 2^53 - 1",
  ]);
});

// operations 2.3/group.<g>=sid[:sid…] weight.<sid>=n
test("groups and weights make a hierarchical quorum, and must cover everybody who votes", () => {
  expect(settings(`${THREE}group.1=1:2\ngroup.2=3\nweight.3=2`).config).toMatchObject({
    groups: new Map([
      [1, [1, 2]],
      [2, [3]],
    ]),
    weights: new Map([[3, 2]]),
  });
  expect(problems(`${THREE}group.1=1:2`)).toEqual(["zoo.cfg:5:1: error: server 3 is in no group"]);
  expect(problems(`${THREE}group.1=one\nweight.1=-1`)).toEqual([
    'zoo.cfg:8:9: error: group.1: expected numbers of servers with colons between them, got "one"',
    'zoo.cfg:9:10: error: weight.1: expected a weight, 0 or more, got "-1"',
  ]);
});

test("groups and weights that cannot be meant are told", () => {
  expect(problems(`${THREE}group.1=1:2:3:8:9\nweight.7=1`)).toEqual([
    "zoo.cfg:8:9: warning: group.1: no line server.8, server.9",
    "zoo.cfg:9:1: warning: weight.7: no line server.7",
  ]);
  expect(problems(`${THREE}group.1=1:2:3\nweight.1=0\nweight.2=0\nweight.3=0`)).toEqual([
    "zoo.cfg:5:1: error: every participant has the weight 0: nobody could be elected",
  ]);
});

test("the client port is none of the two ports for servers, where they listen", () => {
  const own = THREE.replace("server.2=b:2888:3888", "server.2=b:2888:2181");
  expect(problems(own)).toEqual([
    "zoo.cfg:6:10: error: server.2: 2181 is the client port, servers need ports of their own",
  ]);
  expect(problems(`${own}clientPortAddress=b`)).toHaveLength(1);
  expect(problems(`${own}clientPortAddress=other`)).toEqual([]);
  expect(problems(own, "1")).toEqual([]);
});

// operations 2.4/multiAddress.enabled / .reachabilityCheckEnabled /; quorum-protocol Trap 17
test("several addresses of a member need to be switched on, as in ZooKeeper", () => {
  const members = `${THREE}server.4=d:1:2|e:1:2:observer\n`;
  expect(problems(members)).toEqual([
    "zoo.cfg:8:10: error: server.4: several addresses need multiAddress.enabled=true, on every server",
  ]);
  const enabled = `${members}multiAddress.enabled=true\nmultiAddress.reachabilityCheckEnabled=false`;
  expect(problems(`${enabled}\nmultiAddress.reachabilityCheckTimeoutMs=500`)).toEqual([]);
  expect(settings(enabled).config.members.get(4)?.addresses).toHaveLength(2);
});

// operations 2.3/peerType
test("the server's line says its role; a peerType that says otherwise is warned about", () => {
  const text = `${THREE}server.4=d:1:2:observer\npeerType=participant`;
  expect(settings(text, "4").config.members.get(4)?.role).toBe("observer");
  expect(problems(text, "4")).toEqual([
    "zoo.cfg:9:10: warning: peerType: server.4 says observer, and that is what counts",
  ]);
  expect(problems(text, "1")).toEqual([]);
});

// operations 2.5/Client port, 2.3/clientPort
test("the client port may stand on the own line, and must not contradict the key", () => {
  const portless = BASE.replace("clientPort=2181\n", "");
  const members = "server.1=a:1:2;h:2191\nserver.2=b:1:2;2192\nserver.3=c:1:2;[::]:2193\n";
  const at = (myid: string): unknown => read(portless + members, myid).config;
  expect(at("1")).toMatchObject({ clientPort: 2191, clientPortAddress: "h" });
  expect(at("2")).toMatchObject({ clientPort: 2192, clientPortAddress: undefined });
  expect(at("3")).toMatchObject({ clientPort: 2193, clientPortAddress: undefined });
  expect(problems(BASE + members)).toEqual([
    "zoo.cfg:6:10: error: server.2: its client port is not the one of clientPort",
  ]);
  const address = `${portless}${members}clientPort=2191\nclientPortAddress=`;
  expect(problems(`${address}other`, "1")).toEqual([
    "zoo.cfg:4:10: error: server.1: its client port is not the one of clientPort",
  ]);
  expect(read(`${address}0.0.0.0`, "1").config?.clientPortAddress).toBe("h");
});

// operations 2.5/Client port, 2.5//zookeeper/config
test("a client port that only the key says does not appear in the members' text", () => {
  expect(ensembleText(settings(THREE).config)).not.toContain("2181");
  expect(ensembleText(settings(`${BASE}server.1=a:1:2;2181\nserver.2=b:1:2`).config)).toBe(
    "server.1=a:1:2:participant;0.0.0.0:2181\nserver.2=b:1:2:participant\nversion=0",
  );
});

test("a port for TLS on the own line is refused, on the lines of others it is theirs", () => {
  const members = "server.1=a:1:2;2181;2281\nserver.2=b:1:2\nserver.3=c:1:2\n";
  expect(problems(BASE + members, "2")).toEqual([]);
  expect(problems(BASE + members, "1")).toEqual([
    "zoo.cfg:5:10: error: server.1: TLS comes with a later release, and the port would stay closed",
  ]);
});

test("what a later release brings is refused where an ensemble could lose by its lack", () => {
  expect(problems(`${THREE}reconfigEnabled=true`)).toEqual([
    "zoo.cfg:8:17: error: reconfigEnabled: members that change come with a later release, and a server that misses such a change may form a quorum with those that were removed",
  ]);
  expect(problems(`${THREE}observerMasterPort=2191`)).toEqual([
    "zoo.cfg:8:1: warning: not offered by this release and ignored: observerMasterPort",
  ]);
  expect(problems(`${THREE}observerMasterPort=0\nadmin.enableServer=false`)).toEqual([]);
});
