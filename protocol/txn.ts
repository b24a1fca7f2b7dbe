/**
 * The jute module `txn`: what prep makes of a write, what the log holds, what a proposal carries
 * (storage.md 2 and 3, server-semantics 4). Everything in a txn is a result: versions are those
 * after it, a path has its suffix, an ACL its owners' names.
 *
 * The tree applies txns in place, without these objects; they are for tools, tests and the paths
 * where a txn is looked at, not run.
 */
import { type ACL, readACLs, readStrings, writeACLs, writeStrings } from "./data.ts";
import { JuteError, type Reader, type Writer } from "./jute.ts";
import { OpCode } from "./opcodes.ts";
import type { Zxid } from "./zxid.ts";

/** A txn as the log holds it: TxnHeader, the body of its type, [TxnDigest]. */
export interface Txn {
  readonly header: TxnHeader;
  readonly body: TxnBody;
  /** Absent in logs before 3.6 and where digests are disabled. */
  readonly digest: TxnDigest | undefined;
}

/** @throws JuteError also for a type that no txn has. */
export function readTxn(reader: Reader): Txn {
  const header = readTxnHeader(reader);
  const body = readTxnBody(reader, header.type);
  const digest = reader.remaining >= TXN_DIGEST_BYTES ? readTxnDigest(reader) : undefined;
  return { header, body, digest };
}

export function writeTxn(writer: Writer, txn: Txn): void {
  writeTxnHeader(writer, txn.header);
  writeTxnBody(writer, txn.body);
  if (txn.digest !== undefined) writeTxnDigest(writer, txn.digest);
}

// TxnHeader: long clientId, int cxid, long zxid, long time, int type

export interface TxnHeader {
  /** Of the request's session; the server's own txns too name the session they are about. */
  readonly sessionHigh: number;
  readonly sessionLow: number;
  /** The request's xid. */
  readonly cxid: number;
  readonly zxid: Zxid;
  readonly timeMs: number;
  /** One of `OpCode`. */
  readonly type: number;
}

export function readTxnHeader(reader: Reader): TxnHeader {
  return {
    sessionHigh: reader.int(),
    sessionLow: reader.int(),
    cxid: reader.int(),
    zxid: reader.safeLong(),
    timeMs: reader.safeLong(),
    type: reader.int(),
  };
}

export function writeTxnHeader(writer: Writer, header: TxnHeader): void {
  writer.words(header.sessionHigh, header.sessionLow);
  writer.int(header.cxid);
  writer.long(header.zxid);
  writer.long(header.timeMs);
  writer.int(header.type);
}

// TxnDigest: int version, long treeDigest

/** The digest of the whole tree after the txn. */
export interface TxnDigest {
  /** What is hashed: `DIGEST_VERSION`. */
  readonly version: number;
  readonly digestHigh: number;
  readonly digestLow: number;
}

/** Of the digests that 3.6 and later write. */
export const DIGEST_VERSION = 2;

/** Bytes of a TxnDigest. */
export const TXN_DIGEST_BYTES = 12;

export function readTxnDigest(reader: Reader): TxnDigest {
  return { version: reader.int(), digestHigh: reader.int(), digestLow: reader.int() };
}

export function writeTxnDigest(writer: Writer, digest: TxnDigest): void {
  writer.int(digest.version);
  writer.words(digest.digestHigh, digest.digestLow);
}

/** What a txn does, told apart by the header's type. */
export type TxnBody =
  | CreateTxn
  | CreateContainerTxn
  | CreateTTLTxn
  | DeleteTxn
  | SetDataTxn
  | SetACLTxn
  | CheckVersionTxn
  | CreateSessionTxn
  | CloseSessionTxn
  | ErrorTxn
  | MultiTxn;

