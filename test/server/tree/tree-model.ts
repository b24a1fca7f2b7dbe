/**
 * The tree as plain objects, one per path, with nothing kept incrementally: what the real one is
 * compared with. Only for txns that fit (server-semantics 2.1).
 */
import { crc32 } from "node:zlib";
import type { ACL, StatPersisted } from "../../../protocol/data.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import { parentPath } from "../../../protocol/paths.ts";
import type { Txn, TxnBody, TxnHeader } from "../../../protocol/txn.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface ModelZnode {
  data: Buffer | null;
  acl: readonly ACL[];
  readonly stat: Mutable<StatPersisted>;
}

export const OPEN: readonly ACL[] = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const READ_ONLY: readonly ACL[] = [{ perms: 1, id: { scheme: "world", id: "anyone" } }];
const EMPTY = Buffer.alloc(0);

export class TreeModel {
  /** By path; the root's is "/". */
  readonly znodes: Map<string, ModelZnode> = new Map();
  /** By "high:low". */
  readonly sessions: Map<string, number> = new Map();

  constructor() {
    for (const path of ["/", "/zookeeper", "/zookeeper/quota"]) {
      this.znodes.set(path, { data: EMPTY, acl: OPEN, stat: newStat(0, 0) });
    }
    const stat = { ...newStat(0, 0), aversion: -1 };
    this.znodes.set("/zookeeper/config", { data: EMPTY, acl: READ_ONLY, stat });
  }

  get(path: string): ModelZnode {
    const znode = this.znodes.get(path);
    if (znode === undefined) throw new Error(`the model has no ${path}`);
    return znode;
  }

  children(path: string): string[] {
    const children: string[] = [];
    for (const other of this.znodes.keys()) {
      if (other !== "/" && parentPath(other) === path) {
        children.push(other.slice(other.lastIndexOf("/") + 1));
      }
    }
    return children;
  }

  ephemeralsOf(high: number, low: number): string[] {
    return [...this.znodes]
      .filter(([, { stat }]) => stat.ownerHigh === high && stat.ownerLow === low)
      .map(([path]) => path);
  }

  apply(txn: Txn): void {
    this.applyBody(txn.header, txn.body);
  }

  applyBody(header: TxnHeader, body: TxnBody): void {
    const { zxid, timeMs, sessionHigh, sessionLow } = header;
    switch (body.type) {
      case OpCode.create:
      case OpCode.create2:
      case OpCode.createContainer:
      case OpCode.createTTL: {
        const stat = newStat(zxid, timeMs);
        if (body.type === OpCode.createContainer) stat.ownerHigh = 0x80000000 | 0;
        else if (body.type === OpCode.createTTL) {
          stat.ownerHigh = 0xff000000 | Math.floor(body.ttlMs / 2 ** 32);
          stat.ownerLow = body.ttlMs | 0;
        } else if (body.ephemeral) {
          stat.ownerHigh = sessionHigh;
          stat.ownerLow = sessionLow;
        }
        this.znodes.set(body.path ?? "", { data: body.data, acl: body.acl ?? [], stat });
        const parent = this.get(parentPath(body.path ?? "")).stat;
        if (body.parentCVersion > parent.cversion) {
          parent.cversion = body.parentCVersion;
          parent.pzxid = zxid;
        }
        break;
      }
      case OpCode.delete:
      case OpCode.deleteContainer:
        this.#delete(body.path ?? "", zxid);
        break;
      case OpCode.setData:
      case OpCode.reconfig: {
        const znode = this.get(body.path ?? "");
        znode.data = body.data;
        znode.stat.version = body.version;
        znode.stat.mzxid = zxid;
        znode.stat.mtime = timeMs;
        break;
      }
      case OpCode.setACL: {
        const znode = this.get(body.path ?? "");
        znode.acl = body.acl ?? [];
        znode.stat.aversion = body.version;
        break;
      }
      case OpCode.createSession:
        this.sessions.set(`${sessionHigh}:${sessionLow}`, body.timeoutMs);
        break;
      case OpCode.closeSession:
        for (const path of this.ephemeralsOf(sessionHigh, sessionLow)) this.#delete(path, zxid);
        this.sessions.delete(`${sessionHigh}:${sessionLow}`);
        break;
      case OpCode.multi:
        if (body.txns.some((part) => part.type === OpCode.error)) break;
        for (const part of body.txns) this.applyBody(header, part);
        break;
      case OpCode.check:
      case OpCode.error:
        break;
    }
  }

  /** The tree digest by the letter of storage 5, as a number modulo 2^64. */
  digest(): bigint {
    let sum = 0n;
    for (const [path, znode] of this.znodes) {
      if (!path.startsWith("/zookeeper/")) sum += BigInt(digestOf(path, znode));
    }
    return BigInt.asUintN(64, sum);
  }

  #delete(path: string, zxid: number): void {
    if (!this.znodes.delete(path)) throw new Error(`the model has no ${path}`);
    const parent = this.get(parentPath(path)).stat;
    parent.pzxid = Math.max(parent.pzxid, zxid);
  }
}

function newStat(zxid: number, timeMs: number): Mutable<StatPersisted> {
  return {
    czxid: zxid,
    mzxid: zxid,
    ctime: timeMs,
    mtime: timeMs,
    version: 0,
    cversion: 0,
    aversion: 0,
    ownerHigh: 0,
    ownerLow: 0,
    pzxid: zxid,
  };
}

function digestOf(path: string, { data, stat }: ModelZnode): number {
  const figures = Buffer.alloc(60);
  let at = 0;
  for (const long of [stat.czxid, stat.mzxid, stat.pzxid, stat.ctime, stat.mtime]) {
    at = figures.writeBigInt64BE(BigInt(long), at);
  }
  for (const int of [stat.version, stat.cversion, stat.aversion, stat.ownerHigh, stat.ownerLow]) {
    at = figures.writeInt32BE(int, at);
  }
  const name = Buffer.from(path === "/" ? "" : path);
  return crc32(figures, crc32(data ?? EMPTY, crc32(name)));
}
