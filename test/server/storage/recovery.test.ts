import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { Stat } from "../../../protocol/data.ts";
import { readStat } from "../../../protocol/data.ts";
import { Reader, Writer } from "../../../protocol/jute.ts";
import { wordsHex } from "../../../protocol/zxid.ts";
import { openDirectories } from "../../../server/storage/directories.ts";
import { fileZxid, logName, snapshotName } from "../../../server/storage/files.ts";
import { InitializeMarker } from "../../../server/storage/initialize-marker.ts";
import { recover } from "../../../server/storage/recovery.ts";
import { RecoveryError } from "../../../server/storage/recovery-error.ts";
import { World } from "../../../server/testing/index.ts";
import type { DataTree } from "../../../server/tree/data-tree.ts";
import { goldenDataDirectory, readDirectoryContents } from "../../golden/data-directory.ts";
import { writeCreates } from "../../tools/txn-log.ts";
import { dumpTree } from "../tree/tree-dump.ts";
import { LOG_1, LOG_HEADER, RECORDS, SNAPSHOT_5 } from "./golden-13.ts";
import { OPTIONS, RealDirectory } from "./real-directory.ts";
import { TracedDisk } from "./traced-disk.ts";

// storage ST-1, ST-2, Trap 5
test("a name's zxid is the hexadecimal between its first and second dot", () => {
  const zxids: [string, number][] = [
    ["log.1", 1],
    ["snapshot.100000006", 0x100000006],
    ["snapshot.ff.gz", 255],
    ["log.5.bak", 5],
    ["snapshot.5.tmp", 5],
    ["log.", -1],
    ["log", -1],
    ["log.x", -1],
    ["log.0x5", -1],
    ["snapshot.ffffffffffffffff", -1],
  ];
  for (const [name, zxid] of zxids) expect(fileZxid(name)).toBe(zxid);
  expect([logName(0x1a), snapshotName(0)]).toEqual(["log.1a", "snapshot.0"]);
});

// storage ST-2, ST-23
test("logs are read in the order of their zxids, not of their names", () => {
  const logs = Object.fromEntries(
    RECORDS.map((record, index) => [logName(index + 1), Buffer.concat([LOG_HEADER, record])]),
  );
  const later = renamed(RECORDS[4] as Buffer, 6, 20);
  using directory = RealDirectory.withSnapshot0({ ...logs, ...later });
  expect(directory.names().indexOf("log.10")).toBeLessThan(directory.names().indexOf("log.2"));
  expect(directory.recover().lastZxid).toBe(20);
});

/** A log for each zxid from `first` to `last`, with the same txn. */
function renamed(record: Buffer, first: number, last: number): Record<string, Buffer> {
  const logs: Record<string, Buffer> = {};
  for (let zxid = first; zxid <= last; zxid++) {
    logs[logName(zxid)] = Buffer.concat([LOG_HEADER, withZxid(record, zxid)]);
  }
  return logs;
}

/** The record under another zxid, without its digest. */
function withZxid(record: Buffer, zxid: number): Buffer {
  const payload = Buffer.from(record.subarray(12, -13));
  payload.writeInt32BE(zxid, 16);
  const head = Buffer.alloc(12);
  head.writeUInt32BE(plainAdler(payload), 4);
  head.writeInt32BE(payload.length, 8);
  return Buffer.concat([head, payload, Buffer.from("B")]);
}

function plainAdler(bytes: Buffer): number {
  let [low, high] = [1, 0];
  for (const byte of bytes) {
    low = (low + byte) % 65521;
    high = (high + low) % 65521;
  }
  return high * 65536 + low;
}

// storage 5/empty tree: root 04128908 + /zookeeper 4db44d58, ST-25
test("an empty directory is a first start where that is allowed, and refused otherwise", () => {
  using directory = new RealDirectory();
  const { tree, lastZxid, snapshotZxid } = directory.recover();
  expect([lastZxid, snapshotZxid]).toEqual([0, -1]);
  expect([tree.digestHigh, tree.digestLow]).toEqual([0, 0x51c6d660]);
  expect(directory.refusal({ mayBeEmpty: false }).code).toBe("Empty");
});

test("the torn snapshot of a first start is no reason to refuse the second", () => {
  using directory = new RealDirectory({ "snapshot.0": Buffer.alloc(0) });
  expect(directory.recover()).toMatchObject({ lastZxid: 0, snapshotZxid: -1 });
});

