// What happened in a run, as seen from outside: the bytes on the wires, the txns on the disk, and
// the lives of the server. Checkers read this and nothing else.

import type { ACL, Stat } from "../../protocol/data.ts";
import type { MultiOp, MultiResult } from "../../protocol/multi.ts";
import type { MultiReadOp, MultiReadResult } from "../../protocol/multi-read.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import type {
  AuthPacket,
  CreateRequest,
  CreateTTLRequest,
  SetACLRequest,
  SetDataRequest,
  SetWatches,
  VersionedRequest,
  WatchableRequest,
  WatcherRequest,
} from "../../protocol/proto.ts";
import type { Txn } from "../../protocol/txn.ts";

/** What a client asked for, told apart by the opcode. */
export type Op =
  | {
      readonly type: typeof OpCode.create | typeof OpCode.create2 | typeof OpCode.createContainer;
      readonly request: CreateRequest;
    }
  | { readonly type: typeof OpCode.createTTL; readonly request: CreateTTLRequest }
  | { readonly type: typeof OpCode.delete; readonly request: VersionedRequest }
  | { readonly type: typeof OpCode.setData; readonly request: SetDataRequest }
  | { readonly type: typeof OpCode.setACL; readonly request: SetACLRequest }
  | { readonly type: typeof OpCode.multi; readonly ops: readonly MultiOp[] }
  | {
      readonly type:
        | typeof OpCode.exists
        | typeof OpCode.getData
        | typeof OpCode.getChildren
        | typeof OpCode.getChildren2;
      readonly request: WatchableRequest;
    }
  | {
      readonly type:
        | typeof OpCode.getACL
        | typeof OpCode.sync
        | typeof OpCode.getEphemerals
        | typeof OpCode.getAllChildrenNumber;
      readonly path: string | null;
    }
  | { readonly type: typeof OpCode.multiRead; readonly reads: readonly MultiReadOp[] }
  | { readonly type: typeof OpCode.setWatches; readonly request: SetWatches }
  | {
      readonly type: typeof OpCode.removeWatches | typeof OpCode.checkWatches;
      readonly request: WatcherRequest;
    }
  | { readonly type: typeof OpCode.auth; readonly request: AuthPacket }
  | {
      readonly type: typeof OpCode.ping | typeof OpCode.whoAmI | typeof OpCode.closeSession;
    };

/** A point in a run. Two things at one time are in the order of `order`. */
export interface Moment {
  readonly order: number;
  readonly atUs: number;
}

/** Bytes of a session that came to the process of a server that ends sessions. */
export interface Heard extends Moment {
  readonly server: string;
}

export interface Sent {
  readonly kind: "sent";
  readonly when: Moment;
  readonly xid: number;
  readonly op: Op;
  /** The request's bytes behind its header, by which it is found again where it was forwarded. */
  readonly record: Buffer;
}

/** What came back, as far as the operation has it. */
export interface Result {
  readonly path?: string;
  readonly stat?: Stat;
  readonly data?: Buffer | null;
  readonly children?: readonly string[];
  readonly acl?: readonly ACL[];
  readonly results?: readonly MultiResult[];
  /** Of getEphemerals. */
  readonly paths?: readonly string[];
  /** Of getAllChildrenNumber. */
  readonly total?: number;
  /** Of whoAmI, each `scheme:user`. */
  readonly identities?: readonly string[];
  readonly reads?: readonly MultiReadResult[];
}

export interface Reply {
  readonly kind: "reply";
  readonly when: Moment;
  readonly sent: Sent;
  /** As it stood in the reply's header, which may be wrong. */
  readonly xid: number;
  readonly zxid: number;
  readonly code: number;
  readonly result: Result;
}

export interface WatchEvent {
  readonly kind: "event";
  readonly when: Moment;
  readonly type: number;
  readonly path: string;
  readonly zxid: number;
}

/** A connection that got through its handshake. */
export interface Connection {
  readonly client: string;
  /** The host that it leads to. */
  readonly server: string;
  /** 16 hexadecimal digits. */
  readonly session: string;
  readonly timeoutMs: number;
  readonly opened: Moment;
  readonly sent: readonly Sent[];
  /** In the order in which it came. */
  readonly received: readonly (Reply | WatchEvent)[];
}

/** A txn of the log, and when its bytes were handed to the disk; to its proposer's, of several. */
export interface LoggedTxn {
  readonly txn: Txn;
  readonly when: Moment;
}

/** One start of the server that ended in serving; of an ensemble, a leader's term. */
export interface Life {
  readonly server: string;
  readonly when: Moment;
  readonly recoveredZxid: number;
  /** The tree's digest after recovery, 16 hexadecimal digits. */
  readonly digest: string;
  /** What the quota's statistics say after recovery; undefined: there are none. */
  readonly usage: string | undefined;
  /** When it was gone; undefined: it lives. */
  readonly ended: Moment | undefined;
}

export interface History {
  readonly connections: readonly Connection[];
  /** The log at the end of the run, oldest first. */
  readonly txns: readonly LoggedTxn[];
  readonly lives: readonly Life[];
  /**
   * Which request became the txn of a session and cxid, where that is not the client's own xid: a
   * learner numbers anew what it forwards.
   */
  readonly forwarded: ReadonlyMap<string, Sent>;
  /** When who ends sessions heard of each. */
  readonly heard: ReadonlyMap<string, readonly Heard[]>;
}

/** Whether an operation becomes a txn. */
export function isWrite(op: Op): boolean {
  switch (op.type) {
    case OpCode.create:
    case OpCode.create2:
    case OpCode.createContainer:
    case OpCode.createTTL:
    case OpCode.delete:
    case OpCode.setData:
    case OpCode.setACL:
    case OpCode.multi:
    case OpCode.closeSession:
      return true;
    default:
      return false;
  }
}

/** A reply and where it came. */
export interface Answer {
  readonly connection: Connection;
  readonly reply: Reply;
}

/** All replies of a run, in the order in which they came. */
export function allReplies(history: History): Answer[] {
  return history.connections
    .flatMap((connection) =>
      connection.received.flatMap((item) =>
        item.kind === "reply" ? [{ connection, reply: item }] : [],
      ),
    )
    .sort((a, b) => a.reply.when.order - b.reply.when.order);
}
