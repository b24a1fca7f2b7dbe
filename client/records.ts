import { Perm } from "../protocol/opcodes.ts";

/** A znode's Stat. 64-bit values that may use all their bits are `bigint`, times are numbers. */
export interface Stat {
  /** The txn that created the znode: what fencing tokens are made of. */
  readonly czxid: bigint;
  /** The txn that last set its data. */
  readonly mzxid: bigint;
  /** The txn that last created or deleted a child. */
  readonly pzxid: bigint;
  /** When it was created, milliseconds since 1970 by the leader's clock. */
  readonly ctimeMs: number;
  readonly mtimeMs: number;
  /** How often data, children and ACL were changed. */
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  /** The session that owns it, 0n unless it is ephemeral. */
  readonly ephemeralOwner: bigint;
  /** Bytes. */
  readonly dataLength: number;
  readonly childCount: number;
}

/** One entry of an ACL: what `id` may do. */
export interface Acl {
  /** Bits of `permissions`. */
  readonly permissions: number;
  /** `world`, `auth`, `digest`, `ip`, `x509`, `sasl`, or a server's own. */
  readonly scheme: string;
  readonly id: string;
}

/** Credentials; sent again on every connection. */
export interface AuthInfo {
  readonly scheme: string;
  /** For `digest`: `user:password`. */
  readonly auth: string | Uint8Array;
}

/** The bits of an ACL's permissions. */
export const permissions: {
  readonly read: 1;
  readonly write: 2;
  readonly create: 4;
  readonly delete: 8;
  readonly admin: 16;
  readonly all: 31;
} = Perm;

/** Everybody may do everything: what znodes get unless `acl` says otherwise. */
export const openAcl: readonly Acl[] = [{ permissions: Perm.all, scheme: "world", id: "anyone" }];

/** Everybody may read. */
export const readAcl: readonly Acl[] = [{ permissions: Perm.read, scheme: "world", id: "anyone" }];

/** Whoever creates the znode, by the credentials of `addAuth`, may do everything. */
export const creatorAcl: readonly Acl[] = [{ permissions: Perm.all, scheme: "auth", id: "" }];
