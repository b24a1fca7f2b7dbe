import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readACLs, readStatPersisted, writeACLs, writeStatPersisted } from "../../protocol/data.ts";
import { Reader, Writer } from "../../protocol/jute.ts";
import {
  FILE_HEADER_BYTES,
  LOG_FILE_HEADER,
  readFileHeader,
  SNAPSHOT_FILE_HEADER,
  writeFileHeader,
} from "../../protocol/persistence.ts";
import { readTxn, type Txn, writeTxn } from "../../protocol/txn.ts";
import { wordsHex } from "../../protocol/zxid.ts";
import { goldenDataDirectory, readDirectoryContents } from "./data-directory.ts";

const RELEASE = "3.8.0";

function file(name: string): Buffer {
  return readFileSync(join(goldenDataDirectory(RELEASE), "version-2", name));
}

/** The payloads of a log: each between crc and length, and an end byte. */
function* payloads(log: Buffer): Generator<Buffer> {
  for (let at = FILE_HEADER_BYTES; at < log.length; ) {
    const start = at + 12;
    const end = start + log.readInt32BE(at + 8);
    yield log.subarray(start, end);
    at = end + 1;
  }
}

const txns: readonly Txn[] = ["log.1", "log.26"]
  .flatMap((name) => [...payloads(file(name))])
  .map((payload) => readTxn(new Reader().reset(payload)));

// storage ST-6, ST-7
describe("Apache ZooKeeper's log is read and written again byte for byte", () => {
  for (const name of ["log.1", "log.26"]) {
    test(name, () => {
      const log = file(name);
      const writer = new Writer();
      const header = readFileHeader(new Reader().reset(log));
      expect(header).toEqual(LOG_FILE_HEADER);
      writeFileHeader(writer, header);
      expect(writer.written()).toEqual(log.subarray(0, FILE_HEADER_BYTES));
      for (const payload of payloads(log)) {
        writer.clear();
        writeTxn(writer, readTxn(new Reader().reset(payload)));
        expect(writer.written().toString("hex")).toBe(payload.toString("hex"));
      }
    });
  }
});

// storage ST-13, server-semantics Trap 11
test("the logs have every zxid from the first to the last, failed writes included", () => {
  const { lastZxid } = readDirectoryContents(RELEASE).head;
  const zxids = txns.map(({ header }) => header.zxid);
  expect(zxids).toEqual(Array.from({ length: lastZxid }, (_, i) => i + 1));
});

// storage 3/1 15, 3/19 createContainer, 3/2 20, 3/5 16, 3/7 setACL, 3/14 multi
// server-semantics 4/1 create 15 create2, 4/19, 4/2, 4/5, 4/7, 4/-10
test("the logs have a txn of each type that a client of this release can cause", () => {
  const types = new Set(txns.map(({ body }) => body.type));
  expect([...types].sort((a, b) => a - b)).toEqual([-11, -10, -1, 1, 2, 5, 7, 14, 15, 19, 20]);
});

// storage 3/−11 closeSession, server-semantics 4/-11, Trap 13
test("a closed session's txn lists its ephemerals, none as an empty list", () => {
  const lists = txns.flatMap(({ body }) => (body.type === -11 ? [body.paths] : []));
  expect(lists).toEqual([["/held/also-three", "/held/three"], [], ["/held/four"]]);
});

// storage 3/14 multi, server-semantics 4/14, Trap 10
test("a failed multi keeps the txns before the failure", () => {
  const failed = txns.find(
    ({ body }) => body.type === 14 && body.txns.some((part) => part.type === -1),
  );
  expect(failed?.body).toMatchObject({
    txns: [
      { type: 1, path: "/never" },
      { type: -1, err: -103 },
      { type: -1, err: -2 },
    ],
  });
});

// storage 3/−1 error; server-semantics 4/-1
test("every txn has a digest but those of refused writes", () => {
  for (const { body, digest } of txns) {
    expect(digest?.version, JSON.stringify(body)).toBe(body.type === -1 ? undefined : 2);
  }
});

// storage ST-14, ST-15, ST-16
describe("Apache ZooKeeper's snapshot is read and written again byte for byte", () => {
  for (const name of ["snapshot.0", "snapshot.25"]) {
    test(name, () => {
      const bytes = file(name);
      const reader = new Reader().reset(bytes);
      const writer = new Writer();
      const header = readFileHeader(reader);
      expect(header).toEqual(SNAPSHOT_FILE_HEADER);
      writeFileHeader(writer, header);

      const sessions = copyInt(reader, writer);
      for (let i = 0; i < sessions; i++) {
        writer.words(reader.int(), reader.int());
        writer.int(reader.int());
      }
      const lists = copyInt(reader, writer);
      for (let i = 0; i < lists; i++) {
        writer.long(reader.safeLong());
        writeACLs(writer, readACLs(reader));
      }
      for (let path = reader.string(); path !== "/"; path = reader.string()) {
        writer.string(path);
        writer.buffer(reader.buffer());
        writer.long(reader.safeLong());
        writeStatPersisted(writer, readStatPersisted(reader));
      }
      writer.string("/");
      const ours = writer.written();
      expect(ours.toString("hex")).toBe(bytes.toString("hex", 0, ours.length));
      // Two seals of 13 bytes and the digest's 20 between them are all that follows.
      expect(reader.remaining).toBe(13 + 20 + 13);
    });
  }
});

function copyInt(reader: Reader, writer: Writer): number {
  const value = reader.int();
  writer.int(value);
  return value;
}

test("the second snapshot has the sessions that were open when the server was restarted", () => {
  const reader = new Reader().reset(file("snapshot.25"), FILE_HEADER_BYTES);
  const sessions = Array.from({ length: reader.int() }, () => ({
    id: wordsHex(reader.int(), reader.int()),
    timeoutMs: reader.int(),
  }));
  // A hash map's order.
  sessions.sort((a, b) => a.id.localeCompare(b.id));
  expect(sessions).toEqual(readDirectoryContents(RELEASE).sessions);
});
