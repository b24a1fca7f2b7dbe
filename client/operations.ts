/**
 * What a client can ask of a server: for each operation its number, the record that is sent, the
 * one that comes back, and what may be done when the connection is lost before the answer. Paths
 * are the server's here, chroot included.
 */
import { type ACL, readStat, type Stat as WireStat } from "../protocol/data.ts";
import type { Reader, Writer } from "../protocol/jute.ts";
import {
  type MultiOp,
  type MultiResult,
  readMultiResponse,
  writeMultiRequest,
} from "../protocol/multi.ts";
import { CreateFlag, OpCode } from "../protocol/opcodes.ts";
import {
  type CreateRequest,
  type CreateTTLRequest,
  readCreate2Response,
  readGetACLResponse,
  readGetChildren2Response,
  readGetDataResponse,
  type SetACLRequest,
  type SetDataRequest,
  type SetWatches,
  type VersionedRequest,
  type WatchableRequest,
  type WatcherRequest,
  writeCreateRequest,
  writeCreateTTLRequest,
  writePathRequest,
  writeSetACLRequest,
  writeSetDataRequest,
  writeSetWatches,
  writeVersionedRequest,
  writeWatchableRequest,
  writeWatcherRequest,
} from "../protocol/proto.ts";
import { wordsToBigInt } from "../protocol/zxid.ts";
import type { CreateMode } from "./options.ts";
import type { Acl, Stat } from "./records.ts";

/**
 * - `read`: changes nothing, and is sent again when its answer was lost.
 * - `write`: what became of it is unknown when its answer was lost.
 * - `session`: has a meaning for one connection only; nobody waits for it beyond that.
 */
export type OperationKind = "read" | "write" | "session";

export interface Operation<A, R> {
  readonly name: string;
  /** One of `OpCode`. */
  readonly type: number;
  readonly kind: OperationKind;
  /** An answer shows that the server's leader knows our session (recipes A.3, "proof"). */
  readonly proves: boolean;
  write(writer: Writer, args: A): void;
  read(reader: Reader): R;
}

/** The record of an operation, in memory of its own. */
export function encode<A, R>(operation: Operation<A, R>, args: A, scratch: Writer): Buffer {
  scratch.clear();
  operation.write(scratch, args);
  return Buffer.from(scratch.written());
}

const nothing = (): void => {};

export const getData: Operation<WatchableRequest, { data: Buffer | null; stat: Stat }> = {
  name: "getData",
  type: OpCode.getData,
  kind: "read",
  proves: false,
  write: writeWatchableRequest,
  read(reader) {
    const { data, stat } = readGetDataResponse(reader);
    // The frame's bytes are gone when this turn ends.
    return { data: data === null ? null : Buffer.from(data), stat: publicStat(stat) };
  },
};

export const exists: Operation<WatchableRequest, Stat> = {
  name: "exists",
  type: OpCode.exists,
  kind: "read",
  proves: false,
  write: writeWatchableRequest,
  read: readPublicStat,
};

export const getChildren: Operation<WatchableRequest, { children: string[]; stat: Stat }> = {
  name: "getChildren",
  type: OpCode.getChildren2,
  kind: "read",
  proves: false,
  write: writeWatchableRequest,
  read(reader) {
    const { children, stat } = readGetChildren2Response(reader);
    return { children: [...(children ?? [])], stat: publicStat(stat) };
  },
};

export const getACL: Operation<string, { acl: Acl[]; stat: Stat }> = {
  name: "getACL",
  type: OpCode.getACL,
  kind: "read",
  proves: false,
  write: (writer, path) => writePathRequest(writer, { path }),
  read(reader) {
    const { acl, stat } = readGetACLResponse(reader);
    return { acl: (acl ?? []).map(publicAcl), stat: publicStat(stat) };
  },
};

/** Answered through the leader: repeated when its answer was lost, like a read. */
export const sync: Operation<string, void> = {
  name: "sync",
  type: OpCode.sync,
  kind: "read",
  proves: true,
  write: (writer, path) => writePathRequest(writer, { path }),
  read: nothing,
};

/** A sync that only proves the session, worth nothing once its connection is gone. */
export const heartbeat: Operation<string, void> = { ...sync, kind: "session" };

/** @see ZooKeeper 3.5, create2: the answer has the Stat. */
export const create: Operation<CreateRequest, { path: string; stat: Stat }> = {
  name: "create",
  type: OpCode.create2,
  kind: "write",
  proves: true,
  write: writeCreateRequest,
  read: readCreated,
};

