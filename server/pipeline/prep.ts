/**
 * Requests become txns here (server-semantics 3): decoded, checked in the order that clients can
 * observe, and written straight into the log's batch. Every outcome is decided in this place and
 * once: a txn holds absolute results, and a request that fails becomes a txn too, of type error.
 *
 * Checks look at the tree plus the changes still outstanding, so that pipelined requests see each
 * other.
 */
import { assert } from "../../protocol/assert.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Clock } from "../../protocol/host.ts";
import { JuteError, type Reader, type Writer } from "../../protocol/jute.ts";
import { OpCode, Perm } from "../../protocol/opcodes.ts";
import { parentPath, pathProblem } from "../../protocol/paths.ts";
import { readReconfigRequest } from "../../protocol/reconfig.ts";
import { DIGEST_VERSION } from "../../protocol/txn.ts";
import { highWord, lowWord, type Zxid } from "../../protocol/zxid.ts";
import type { AccessList } from "../tree/access-entry.ts";
import { crc32 } from "../tree/crc32.ts";
import type { DataTree } from "../tree/data-tree.ts";
import { CONTAINER_HIGH, kindOf, TTL_HIGH, ttlOf, type ZnodeKind } from "../tree/owner.ts";
import type { Quotas } from "../tree/quota.ts";
import { EXPANSION_BYTES_MAX, type ExpansionRoom, fixUpAcl, permits } from "./access.ts";
import { createProblem, isEphemeralFlag, isSequentialFlag, sequenceSuffix } from "./create-kind.ts";
import { partType, readMulti } from "./multi.ts";
import { Operation } from "./operation.ts";
import { type Change, OutstandingChanges, pathBytes } from "./outstanding.ts";
import { hasPathForm, isReserved } from "./path-rules.ts";
import type { AuthId } from "./requester.ts";
import type { SequenceWarning } from "./sequence-warning.ts";
import { contentCrc, copyBuffer, copyPath, copyRange, writeAcl } from "./txn-fields.ts";
import { matches, nextVersion } from "./versions.ts";

/** Where txns are written: the log's batch. */
export interface TxnSink {
  /** A writer positioned where a txn starts; an earlier one that was not committed is dropped. */
  begin(): Writer;
  commit(zxid: Zxid): void;
}

export interface PrepOptions {
  readonly skipAcl: boolean;
  /** Whether TTL znodes are enabled. */
  readonly extendedTypes: boolean;
  readonly reconfigEnabled: boolean;
  /** Whether an ACL may name somebody by `digest`. */
  readonly digestAuthEnabled: boolean;
  /** Hard limits of quotas refuse; else they are told in the log, as soft ones are. */
  readonly enforceQuota: boolean;
  readonly digestEnabled: boolean;
  readonly closeSessionTxnEnabled: boolean;
  readonly sequences?: SequenceWarning;
}

const NO_BYTES = Buffer.alloc(0);
const NOTHING_ASKED: readonly number[] = [];

/**
 * What the ephemerals of one session may take up in the txn that deletes them all: that txn must
 * fit the frame limit of every peer.
 *
 * Differs from ZooKeeper: there nothing bounds it, and a session that owns more takes every server
 * down with it when it ends.
 */
const EPHEMERAL_PATH_BYTES_MAX: number = 1_000_000;

export class Prep {
  /** The last zxid given out. */
  lastZxid: Zxid;
  /** What the parts of the last multi were asked as: the txn does not tell create2 from create. */
  askedTypes: readonly number[] = NOTHING_ASKED;
  readonly #sink: TxnSink;
  readonly #clock: Clock;
  readonly #options: PrepOptions;
  readonly #changes: OutstandingChanges;
  readonly #quotas: Quotas;
  readonly #operation = new Operation();
  #zxid: Zxid = 0;
  #timeMs = 0;
  #sessionHigh = 0;
  #sessionLow = 0;
  #ids: readonly AuthId[] = [];
  #ephemeralRefusal = 0;
  readonly #expansionRoom: ExpansionRoom = { bytes: 0 };

  constructor(tree: DataTree, sink: TxnSink, clock: Clock, options: PrepOptions) {
    this.#sink = sink;
    this.#clock = clock;
    this.#options = options;
    this.#changes = new OutstandingChanges(tree);
    this.#quotas = tree.quotas;
    this.lastZxid = tree.lastZxid;
  }

