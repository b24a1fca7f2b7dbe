// The matrix of storage 12: the log and the snapshots of golden-13.ts, damaged.

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { adler32 } from "../../../server/storage/adler32.ts";
import {
  LOG_1,
  LOG_HEADER,
  PAYLOADS,
  RECORDS,
  recordAt,
  SNAPSHOT_5,
  SNAPSHOT_5_PLAIN,
} from "./golden-13.ts";
import { RealDirectory } from "./real-directory.ts";

const PADDED_BYTES = 67_108_880;
const padding = Buffer.alloc(4096);

/** The golden log, changed, with zeros behind it as a server leaves them. */
function damaged(change: (log: Buffer) => void): Buffer {
  const log = Buffer.concat([LOG_1, padding]);
  change(log);
  return log;
}

/** What a directory with this log and snapshot.0 recovers to. */
function zxidOf(log: Buffer): number {
  using directory = RealDirectory.withSnapshot0({ "log.1": log });
  return directory.recover().lastZxid;
}

function refusalOf(log: Buffer): string {
  using directory = RealDirectory.withSnapshot0({ "log.1": log });
  const { code, message } = directory.refusal();
  expect(code).toBe("BadLog");
  expect(message).toContain(join(directory.path, "log.1"));
  return message;
}

// storage 12, 12/intact, 13.1, Trap 1
test("an intact directory recovers to its last txn, padded or not", () => {
  for (const log of [LOG_1, damaged(() => {}), Buffer.concat([LOG_1], PADDED_BYTES)]) {
    using directory = RealDirectory.withSnapshot0({ "log.1": log });
    const { tree, lastZxid, snapshotZxid, report } = directory.recover();
    expect([lastZxid, snapshotZxid, report.replayed]).toEqual([5, 0, 5]);
    expect(report.warnings).toEqual([]);
    expect(report.digestMismatches).toEqual([]);
    expect([tree.digestHigh, tree.digestLow]).toEqual([1, 0xd6a5f919 | 0]);
    expect(statSync(join(directory.path, "log.1")).size).toBe(log.length);
  }
});

// storage ST-8, 12/file cut inside last record
test("a file cut anywhere inside its last record loses that record and is cut there", () => {
  for (let size = recordAt(5) + 1; size < LOG_1.length; size++) {
    using directory = RealDirectory.withSnapshot0({ "log.1": LOG_1.subarray(0, size) });
    const { lastZxid } = directory.recover();
    expect(lastZxid).toBe(4);
    expect(statSync(join(directory.path, "log.1")).size).toBe(
      isZero(LOG_1.subarray(recordAt(5), size)) ? size : recordAt(5),
    );
  }
});

// storage 12/last end byte = 0
test("a last record without its end byte is cut", () => {
  expect(zxidOf(damaged((log) => log.fill(0, LOG_1.length - 1)))).toBe(4);
});

// storage 12/last 30 bytes (incl. end byte) zero
test("a last record whose end is zeros is cut", () => {
  expect(zxidOf(damaged((log) => log.fill(0, LOG_1.length - 30)))).toBe(4);
});

// storage Trap 2, 12/hole of 20 zero bytes inside last record end byte intact
test("a hole of zeros inside the last record is a torn write, and is cut", () => {
  const at = recordAt(5) + 30;
  using directory = RealDirectory.withSnapshot0({
    "log.1": damaged((log) => log.fill(0, at, at + 20)),
  });
  expect(directory.recover().lastZxid).toBe(4);
  expect(statSync(join(directory.path, "log.1")).size).toBe(recordAt(5));
});

test("the same hole with anything behind the record refuses the start", () => {
  const at = recordAt(5) + 30;
  const message = refusalOf(
    damaged((log) => {
      log.fill(0, at, at + 20);
      log[LOG_1.length + 100] = 7;
    }),
  );
  expect(message).toContain(`byte ${recordAt(5)}`);
});

// storage ST-9, Trap 3, 12/bit flip in a middle record
test("any bit flipped in a record that others follow refuses the start, with file and offset", () => {
  const from = recordAt(3);
  for (let at = from; at < recordAt(4); at++) {
    const log = damaged((bytes) => {
      bytes[at] = (bytes[at] as number) ^ 1;
    });
    expect(refusalOf(log)).toContain(`byte ${from}`);
  }
});