export const createContainer: Operation<CreateRequest, { path: string; stat: Stat }> = {
  ...create,
  type: OpCode.createContainer,
};

const createTtl: Operation<CreateTTLRequest, { path: string; stat: Stat }> = {
  ...create,
  type: OpCode.createTTL,
  write: writeCreateTTLRequest,
};

export const setData: Operation<SetDataRequest, Stat> = {
  name: "setData",
  type: OpCode.setData,
  kind: "write",
  proves: true,
  write: writeSetDataRequest,
  read: readPublicStat,
};

export const setACL: Operation<SetACLRequest, Stat> = {
  name: "setACL",
  type: OpCode.setACL,
  kind: "write",
  proves: true,
  write: writeSetACLRequest,
  read: readPublicStat,
};

/** `delete` is a word of the language. */
export const deleteNode: Operation<VersionedRequest, void> = {
  name: "delete",
  type: OpCode.delete,
  kind: "write",
  proves: true,
  write: writeVersionedRequest,
  read: nothing,
};

export const multi: Operation<readonly MultiOp[], MultiResult[]> = {
  name: "transaction",
  type: OpCode.multi,
  kind: "write",
  proves: true,
  write: writeMultiRequest,
  read: readMultiResponse,
};

/** An operation of a multi that changes nothing. */
export function checkOp(request: VersionedRequest): MultiOp {
  return { type: OpCode.check, request };
}

export const removeWatches: Operation<WatcherRequest, void> = {
  name: "removeWatches",
  type: OpCode.removeWatches,
  kind: "session",
  proves: false,
  write: writeWatcherRequest,
  read: nothing,
};

export const setWatches: Operation<SetWatches, void> = {
  name: "setWatches",
  type: OpCode.setWatches,
  kind: "session",
  proves: false,
  write: writeSetWatches,
  read: nothing,
};

export const closeSession: Operation<undefined, void> = {
  name: "closeSession",
  type: OpCode.closeSession,
  kind: "session",
  proves: false,
  write: nothing,
  read: nothing,
};

/** The operation and the flag that make each kind of znode. */
export const CREATES: {
  readonly [M in CreateMode]: {
    readonly operation: Operation<CreateTTLRequest, { path: string; stat: Stat }>;
    readonly flags: number;
    readonly sequential: boolean;
    readonly ephemeral: boolean;
  };
} = {
  persistent: {
    operation: create,
    flags: CreateFlag.persistent,
    sequential: false,
    ephemeral: false,
  },
  "persistent-sequential": {
    operation: create,
    flags: CreateFlag.persistentSequential,
    sequential: true,
    ephemeral: false,
  },
  ephemeral: { operation: create, flags: CreateFlag.ephemeral, sequential: false, ephemeral: true },
  "ephemeral-sequential": {
    operation: create,
    flags: CreateFlag.ephemeralSequential,
    sequential: true,
    ephemeral: true,
  },
  container: {
    operation: createContainer,
    flags: CreateFlag.container,
    sequential: false,
    ephemeral: false,
  },
  ttl: {
    operation: createTtl,
    flags: CreateFlag.persistentWithTtl,
    sequential: false,
    ephemeral: false,
  },
  "ttl-sequential": {
    operation: createTtl,
    flags: CreateFlag.persistentSequentialWithTtl,
    sequential: true,
    ephemeral: false,
  },
};

export function publicStat(stat: WireStat): Stat {
  return {
    czxid: BigInt(stat.czxid),
    mzxid: BigInt(stat.mzxid),
    pzxid: BigInt(stat.pzxid),
    ctimeMs: stat.ctime,
    mtimeMs: stat.mtime,
    version: stat.version,
    cversion: stat.cversion,
    aversion: stat.aversion,
    ephemeralOwner: wordsToBigInt(stat.ownerHigh, stat.ownerLow),
    dataLength: stat.dataLength,
    childCount: stat.numChildren,
  };
}

export function wireAcl(acl: Acl): ACL {
  return { perms: acl.permissions, id: { scheme: acl.scheme, id: acl.id } };
}

function publicAcl(acl: ACL): Acl {
  return { permissions: acl.perms, scheme: acl.id.scheme ?? "", id: acl.id.id ?? "" };
}

function readPublicStat(reader: Reader): Stat {
  return publicStat(readStat(reader));
}

function readCreated(reader: Reader): { path: string; stat: Stat } {
  const { path, stat } = readCreate2Response(reader);
  return { path: path ?? "", stat: publicStat(stat) };
}