// storage 5, Trap 10, Trap 11
// storage 13.2, ST-14, ST-15, ST-16, F-7, 5/golden 13.2: root 0a1d6afc /a ed9ba7c6 /a/e 0c507da4 /b
test("the snapshot of the page is the tree of the page", () => {
  using directory = new RealDirectory({ "snapshot.5": SNAPSHOT_5 });
  const { tree } = directory.recover();
  const digest = (path: string): string => tree.digest(tree.findText(path)).toString(16);
  expect(["/", "/a", "/a/e", "/b", "/zookeeper"].map(digest)).toEqual([
    "a1d6afc",
    "ed9ba7c6",
    "c507da4",
    "84e81b5b",
    "4db44d58",
  ]);
  expect([tree.digestHigh, tree.digestLow]).toEqual([1, 0xd6a5f919 | 0]);
  expect(tree.sessions.timeoutMs(0x0100001a, 0x7b180000)).toBe(30_000);
  expect(tree.acls.get(tree.acl(tree.findText("/b")))[0]?.id.scheme).toBe("digest");
  expect(tree.acls.size).toBe(3);
  // Replaying the log over nothing gives the same tree.
  using log = RealDirectory.withSnapshot0({ "log.1": LOG_1 });
  expect(dumpTree(log.recover().tree)).toEqual(dumpTree(tree));
});

/** A copy of what ZooKeeper 3.8.0 left behind when it was killed. */
function goldenDirectory(...names: string[]): RealDirectory {
  const directory = new RealDirectory();
  const source = join(goldenDataDirectory("3.8.0"), "version-2");
  for (const name of names) copyFileSync(join(source, name), join(directory.path, name));
  return directory;
}

function statOf(tree: DataTree, path: string): Stat {
  const writer = new Writer();
  tree.writeStat(tree.findText(path), writer);
  return readStat(new Reader().reset(writer.written()));
}

// storage ST-21, ST-22, ST-23, F-1, F-10, F-12, Trap 12
test("the directory of a killed ZooKeeper 3.8.0 holds every znode and session it had", () => {
  const { head, sessions, znodes } = readDirectoryContents("3.8.0");
  const all = ["log.1", "log.26", "snapshot.0", "snapshot.25"];
  for (const names of [all, ["log.1", "log.26", "snapshot.0"]]) {
    using directory = goldenDirectory(...names);
    const { tree, lastZxid, report } = directory.recover();
    expect(lastZxid).toBe(head.lastZxid);
    expect(report.digestMismatches).toEqual([]);
    // Containers and TTL znodes have an owner that is no session.
    expect(report.orphans).toEqual([]);
    expect(tree.containers.size).toBeGreaterThan(0);
    expect(tree.count).toBe(znodes.length + 1);
    for (const { path, data, acl, stat } of znodes) {
      const slot = tree.findText(path);
      expect(slot).not.toBe(0);
      const writer = new Writer();
      tree.writeData(slot, writer);
      const read = new Reader().reset(writer.written()).buffer();
      expect([path, read?.toString("hex") ?? null]).toEqual([path, data]);
      expect(statOf(tree, path)).toEqual(stat);
      expect(tree.acls.get(tree.acl(slot)).map(({ perms, id }) => ({ perms, id }))).toEqual(acl);
    }
    const found: { id: string; timeoutMs: number }[] = [];
    tree.sessions.forEach((high, low, timeoutMs) => {
      found.push({ id: wordsHex(high, low), timeoutMs });
    });
    const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);
    expect(found.toSorted(byId)).toEqual([...sessions].toSorted(byId));
  }
});

// server-semantics 2.5
test("a directory with TTL znodes does not start where they are not enabled, and loses none", () => {
  using directory = RealDirectory.withSnapshot0({});
  writeCreates(directory.root, [
    { path: "/plain", parentCversion: 1 },
    { path: "/brief", parentCversion: 2, ttlMs: 1 },
    { path: "/long", parentCversion: 3, ttlMs: 2 ** 40 - 1 },
  ]);
  const { code, message } = directory.refusal({ tree: { hashSeed: 42 } });
  expect(code).toBe("TtlZnodes");
  expect(message).toMatch(
    /^\/brief is a TTL znode, one of 2, and extendedTypesEnabled is not true/,
  );
  const { tree, report } = directory.recover();
  expect([tree.ttls.size, tree.ephemerals.count, report.orphans]).toEqual([2, 0, []]);
});