  /** A txn has been applied: the tree says what it changed. */
  applied(zxid: Zxid): void {
    this.#changes.applied(zxid);
  }

  /**
   * Makes a client's request a txn. Failures are txns too; the code is in the txn.
   *
   * @param reader At the record of the request, behind its header.
   * @param refusal A code that it fails with, whatever it asks; 0: none (server-semantics 5.4).
   * @param ephemeralRefusal The same for what makes an ephemeral: its session is not a global one.
   * @returns the txn's zxid.
   */
  request(
    type: number,
    sessionHigh: number,
    sessionLow: number,
    cxid: number,
    ids: readonly AuthId[],
    reader: Reader,
    refusal = 0,
    ephemeralRefusal = 0,
  ): Zxid {
    const writer = this.#begin(type, sessionHigh, sessionLow, cxid);
    this.#ids = ids;
    this.askedTypes = NOTHING_ASKED;
    this.#ephemeralRefusal = ephemeralRefusal;
    this.#expansionRoom.bytes = EXPANSION_BYTES_MAX;
    const body = writer.length;
    let code: number;
    try {
      if (refusal !== 0) code = refusal;
      else if (type === OpCode.multi) code = this.#multi(reader, writer);
      else code = this.#single(type, reader, writer);
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      code = ErrorCode.MarshallingError;
    }
    if (code !== 0) {
      this.#fail(writer, body, code);
      return this.#commit();
    }
    return this.#commitWithDigest(writer);
  }

  createSession(sessionHigh: number, sessionLow: number, timeoutMs: number): Zxid {
    const writer = this.#begin(OpCode.createSession, sessionHigh, sessionLow, 0);
    writer.int(timeoutMs);
    return this.#commitWithDigest(writer);
  }

  /** What the paths of the session's ephemerals take up in the txn that ends it. */
  ephemeralPathBytes(sessionHigh: number, sessionLow: number): number {
    return this.#changes.ephemeralPathBytes(sessionHigh, sessionLow);
  }

  /** Ends a session and, in the same txn, every ephemeral that it has or is about to have. */
  closeSession(sessionHigh: number, sessionLow: number, cxid: number): Zxid {
    const writer = this.#begin(OpCode.closeSession, sessionHigh, sessionLow, cxid);
    const paths: string[] = [];
    this.#changes.forEachEphemeral(sessionHigh, sessionLow, (path) => paths.push(path));
    for (const path of paths) this.#removePath(path);
    if (this.#options.closeSessionTxnEnabled) {
      writer.int(paths.length);
      for (const path of paths) writer.string(path);
    }
    return this.#commitWithDigest(writer);
  }

  /**
   * Deletes a container or a TTL znode that the reaper found to be over, if it still is.
   *
   * Differs from ZooKeeper: there a plain znode that took its place meanwhile goes too, and a TTL
   * znode that was set again meanwhile.
   *
   * @param czxid Of the znode that was found: none that took its place is deleted.
   */
  reap(path: string, czxid: Zxid): Zxid {
    const writer = this.#begin(OpCode.deleteContainer, 0, 0, 0);
    const body = writer.length;
    const znode = this.#changes.find(path);
    if (znode === undefined) {
      this.#fail(writer, body, ErrorCode.NoNode);
    } else if (znode.childCount > 0) {
      this.#fail(writer, body, ErrorCode.NotEmpty);
    } else if (znode.czxid !== czxid || !this.#mayBeReaped(znode)) {
      this.#fail(writer, body, ErrorCode.BadVersion);
    } else {
      this.#removePath(path);
      writer.string(path);
      return this.#commitWithDigest(writer);
    }
    return this.#commit();
  }

  // TxnHeader: long clientId, int cxid, long zxid, long time, int type

  #begin(type: number, sessionHigh: number, sessionLow: number, cxid: number): Writer {
    assert(Number.isSafeInteger(this.lastZxid + 1), "the zxid has reached its highest value");
    this.#zxid = this.lastZxid + 1;
    this.#timeMs = this.#clock.wallMs();
    this.#sessionHigh = sessionHigh;
    this.#sessionLow = sessionLow;
    const writer = this.#sink.begin();
    writer.words(sessionHigh, sessionLow);
    writer.int(cxid);
    writer.long(this.#zxid);
    writer.long(this.#timeMs);
    writer.int(type);
    return writer;
  }

  // ErrorTxn: int err

  #fail(writer: Writer, body: number, code: number): void {
    writer.length = body;
    writer.patchInt(body - 4, OpCode.error);
    writer.int(code);
  }