test("a bit flipped in the last record refuses the start: it may have been acknowledged", () => {
  for (let at = recordAt(5) + 4; at < LOG_1.length; at++) {
    const log = damaged((bytes) => {
      bytes[at] = (bytes[at] as number) ^ 4;
    });
    expect(refusalOf(log)).toContain(`byte ${recordAt(5)}`);
  }
});

// storage 12/garbage (deadbeef…) after last record
test("garbage behind the last record refuses the start", () => {
  const garbage = Buffer.from("deadbeef".repeat(8), "hex");
  expect(refusalOf(Buffer.concat([LOG_1, garbage]))).toContain("impossible length");
});

// storage 12/non-zero crc field len 0 at the end
test("a length of 0 ends the file whatever checksum stands before it", () => {
  expect(zxidOf(damaged((log) => log.writeInt32BE(0x1234567, LOG_1.length + 4)))).toBe(5);
});

test("a length of 0 in the middle refuses the start", () => {
  expect(refusalOf(damaged((log) => log.writeInt32BE(0, recordAt(3) + 8)))).toContain("length 0");
});

// storage ST-7, 12/bad magic
test("a file that does not start with ZKLG refuses the start; version and dbid do not matter", () => {
  expect(refusalOf(damaged((log) => log.writeInt8(0, 3)))).toContain("ZKLG");
  expect(zxidOf(damaged((log) => log.fill(9, 4, 16)))).toBe(5);
});

// storage ST-26, 12/extra 0-byte log.6
test("an empty last log is ignored and removed", () => {
  using directory = RealDirectory.withSnapshot0({ "log.1": LOG_1, "log.6": Buffer.alloc(0) });
  expect(directory.recover().lastZxid).toBe(5);
  expect(directory.names()).toEqual(["log.1", "snapshot.0"]);
});

// storage 12/extra header-only log.6
test("a last log with nothing but a header is fine", () => {
  using directory = RealDirectory.withSnapshot0({ "log.1": LOG_1, "log.6": LOG_HEADER });
  const { lastZxid, report } = directory.recover();
  expect(lastZxid).toBe(5);
  expect(report.warnings).toEqual([]);
});

test("a last log whose header was never written is removed", () => {
  for (const log of [Buffer.alloc(16), Buffer.alloc(100_000), LOG_HEADER.subarray(0, 9)]) {
    using directory = RealDirectory.withSnapshot0({ "log.1": LOG_1, "log.6": log });
    expect(directory.recover().lastZxid).toBe(5);
    expect(directory.names()).toEqual(["log.1", "snapshot.0"]);
  }
});

// storage ST-24, 12/no snapshot; quorum-protocol 16/2325/3056/3781
test("logs without a snapshot refuse the start", () => {
  using directory = new RealDirectory({ "log.1": LOG_1 });
  expect(directory.refusal().code).toBe("NoSnapshot");
});

// storage ST-24, 12/no snapshot trust.empty
test("logs without a snapshot are the whole history where that is said", () => {
  using directory = new RealDirectory({ "log.1": LOG_1 });
  const { lastZxid, snapshotZxid, report } = directory.recover({ trustEmpty: true });
  expect([lastZxid, snapshotZxid]).toEqual([5, -1]);
  expect(report.digestMismatches).toEqual([]);
});

const logOf = (...numbers: number[]): Buffer =>
  Buffer.concat([LOG_HEADER, ...numbers.map((number) => RECORDS[number - 1] as Buffer)]);

// storage ST-27, 12/records 3 4 missing (log.1 = 1 2; log.5 = 5)
test("txns missing between two logs refuse the start, naming both", () => {
  using directory = RealDirectory.withSnapshot0({ "log.1": logOf(1, 2), "log.5": logOf(5) });
  const { code, message } = directory.refusal();
  expect(code).toBe("Gap");
  expect(message).toContain("0x5 follows 0x2");
});

// storage ST-13
test("txns that come again or backwards refuse the start", () => {
  using directory = RealDirectory.withSnapshot0({ "log.1": logOf(1, 2, 3, 2) });
  expect(directory.refusal().code).toBe("Gap");
});