/** Reads the body of a txn of this type, up to its digest. @throws JuteError for no type. */
export function readTxnBody(reader: Reader, type: number): TxnBody {
  switch (type) {
    case OpCode.create:
    case OpCode.create2:
      return readCreateTxn(reader, type);
    case OpCode.createContainer:
      return readCreateContainerTxn(reader);
    case OpCode.createTTL:
      return readCreateTTLTxn(reader);
    case OpCode.delete:
    case OpCode.deleteContainer:
      return { type, path: reader.string() };
    case OpCode.setData:
    case OpCode.reconfig:
      return { type, path: reader.string(), data: reader.buffer(), version: reader.int() };
    case OpCode.setACL:
      return { type, path: reader.string(), acl: readACLs(reader), version: reader.int() };
    case OpCode.check:
      return { type, path: reader.string(), version: reader.int() };
    case OpCode.createSession:
      return { type, timeoutMs: reader.int() };
    case OpCode.closeSession:
      return readCloseSessionTxn(reader);
    case OpCode.error:
      return { type, err: reader.int() };
    case OpCode.multi:
      return readMultiTxn(reader);
    default:
      throw new JuteError(`a txn of type ${type}`);
  }
}

export function writeTxnBody(writer: Writer, body: TxnBody): void {
  switch (body.type) {
    case OpCode.create:
    case OpCode.create2:
      writeCreateTxn(writer, body);
      break;
    case OpCode.createContainer:
      writeCreateContainerTxn(writer, body);
      break;
    case OpCode.createTTL:
      writeCreateTTLTxn(writer, body);
      break;
    case OpCode.delete:
    case OpCode.deleteContainer:
      writer.string(body.path);
      break;
    case OpCode.setData:
    case OpCode.reconfig:
      writer.string(body.path);
      writer.buffer(body.data);
      writer.int(body.version);
      break;
    case OpCode.setACL:
      writer.string(body.path);
      writeACLs(writer, body.acl);
      writer.int(body.version);
      break;
    case OpCode.check:
      writer.string(body.path);
      writer.int(body.version);
      break;
    case OpCode.createSession:
      writer.int(body.timeoutMs);
      break;
    case OpCode.closeSession:
      if (body.paths !== undefined) writeStrings(writer, body.paths);
      break;
    case OpCode.error:
      writer.int(body.err);
      break;
    case OpCode.multi:
      writeMultiTxn(writer, body);
      break;
  }
}

// DeleteTxn: ustring path            (delete, deleteContainer)

interface DeleteTxn {
  readonly type: typeof OpCode.delete | typeof OpCode.deleteContainer;
  readonly path: string | null;
}

// SetDataTxn: ustring path, buffer data, int version          (setData, reconfig)

interface SetDataTxn {
  readonly type: typeof OpCode.setData | typeof OpCode.reconfig;
  readonly path: string | null;
  readonly data: Buffer | null;
  readonly version: number;
}

// SetACLTxn: ustring path, vector<ACL> acl, int version

interface SetACLTxn {
  readonly type: typeof OpCode.setACL;
  readonly path: string | null;
  readonly acl: readonly ACL[] | null;
  /** Of the ACL. */
  readonly version: number;
}

// CheckVersionTxn: ustring path, int version

/** Inside a multi only. */
interface CheckVersionTxn {
  readonly type: typeof OpCode.check;
  readonly path: string | null;
  readonly version: number;
}

// CreateSessionTxn: int timeOut

interface CreateSessionTxn {
  readonly type: typeof OpCode.createSession;
  readonly timeoutMs: number;
}

// ErrorTxn: int err

/** A write that was refused: it changes nothing and takes a zxid. */
interface ErrorTxn {
  readonly type: typeof OpCode.error;
  readonly err: number;
}

// CreateTxn: ustring path, buffer data, vector<ACL> acl, boolean ephemeral, [int parentCVersion]

interface CreateTxn {
  readonly type: typeof OpCode.create | typeof OpCode.create2;
  readonly path: string | null;
  readonly data: Buffer | null;
  readonly acl: readonly ACL[] | null;
  readonly ephemeral: boolean;
  /** The stored one, this create included. -1: one more than it is, as logs before 3.4 mean it. */
  readonly parentCVersion: number;
}

function readCreateTxn(reader: Reader, type: CreateTxn["type"]): CreateTxn {
  return {
    type,
    path: reader.string(),
    data: reader.buffer(),
    acl: readACLs(reader),
    ephemeral: reader.boolean(),
    // Logs before 3.4 end here, and have no digest either.
    parentCVersion: reader.remaining > 0 ? reader.int() : -1,
  };
}