  // TxnDigest: int version, long treeDigest

  #commitWithDigest(writer: Writer): Zxid {
    if (this.#options.digestEnabled) {
      writer.int(DIGEST_VERSION);
      writer.words(this.#changes.digestHigh, this.#changes.digestLow);
    }
    return this.#commit();
  }

  #commit(): Zxid {
    this.lastZxid = this.#zxid;
    this.#sink.commit(this.#zxid);
    return this.#zxid;
  }

  #single(type: number, reader: Reader, writer: Writer): number {
    if (type === OpCode.reconfig) return this.#reconfig(reader);
    const operation = this.#operation;
    if (!operation.read(type, reader) || type === OpCode.check) return ErrorCode.Unimplemented;
    return this.#operate(operation, reader.bytes, writer);
  }

  /** There are no members to be changed. */
  #reconfig(reader: Reader): number {
    readReconfigRequest(reader);
    return this.#options.reconfigEnabled ? ErrorCode.Unimplemented : ErrorCode.ReconfigDisabled;
  }

  /** Checks one operation, writes its txn body and records its changes; writes nothing on failure. */
  #operate(operation: Operation, frame: Buffer, writer: Writer): number {
    switch (operation.type) {
      case OpCode.create:
      case OpCode.create2:
      case OpCode.createContainer:
      case OpCode.createTTL:
        return this.#create(operation, frame, writer);
      case OpCode.delete:
        return this.#delete(operation, frame, writer);
      case OpCode.setData:
        return this.#setData(operation, frame, writer);
      case OpCode.setACL:
        return this.#setACL(operation, frame, writer);
      case OpCode.reconfig:
        return ErrorCode.ReconfigDisabled;
      default:
        return this.#check(operation, frame, writer);
    }
  }

  // CreateTxn: ustring path, buffer data, vector<ACL> acl, boolean ephemeral, int parentCVersion
  // CreateContainerTxn: the same without the boolean
  // CreateTTLTxn: the same without the boolean, long ttl

  #create(operation: Operation, frame: Buffer, writer: Writer): number {
    const kindProblem = createProblem(operation, this.#options.extendedTypes);
    if (kindProblem !== 0) return kindProblem;
    const ephemeral = isEphemeralFlag(operation.flags);
    if (ephemeral && this.#ephemeralRefusal !== 0) return this.#ephemeralRefusal;
    const asked = operation.path;
    if (asked === null) return ErrorCode.MarshallingError;
    if (!hasPathForm(asked)) return ErrorCode.BadArguments;
    const acl = this.#fixUpAcl(operation);
    if (acl === undefined) return ErrorCode.InvalidACL;
    const parent = this.#changes.find(parentPath(asked));
    if (parent === undefined) return ErrorCode.NoNode;
    if (!this.#permits(parent, Perm.create)) return ErrorCode.NoAuth;
    const { type, flags, ttlMs } = operation;
    const isSequential = isSequentialFlag(flags);
    const suffix = isSequential ? sequenceSuffix(parent.cversion) : "";
    if (isSequential) this.#options.sequences?.consider(asked, parent.cversion);
    const path = asked + suffix;
    if (pathProblem(path) !== undefined) return ErrorCode.BadArguments;
    if (this.#changes.find(path) !== undefined) return ErrorCode.NodeExists;
    if (this.#kind(parent) === "ephemeral") return ErrorCode.NoChildrenForEphemerals;
    if (!this.#fitsQuota(path, 1, Math.max(operation.dataLength, 0))) {
      return ErrorCode.QuotaExceeded;
    }
    if (ephemeral && !this.#hasRoomForEphemeral(path)) return ErrorCode.QuotaExceeded;

    const parentCversion = (parent.cversion + 1) | 0;
    const askedBytes = operation.pathEnd - operation.pathStart;
    const suffixBytes = isSequential ? Buffer.from(suffix, "latin1") : NO_BYTES;
    writer.int(askedBytes + suffixBytes.length);
    copyRange(writer, frame, operation.pathStart, askedBytes);
    if (isSequential) writer.raw(suffixBytes);
    copyBuffer(writer, frame, operation.dataStart, operation.dataLength);
    writeAcl(writer, acl);
    if (type === OpCode.create || type === OpCode.create2) writer.boolean(ephemeral);
    writer.int(parentCversion);
    if (type === OpCode.createTTL) writer.long(ttlMs);

    this.#changes.touch(parent, this.#zxid);
    parent.childCount++;
    // The same condition as at apply: the counter never goes back, not even around its end.
    if (parentCversion > parent.cversion) {
      parent.cversion = parentCversion;
      parent.pzxid = this.#zxid;
    }
    this.#changes.settle(parent);

    const created = this.#changes.create(path, this.#zxid);
    created.czxid = this.#zxid;
    created.mzxid = this.#zxid;
    created.pzxid = this.#zxid;
    created.ctime = this.#timeMs;
    created.mtime = this.#timeMs;
    created.acl = acl;
    created.dataLength = operation.dataLength;
    if (ephemeral) {
      created.ownerHigh = this.#sessionHigh;
      created.ownerLow = this.#sessionLow;
      this.#changes.addEphemeral(created);
    } else if (type === OpCode.createContainer) {
      created.ownerHigh = CONTAINER_HIGH;
    } else if (type === OpCode.createTTL) {
      created.ownerHigh = TTL_HIGH | highWord(ttlMs);
      created.ownerLow = lowWord(ttlMs);
    }
    let pathCrc = crc32(frame, operation.pathStart, operation.pathEnd);
    if (isSequential) pathCrc = crc32(suffixBytes, 0, suffixBytes.length, pathCrc);
    created.contentCrc = contentCrc(pathCrc, frame, operation);
    this.#changes.settle(created);
    return 0;
  }

  // DeleteTxn: ustring path

  #delete(operation: Operation, frame: Buffer, writer: Writer): number {
    const { path } = operation;
    if (path === null) return ErrorCode.MarshallingError;
    if (!hasPathForm(path) || isReserved(path)) return ErrorCode.BadArguments;
    const parent = this.#changes.find(parentPath(path));
    if (parent === undefined) return ErrorCode.NoNode;
    if (!this.#permits(parent, Perm.delete)) return ErrorCode.NoAuth;
    const znode = this.#changes.find(path);
    if (znode === undefined) return ErrorCode.NoNode;
    if (!matches(operation.version, znode.version)) return ErrorCode.BadVersion;
    if (znode.childCount > 0) return ErrorCode.NotEmpty;
    this.#remove(znode, parent);
    copyPath(writer, frame, operation);
    return 0;
  }

  // SetDataTxn: ustring path, buffer data, int version

  #setData(operation: Operation, frame: Buffer, writer: Writer): number {
    const { path } = operation;
    if (path === null || pathProblem(path) !== undefined) return ErrorCode.BadArguments;
    const znode = this.#changes.find(path);
    if (znode === undefined) return ErrorCode.NoNode;
    if (!this.#permits(znode, Perm.write)) return ErrorCode.NoAuth;
    const bytesDiff = Math.max(operation.dataLength, 0) - Math.max(znode.dataLength, 0);
    if (!this.#fitsQuota(path, 0, bytesDiff)) return ErrorCode.QuotaExceeded;
    if (!matches(operation.version, znode.version)) return ErrorCode.BadVersion;
    this.#changes.touch(znode, this.#zxid);
    znode.version = nextVersion(znode.version);
    znode.mzxid = this.#zxid;
    znode.mtime = this.#timeMs;
    znode.dataLength = operation.dataLength;
    const pathCrc = path === "/" ? 0 : crc32(frame, operation.pathStart, operation.pathEnd);
    znode.contentCrc = contentCrc(pathCrc, frame, operation);
    this.#changes.settle(znode);
    copyPath(writer, frame, operation);
    copyBuffer(writer, frame, operation.dataStart, operation.dataLength);
    writer.int(znode.version);
    return 0;
  }

  // SetACLTxn: ustring path, vector<ACL> acl, int version

  #setACL(operation: Operation, frame: Buffer, writer: Writer): number {
    const { path } = operation;
    if (path === null || pathProblem(path) !== undefined) return ErrorCode.BadArguments;
    const acl = this.#fixUpAcl(operation);
    if (acl === undefined) return ErrorCode.InvalidACL;
    const znode = this.#changes.find(path);
    if (znode === undefined) return ErrorCode.NoNode;
    if (!this.#permits(znode, Perm.admin)) return ErrorCode.NoAuth;
    if (!matches(operation.version, znode.aversion)) return ErrorCode.BadVersion;
    this.#changes.touch(znode, this.#zxid);
    znode.aversion = nextVersion(znode.aversion);
    znode.acl = acl;
    this.#changes.settle(znode);
    copyPath(writer, frame, operation);
    writeAcl(writer, acl);
    writer.int(znode.aversion);
    return 0;
  }

  // CheckVersionTxn: ustring path, int version (the incremented one, which nothing applies)

  #check(operation: Operation, frame: Buffer, writer: Writer): number {
    const { path } = operation;
    if (path === null || pathProblem(path) !== undefined) return ErrorCode.BadArguments;
    const znode = this.#changes.find(path);
    if (znode === undefined) return ErrorCode.NoNode;
    if (!this.#permits(znode, Perm.read)) return ErrorCode.NoAuth;
    if (!matches(operation.version, znode.version)) return ErrorCode.BadVersion;
    copyPath(writer, frame, operation);
    writer.int(nextVersion(znode.version));
    return 0;
  }

  // MultiTxn: vector<(int type, buffer body)>. Of a multi that fails, the operations before the
  // failure stand as they were made, the failed one is (-1, its code), later ones are (-1, -2).

  #multi(reader: Reader, writer: Writer): number {
    const operations = readMulti(reader);
    if (operations === undefined) return ErrorCode.MarshallingError;
    this.askedTypes = operations.map(({ type }) => type);
    this.#changes.beginMulti();
    let failed = 0;
    writer.int(operations.length);
    for (const operation of operations) {
      const start = writer.length;
      writer.int(partType(operation.type));
      writer.int(0);
      if (failed === 0) failed = this.#operate(operation, reader.bytes, writer);
      if (failed !== 0) {
        writer.length = start;
        writer.int(OpCode.error);
        writer.int(4);
        writer.int(failed);
        // From the second on it is the consequence that is told, not the cause.
        failed = ErrorCode.RuntimeInconsistency;
      } else {
        writer.patchInt(start + 4, writer.length - start - 8);
      }
    }
    if (failed === 0) this.#changes.commitMulti();
    else this.#changes.undoMulti();
    return 0;
  }

  #mayBeReaped(znode: Change): boolean {
    const kind = this.#kind(znode);
    if (kind !== "ttl") return kind === "container";
    return this.#timeMs - znode.mtime > ttlOf(znode.ownerHigh, znode.ownerLow);
  }

  #kind({ ownerHigh, ownerLow }: Change): ZnodeKind {
    return kindOf(ownerHigh, ownerLow, this.#options.extendedTypes);
  }

  #removePath(path: string): void {
    const znode = this.#changes.find(path);
    const parent = this.#changes.find(parentPath(path));
    assert(znode !== undefined && parent !== undefined, "a znode that is not there is deleted");
    this.#remove(znode, parent);
  }

  /** Records that the znode and its place under the parent go. */
  #remove(znode: Change, parent: Change): void {
    this.#changes.touch(parent, this.#zxid);
    parent.childCount--;
    parent.pzxid = this.#zxid;
    this.#changes.settle(parent);
    this.#changes.touch(znode, this.#zxid);
    znode.exists = false;
    this.#changes.settle(znode);
    this.#changes.removeEphemeral(znode);
  }

  #fixUpAcl({ acl }: Operation): AccessList | undefined {
    return fixUpAcl(acl, this.#ids, this.#options.digestAuthEnabled, this.#expansionRoom);
  }

  #permits(znode: Change, perm: number): boolean {
    return this.#options.skipAcl || permits(znode.acl, this.#ids, perm);
  }

  #fitsQuota(path: string, countDiff: number, bytesDiff: number): boolean {
    if (this.#quotas.idle || this.#quotas.allows(path, countDiff, bytesDiff)) return true;
    return !this.#options.enforceQuota;
  }

  #hasRoomForEphemeral(path: string): boolean {
    const bytes = this.#changes.ephemeralPathBytes(this.#sessionHigh, this.#sessionLow);
    return bytes + pathBytes(path) <= EPHEMERAL_PATH_BYTES_MAX;
  }
}
