// Random requests, one at a time: each operation of the client protocol, in its range and out of it.

import type { ACL } from "../../../protocol/data.ts";
import { Writer } from "../../../protocol/jute.ts";
import { OpCode, Xid } from "../../../protocol/opcodes.ts";
import type { SimRandom } from "../../../server/testing/index.ts";
import type { Request } from "./script.ts";
import { NEVER_WATCHED, OPEN, QUOTA_TEXTS, type Vocabulary } from "./vocabulary.ts";

/** Who asks, and where it must stay. */
export interface Asker {
  readonly slot: number;
  /** Asks for a part of a multi. */
  readonly isPart?: boolean;
  /** The root below which it must stay, so that others can ask at the same time. */
  readonly own: string | undefined;
}

const KEPT_WHOLE: ReadonlySet<number> = new Set([OpCode.auth, OpCode.sasl, OpCode.reconfig]);

type Fill = (writer: Writer) => void;

interface Creation {
  readonly type: number;
  readonly text: string;
  readonly fill: Fill;
  readonly hasNullInAcl: boolean;
}

const BODY_FREE = Buffer.alloc(0);
const CREATE_FLAGS = [0, 0, 0, 1, 1, 2, 3, 4];
const ODD_CREATE_FLAGS = [-1, 5, 6, 7, 100];
/** In a multi those of TTL znodes leave traces at Apache (habits.ts). */
const ODD_PART_FLAGS = [-1, 7, 100];
const TTLS_MS = [1, 3_600_000, 2 ** 40 - 1];
/** For a TTL znode none of them; for another kind of znode those above 0 are none either. */
const ODD_TTLS_MS = [0, -1, 2 ** 40, -(2 ** 40)];

