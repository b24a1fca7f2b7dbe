// The naive tree: what every request must do, one after another, as server-semantics.md says it.
// Nothing is fast here and nothing is shared with the server but the records' types.

import type { ACL, Stat } from "../../protocol/data.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { MultiOp } from "../../protocol/multi.ts";
import { CreateFlag, EventType, OpCode, Perm } from "../../protocol/opcodes.ts";
import { baseName, parentPath, pathProblem } from "../../protocol/paths.ts";
import type { CreateRequest, CreateTTLRequest } from "../../protocol/proto.ts";
import { crc32 } from "./checksums.ts";
import type { Op } from "./history.ts";
import { allowed, fixAcl, identitiesOf, type Requester, shownAcl } from "./model-acl.ts";
import {
  CONTAINER,
  isEphemeral,
  isKind,
  isSequential,
  isTtl,
  NOBODY,
  ttlOf,
  ttlOwner,
} from "./model-kind.ts";
import { ModelQuota, type QuotaView } from "./model-quota.ts";

const OPEN: readonly ACL[] = [{ perms: Perm.all, id: { scheme: "world", id: "anyone" } }];
const READ_ONLY: readonly ACL[] = [{ perms: Perm.read, id: { scheme: "world", id: "anyone" } }];
const RESERVED = new Set(["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"]);
export interface Node {
  data: Buffer | null;
  acl: readonly ACL[];
  czxid: number;
  mzxid: number;
  pzxid: number;
  ctime: number;
  mtime: number;
  version: number;
  /** As stored: the number of children ever created. */
  cversion: number;
  aversion: number;
  /** A session, `CONTAINER`, `NOBODY`, or a TTL behind its mark. */
  owner: string;
  readonly children: Set<string>;
  /** Of its digest. */
  crc: number;
}

/** A change as watches see it. */
export interface Change {
  readonly path: string;
  readonly type: number;
  /** Who may hear of it. */
  readonly acl: readonly ACL[];
  /** The table in which it fires. */
  readonly table: "data" | "child";
}

export interface Outcome {
  readonly code: number;
  readonly path?: string;
  readonly stat?: Stat;
  /** Of a multi: for each operation its code, path and Stat. */
  readonly parts?: readonly Outcome[];
}

export interface ReadOutcome extends Outcome {
  readonly data?: Buffer | null;
  readonly children?: readonly string[];
  readonly acl?: readonly ACL[];
  readonly paths?: readonly string[];
  readonly total?: number;
  readonly identities?: readonly string[];
  /** Of a multiRead, one for each. */
  readonly reads?: readonly ReadOutcome[];
}

export class Model {
  readonly nodes: Map<string, Node> = new Map();
  /** Sessions that are open, with their timeouts. */
  readonly sessions: Map<string, number> = new Map();
  /** What the last txn changed, in order. */
  changes: Change[] = [];
  digest = 0n;
  readonly #quota = new ModelQuota();
  #undo: (() => void)[] = [];
  // Of the request at hand, and the number of its operation.
  #view: QuotaView = { since: 0, refusedPart: -1 };
  #part = 0;

  constructor() {
    this.#plant("/", OPEN, 0);
    this.#plant("/zookeeper", OPEN, 0);
    this.#plant("/zookeeper/quota", OPEN, 0);
    this.#plant("/zookeeper/config", READ_ONLY, -1);
  }

  /** Does a write as the txn with this zxid and time. */
  write(
    op: Op,
    requester: Requester,
    zxid: number,
    timeMs: number,
    view: QuotaView = { since: zxid - 1, refusedPart: -1 },
  ): Outcome {
    this.changes = [];
    this.#undo = [];
    this.#view = view;
    this.#part = 0;
    if (!this.sessions.has(requester.session)) return { code: ErrorCode.SessionExpired };
    const outcome =
      op.type === OpCode.multi
        ? this.#multi(op.ops, requester, zxid, timeMs)
        : this.#single(op, requester, zxid, timeMs);
    this.#quota.settle(this.nodes, zxid);
    return outcome;
  }

  /** What the quota's statistics say; undefined: there are none. */
  get usage(): string | undefined {
    return this.#quota.usage;
  }