// storage ST-23, ST-27
test("a gap that the snapshot covers is none", () => {
  using directory = new RealDirectory({
    "log.1": logOf(1, 2),
    "log.5": logOf(5),
    "snapshot.5": SNAPSHOT_5,
  });
  expect(directory.recover().lastZxid).toBe(5);
});

/** The last golden txn under another zxid. */
function inEpoch(epoch: number, counter: number): Buffer {
  const payload = Buffer.from(PAYLOADS[4] as Buffer);
  payload.writeInt32BE(epoch, 12);
  payload.writeInt32BE(counter, 16);
  return sealed(payload);
}

/** Where these records lead to over a snapshot of this name, or why nowhere. */
function replayed(snapshot: string, ...records: Buffer[]): number | string {
  using directory = new RealDirectory({
    [snapshot]: SNAPSHOT_5,
    "log.6": Buffer.concat([LOG_HEADER, ...records]),
  });
  try {
    return directory.recover().lastZxid;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

// storage ST-27, Trap 5
test("a new epoch begins with its first txn, also after a snapshot named for no txn", () => {
  expect(replayed("snapshot.5", inEpoch(1, 1), inEpoch(1, 2))).toBe(2 ** 32 + 2);
  expect(replayed("snapshot.5", inEpoch(3, 1))).toBe(3 * 2 ** 32 + 1);
  expect(replayed("snapshot.100000000", inEpoch(1, 1))).toBe(2 ** 32 + 1);
  expect(replayed("snapshot.5", inEpoch(1, 2))).toBe("Gap");
  expect(replayed("snapshot.5", inEpoch(1, 1), inEpoch(0, 9))).toBe("Gap");
});

// storage 12/log.1 torn in record 4 log.4 has 4 5
test("a torn log that the next one goes on from is read over, and left as it is", () => {
  const torn = LOG_1.subarray(0, recordAt(4) + 20);
  using directory = RealDirectory.withSnapshot0({ "log.1": torn, "log.4": logOf(4, 5) });
  expect(directory.recover().lastZxid).toBe(5);
  expect(statSync(join(directory.path, "log.1")).size).toBe(torn.length);
});

// storage ST-22, 12/snapshot.5 bit flip
test("a snapshot with a flipped bit is passed over for an older one and the log", () => {
  for (let at = 0; at < SNAPSHOT_5.length; at += 7) {
    const bytes = Buffer.from(SNAPSHOT_5);
    bytes[at] = (bytes[at] as number) ^ 1;
    using directory = RealDirectory.withSnapshot0({ "log.1": LOG_1, "snapshot.5": bytes });
    const { lastZxid, snapshotZxid, tree, report } = directory.recover();
    expect([lastZxid, snapshotZxid]).toEqual([5, 0]);
    expect(report.warnings).toHaveLength(1);
    expect(tree.sessions.size).toBe(1);
  }
});

// storage ST-19, 12/snapshot.5 cut
test("a snapshot that is cut is passed over", () => {
  for (const size of [0, 5, 100, SNAPSHOT_5.length - 1]) {
    const bytes = SNAPSHOT_5.subarray(0, size);
    using directory = RealDirectory.withSnapshot0({ "log.1": LOG_1, "snapshot.5": bytes });
    expect(directory.recover()).toMatchObject({ lastZxid: 5, snapshotZxid: 0 });
  }
});

// storage ST-17, ST-19, 12/snapshot.5 without digest section
test("a snapshot that ends with its first seal is whole", () => {
  using directory = RealDirectory.withSnapshot0({
    "log.1": LOG_1,
    "snapshot.5": SNAPSHOT_5_PLAIN,
  });
  expect(directory.recover()).toMatchObject({ lastZxid: 5, snapshotZxid: 5 });
});

/** A section and its seal behind what a snapshot has. */
function withSection(snapshot: Buffer, section: string): Buffer {
  const bytes = Buffer.concat([snapshot, Buffer.from(section, "hex")]);
  const seal = Buffer.from("0000000000000000000000012f", "hex");
  seal.writeUInt32BE(adler32(bytes, 0, bytes.length), 4);
  return Buffer.concat([bytes, seal]);
}

// storage ST-17, ST-18, 12/snapshot.5 with 3.9 trailer, 12/digest.enabled=false snapshots with digest
test("each section may be there or not, and the zxid is the file name's", () => {
  const lastZxid = "0000000000000009";
  const snapshots = [
    SNAPSHOT_5,
    withSection(SNAPSHOT_5, lastZxid),
    withSection(SNAPSHOT_5_PLAIN, lastZxid),
    Buffer.concat([withSection(SNAPSHOT_5, lastZxid), Buffer.from("000000012f", "hex")]),
    // Before 3.6.0 was final the digest was text.
    withSection(SNAPSHOT_5_PLAIN, "0000000000000005 00000001 00000002 6162".replaceAll(" ", "")),
  ];
  for (const snapshot of snapshots) {
    using directory = new RealDirectory({ "log.1": LOG_1, "snapshot.5": snapshot });
    const { report, ...recovered } = directory.recover();
    expect(recovered).toMatchObject({ lastZxid: 5, snapshotZxid: 5 });
    expect(report.warnings).toEqual([]);
  }
});

// storage 12/snapshot.5 second seal wrong
test("a wrong later seal spoils a snapshot as the first does", () => {
  for (const whole of [SNAPSHOT_5, withSection(SNAPSHOT_5, "0000000000000005")]) {
    const bytes = Buffer.from(whole);
    bytes.writeInt32BE(1, bytes.length - 9);
    using directory = RealDirectory.withSnapshot0({ "log.1": LOG_1, "snapshot.5": bytes });
    expect(directory.recover()).toMatchObject({ lastZxid: 5, snapshotZxid: 0 });
  }
});

// storage ST-22
test("logs that do not reach a damaged snapshot's zxid do not replace it", () => {
  using directory = RealDirectory.withSnapshot0({
    "log.1": logOf(1, 2, 3, 4),
    "snapshot.5": SNAPSHOT_5.subarray(0, 300),
  });
  const { code, message } = directory.refusal();
  expect(code).toBe("BadSnapshot");
  expect(message).toContain("0x5");
});

// storage ST-22
test("a directory whose every snapshot is damaged refuses the start", () => {
  using directory = new RealDirectory({ "snapshot.5": SNAPSHOT_5.subarray(0, 300) });
  expect(directory.refusal().code).toBe("BadSnapshot");
});

// storage ST-9, Trap 19
test("a record far longer than jute.maxbuffer is read", () => {
  const data = Buffer.alloc(3_000_000, "x");
  const payload = Buffer.concat([
    (PAYLOADS[4] as Buffer).subarray(0, 38),
    Buffer.from("002dc6c0", "hex"),
    data,
    Buffer.from("00000001", "hex"),
  ]);
  const log = Buffer.concat([LOG_HEADER, ...RECORDS.slice(0, 4), sealed(payload), padding]);
  using directory = RealDirectory.withSnapshot0({ "log.1": log });
  const { tree, lastZxid } = directory.recover();
  expect(lastZxid).toBe(5);
  expect(tree.dataLength(tree.findText("/a"))).toBe(data.length);
});

test("a txn of a kind that nobody knows refuses the start", () => {
  const payload = Buffer.from(PAYLOADS[4] as Buffer);
  payload.writeInt32BE(77, 28);
  const log = Buffer.concat([LOG_HEADER, ...RECORDS.slice(0, 4), sealed(payload)]);
  expect(refusalOf(log)).toContain("77");
});

test("what a refused start has read is left byte for byte", () => {
  const log = damaged((bytes) => {
    bytes[recordAt(3) + 20] = 99;
  });
  using directory = RealDirectory.withSnapshot0({ "log.1": log, "snapshot.9.tmp": LOG_1 });
  directory.refusal();
  expect(readFileSync(join(directory.path, "log.1")).equals(log)).toBe(true);
});

/** A record around a payload. */
function sealed(payload: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt32BE(adler32(payload, 0, payload.length), 4);
  head.writeInt32BE(payload.length, 8);
  return Buffer.concat([head, payload, Buffer.from("B")]);
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}