// storage ST-5, ST-19, ST-20, Trap 8
test("a snapshot compressed with gzip or snappy is read like a plain one", () => {
  const gz = gzipSync(SNAPSHOT_5);
  for (const [name, bytes] of [
    ["snapshot.5.gz", gz],
    ["snapshot.5.snappy", snappy(SNAPSHOT_5)],
  ] as const) {
    using directory = new RealDirectory({ [name]: bytes });
    expect(directory.recover()).toMatchObject({ lastZxid: 5, snapshotZxid: 5 });
    for (let size = 0; size < bytes.length; size += 61) {
      using cut = RealDirectory.withSnapshot0({ "log.1": LOG_1, [name]: bytes.subarray(0, size) });
      expect(cut.recover()).toMatchObject({ lastZxid: 5, snapshotZxid: 0 });
    }
  }
  // Two of one zxid: any that is whole will do.
  using both = new RealDirectory({ "snapshot.5": SNAPSHOT_5.subarray(0, 90), "snapshot.5.gz": gz });
  expect(both.recover().snapshotZxid).toBe(5);
});

/** As Java's SnappyOutputStream frames it: blocks of 300 bytes, with literals and one copy each. */
function snappy(bytes: Buffer): Buffer {
  const blocks: Buffer[] = [
    Buffer.from("82534e4150505900 00000001 00000001".replaceAll(" ", ""), "hex"),
  ];
  for (let at = 0; at < bytes.length; at += 300) {
    const block = snappyBlock(bytes.subarray(at, at + 300));
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    blocks.push(length, block);
  }
  return Buffer.concat(blocks);
}

function snappyBlock(bytes: Buffer): Buffer {
  const elements: number[] = [(bytes.length & 0x7f) | 0x80, bytes.length >>> 7];
  for (let at = 0; at < bytes.length; ) {
    let run = 0;
    while (run < 64 && at > 0 && at + run < bytes.length && bytes[at + run] === bytes[at - 1])
      run++;
    if (run >= 4 && run <= 11) elements.push(1 | ((run - 4) << 2), 1);
    else if (run > 11) elements.push(2 | ((run - 1) << 2), 1, 0);
    if (run >= 4) {
      at += run;
      continue;
    }
    const count = Math.min(1 + (at % 70), bytes.length - at);
    if (count > 60) elements.push(60 << 2, count - 1);
    else elements.push((count - 1) << 2);
    elements.push(...bytes.subarray(at, at + count));
    at += count;
  }
  return Buffer.from(elements);
}

// storage WP-10, ST-1
test("unfinished snapshots are not read, and are removed", () => {
  using directory = RealDirectory.withSnapshot0({
    "log.1": LOG_1,
    "snapshot.5.tmp": SNAPSHOT_5,
    "snapshot.9.tmp": SNAPSHOT_5,
  });
  const { snapshotZxid, report } = directory.recover();
  expect(snapshotZxid).toBe(0);
  expect(directory.names()).toEqual(["log.1", "snapshot.0"]);
  expect(report.warnings).toHaveLength(2);
});

// storage Trap 18
test("txns whose times run backwards are applied in the order of their zxids", () => {
  const records = RECORDS.slice(0, 4).map((record, index) => {
    const payload = Buffer.from(record.subarray(12, -13));
    payload.writeInt32BE(1000 - index, 24);
    return withZxid(
      Buffer.concat([record.subarray(0, 12), payload, record.subarray(-13)]),
      index + 1,
    );
  });
  using directory = RealDirectory.withSnapshot0({
    "log.1": Buffer.concat([LOG_HEADER, ...records]),
  });
  const { tree, lastZxid } = directory.recover();
  expect(lastZxid).toBe(4);
  expect(tree.ctime(tree.findText("/b"))).toBeLessThan(tree.ctime(tree.findText("/a")));
});

// storage F-5
test("ephemerals of a session that does not exist are told of", () => {
  using directory = RealDirectory.withSnapshot0({
    "log.1": Buffer.concat([LOG_HEADER, ...RECORDS.slice(1).map((r, i) => withZxid(r, i + 1))]),
  });
  expect(directory.recover().report.orphans).toEqual(["0100001a7b180000"]);
});

// storage F-10
test("a txn whose digest the tree does not have is told of, and does not stop the start", () => {
  const [first, second, third, fourth, fifth] = RECORDS as [Buffer, Buffer, Buffer, Buffer, Buffer];
  const payload = Buffer.from(third.subarray(12, -1));
  payload[payload.length - 1] = 0;
  const head = Buffer.from(third.subarray(0, 12));
  head.writeUInt32BE(plainAdler(payload), 4);
  const changed = Buffer.concat([head, payload, Buffer.from("B")]);
  const log = Buffer.concat([LOG_HEADER, first, second, changed, fourth, fifth]);
  using directory = RealDirectory.withSnapshot0({ "log.1": log });
  const { lastZxid, report } = directory.recover();
  expect(lastZxid).toBe(5);
  expect(report.digestMismatches).toEqual([3]);
  expect(report.warnings.join()).toContain("0x3");
});