export class RandomOperations {
  readonly #draw: SimRandom;
  readonly #words: Vocabulary;
  /** Each with its weight. */
  readonly #kinds: readonly (readonly [number, (asker: Asker) => Request])[] = [
    [20, (asker) => this.#create(asker)],
    [12, (asker) => this.#delete(asker)],
    [9, (asker) => this.#setData(asker)],
    [4, (asker) => this.#setACL(asker)],
    [12, (asker) => this.#multi(asker)],
    [20, (asker) => this.#read(asker)],
    [3, (asker) => this.#getACL(asker)],
    [3, (asker) => this.#removeWatches(asker)],
    [2, (asker) => this.#checkWatches(asker)],
    [3, (asker) => this.#setWatches(asker)],
    [3, (asker) => this.#addWatch(asker)],
    [3, (asker) => this.#multiRead(asker)],
    [2, (asker) => this.#getEphemerals(asker)],
    [2, (asker) => this.#getAllChildrenNumber(asker)],
    [1, () => request(OpCode.whoAmI, "whoAmI", () => undefined)],
    [1, () => this.#auth()],
    [1, () => this.#sasl()],
    [1, () => this.#reconfig()],
    [1, (asker) => this.#sync(asker)],
    [2, () => request(OpCode.ping, "ping", () => undefined)],
  ];
  readonly #weight: number = this.#kinds.reduce((sum, [weight]) => sum + weight, 0);

  constructor(draw: SimRandom, words: Vocabulary) {
    this.#draw = draw;
    this.#words = words;
  }

  next(asker: Asker): Request {
    let dice = this.#draw.below(this.#weight);
    const kind = this.#kinds.find(([weight]) => {
      dice -= weight;
      return dice < 0;
    });
    if (kind === undefined) throw new Error("the weights do not add up");
    return this.#damaged(kind[1](asker));
  }

  /** Makes a quota, changes it, looks at it or drops it. */
  quota(): Request {
    const draw = this.#draw;
    const path = this.#words.quotaPath();
    const data = Buffer.from(draw.pick(QUOTA_TEXTS));
    const dice = draw.below(10);
    if (dice < 4) return create(OpCode.create, path, data, 0);
    if (dice < 6) {
      return request(OpCode.setData, `setData ${shown({ path, data })}`, (writer) => {
        writer.string(path);
        writer.buffer(data);
        writer.int(-1);
      });
    }
    if (dice < 8) {
      return request(OpCode.getData, `getData ${path}`, (writer) => {
        writer.string(path);
        writer.byte(0);
      });
    }
    return request(OpCode.delete, `delete ${path}`, (writer) => {
      writer.string(path);
      writer.int(-1);
    });
  }

  /** The same, or with bytes missing, or more of them, or another xid. */
  #damaged(whole: Request): Request {
    const draw = this.#draw;
    const { body, text, type } = whole;
    // Another auth packet would end the connection, and see habits.ts about reconfig.
    if (KEPT_WHOLE.has(type) || draw.chance(0.985)) return whole;
    switch (draw.below(4)) {
      case 0: {
        const kept = draw.below(body.length + 1);
        return { ...whole, body: body.subarray(0, kept), text: `${text}, cut to ${kept} bytes` };
      }
      case 1: {
        const more = Buffer.alloc(draw.between(1, 9), 0x2f);
        return { ...whole, body: Buffer.concat([body, more]), text: `${text}, and more` };
      }
      case 2: {
        if (body.length < 4) return whole;
        const changed = Buffer.from(body);
        const length = draw.pick([-2, -0x8000_0000, 0x7fff_ffff, 0x10_0000, body.length]);
        changed.writeInt32BE(length, 0);
        return { ...whole, body: changed, text: `${text}, of length ${length}` };
      }
      default: {
        const xid = draw.pick([0, 1, Xid.setWatches, 0x7fff_ffff, -0x8000_0000]);
        return { ...whole, xid, text: `${text} as ${xid}` };
      }
    }
  }

  #path(asker: Asker): string | null {
    const mayBeNull = asker.own === undefined && asker.isPart !== true;
    if (mayBeNull && this.#draw.chance(0.004)) return null;
    return this.#words.path(asker.own);
  }

  #create(asker: Asker): Request {
    const { type, text, fill, hasNullInAcl } = this.#creation(asker);
    return { ...request(type, text, fill), hasNullInAcl };
  }

  #creation(asker: Asker): Creation {
    const draw = this.#draw;
    const words = this.#words;
    let path = this.#path(asker);
    const acl = words.acl(path, asker.isPart === true);
    const data = words.data();
    const { type, flags, ttlMs } = this.#kind(asker.isPart === true);
    if ([2, 3, 6].includes(flags) && path !== null && draw.chance(0.2)) path += "/";
    return {
      type,
      text: `create ${shown({ type, path, data, acl, flags, ttlMs })}`,
      fill: (writer) => {
        writer.string(path);
        writer.buffer(data);
        writeACL(writer, acl);
        writer.int(flags);
        if (ttlMs !== undefined) writer.long(ttlMs);
      },
      hasNullInAcl: hasNull(acl),
    };
  }

  #kind(isPart: boolean): { type: number; flags: number; ttlMs?: number } {
    const draw = this.#draw;
    const dice = draw.below(20);
    const isOdd = draw.chance(0.03);
    if (dice < 2) return { type: OpCode.createContainer, flags: 4 };
    if (dice < 4) {
      const type = OpCode.createTTL;
      // Without a TTL flag and with ttl -1 it would kill Apache; in a multi it is made (habits.ts).
      if (isOdd && !isPart && draw.chance(0.5))
        return { type, flags: draw.pick([0, 1, 4, 7]), ttlMs: 1000 };
      return { type, flags: draw.pick([5, 6]), ttlMs: draw.pick(isOdd ? ODD_TTLS_MS : TTLS_MS) };
    }
    const odd = isPart ? ODD_PART_FLAGS : ODD_CREATE_FLAGS;
    const flags = draw.pick(isOdd ? odd : CREATE_FLAGS);
    return { type: draw.pick([OpCode.create, OpCode.create2]), flags };
  }

  #delete(asker: Asker): Request {
    return this.#versioned(OpCode.delete, asker);
  }

  #versioned(type: number, asker: Asker): Request {
    const path = this.#path(asker);
    const version = this.#words.version();
    return request(type, `${type} ${shown({ path, version })}`, (writer) => {
      writer.string(path);
      writer.int(version);
    });
  }

  #setData(asker: Asker): Request {
    const path = this.#path(asker);
    const data = this.#words.data();
    const version = this.#words.version();
    return request(OpCode.setData, `setData ${shown({ path, data, version })}`, (w) => {
      w.string(path);
      w.buffer(data);
      w.int(version);
    });
  }

  #setACL(asker: Asker): Request {
    const path = this.#path(asker);
    const acl = this.#words.acl(path, false);
    const version = this.#words.version();
    const made = request(OpCode.setACL, `setACL ${shown({ path, acl, version })}`, (writer) => {
      writer.string(path);
      writeACL(writer, acl);
      writer.int(version);
    });
    return { ...made, hasNullInAcl: hasNull(acl) };
  }

  #multi(asker: Asker): Request {
    const parts: Request[] = [];
    const length = this.#draw.below(6);
    while (parts.length < length) parts.push(this.#part({ ...asker, isPart: true }));
    const text = `multi [${parts.map((part) => part.text).join(", ")}]`;
    return request(OpCode.multi, text, (writer) => writeParts(writer, parts));
  }

  #part(asker: Asker): Request {
    const dice = this.#draw.below(20);
    if (dice < 8) {
      const { type, text, fill } = this.#creation(asker);
      return request(type, text, fill);
    }
    if (dice < 12) return this.#delete(asker);
    if (dice < 16) return this.#setData(asker);
    return this.#versioned(OpCode.check, asker);
  }

  #read(asker: Asker): Request {
    const draw = this.#draw;
    const path = this.#path(asker);
    const type = draw.pick([
      OpCode.exists,
      OpCode.exists,
      OpCode.getData,
      OpCode.getData,
      OpCode.getChildren,
      OpCode.getChildren2,
    ]);
    const mayWatch =
      path !== null &&
      this.#words.watchMode(asker.slot, path) === "standard" &&
      (type !== OpCode.exists || this.#words.mayWatchExistence(asker.slot, path));
    const watch = mayWatch && draw.chance(0.5) ? draw.pick([1, 1, 1, 2, 255]) : 0;
    return request(type, `read ${type} ${JSON.stringify(path)} ${watch}`, (writer) => {
      writer.string(path);
      writer.byte(watch);
    });
  }

  #getACL(asker: Asker): Request {
    const path = this.#path(asker);
    return request(OpCode.getACL, `getACL ${JSON.stringify(path)}`, (w) => w.string(path));
  }

  #sync(asker: Asker): Request {
    const path = this.#path(asker);
    return request(OpCode.sync, `sync ${JSON.stringify(path)}`, (writer) => writer.string(path));
  }

  #removeWatches(asker: Asker): Request {
    const draw = this.#draw;
    if (draw.chance(0.02)) return this.#watcher(OpCode.removeWatches, null, 3);
    const path = this.#words.validPath(asker.own);
    const isStandard = this.#words.watchMode(asker.slot, path) === "standard";
    const kind = draw.pick(isStandard ? [0, 1, 2, 3, 3, 7, -1] : [0, 3, 3, 3, 7]);
    return this.#watcher(OpCode.removeWatches, path, kind);
  }

  #checkWatches(asker: Asker): Request {
    const draw = this.#draw;
    if (draw.chance(0.3)) {
      const type = draw.pick([OpCode.removeWatches, OpCode.checkWatches]);
      return this.#watcher(type, NEVER_WATCHED, draw.pick([4, 5, 6]));
    }
    const path = this.#words.validPath(asker.own);
    return this.#watcher(OpCode.checkWatches, path, draw.pick([0, 1, 2, 3, 3, 7, -1]));
  }

  #watcher(type: number, path: string | null, kind: number): Request {
    return request(type, `watcher ${type} ${JSON.stringify(path)} ${kind}`, (writer) => {
      writer.string(path);
      writer.int(kind);
    });
  }

  /** Of either kind: the second restores watches that last, too. */
  #setWatches(asker: Asker): Request {
    const draw = this.#draw;
    const type = draw.pick([OpCode.setWatches, OpCode.setWatches2]);
    const lists: (string[] | null)[] = [[], [], []];
    if (type === OpCode.setWatches2) lists.push([], []);
    // What comes before a null list is done by Apache 3.8.0 (habits.ts).
    if (draw.chance(0.03)) lists[draw.below(lists.length)] = null;
    else this.#fillLists(asker, lists);
    const sinceRounds = draw.pick([0, 1, 3, 10, 100]);
    const text = `setWatches ${type} since ${sinceRounds} ${JSON.stringify(lists)}`;
    const made = request(type, text, (writer) => {
      writer.long(0);
      for (const list of lists) writeStrings(writer, list);
    });
    return { ...made, sinceRounds };
  }