  createSession(session: string, timeoutMs: number): void {
    this.changes = [];
    this.sessions.set(session, timeoutMs);
  }

  /** @returns the znodes that go with the session, in no order */
  closeSession(session: string, zxid: number): string[] {
    this.changes = [];
    this.sessions.delete(session);
    const owned = [...this.nodes].filter(([, node]) => node.owner === session);
    const paths = owned.map(([path]) => path);
    for (const path of paths) this.#remove(path, zxid);
    this.#quota.settle(this.nodes, zxid);
    return paths;
  }

  /** The reaper's own delete, at a time of the server's clock; the code that it must end with. */
  reap(path: string, zxid: number, timeMs: number): number {
    this.changes = [];
    const node = this.nodes.get(path);
    if (node === undefined) return ErrorCode.NoNode;
    if (node.children.size > 0) return ErrorCode.NotEmpty;
    if (isTtl(node)) {
      if (timeMs - node.mtime <= ttlOf(node)) return ErrorCode.BadVersion;
    } else if (node.owner !== CONTAINER) {
      return ErrorCode.BadVersion;
    }
    this.#remove(path, zxid);
    this.#quota.settle(this.nodes, zxid);
    return ErrorCode.Ok;
  }

  read(op: Op, requester: Requester): ReadOutcome {
    switch (op.type) {
      case OpCode.exists:
      case OpCode.getData:
      case OpCode.getChildren:
      case OpCode.getChildren2:
        return this.#readNode(op.type, op.request.path, requester);
      case OpCode.getACL:
        return this.#readAcl(op.path, requester);
      case OpCode.getEphemerals:
        return { code: ErrorCode.Ok, paths: this.#ephemeralsOf(requester, op.path ?? "") };
      case OpCode.getAllChildrenNumber:
        return this.#countBelow(op.path ?? "", requester);
      case OpCode.whoAmI:
        return { code: ErrorCode.Ok, identities: identitiesOf(requester) };
      case OpCode.multiRead:
        return {
          code: ErrorCode.Ok,
          reads: op.reads.map(({ type, request }) => this.#readNode(type, request.path, requester)),
        };
      default:
        return { code: ErrorCode.Ok };
    }
  }

  stat(path: string): Stat {
    const node = this.#at(path);
    const ephemeral = isEphemeral(node);
    return {
      czxid: node.czxid,
      mzxid: node.mzxid,
      ctime: node.ctime,
      mtime: node.mtime,
      version: node.version,
      cversion: 2 * node.cversion - node.children.size,
      aversion: node.aversion,
      ownerHigh: ephemeral ? Number.parseInt(node.owner.slice(0, 8), 16) | 0 : 0,
      ownerLow: ephemeral ? Number.parseInt(node.owner.slice(8), 16) | 0 : 0,
      dataLength: node.data?.length ?? 0,
      numChildren: node.children.size,
      pzxid: node.pzxid,
    };
  }

  /** Ephemeral znodes with the session that each belongs to. */
  *ephemerals(): Generator<readonly [path: string, session: string]> {
    for (const [path, node] of this.nodes) {
      if (isEphemeral(node)) yield [path, node.owner];
    }
  }

  /** The tree's digest as 16 hexadecimal digits. */
  digestHex(): string {
    return this.digest.toString(16).padStart(16, "0");
  }

  #single(op: Op | MultiOp, requester: Requester, zxid: number, timeMs: number): Outcome {
    switch (op.type) {
      case OpCode.create:
      case OpCode.create2:
      case OpCode.createContainer:
      case OpCode.createTTL:
        return this.#create(op.request, op.type, requester, zxid, timeMs);
      case OpCode.delete:
        return this.#delete(op.request.path ?? "", op.request.version, requester, zxid);
      case OpCode.setData:
        return this.#setData(op.request.path ?? "", op.request, requester, zxid, timeMs);
      case OpCode.setACL:
        return this.#setAcl(op.request.path ?? "", op.request, requester);
      case OpCode.check:
        return this.#check(op.request.path ?? "", op.request.version, requester);
      default:
        return { code: ErrorCode.Unimplemented };
    }
  }

  #multi(ops: readonly MultiOp[], requester: Requester, zxid: number, timeMs: number): Outcome {
    const parts: Outcome[] = [];
    for (const [index, op] of ops.entries()) {
      this.#part = index;
      const part = this.#single(op, requester, zxid, timeMs);
      parts.push(part);
      if (part.code === ErrorCode.Ok) continue;
      while (this.#undo.length > 0) this.#undo.pop()?.();
      this.changes = [];
      const after = ops.slice(parts.length);
      return {
        code: ErrorCode.Ok,
        parts: [
          ...parts.slice(0, -1).map(() => ({ code: ErrorCode.Ok })),
          { code: part.code },
          ...after.map(() => ({ code: ErrorCode.RuntimeInconsistency })),
        ],
      };
    }
    return { code: ErrorCode.Ok, parts };
  }

  #create(
    request: CreateRequest | CreateTTLRequest,
    type: number,
    requester: Requester,
    zxid: number,
    timeMs: number,
  ): Outcome {
    const { flags } = request;
    const asked = request.path ?? "";
    const ttlMs = "ttlMs" in request ? request.ttlMs : undefined;
    if (!isKind(type, flags, ttlMs)) return { code: ErrorCode.BadArguments };
    if (!asked.includes("/") || asked.includes("\0")) return { code: ErrorCode.BadArguments };
    const acl = fixAcl(request.acl, requester);
    if (acl === undefined) return { code: ErrorCode.InvalidACL };
    const parentName = asked.slice(0, Math.max(1, asked.lastIndexOf("/")));
    const parent = this.nodes.get(asked === "/" ? "" : parentName);
    if (asked === "/") return { code: ErrorCode.NodeExists };
    if (parent === undefined) return { code: ErrorCode.NoNode };
    if (!allowed(parent.acl, Perm.create, requester)) return { code: ErrorCode.NoAuth };
    const path = isSequential(flags) ? asked + String(parent.cversion).padStart(10, "0") : asked;
    if (pathProblem(path) !== undefined) return { code: ErrorCode.BadArguments };
    if (this.nodes.has(path)) return { code: ErrorCode.NodeExists };
    if (isEphemeral(parent)) return { code: ErrorCode.NoChildrenForEphemerals };
    if (this.#passesQuota(path, 1, request.data?.length ?? 0)) {
      return { code: ErrorCode.QuotaExceeded };
    }
    const ephemeral = flags === CreateFlag.ephemeral || flags === CreateFlag.ephemeralSequential;
    const nobodys = type === OpCode.createContainer ? CONTAINER : ttlOwner(ttlMs);
    const owner = ephemeral ? requester.session : nobodys;
    this.#change(parentName, (node) => {
      node.cversion++;
      node.pzxid = zxid;
    });
    this.#link(parentName, baseName(path));
    this.#add(path, {
      data: request.data === null ? null : Buffer.from(request.data),
      acl,
      czxid: zxid,
      mzxid: zxid,
      pzxid: zxid,
      ctime: timeMs,
      mtime: timeMs,
      version: 0,
      cversion: 0,
      aversion: 0,
      owner,
      children: new Set(),
      crc: 0,
    });
    this.#tell(path, EventType.nodeCreated, "data", acl);
    this.#tell(parentName, EventType.nodeChildrenChanged, "child", parent.acl);
    return { code: ErrorCode.Ok, path, stat: this.stat(path) };
  }

  #delete(path: string, version: number, requester: Requester, zxid: number): Outcome {
    if (!path.includes("/") || path.includes("\0") || RESERVED.has(path)) {
      return { code: ErrorCode.BadArguments };
    }
    const parent = this.nodes.get(parentPath(path));
    if (parent === undefined) return { code: ErrorCode.NoNode };
    if (!allowed(parent.acl, Perm.delete, requester)) return { code: ErrorCode.NoAuth };
    const node = this.nodes.get(path);
    if (node === undefined) return { code: ErrorCode.NoNode };
    if (version !== -1 && version !== node.version) return { code: ErrorCode.BadVersion };
    if (node.children.size > 0) return { code: ErrorCode.NotEmpty };
    this.#remove(path, zxid);
    return { code: ErrorCode.Ok };
  }

  #setData(
    path: string,
    request: { readonly data: Buffer | null; readonly version: number },
    requester: Requester,
    zxid: number,
    timeMs: number,
  ): Outcome {
    if (pathProblem(path) !== undefined) return { code: ErrorCode.BadArguments };
    const node = this.nodes.get(path);
    if (node === undefined) return { code: ErrorCode.NoNode };
    if (!allowed(node.acl, Perm.write, requester)) return { code: ErrorCode.NoAuth };
    if (this.#passesQuota(path, 0, (request.data?.length ?? 0) - (node.data?.length ?? 0))) {
      return { code: ErrorCode.QuotaExceeded };
    }
    if (request.version !== -1 && request.version !== node.version) {
      return { code: ErrorCode.BadVersion };
    }
    this.#change(path, (changed) => {
      changed.data = request.data === null ? null : Buffer.from(request.data);
      changed.version++;
      changed.mzxid = zxid;
      changed.mtime = timeMs;
    });
    this.#tell(path, EventType.nodeDataChanged, "data", node.acl);
    return { code: ErrorCode.Ok, stat: this.stat(path) };
  }

  #setAcl(
    path: string,
    request: { readonly acl: readonly ACL[] | null; readonly version: number },
    requester: Requester,
  ): Outcome {
    if (pathProblem(path) !== undefined) return { code: ErrorCode.BadArguments };
    const acl = fixAcl(request.acl, requester);
    if (acl === undefined) return { code: ErrorCode.InvalidACL };
    const node = this.nodes.get(path);
    if (node === undefined) return { code: ErrorCode.NoNode };
    if (!allowed(node.acl, Perm.admin, requester)) return { code: ErrorCode.NoAuth };
    if (request.version !== -1 && request.version !== node.aversion) {
      return { code: ErrorCode.BadVersion };
    }
    this.#change(path, (changed) => {
      changed.acl = acl;
      changed.aversion++;
    });
    return { code: ErrorCode.Ok, stat: this.stat(path) };
  }

  #check(path: string, version: number, requester: Requester): Outcome {
    if (pathProblem(path) !== undefined) return { code: ErrorCode.BadArguments };
    const node = this.nodes.get(path);
    if (node === undefined) return { code: ErrorCode.NoNode };
    if (!allowed(node.acl, Perm.read, requester)) return { code: ErrorCode.NoAuth };
    return version !== -1 && version !== node.version
      ? { code: ErrorCode.BadVersion }
      : { code: ErrorCode.Ok };
  }

  #readNode(type: number, asked: string | null, requester: Requester): ReadOutcome {
    const path = asked === "" ? "/" : (asked ?? "");
    const node = this.nodes.get(path);
    if (node === undefined) return { code: ErrorCode.NoNode };
    if (!allowed(node.acl, Perm.read, requester)) return { code: ErrorCode.NoAuth };
    const stat = this.stat(path);
    if (type === OpCode.exists) return { code: ErrorCode.Ok, stat };
    if (type === OpCode.getData) return { code: ErrorCode.Ok, stat, data: node.data };
    const children = [...node.children];
    if (type === OpCode.getChildren) return { code: ErrorCode.Ok, children };
    return { code: ErrorCode.Ok, stat, children };
  }

  #readAcl(path: string | null, requester: Requester): ReadOutcome {
    const node = this.nodes.get(path === "" ? "/" : (path ?? ""));
    if (node === undefined) return { code: ErrorCode.NoNode };
    if (!allowed(node.acl, Perm.read | Perm.admin, requester)) return { code: ErrorCode.NoAuth };
    return {
      code: ErrorCode.Ok,
      acl: shownAcl(node.acl, requester),
      stat: this.stat(path === "" ? "/" : (path ?? "")),
    };
  }

  #passesQuota(path: string, countDiff: number, bytesDiff: number): boolean {
    const { since, refusedPart } = this.#view;
    const wasRefused = refusedPart === this.#part;
    return this.#quota.refuses(path, countDiff, bytesDiff, since, wasRefused);
  }

  #ephemeralsOf({ session }: Requester, prefix: string): readonly string[] {
    return [...this.ephemerals()].flatMap(([path, owner]) =>
      owner === session && path.startsWith(prefix) ? [path] : [],
    );
  }

  #countBelow(path: string, requester: Requester): ReadOutcome {
    const node = this.nodes.get(path);
    if (node === undefined) return { code: ErrorCode.NoNode };
    if (!allowed(node.acl, Perm.read, requester)) return { code: ErrorCode.NoAuth };
    const prefix = path === "/" ? "/" : `${path}/`;
    const below = [...this.nodes.keys()].filter(
      (other) => other !== path && other.startsWith(prefix),
    );
    return { code: ErrorCode.Ok, total: below.length };
  }

  #remove(path: string, zxid: number): void {
    const node = this.#at(path);
    const parentName = parentPath(path);
    this.nodes.delete(path);
    this.digest = wrapped(this.digest - digestPart(path, node));
    this.#undo.push(() => {
      this.nodes.set(path, node);
      this.digest = wrapped(this.digest + digestPart(path, node));
    });
    this.#unlink(parentName, baseName(path));
    this.#change(parentName, (parent) => {
      parent.pzxid = Math.max(parent.pzxid, zxid);
    });
    this.#tell(path, EventType.nodeDeleted, "data", node.acl);
    this.#tell(path, EventType.nodeDeleted, "child", node.acl);
    const parent = this.#at(parentName);
    this.#tell(parentName, EventType.nodeChildrenChanged, "child", parent.acl);
  }

  #add(path: string, node: Node): void {
    node.crc = crcOf(path, node);
    this.nodes.set(path, node);
    this.digest = wrapped(this.digest + digestPart(path, node));
    this.#undo.push(() => {
      this.nodes.delete(path);
      this.digest = wrapped(this.digest - digestPart(path, node));
    });
  }

  #change(path: string, change: (node: Node) => void): void {
    const before = this.#at(path);
    const node = { ...before };
    change(node);
    node.crc = crcOf(path, node);
    this.nodes.set(path, node);
    const difference = digestPart(path, node) - digestPart(path, before);
    this.digest = wrapped(this.digest + difference);
    this.#undo.push(() => {
      this.nodes.set(path, before);
      this.digest = wrapped(this.digest - difference);
    });
  }

  /** The set of names is one through all changes of a znode: what is undone here is its content. */
  #link(parentName: string, name: string): void {
    const { children } = this.#at(parentName);
    children.add(name);
    this.#undo.push(() => children.delete(name));
  }

  #unlink(parentName: string, name: string): void {
    const { children } = this.#at(parentName);
    children.delete(name);
    this.#undo.push(() => children.add(name));
  }

  #plant(path: string, acl: readonly ACL[], aversion: number): void {
    this.#add(path, {
      data: Buffer.alloc(0),
      acl,
      czxid: 0,
      mzxid: 0,
      pzxid: 0,
      ctime: 0,
      mtime: 0,
      version: 0,
      cversion: 0,
      aversion,
      owner: NOBODY,
      children: new Set(),
      crc: 0,
    });
    if (path !== "/") this.#at(parentPath(path)).children.add(baseName(path));
  }

  #tell(path: string, type: number, table: Change["table"], acl: readonly ACL[]): void {
    this.changes.push({ path, type, table, acl });
  }

  #at(path: string): Node {
    const node = this.nodes.get(path);
    if (node === undefined) throw new Error(`the model has no ${path}`);
    return node;
  }
}

function crcOf(path: string, node: Node): number {
  const stat = Buffer.alloc(60);
  const longs = [node.czxid, node.mzxid, node.pzxid, node.ctime, node.mtime];
  for (const [index, value] of longs.entries()) stat.writeBigInt64BE(BigInt(value), index * 8);
  stat.writeInt32BE(node.version, 40);
  stat.writeInt32BE(node.cversion, 44);
  stat.writeInt32BE(node.aversion, 48);
  stat.write(node.owner, 52, "hex");
  const name = Buffer.from(path === "/" ? "" : path);
  return node.data === null ? crc32(name, stat) : crc32(name, node.data, stat);
}

function digestPart(path: string, node: Node): bigint {
  return path.startsWith("/zookeeper/") ? 0n : BigInt(node.crc);
}

function wrapped(digest: bigint): bigint {
  return BigInt.asUintN(64, digest);
}
