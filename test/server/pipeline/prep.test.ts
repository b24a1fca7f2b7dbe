import { describe, expect, test } from "vitest";
import type { Clock } from "../../../protocol/host.ts";
import { Reader, Writer } from "../../../protocol/jute.ts";
import { writeMultiRequest } from "../../../protocol/multi.ts";
import { CreateFlag, OpCode } from "../../../protocol/opcodes.ts";
import {
  writeCreateRequest,
  writeCreateTTLRequest,
  writeSetDataRequest,
} from "../../../protocol/proto.ts";
import type { Zxid } from "../../../protocol/zxid.ts";
import { Prep, type TxnSink } from "../../../server/pipeline/prep.ts";
import { SimRandom } from "../../../server/testing/index.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { RandomRequests } from "../../tools/random-requests.ts";

const SUPER = [
  { scheme: "super", id: "", address: undefined },
  { scheme: "digest", id: "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=", address: undefined },
];
const ANYONE = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const SESSIONS = 3;
const REQUESTS = 1000;

/** The header of a txn; before its end comes the type. */
const HEADER_BYTES = 32;
const DIGEST_BYTES = 12;

/** What the paths of one session's ephemerals may take up. */
const EPHEMERAL_PATH_BYTES_MAX = 1_000_000;
/** What ZooKeeper reads of a log or from a peer by default: `jute.maxbuffer` and as much again. */
const PEER_RECORD_BYTES_MAX = 2 * 0xfffff;

/** Keeps the txns that prep makes, and applies them to its tree when it is told. */
class Log implements TxnSink {
  wallMs = 1_700_000_000_000;
  readonly tree: DataTree = new DataTree({ hashSeed: 1, extendedTypes: true });
  readonly prep: Prep;
  readonly txns: Buffer[] = [];
  readonly #writer = new Writer();
  #applied = 0;

  constructor() {
    this.tree.observer = {
      applied: () => undefined,
      digestMismatch: (zxid) => {
        throw new Error(`after zxid ${zxid} the tree is not what prep said`);
      },
    };
    const options = {
      skipAcl: false,
      extendedTypes: true,
      reconfigEnabled: false,
      digestEnabled: true,
      closeSessionTxnEnabled: true,
      digestAuthEnabled: true,
      enforceQuota: false,
    };
    const clock: Clock = {
      nowMs: () => 0,
      wallMs: () => this.wallMs,
      after: () => ({ cancel: () => undefined }),
      endOfTurn: () => undefined,
    };
    this.prep = new Prep(this.tree, this, clock, options);
  }

  begin(): Writer {
    this.#writer.clear();
    return this.#writer;
  }

