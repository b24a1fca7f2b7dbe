// What clients ask for: every operation of the service, on few paths, so that requests meet.

import * as inquiries from "../../client/inquiries.ts";
import type { Operation } from "../../client/operations.ts";
import * as operations from "../../client/operations.ts";
import type { WatchKind } from "../../client/watches.ts";
import type { ACL } from "../../protocol/data.ts";
import type { MultiOp } from "../../protocol/multi.ts";
import type { MultiReadOp } from "../../protocol/multi-read.ts";
import { CreateFlag, OpCode, Perm } from "../../protocol/opcodes.ts";
import type { SimRandom } from "../../server/testing/index.ts";
import { LIMITED, QUOTA, QUOTA_LIMITS, QUOTA_STATS } from "./model-quota.ts";

/** A call that a client makes. */
export interface Call {
  readonly operation: Operation<never, unknown>;
  readonly args: unknown;
  readonly path: string;
  /** The watch that it leaves behind. */
  readonly watch: WatchKind | undefined;
}

/** The places of the tree where clients meet; each is made at the start by whoever comes first. */
export const ROOTS: readonly string[] = [
  "/plain",
  "/queue",
  "/locks",
  "/boxes",
  "/timed",
  LIMITED,
  "/secret",
];

/** Where every znode that has a TTL is. */
export const TIMED = "/timed";

const NAMES = ["a", "b", "c", "d", "e", "f", "g", "h"];
const OPEN: readonly ACL[] = [{ perms: Perm.all, id: { scheme: "world", id: "anyone" } }];
const MINE: readonly ACL[] = [{ perms: Perm.all, id: { scheme: "auth", id: "" } }];
const SHARED: readonly ACL[] = [
  ...MINE,
  { perms: Perm.read, id: { scheme: "world", id: "anyone" } },
];
const CLOSED: readonly ACL[] = [
  { perms: Perm.all, id: { scheme: "digest", id: "someone:bm90IGEgaGFzaCBvZiBhbnl0aGluZw==" } },
];
/** No list at all: it must be refused. */
const NONE: readonly ACL[] = [];

/** Short ones are over within a run. One of more than 32 bits is not, unless a clock jumps. */
const TTLS_MS: readonly number[] = [500, 1500, 4000, 8000, 2 ** 32 + 1000];
/** No TTLs: they must be refused. */
const BAD_TTLS_MS: readonly number[] = [0, -1, 2 ** 40];

const KNOWN_MAX = 60;
const BALLAST = "/ballast-";
const SMALL_BYTES = 120;
/** A few sectors of a disk, so that a torn write tears within a record. */
const SECTORS_BYTES = 1500;
const LARGE_BYTES = 20_000;

const CHOICES: readonly (readonly [share: number, make: (load: Workload) => Call])[] = [
  [18, (load) => load.getData()],
  [9, (load) => load.exists()],
  [12, (load) => load.getChildren()],
  [2, (load) => load.getACL()],
  [3, (load) => load.sync()],
  [4, (load) => load.multiRead()],
  [2, (load) => load.getEphemerals()],
  [2, (load) => load.getAllChildrenNumber()],
  [1, () => call(inquiries.whoAmI, undefined, "/")],
  [6, (load) => load.create()],
  [9, (load) => load.createSequential()],
  [8, (load) => load.createEphemeral()],
  [3, (load) => load.createBoxed()],
  [4, (load) => load.createTimed()],
  [6, (load) => load.createLimited()],
  [2, () => call(operations.getData, { path: QUOTA_STATS, watch: false }, QUOTA_STATS)],
  [1, (load) => load.setLimits()],
  [12, (load) => load.setData()],
  [10, (load) => load.delete()],
  [3, (load) => load.setACL()],
  [9, (load) => load.multi()],
];

const TOTAL = CHOICES.reduce((sum, [share]) => sum + share, 0);

export class Workload {
  readonly #draw: SimRandom;
  /** Paths that somebody was told of: most calls are about these. */
  readonly #known: string[] = [...ROOTS];

  constructor(draw: SimRandom) {
    this.#draw = draw;
  }

