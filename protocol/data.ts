/**
 * The jute module `data`: records that requests, txns and snapshots share (client-protocol 5,
 * storage.md 4). Null and empty are two values everywhere: a string, a buffer or a vector that is
 * null on the wire is null here.
 */
import { JuteError, type Reader, type Writer } from "./jute.ts";
import type { Zxid } from "./zxid.ts";

/** Who: a scheme and what the scheme knows of them. */
export interface Id {
  readonly scheme: string | null;
  readonly id: string | null;
}

/** One entry of a znode's access list: what whom is allowed. */
export interface ACL {
  /** Bits of `Perm`; others are kept as they came. */
  readonly perms: number;
  readonly id: Id;
}

/** A znode as clients see it. Times are milliseconds since 1970. */
export interface Stat {
  /** Of the txn that created it. */
  readonly czxid: Zxid;
  /** Of the txn that last set its data. */
  readonly mzxid: Zxid;
  readonly ctime: number;
  readonly mtime: number;
  /** Changes of its data. */
  readonly version: number;
  /** Changes of its children: creates and deletes. */
  readonly cversion: number;
  /** Changes of its ACL. */
  readonly aversion: number;
  /** The session whose ephemeral it is, both words 0 for any other kind of znode. */
  readonly ownerHigh: number;
  readonly ownerLow: number;
  readonly dataLength: number;
  readonly numChildren: number;
  /** Of the txn that last created or deleted a child. */
  readonly pzxid: Zxid;
}

/** A znode's figures in a snapshot: `cversion` counts creates only, `owner` also marks containers. */
export interface StatPersisted {
  readonly czxid: Zxid;
  readonly mzxid: Zxid;
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  readonly ownerHigh: number;
  readonly ownerLow: number;
  readonly pzxid: Zxid;
}

/** Bytes of a Stat on the wire. */
export const STAT_BYTES = 68;

/** Bytes of a StatPersisted in a snapshot. */
export const STAT_PERSISTED_BYTES = 60;

/** An ACL entry whose strings are empty or null. */
const ACL_BYTES_MIN = 12;

/** A string that is empty or null. */
const STRING_BYTES_MIN = 4;

// Id: ustring scheme, ustring id

export function readId(reader: Reader): Id {
  return { scheme: reader.string(), id: reader.string() };
}

export function writeId(writer: Writer, id: Id): void {
  writer.string(id.scheme);
  writer.string(id.id);
}

// ACL: int perms, Id id

export function readACL(reader: Reader): ACL {
  return { perms: reader.int(), id: readId(reader) };
}

export function writeACL(writer: Writer, acl: ACL): void {
  writer.int(acl.perms);
  writeId(writer, acl.id);
}

// vector<ACL>: int n (-1 is null), n x ACL

export function readACLs(reader: Reader): ACL[] | null {
  const length = reader.vectorLength(ACL_BYTES_MIN);
  if (length < 0) return null;
  const acls: ACL[] = [];
  for (let i = 0; i < length; i++) acls.push(readACL(reader));
  return acls;
}

export function writeACLs(writer: Writer, acls: readonly ACL[] | null): void {
  if (acls === null) {
    writer.int(-1);
    return;
  }
  writer.int(acls.length);
  for (const acl of acls) writeACL(writer, acl);
}

// vector<ustring>: int n (-1 is null), n x ustring

/** @throws JuteError also for a null element: no list of paths or names has one. */
export function readStrings(reader: Reader): string[] | null {
  const length = reader.vectorLength(STRING_BYTES_MIN);
  if (length < 0) return null;
  const strings: string[] = [];
  for (let i = 0; i < length; i++) {
    const string = reader.string();
    if (string === null) throw new JuteError("a null string in a vector");
    strings.push(string);
  }
  return strings;
}

export function writeStrings(writer: Writer, strings: readonly string[] | null): void {
  if (strings === null) {
    writer.int(-1);
    return;
  }
  writer.int(strings.length);
  for (const string of strings) writer.string(string);
}

// Stat: long czxid, long mzxid, long ctime, long mtime, int version, int cversion, int aversion,
//       long ephemeralOwner, int dataLength, int numChildren, long pzxid

export function readStat(reader: Reader): Stat {
  return {
    czxid: reader.safeLong(),
    mzxid: reader.safeLong(),
    ctime: reader.safeLong(),
    mtime: reader.safeLong(),
    version: reader.int(),
    cversion: reader.int(),
    aversion: reader.int(),
    ownerHigh: reader.int(),
    ownerLow: reader.int(),
    dataLength: reader.int(),
    numChildren: reader.int(),
    pzxid: reader.safeLong(),
  };
}

export function writeStat(writer: Writer, stat: Stat): void {
  writer.long(stat.czxid);
  writer.long(stat.mzxid);
  writer.long(stat.ctime);
  writer.long(stat.mtime);
  writer.int(stat.version);
  writer.int(stat.cversion);
  writer.int(stat.aversion);
  writer.words(stat.ownerHigh, stat.ownerLow);
  writer.int(stat.dataLength);
  writer.int(stat.numChildren);
  writer.long(stat.pzxid);
}

// StatPersisted: long czxid, long mzxid, long ctime, long mtime, int version, int cversion,
//                int aversion, long ephemeralOwner, long pzxid

export function readStatPersisted(reader: Reader): StatPersisted {
  return {
    czxid: reader.safeLong(),
    mzxid: reader.safeLong(),
    ctime: reader.safeLong(),
    mtime: reader.safeLong(),
    version: reader.int(),
    cversion: reader.int(),
    aversion: reader.int(),
    ownerHigh: reader.int(),
    ownerLow: reader.int(),
    pzxid: reader.safeLong(),
  };
}

export function writeStatPersisted(writer: Writer, stat: StatPersisted): void {
  writer.long(stat.czxid);
  writer.long(stat.mzxid);
  writer.long(stat.ctime);
  writer.long(stat.mtime);
  writer.int(stat.version);
  writer.int(stat.cversion);
  writer.int(stat.aversion);
  writer.words(stat.ownerHigh, stat.ownerLow);
  writer.long(stat.pzxid);
}