  #fillLists(asker: Asker, lists: readonly (string[] | null)[]): void {
    for (let count = this.#draw.below(8); count > 0; count--) {
      const path = this.#words.path(asker.own);
      const mode = this.#words.watchMode(asker.slot, path);
      const at = { standard: this.#draw.below(3), persistent: 3, recursive: 4 }[mode];
      lists[at]?.push(path);
    }
  }

  #addWatch(asker: Asker): Request {
    const path = this.#path(asker);
    const watch = this.#words.watchMode(asker.slot, path ?? "");
    const right = watch === "persistent" ? 0 : 1;
    const mode = watch === "standard" || this.#draw.chance(0.05) ? this.#draw.pick([2, -1]) : right;
    return request(OpCode.addWatch, `addWatch ${JSON.stringify(path)} ${mode}`, (writer) => {
      writer.string(path);
      writer.int(mode);
    });
  }

  /** Of getData and getChildren, and now and then of what it may not hold. */
  #multiRead(asker: Asker): Request {
    const draw = this.#draw;
    const parts: Request[] = [];
    for (let count = draw.below(6); count > 0; count--) {
      const odd = draw.chance(0.02) ? draw.pick([OpCode.exists, OpCode.getChildren2]) : undefined;
      const type = odd ?? draw.pick([OpCode.getData, OpCode.getChildren]);
      const path = this.#words.path(asker.own);
      const watch = draw.below(2);
      const text = `${type} ${JSON.stringify(path)} ${watch}`;
      parts.push(
        request(type, text, (writer) => {
          writer.string(path);
          writer.byte(watch);
        }),
      );
    }
    const text = `multiRead [${parts.map((part) => part.text).join(", ")}]`;
    return request(OpCode.multiRead, text, (writer) => writeParts(writer, parts));
  }

  #getEphemerals(asker: Asker): Request {
    // Others may delete its znodes, where they are at home.
    const whole = asker.own === undefined ? ["", "/", " ", "/d", "/s0/", null] : [asker.own];
    const prefix = this.#draw.pick([this.#path(asker), ...whole]);
    const text = `getEphemerals ${JSON.stringify(prefix)}`;
    return request(OpCode.getEphemerals, text, (writer) => writer.string(prefix));
  }

  #getAllChildrenNumber(asker: Asker): Request {
    const path = this.#path(asker);
    const text = `getAllChildrenNumber ${JSON.stringify(path)}`;
    return request(OpCode.getAllChildrenNumber, text, (writer) => writer.string(path));
  }

  #sasl(): Request {
    const token = this.#draw.pick([Buffer.alloc(0), Buffer.from("token")]);
    return request(OpCode.sasl, `sasl ${token.toString()}`, (writer) => writer.buffer(token));
  }

  #reconfig(): Request {
    const draw = this.#draw;
    const servers = [0, 1, 2].map(() => draw.pick([null, "", "server.1=localhost:1:2;3", "x"]));
    const configId = draw.pick([-1, 0, 7]);
    const text = `reconfig ${JSON.stringify(servers)} ${configId}`;
    return request(OpCode.reconfig, text, (writer) => {
      for (const list of servers) writer.string(list);
      writer.long(configId);
    });
  }

  /** Credentials that are taken; of those that are not, the connection dies (rounds.ts). */
  #auth(): Request {
    const draw = this.#draw;
    const scheme = draw.pick(["digest", "digest", "digest", "ip"]);
    const payload = draw.pick(["u:p", "v:q", "w", "", ":", "a:b:c", "ü:€", "\0:x"]);
    const made = request(OpCode.auth, `auth ${scheme} ${JSON.stringify(payload)}`, (writer) => {
      writer.int(draw.pick([0, 0, 1, -1]));
      writer.string(scheme);
      writer.buffer(Buffer.from(payload));
    });
    return draw.chance(0.5) ? { ...made, xid: Xid.auth } : made;
  }
}