  /** A path that exists, or did. */
  learn(path: string): void {
    if (path.startsWith(BALLAST)) return;
    if (this.#known.length < KNOWN_MAX) this.#known.push(path);
    else this.#known[this.#draw.between(ROOTS.length, KNOWN_MAX - 1)] = path;
  }

  forget(path: string): void {
    const at = this.#known.indexOf(path);
    if (at >= ROOTS.length) this.#known.splice(at, 1);
  }

  next(): Call {
    let at = this.#draw.fraction() * TOTAL;
    for (const [share, make] of CHOICES) {
      at -= share;
      if (at < 0) return make(this);
    }
    return this.getData();
  }

  root(path: string): Call {
    return this.#create(operations.create, path, CreateFlag.persistent, OPEN);
  }

  /** Makes the quota, if nobody else has. */
  quota(): Call {
    const znode = (path: string, text: string): MultiOp => ({
      type: OpCode.create,
      request: { path, data: Buffer.from(text), acl: OPEN, flags: CreateFlag.persistent },
    });
    const parts = [
      znode(QUOTA, ""),
      znode(QUOTA_LIMITS, this.#limits()),
      znode(QUOTA_STATS, "count=0,bytes=0"),
    ];
    return call(operations.multi, parts, "/");
  }

  /** One of the znodes that make a tree too large for one slice of a snapshot; nobody else asks for it. */
  ballast(number: number): Call {
    const data = Buffer.alloc(LARGE_BYTES);
    this.#draw.fill(data);
    const path = `${BALLAST}${number}`;
    const request = { path, data, acl: OPEN, flags: CreateFlag.persistent };
    return call(operations.create, request, path);
  }

  getData(): Call {
    return this.#read(operations.getData, "data");
  }

  exists(): Call {
    return this.#read(operations.exists, "exists");
  }

  getChildren(): Call {
    return this.#read(operations.getChildren, "children");
  }

  getACL(): Call {
    const path = this.#somewhere();
    return call(operations.getACL, path, path);
  }

  sync(): Call {
    const path = this.#somewhere();
    return call(operations.sync, path, path);
  }

  multiRead(): Call {
    const reads = Array.from(
      { length: this.#draw.between(1, 6) },
      (): MultiReadOp => ({
        type: this.#draw.pick([OpCode.getData, OpCode.getChildren]),
        request: { path: this.#somewhere(), watch: this.#draw.chance(0.2) },
      }),
    );
    return call(inquiries.multiRead, reads, "/");
  }

  getEphemerals(): Call {
    const prefix = this.#draw.pick(["/", "/locks", "/locks/l-", "/plain/", "/nowhere"]);
    return call(inquiries.getEphemerals, prefix, prefix);
  }

  getAllChildrenNumber(): Call {
    const path = this.#draw.chance(0.3) ? "/" : this.#somewhere();
    return call(inquiries.getAllChildrenNumber, path, path);
  }

  create(): Call {
    const draw = this.#draw;
    const place = draw.chance(0.8) ? "/plain" : this.#somewhere();
    const name = draw.pick(NAMES) + (draw.chance(0.6) ? String(draw.below(40)) : "");
    const path = `${place === "/" ? "" : place}/${name}`;
    const acl = draw.chance(0.9) ? OPEN : draw.pick([SHARED, MINE, NONE]);
    return this.#create(operations.create, path, CreateFlag.persistent, acl);
  }

  createSequential(): Call {
    const draw = this.#draw;
    const place = draw.pick(["/queue", "/queue", "/locks", "/plain"]);
    const path = draw.chance(0.1) ? `${place}/` : `${place}/${draw.pick(["n-", "m-"])}`;
    return this.#create(operations.create, path, CreateFlag.persistentSequential, OPEN);
  }

  createEphemeral(): Call {
    const draw = this.#draw;
    if (draw.chance(0.7)) {
      return this.#create(operations.create, "/locks/l-", CreateFlag.ephemeralSequential, OPEN);
    }
    const path = `/${draw.pick(["locks", "plain", "boxes/a"])}/${draw.pick(NAMES)}`;
    return this.#create(operations.create, path, CreateFlag.ephemeral, OPEN);
  }

  /** A container, or something in one. */
  createBoxed(): Call {
    const box = `/boxes/${this.#draw.pick(NAMES)}`;
    if (this.#draw.chance(0.6)) {
      return this.#create(operations.createContainer, box, CreateFlag.container, OPEN);
    }
    const path = `${box}/${this.#draw.pick(NAMES)}`;
    return this.#create(operations.create, path, CreateFlag.persistent, OPEN);
  }

  /** A znode with a TTL, or something below one: it lives on as long as that is there. */
  createTimed(): Call {
    const draw = this.#draw;
    const path = `${TIMED}/${draw.pick(NAMES)}`;
    if (draw.chance(0.2)) {
      const below = `${path}/${draw.pick(NAMES)}`;
      return this.#create(operations.create, below, CreateFlag.persistent, OPEN);
    }
    const mode = draw.chance(0.3) ? operations.CREATES["ttl-sequential"] : operations.CREATES.ttl;
    const { flags, operation } = mode;
    const ttlMs = this.#ttlMs();
    return call(operation, { path, data: this.#data(), acl: OPEN, flags, ttlMs }, path);
  }

  /** Where a quota may be in the way. */
  createLimited(): Call {
    const draw = this.#draw;
    const path = `${LIMITED}/${draw.pick(NAMES)}`;
    const flags = draw.pick([
      CreateFlag.persistent,
      CreateFlag.persistentSequential,
      CreateFlag.ephemeral,
      CreateFlag.ephemeralSequential,
    ]);
    return this.#create(operations.create, path, flags, OPEN);
  }

  setLimits(): Call {
    const data = Buffer.from(this.#limits());
    return call(operations.setData, { path: QUOTA_LIMITS, data, version: -1 }, QUOTA_LIMITS);
  }

  setData(): Call {
    const path = this.#somewhere();
    return call(operations.setData, { path, data: this.#data(), version: this.#version() }, path);
  }

  delete(): Call {
    const path = this.#belowRoots();
    return call(operations.deleteNode, { path, version: this.#version() }, path);
  }

  setACL(): Call {
    const path = this.#draw.chance(0.5) ? "/secret" : this.#somewhere();
    const acl = ROOTS.includes(path)
      ? this.#draw.pick([OPEN, OPEN, NONE])
      : this.#draw.pick([OPEN, OPEN, SHARED, MINE, CLOSED]);
    return call(operations.setACL, { path, acl, version: this.#version() }, path);
  }

  multi(): Call {
    const parts = Array.from({ length: this.#draw.between(1, 5) }, () => this.#part());
    return call(operations.multi, parts, "/");
  }

  #part(): MultiOp {
    const draw = this.#draw;
    const path = this.#somewhere();
    switch (draw.below(9)) {
      case 0:
        return { type: OpCode.check, request: { path, version: this.#version() } };
      case 1:
        return {
          type: OpCode.delete,
          request: { path: this.#belowRoots(), version: this.#version() },
        };
      case 2:
      case 3:
        return {
          type: OpCode.setData,
          request: { path, data: this.#data(), version: this.#version() },
        };
      case 4:
        return {
          type: OpCode.create2,
          request: {
            path: `/plain/${draw.pick(NAMES)}`,
            data: this.#data(),
            acl: OPEN,
            flags: draw.pick([CreateFlag.persistent, CreateFlag.ephemeral]),
          },
        };
      case 5:
        return {
          type: OpCode.createTTL,
          request: {
            path: `${TIMED}/n-`,
            data: this.#data(),
            acl: OPEN,
            flags: CreateFlag.persistentSequentialWithTtl,
            ttlMs: this.#ttlMs(),
          },
        };
      default:
        return {
          type: draw.pick([OpCode.create, OpCode.create2]),
          request: {
            path: draw.pick(["/queue/n-", "/locks/l-"]),
            data: this.#data(),
            acl: OPEN,
            flags: draw.pick([CreateFlag.persistentSequential, CreateFlag.ephemeralSequential]),
          },
        };
    }
  }

  #read<R>(
    operation: Operation<{ readonly path: string; readonly watch: boolean }, R>,
    kind: WatchKind,
  ): Call {
    const path = this.#somewhere();
    const watch = this.#draw.chance(0.4);
    return call(operation, { path, watch }, path, watch ? kind : undefined);
  }

  #create<R>(
    operation: Operation<
      { path: string; data: Buffer | null; acl: readonly ACL[]; flags: number },
      R
    >,
    path: string,
    flags: number,
    acl: readonly ACL[],
  ): Call {
    return call(operation, { path, data: this.#data(), acl, flags }, path);
  }

  #somewhere(): string {
    const draw = this.#draw;
    if (draw.chance(0.06)) return `/${draw.pick(["plain", "nowhere"])}/${draw.pick(NAMES)}`;
    return draw.pick(this.#known);
  }

  /** Where a delete does not take everybody's ground away. */
  #belowRoots(): string {
    const path = this.#somewhere();
    return ROOTS.includes(path) ? `${path}/${this.#draw.pick(NAMES)}` : path;
  }

  #version(): number {
    return this.#draw.chance(0.85) ? -1 : this.#draw.below(3);
  }

  /** Few znodes, or few bytes. */
  #limits(): string {
    const znodes = this.#draw.between(3, 12);
    const bytes = this.#draw.between(500, 5000);
    return `count=-1,bytes=-1=;byteHardLimit=${bytes};countHardLimit=${znodes}`;
  }

  #ttlMs(): number {
    return this.#draw.pick(this.#draw.chance(0.95) ? TTLS_MS : BAD_TTLS_MS);
  }

  #data(): Buffer | null {
    const draw = this.#draw;
    if (draw.chance(0.05)) return null;
    const longest = draw.chance(0.02)
      ? LARGE_BYTES
      : draw.chance(0.3)
        ? SECTORS_BYTES
        : SMALL_BYTES;
    const bytes = Buffer.alloc(draw.below(longest));
    draw.fill(bytes);
    return bytes;
  }
}

function call<A, R>(operation: Operation<A, R>, args: A, path: string, watch?: WatchKind): Call {
  return { operation, args, path, watch };
}