  commit(_zxid: Zxid): void {
    this.txns.push(Buffer.from(this.#writer.written()));
  }

  /** Applies all but the last `behind` txns. */
  apply(behind: number): void {
    for (; this.#applied < this.txns.length - behind; this.#applied++) {
      const txn = this.txns[this.#applied] ?? Buffer.alloc(0);
      this.tree.apply(txn, 0, txn.length, "live");
      this.prep.applied(this.tree.lastZxid);
    }
  }

  request(session: number, type: number, fill: (writer: Writer) => void): Buffer {
    const writer = new Writer();
    fill(writer);
    const reader = new Reader().reset(writer.written());
    this.prep.request(type, 0x0100_0000, session, 1, SUPER, reader);
    return this.txns.at(-1) ?? Buffer.alloc(0);
  }
}

// server-semantics 3.3, 3.5, Trap 8, Trap 9, Trap 13
test("the txns that requests become do not depend on how far the tree is behind", () => {
  for (let seed = 1; seed <= 3; seed++) {
    const prompt = history(seed, 0);
    for (const behind of [1, 7, 500]) expect(history(seed, behind)).toEqual(prompt);
  }
});

// operations 7.9/7
test("the lists of a multi together may not grow into a txn that no peer can read", () => {
  const log = new Log();
  const everybody = Array.from({ length: 1000 }, (_, i) => ({
    scheme: "digest",
    id: `user-${i}:0123456789012345678901234567`,
    address: undefined,
  }));
  const multi = (creates: number): Buffer => {
    const acl = [{ perms: 31, id: { scheme: "auth", id: "" } }];
    const request = { data: null, acl, flags: CreateFlag.persistent };
    const writer = new Writer();
    writeMultiRequest(
      writer,
      Array.from({ length: creates }, (_, i) => ({
        type: OpCode.create,
        request: { ...request, path: `/${creates}-${i}` },
      })),
    );
    const reader = new Reader().reset(writer.written());
    log.prep.request(OpCode.multi, 0x0100_0000, 1, 1, everybody, reader);
    return log.txns.at(-1) ?? Buffer.alloc(0);
  };
  expect(multi(5).length).toBeGreaterThan(5 * 1000 * 45);
  expect(multi(10_000).length).toBeLessThan(PEER_RECORD_BYTES_MAX);
  // Each request has the whole room.
  expect(multi(6).length).toBeGreaterThan(6 * 1000 * 45);
  log.apply(0);
  for (const [path, isThere] of [
    ["/5-4", true],
    ["/10000-0", false],
    ["/6-5", true],
  ] as const) {
    expect(log.tree.findText(path) > 0, path).toBe(isThere);
  }
});

describe("the txn that ends a session fits every peer's frames", () => {
  test("since the one ephemeral too many is refused", () => {
    const log = new Log();
    const flags = CreateFlag.ephemeral;
    const path = `/${"x".repeat(EPHEMERAL_PATH_BYTES_MAX - 5 - 6)}`;
    const create = (name: string): number =>
      typeOf(
        log.request(1, OpCode.create, (writer) =>
          writeCreateRequest(writer, { path: name, data: null, acl: ANYONE, flags }),
        ),
      );
    expect(create(path)).toBe(OpCode.create);
    expect(create("/yy")).toBe(OpCode.error);
    expect(create("/y")).toBe(OpCode.create);
    log.prep.closeSession(0x0100_0000, 1, 2);
    const end = log.txns.at(-1) ?? Buffer.alloc(0);
    expect(end.length).toBe(HEADER_BYTES + 4 + EPHEMERAL_PATH_BYTES_MAX + DIGEST_BYTES);
    expect(create("/yy")).toBe(OpCode.create);
    log.apply(0);
  });
});

// server-semantics 9.3, 3.2/deleteContainer (internal)
describe("what the reaper found to be over", () => {
  const create = (log: Log, path: string, flags: number, type: number = OpCode.create): void => {
    const request = { path, data: null, acl: ANYONE, flags, ttlMs: 1 };
    log.request(1, type, (writer) => writeCreateTTLRequest(writer, request));
  };
  const reap = (log: Log, path: string, czxid: number): number => {
    log.prep.reap(path, czxid);
    return typeOf(log.txns.at(-1) ?? Buffer.alloc(0));
  };

  test("goes if it is still there, and nothing that took its place", () => {
    const log = new Log();
    create(log, "/c", CreateFlag.container, OpCode.createContainer);
    log.apply(0);
    expect(reap(log, "/c", 1)).toBe(OpCode.deleteContainer);
    expect(reap(log, "/c", 1)).toBe(OpCode.error);
    create(log, "/c", CreateFlag.container, OpCode.createContainer);
    expect(reap(log, "/c", 1)).toBe(OpCode.error);
    create(log, "/c/child", CreateFlag.persistent);
    expect(reap(log, "/c", 4)).toBe(OpCode.error);
    create(log, "/plain", CreateFlag.persistent);
    expect(reap(log, "/plain", log.prep.lastZxid)).toBe(OpCode.error);
    log.apply(0);
  });

  test("stays if its data was set again meanwhile", () => {
    const log = new Log();
    create(log, "/t", CreateFlag.persistentWithTtl, OpCode.createTTL);
    log.apply(0);
    log.wallMs += 2;
    log.request(1, OpCode.setData, (writer) =>
      writeSetDataRequest(writer, { path: "/t", data: null, version: -1 }),
    );
    expect(reap(log, "/t", 1)).toBe(OpCode.error);
    log.wallMs += 1;
    expect(reap(log, "/t", 1)).toBe(OpCode.error);
    log.wallMs += 1;
    expect(reap(log, "/t", 1)).toBe(OpCode.deleteContainer);
    log.apply(0);
  });
});

/** What prep makes of a random history while its tree is up to `behind` txns behind. */
function history(seed: number, behind: number): string[] {
  const draw = new SimRandom(seed);
  const lag = new SimRandom(seed + 1000);
  const requests = new RandomRequests(draw.fork());
  const log = new Log();
  while (log.txns.length < REQUESTS) {
    const session = draw.below(SESSIONS);
    if (draw.chance(0.01)) log.prep.closeSession(0x0100_0000, session, 1);
    for (const { type, fill } of requests.burst(4, true)) {
      if (WRITES.has(type)) requests.learn(0, createdBy(log.request(session, type, fill)));
    }
    if (lag.chance(0.5)) log.apply(lag.below(behind + 1));
  }
  log.apply(0);
  return log.txns.map(textOf);
}

const WRITES: ReadonlySet<number> = new Set([
  OpCode.create,
  OpCode.create2,
  OpCode.createContainer,
  OpCode.delete,
  OpCode.setData,
  OpCode.setACL,
  OpCode.multi,
]);

function typeOf(txn: Buffer): number {
  return txn.readInt32BE(HEADER_BYTES - 4);
}

function createdBy(txn: Buffer): string | undefined {
  const type = typeOf(txn);
  if (type !== OpCode.create && type !== OpCode.create2) return undefined;
  return new Reader().reset(txn, HEADER_BYTES).string() ?? undefined;
}

/** The order in which a session's ephemerals go is nobody's promise. */
function textOf(txn: Buffer): string {
  if (typeOf(txn) !== OpCode.closeSession) return txn.toString("hex");
  const reader = new Reader().reset(txn, HEADER_BYTES);
  const paths = Array.from({ length: reader.int() }, () => reader.string() ?? "");
  const digest = txn.subarray(-DIGEST_BYTES).toString("hex");
  return `${txn.subarray(0, HEADER_BYTES).toString("hex")} ${paths.toSorted().join()} ${digest}`;
}