function writeCreateTxn(writer: Writer, txn: CreateTxn): void {
  writer.string(txn.path);
  writer.buffer(txn.data);
  writeACLs(writer, txn.acl);
  writer.boolean(txn.ephemeral);
  writer.int(txn.parentCVersion);
}

// CreateContainerTxn: ustring path, buffer data, vector<ACL> acl, int parentCVersion

interface CreateContainerTxn {
  readonly type: typeof OpCode.createContainer;
  readonly path: string | null;
  readonly data: Buffer | null;
  readonly acl: readonly ACL[] | null;
  readonly parentCVersion: number;
}

function readCreateContainerTxn(reader: Reader): CreateContainerTxn {
  return {
    type: OpCode.createContainer,
    path: reader.string(),
    data: reader.buffer(),
    acl: readACLs(reader),
    parentCVersion: reader.int(),
  };
}

function writeCreateContainerTxn(writer: Writer, txn: CreateContainerTxn): void {
  writer.string(txn.path);
  writer.buffer(txn.data);
  writeACLs(writer, txn.acl);
  writer.int(txn.parentCVersion);
}

// CreateTTLTxn: ustring path, buffer data, vector<ACL> acl, int parentCVersion, long ttl

interface CreateTTLTxn {
  readonly type: typeof OpCode.createTTL;
  readonly path: string | null;
  readonly data: Buffer | null;
  readonly acl: readonly ACL[] | null;
  readonly parentCVersion: number;
  readonly ttlMs: number;
}

function readCreateTTLTxn(reader: Reader): CreateTTLTxn {
  return {
    type: OpCode.createTTL,
    path: reader.string(),
    data: reader.buffer(),
    acl: readACLs(reader),
    parentCVersion: reader.int(),
    ttlMs: reader.safeLong(),
  };
}

function writeCreateTTLTxn(writer: Writer, txn: CreateTTLTxn): void {
  writer.string(txn.path);
  writer.buffer(txn.data);
  writeACLs(writer, txn.acl);
  writer.int(txn.parentCVersion);
  writer.long(txn.ttlMs);
}

// CloseSessionTxn: [vector<ustring> paths2Delete]

interface CloseSessionTxn {
  readonly type: typeof OpCode.closeSession;
  /** The session's ephemerals; undefined in logs before 3.6: what it owns when this is applied. */
  readonly paths: readonly string[] | null | undefined;
}

/** A list of two empty strings would have as many bytes as a digest; no znode has an empty path. */
function readCloseSessionTxn(reader: Reader): CloseSessionTxn {
  const absent =
    reader.remaining === 0 ||
    (reader.remaining === TXN_DIGEST_BYTES &&
      reader.bytes.readInt32BE(reader.offset) === DIGEST_VERSION);
  return { type: OpCode.closeSession, paths: absent ? undefined : readStrings(reader) };
}

// MultiTxn: vector<SubTxn> txns
// SubTxn: int type, buffer body

/** If one of its parts is an ErrorTxn the multi failed, and none of the others is applied. */
interface MultiTxn {
  readonly type: typeof OpCode.multi;
  readonly txns: readonly TxnBody[];
}

/** Bytes of a part without a body. */
const SUB_TXN_BYTES_MIN = 8;

function readMultiTxn(reader: Reader): MultiTxn {
  const length = reader.vectorLength(SUB_TXN_BYTES_MIN);
  if (length < 0) throw new JuteError("a multi that is null");
  const txns: TxnBody[] = [];
  const end = reader.end;
  for (let i = 0; i < length; i++) {
    const type = reader.int();
    if (type === OpCode.multi) throw new JuteError("a multi inside a multi");
    const bytes = reader.bufferLength();
    if (bytes < 0) throw new JuteError("a part of a multi that is null");
    const next = reader.offset + bytes;
    reader.end = next;
    txns.push(readTxnBody(reader, type));
    reader.offset = next;
    reader.end = end;
  }
  return { type: OpCode.multi, txns };
}

function writeMultiTxn(writer: Writer, multi: MultiTxn): void {
  writer.int(multi.txns.length);
  for (const txn of multi.txns) {
    writer.int(txn.type);
    const lengthAt = writer.reserve(4);
    writeTxnBody(writer, txn);
    writer.patchInt(lengthAt, writer.length - lengthAt - 4);
  }
}
