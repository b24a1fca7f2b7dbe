/** Random histories of txns that fit the tree they are made for, with the digests of the model. */
import fc from "fast-check";
import type { ACL } from "../../../protocol/data.ts";
import { Writer } from "../../../protocol/jute.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import { childPath } from "../../../protocol/paths.ts";
import { type Txn, type TxnBody, type TxnHeader, writeTxn } from "../../../protocol/txn.ts";
import { OPEN, TreeModel } from "./tree-model.ts";

/** One random choice of what happens next. */
export interface Step {
  readonly kind: number;
  readonly where: number;
  readonly name: number;
  readonly size: number;
}

export const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.nat(99),
  where: fc.nat(999),
  name: fc.nat(11),
  size: fc.oneof(fc.nat(40), fc.nat(700), fc.constant(9000)),
});

const NAMES = ["a", "b", "c", "é", "zookeeper", "日本", "a-name-that-is-longer-than-most-of-them"];

const LISTS: readonly (readonly ACL[])[] = [
  OPEN,
  [{ perms: 1, id: { scheme: "world", id: "anyone" } }],
  [{ perms: 31, id: { scheme: "digest", id: "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=" } }],
  [
    { perms: 3, id: { scheme: "ip", id: "10.0.0.0/8" } },
    { perms: 12, id: { scheme: "sasl", id: "someone" } },
  ],
];

const SYSTEM = new Set(["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"]);
const SESSION_HIGH = 0x01000000;

export class History {
  readonly model: TreeModel = new TreeModel();
  zxid = 0;
  readonly #listsAll: boolean;
  /** Every txn so far: that of zxid z is log[z - 1]. */
  readonly log: Buffer[] = [];

  /**
   * @param lists Whether each closeSession names all that it deletes, as since 3.6. Without that a
   *   fuzzy snapshot may lack an ephemeral whose end nothing in the log tells its parent.
   */
  constructor(lists: "all" | "some") {
    this.#listsAll = lists === "all";
  }

  /** The next txn as the log would hold it. */
  next(choice: Step): Buffer {
    const zxid = ++this.zxid;
    const timeMs = 1_700_000_000_000 + zxid * 7;
    const sessionLow = 1 + (choice.where % 3);
    const base = { sessionHigh: SESSION_HIGH, sessionLow, cxid: zxid, zxid, timeMs };
    const body = this.#body(choice, { ...base, type: 0 });
    const sum = this.model.digest();
    const digest = {
      version: 2,
      digestHigh: Number(BigInt.asIntN(32, sum >> 32n)),
      digestLow: Number(BigInt.asIntN(32, sum)),
    };
    const txn = { header: { ...base, type: body.type }, body, digest };
    const bytes = txnBytes(txn);
    this.log.push(bytes);
    return bytes;
  }

  /** Decides what the choice means for the model as it is, and applies it there. */
  #body(choice: Step, header: TxnHeader): TxnBody {
    if (choice.kind < 90) return this.#applied(this.#simple(choice), header);
    if (choice.kind < 93) {
      const { sessionHigh, sessionLow } = header;
      const listed = this.model.ephemeralsOf(sessionHigh, sessionLow);
      const short = choice.name === 0 ? undefined : choice.name === 1 ? listed.slice(1) : listed;
      const paths = this.#listsAll ? listed : short;
      return this.#applied({ type: OpCode.closeSession, paths }, header);
    }
    const count = 1 + (choice.size % 5);
    const parts: TxnBody[] = [];
    if (choice.kind === 99) {
      // The real operations before the error are there, and were never applied.
      parts.push(this.#simple(choice));
      parts.push({ type: OpCode.error, err: -101 }, { type: OpCode.error, err: -2 });
    } else {
      for (let i = 0; i < count; i++) {
        const part = {
          ...choice,
          kind: (choice.kind * 31 + i * 17) % 75,
          where: choice.where + i * 5,
        };
        parts.push(this.#applied(this.#simple(part), header));
      }
    }
    return { type: OpCode.multi, txns: parts };
  }

  #applied(body: TxnBody, header: TxnHeader): TxnBody {
    this.model.applyBody(header, body);
    return body;
  }

  #simple({ kind, where, name, size }: Step): TxnBody {
    const paths = [...this.model.znodes.keys()];
    const path = paths[where % paths.length] ?? "/";
    const { stat } = this.model.get(path);
    const data = size % 13 === 0 ? null : Buffer.alloc(size, `${where}-`);
    const acl = LISTS[where % LISTS.length] ?? OPEN;
    if (kind < 45) {
      const isEphemeral = stat.ownerHigh === SESSION_HIGH;
      const parent = isEphemeral ? "/" : path;
      const child = childPath(parent, NAMES[name % NAMES.length] ?? "x");
      if (!this.model.znodes.has(child)) {
        const parentCVersion = this.model.get(parent).stat.cversion + 1;
        const common = { path: child, data, acl, parentCVersion };
        if (kind < 15) return { type: OpCode.create, ...common, ephemeral: false };
        if (kind < 22) return { type: OpCode.create2, ...common, ephemeral: false };
        if (kind < 36) return { type: OpCode.create, ...common, ephemeral: true };
        if (kind < 42) return { type: OpCode.createContainer, ...common };
        return { type: OpCode.createTTL, ...common, ttlMs: 2 ** 32 + size };
      }
    }
    if (kind < 60) {
      const isLeaf = !SYSTEM.has(path) && this.model.children(path).length === 0;
      if (isLeaf) return { type: kind < 57 ? OpCode.delete : OpCode.deleteContainer, path };
    }
    if (kind < 72) return { type: OpCode.setData, path, data, version: stat.version + 1 };
    if (kind < 80) return { type: OpCode.setACL, path, acl, version: stat.aversion + 1 };
    if (kind < 84) return { type: OpCode.error, err: -101 };
    return { type: OpCode.createSession, timeoutMs: 4000 + size };
  }
}

export function txnBytes(txn: Txn): Buffer {
  const writer = new Writer();
  writeTxn(writer, txn);
  return writer.take();
}
