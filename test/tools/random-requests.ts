// Random requests from a small world of znodes, valid and invalid ones, for tests of what becomes of
// them inside the server. What two servers answer is compared with requests of their own
// (test/interop/differential).

import type { ACL } from "../../protocol/data.ts";
import type { Writer } from "../../protocol/jute.ts";
import { type MultiOp, writeMultiRequest } from "../../protocol/multi.ts";
import { CreateFlag, OpCode } from "../../protocol/opcodes.ts";
import {
  writeCreateRequest,
  writePathRequest,
  writeSetACLRequest,
  writeSetDataRequest,
  writeSetWatches,
  writeVersionedRequest,
  writeWatchableRequest,
  writeWatcherRequest,
} from "../../protocol/proto.ts";
import type { SimRandom } from "../../server/testing/index.ts";

/** One request: its operation, its record, and a line about it for the report of a difference. */
export interface RandomRequest {
  readonly type: number;
  readonly fill: (writer: Writer) => void;
  readonly text: string;
}

const ROOTS = ["/d0", "/d1"];
const NAMES = ["a", "b", "c"];
const ODD_PATHS = [
  "/",
  "",
  "//",
  "/d0/",
  "/d0/.",
  "/d0/../d1",
  "/d0//a",
  "d0",
  "d0/a",
  "/zookeeper",
  "/zookeeper/quota",
  "/zookeeper/config",
  "/zookeeper/x",
  "/d0/x\0y",
  "/d0/ü€",
  "/d0/\ue000",
  "/d1/\u0085",
];
const OPEN: readonly ACL[] = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const ENTRIES: readonly ACL[] = [
  { perms: 31, id: { scheme: "world", id: "anyone" } },
  { perms: 1, id: { scheme: "world", id: "anyone" } },
  { perms: 21, id: { scheme: "world", id: "anyone" } },
  { perms: 0, id: { scheme: "world", id: "anyone" } },
  { perms: 31, id: { scheme: "auth", id: "" } },
  { perms: 31, id: { scheme: "digest", id: "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=" } },
  { perms: 13, id: { scheme: "digest", id: ":b" } },
  { perms: 31, id: { scheme: "digest", id: "a:" } },
  { perms: 31, id: { scheme: "digest", id: "a:b:c" } },
  { perms: 31, id: { scheme: "world", id: "someone" } },
  { perms: 31, id: { scheme: "nobody", id: "x" } },
];
const FLAGS = [
  CreateFlag.persistent,
  CreateFlag.persistent,
  CreateFlag.ephemeral,
  CreateFlag.ephemeral,
  CreateFlag.persistentSequential,
  CreateFlag.ephemeralSequential,
];

export class RandomRequests {
  readonly #draw: SimRandom;
  /** Names with a sequence number that a server has given, the newest last. */
  readonly #numbered: string[] = [];
  #zxid = 0;

  constructor(draw: SimRandom) {
    this.#draw = draw;
  }

  /** What was answered makes later requests meet what is there. */
  learn(zxid: number, created: string | undefined): void {
    this.#zxid = Math.max(this.#zxid, zxid);
    if (created === undefined || !/\d{10}$/.test(created)) return;
    this.#numbered.push(created);
    if (this.#numbered.length > 8) this.#numbered.shift();
  }

  /**
   * Requests that are sent at once. A setACL is the last: 3.8.0 judges what is pipelined behind it
   * by the old list.
   *
   * @param seesAll It may read every znode: the others do not ask `exists`, free for all in 3.8.
   */
  burst(length: number, seesAll: boolean): RandomRequest[] {
    const burst: RandomRequest[] = [];
    while (burst.length < length && burst.at(-1)?.type !== OpCode.setACL) {
      burst.push(this.#next(seesAll));
    }
    return burst;
  }

  #next(seesAll: boolean): RandomRequest {
    const draw = this.#draw;
    const dice = draw.below(100);
    if (dice < 22) return this.#create();
    if (dice < 34) return this.#delete();
    if (dice < 42) return this.#setData();
    if (dice < 46) return this.#setACL();
    if (dice < 62) return this.#multi();
    if (dice < 86) return this.#read(seesAll);
    if (dice < 89) return this.#watcher();
    if (dice < 92) return this.#setWatches();
    if (dice < 94) return request(OpCode.sync, `sync`, (w) => writePathRequest(w, { path: "/d0" }));
    if (dice < 98) return request(OpCode.ping, "ping", () => undefined);
    return this.#torn();
  }

  #path(): string {
    const draw = this.#draw;
    return draw.chance(0.06) ? draw.pick(ODD_PATHS) : this.#validPath();
  }

  #validPath(): string {
    const draw = this.#draw;
    if (draw.chance(0.15) && this.#numbered.length > 0) return draw.pick(this.#numbered);
    let path = draw.pick(ROOTS);
    while (draw.chance(0.6) && path.length < 8) path += `/${draw.pick(NAMES)}`;
    return path;
  }