export function request(type: number, text: string, fill: Fill): Request {
  const writer = new Writer();
  fill(writer);
  const body = writer.length === 0 ? BODY_FREE : writer.take();
  return type === OpCode.ping ? { type, body, text, xid: Xid.ping } : { type, body, text };
}

/** A record for the report: entries of ACLs and data in short. */
function shown(record: Readonly<Record<string, unknown>>): string {
  const short = (value: unknown): unknown => {
    if (Buffer.isBuffer(value)) return `${value.toString("latin1", 0, 8)} (${value.length} bytes)`;
    if (!Array.isArray(value)) return value;
    return value.map(({ perms, id }: ACL) => `${perms} ${id.scheme} ${id.id}`);
  };
  return JSON.stringify(
    Object.fromEntries(Object.entries(record).map(([key, value]) => [key, short(value)])),
  );
}

/** A create of what is open to anyone. */
export function create(type: number, path: string, data: Buffer | null, flags: number): Request {
  return request(type, `create ${shown({ type, path, data, flags })}`, (writer) => {
    writer.string(path);
    writer.buffer(data);
    writeACL(writer, OPEN);
    writer.int(flags);
  });
}

// MultiRequest: n x (int type, boolean done, int err, the operation's request), (-1, true, -1)

function writeParts(writer: Writer, parts: readonly Request[]): void {
  for (const { type, body } of parts) {
    writer.int(type);
    writer.boolean(false);
    writer.int(-1);
    writer.raw(body);
  }
  writer.int(-1);
  writer.boolean(true);
  writer.int(-1);
}

function writeACL(writer: Writer, acl: readonly ACL[] | null): void {
  writer.int(acl === null ? -1 : acl.length);
  for (const { perms, id } of acl ?? []) {
    writer.int(perms);
    writer.string(id.scheme);
    writer.string(id.id);
  }
}

function hasNull(acl: readonly ACL[] | null): boolean {
  return (acl ?? []).some(({ id }) => id.scheme === null || id.id === null);
}

function writeStrings(writer: Writer, strings: readonly string[] | null): void {
  writer.int(strings === null ? -1 : strings.length);
  for (const string of strings ?? []) writer.string(string);
}
