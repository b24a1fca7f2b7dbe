/**
 * The tree digest, version 2 (storage 5): the sum modulo 2^64 of one CRC-32 per znode, over its
 * path, its data and its stat in an order of its own. What lies below /zookeeper does not count.
 */

import type { StatPersisted } from "../../protocol/data.ts";
import { highWord, lowWord } from "../../protocol/zxid.ts";
import { equalBytes } from "./bytes.ts";
import { crc32Word } from "./crc32.ts";
import { Field } from "./znode-records.ts";

/**
 * What a znode with this stat adds to the tree digest, unsigned.
 *
 * @param contentCrc CRC-32 of the path's bytes (none for the root) and the data's (none for null).
 */
export function statCrc(contentCrc: number, stat: StatPersisted): number {
  let crc = crcLong(contentCrc, stat.czxid);
  crc = crcLong(crc, stat.mzxid);
  crc = crcLong(crc, stat.pzxid);
  crc = crcLong(crc, stat.ctime);
  crc = crcLong(crc, stat.mtime);
  crc = crc32Word(crc, stat.version);
  crc = crc32Word(crc, stat.cversion);
  crc = crc32Word(crc, stat.aversion);
  crc = crc32Word(crc, stat.ownerHigh);
  crc = crc32Word(crc, stat.ownerLow);
  return crc >>> 0;
}

function crcLong(crc: number, value: number): number {
  return crc32Word(crc32Word(crc, highWord(value)), lowWord(value));
}

const SYSTEM_PATH = Buffer.from("/zookeeper");

/** Whether this is /zookeeper, which counts while what lies below it does not. */
export function isSystemPath(bytes: Uint8Array, start: number, end: number): boolean {
  const { length } = SYSTEM_PATH;
  return end - start === length && equalBytes(bytes, start, SYSTEM_PATH, 0, length);
}

/** The words of a record's stat in the digest's order: pzxid before the times, the owner last. */
const DIGEST_ORDER = [
  Field.czxid,
  Field.czxid + 4,
  Field.mzxid,
  Field.mzxid + 4,
  Field.pzxid,
  Field.pzxid + 4,
  Field.ctime,
  Field.ctime + 4,
  Field.mtime,
  Field.mtime + 4,
  Field.version,
  Field.cversion,
  Field.aversion,
  Field.owner,
  Field.owner + 4,
];

/** As `statCrc`, from the record at `at`. */
export function recordCrc(contentCrc: number, view: DataView, at: number): number {
  let crc = contentCrc;
  for (const field of DIGEST_ORDER) crc = crc32Word(crc, view.getInt32(at + field));
  return crc >>> 0;
}