  #version(): number {
    return this.#draw.pick([-1, -1, -1, -1, 0, 0, 1, 2, -2]);
  }

  #data(): Buffer | null {
    return this.#draw.pick([null, Buffer.alloc(0), Buffer.from("x"), Buffer.from("longer")]);
  }

  #acl(): readonly ACL[] | null {
    const draw = this.#draw;
    if (draw.chance(0.8)) return OPEN;
    if (draw.chance(0.1)) return draw.chance(0.5) ? null : [];
    return Array.from({ length: draw.between(1, 3) }, () => draw.pick(ENTRIES));
  }

  #creation(isPart: boolean): {
    type: 1 | 15 | 19;
    request: Parameters<typeof writeCreateRequest>[1];
  } {
    const draw = this.#draw;
    const acl = this.#acl();
    const common = { path: this.#path(), data: this.#data(), acl: acl === null ? null : [...acl] };
    if (draw.chance(0.1)) {
      return { type: OpCode.createContainer, request: { ...common, flags: CreateFlag.container } };
    }
    // Flags that are no kind of znode refuse a whole multi since 3.9.
    const odd = !isPart && draw.chance(0.05);
    const flags = odd ? draw.pick([-1, 4, 5, 6, 7, 100]) : draw.pick(FLAGS);
    return {
      type: draw.chance(0.5) ? OpCode.create : OpCode.create2,
      request: { ...common, flags },
    };
  }

  #create(): RandomRequest {
    const { type, request: record } = this.#creation(false);
    return request(type, `create ${JSON.stringify(record)}`, (w) => writeCreateRequest(w, record));
  }

  #delete(): RandomRequest {
    const record = { path: this.#path(), version: this.#version() };
    return request(OpCode.delete, `delete ${JSON.stringify(record)}`, (w) =>
      writeVersionedRequest(w, record),
    );
  }

  #setData(): RandomRequest {
    const record = { path: this.#path(), data: this.#data(), version: this.#version() };
    return request(OpCode.setData, `setData ${JSON.stringify(record)}`, (w) =>
      writeSetDataRequest(w, record),
    );
  }

  #setACL(): RandomRequest {
    const acl = this.#acl();
    const record = {
      path: this.#path(),
      acl: acl === null ? null : [...acl],
      version: this.#version(),
    };
    return request(OpCode.setACL, `setACL ${JSON.stringify(record)}`, (w) =>
      writeSetACLRequest(w, record),
    );
  }

  #multi(): RandomRequest {
    const draw = this.#draw;
    const ops: MultiOp[] = [];
    const length = draw.below(6);
    while (ops.length < length) ops.push(this.#part());
    return request(OpCode.multi, `multi ${JSON.stringify(ops)}`, (w) => writeMultiRequest(w, ops));
  }

  #part(): MultiOp {
    const draw = this.#draw;
    const dice = draw.below(10);
    if (dice < 4) return this.#creation(true);
    if (dice < 6) {
      const version = draw.chance(0.8) ? -1 : this.#version();
      return { type: OpCode.delete, request: { path: this.#path(), version } };
    }
    if (dice < 8) {
      const version = this.#version();
      return {
        type: OpCode.setData,
        request: { path: this.#path(), data: this.#data(), version },
      };
    }
    return { type: OpCode.check, request: { path: this.#path(), version: this.#version() } };
  }

  #read(seesAll: boolean): RandomRequest {
    const draw = this.#draw;
    const exists = seesAll ? OpCode.exists : OpCode.getData;
    const type = draw.pick([
      exists,
      exists,
      OpCode.getData,
      OpCode.getData,
      OpCode.getChildren,
      OpCode.getChildren2,
      OpCode.getChildren2,
      OpCode.getACL,
    ]);
    const path = this.#path();
    if (type === OpCode.getACL) {
      return request(type, `getACL ${path}`, (w) => writePathRequest(w, { path }));
    }
    const watch = draw.chance(0.5);
    return request(type, `read ${type} ${JSON.stringify(path)} ${watch}`, (w) =>
      writeWatchableRequest(w, { path, watch }),
    );
  }

  #watcher(): RandomRequest {
    // Not checkWatches: 3.8.0 says yes to it when anyone watches the path.
    const type = OpCode.removeWatches;
    const path = this.#validPath();
    const record = { path, watcherType: this.#draw.pick([0, 1, 2, 3, 3, 7]) };
    return request(type, `watcher ${type} ${JSON.stringify(record)}`, (w) =>
      writeWatcherRequest(w, record),
    );
  }

  #setWatches(): RandomRequest {
    const paths = (): string[] => Array.from({ length: this.#draw.below(3) }, () => this.#path());
    const record = {
      relativeZxid: Math.max(0, this.#zxid - this.#draw.below(30)),
      dataWatches: paths(),
      existWatches: paths(),
      childWatches: paths(),
    };
    return request(OpCode.setWatches, `setWatches ${JSON.stringify(record)}`, (w) =>
      writeSetWatches(w, record),
    );
  }

  /** A record that ends too early. */
  #torn(): RandomRequest {
    const types = [OpCode.create, OpCode.setData, OpCode.multi, OpCode.getData, OpCode.sync];
    const type = this.#draw.pick(types);
    return request(type, `torn ${type}`, (w) => w.int(6));
  }
}

function request(type: number, text: string, fill: (writer: Writer) => void): RandomRequest {
  return { type, fill, text };
}