// storage F-10
test("logs that end before the fuzzy range of their snapshot does are told of", () => {
  // Named for 3, but copied up to 5.
  using directory = new RealDirectory({
    "snapshot.3": SNAPSHOT_5,
    "log.4": Buffer.concat([LOG_HEADER, RECORDS[3] as Buffer]),
  });
  const { lastZxid, report } = directory.recover();
  expect(lastZxid).toBe(4);
  expect(report.digestMismatches).toEqual([]);
  expect(report.warnings.join()).toContain("0x5");
  using whole = new RealDirectory({
    "snapshot.3": SNAPSHOT_5,
    "log.4": Buffer.concat([LOG_HEADER, ...RECORDS.slice(3)]),
  });
  expect(whole.recover().report.warnings).toEqual([]);
});

// storage F-10
test("a digest section that does not fit its snapshot is told of", () => {
  // Named for 5, but a znode's data is not what the digest says; the seals hold.
  const bytes = Buffer.from(SNAPSHOT_5);
  bytes.writeInt8(0x58, bytes.indexOf("v2"));
  for (const seal of [0x2f5, 0x316])
    bytes.writeUInt32BE(plainAdler(bytes.subarray(0, seal)), seal + 4);
  using directory = new RealDirectory({ "snapshot.5": bytes });
  expect(directory.recover().report.digestMismatches).toEqual([5]);
});

// storage ST-4
test("version-2 directories are made, or their absence refuses the start", () => {
  using directory = new RealDirectory();
  const { disk, root } = directory;
  const data = join(root, "data");
  const codeOf = (run: () => unknown): string => {
    try {
      run();
      return "started";
    } catch (error) {
      if (error instanceof RecoveryError) return error.code;
      throw error;
    }
  };
  expect(codeOf(() => openDirectories(disk, data, data, false))).toBe("MissingDirectory");
  expect(existsSync(data)).toBe(false);
  const { snapshots, logs } = openDirectories(disk, data, join(root, "logs"), true);
  expect([snapshots, logs].every((path) => existsSync(path))).toBe(true);
  expect(codeOf(() => openDirectories(disk, data, data, false))).toBe("started");
  writeFileSync(join(root, "version-3"), "");
  mkdirSync(join(root, "file"));
  writeFileSync(join(root, "file", "version-2"), "");
  const file = join(root, "file");
  expect(codeOf(() => openDirectories(disk, file, file, true))).toBe("MissingDirectory");
});

test("directories that are made outlast a power cut", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const host = new World(seed).host("server");
    openDirectories(host.disk, "/srv/quorate/data", "/srv/quorate/logs/", true);
    host.crash("power");
    expect(host.disk.names("/srv/quorate/data")).toEqual(["version-2"]);
    expect(host.disk.names("/srv/quorate/logs")).toEqual(["version-2"]);
  }
});

// storage ST-3
test("logs among the snapshots, or snapshots among the logs, refuse the start with the remedy", () => {
  for (const [directory, name] of [
    ["data", "log.1"],
    ["logs", "snapshot.0"],
  ] as const) {
    using base = new RealDirectory();
    const [data, logs] = [join(base.root, "data"), join(base.root, "logs")];
    openDirectories(base.disk, data, logs, true);
    writeFileSync(join(base.root, directory, "version-2", name), "");
    const open = (): unknown => openDirectories(base.disk, data, logs, true);
    expect(open).toThrow(expect.objectContaining({ code: "Misplaced" }));
    expect(open).toThrow(/mv /);
    // In one directory there is no wrong place.
    openDirectories(base.disk, data, data, true);
  }
});

// storage ST-25; operations 1.4/<dataDir>/initialize
test("the initialize marker is there until it is taken, whoever left it", () => {
  using directory = new RealDirectory();
  const { disk, root } = directory;
  const marker = (): InitializeMarker => new InitializeMarker(disk, root);
  writeFileSync(join(root, "initialize"), "");
  expect([marker().isThere, marker().take(), marker().isThere]).toEqual([true, undefined, false]);
  expect([marker().take(), marker().leave(), marker().isThere]).toEqual([
    undefined,
    undefined,
    true,
  ]);
});

test("a log that was read may come from the page cache: it is synced before it is served", () => {
  using directory = RealDirectory.withSnapshot0({ "log.1": LOG_1.subarray(0, -3) });
  const disk = new TracedDisk(directory.disk);
  recover(disk, directory.directories, OPTIONS);
  expect(disk.trace).toEqual([
    `truncateNow log.1 ${LOG_1.length - (RECORDS[4] as Buffer).length}`,
    "datasyncNow log.1",
    "syncDirectoryNow version-2",
  ]);
  expect(readFileSync(join(directory.path, "log.1")).length).toBe(
    LOG_1.length - (RECORDS[4] as Buffer).length,
  );
});
