import { expect, test } from "vitest";
import { JuteError, Writer } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { type TxnBody, writeTxn } from "../../protocol/txn.ts";
import { isWholeTxn } from "../../protocol/txn-shape.ts";
import { SimRandom } from "../../server/testing/index.ts";
import { DataTree } from "../../server/tree/data-tree.ts";
import { TREE_OPTIONS } from "../server/storage/sim-machine.ts";

const acl = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const data = Buffer.from("data");
const BODIES: readonly TxnBody[] = [
  { type: OpCode.create, path: "/a", data, acl, ephemeral: false, parentCVersion: 1 },
  { type: OpCode.create2, path: "/a", data: null, acl: null, ephemeral: true, parentCVersion: 1 },
  { type: OpCode.createContainer, path: "/a", data, acl, parentCVersion: 1 },
  { type: OpCode.createTTL, path: "/a", data, acl, parentCVersion: 1, ttlMs: 5 },
  { type: OpCode.delete, path: "/a" },
  { type: OpCode.deleteContainer, path: "/a" },
  { type: OpCode.setData, path: "/a", data, version: 1 },
  { type: OpCode.setACL, path: "/a", acl, version: 1 },
  { type: OpCode.check, path: "/a", version: 1 },
  { type: OpCode.createSession, timeoutMs: 1 },
  { type: OpCode.closeSession, paths: ["/a", "/b"] },
  { type: OpCode.closeSession, paths: undefined },
  { type: OpCode.error, err: -1 },
  { type: OpCode.multi, txns: [] },
];
const MULTI: TxnBody = {
  type: OpCode.multi,
  txns: BODIES.filter(({ type }) => type !== OpCode.multi && type !== OpCode.closeSession),
};

function written(body: TxnBody, hasDigest: boolean): Buffer {
  const out = new Writer();
  const header = { sessionHigh: 1, sessionLow: 2, cxid: 3, zxid: 4, timeMs: 5, type: body.type };
  const digest = hasDigest ? { version: 2, digestHigh: 1, digestLow: 1 } : undefined;
  writeTxn(out, { header, body, digest });
  return out.take();
}

const TREE = new DataTree(TREE_OPTIONS);

/** Whether a server can replay it. */
function isReplayed(bytes: Buffer, end: number): boolean {
  try {
    TREE.apply(bytes, 0, end, "replay");
    return true;
  } catch (error) {
    if (!(error instanceof JuteError)) throw error;
    return false;
  }
}

test("every txn is whole, with its digest and without", () => {
  for (const body of [...BODIES, MULTI]) {
    for (const hasDigest of [false, true]) {
      const bytes = written(body, hasDigest);
      expect(isWholeTxn(bytes, 0, bytes.length), JSON.stringify(body)).toBe(true);
    }
  }
});

test("what is whole can be replayed, however it was spoilt", () => {
  const draw = new SimRandom(7);
  const odd = [-2, -1, 0, 1, 2, 0x7fff_ffff, -0x8000_0000, 14, 9999];
  let refused = 0;
  for (let n = 0; n < 5000; n++) {
    const bytes = written(draw.pick([...BODIES, MULTI]), draw.chance(0.5));
    const end = draw.chance(0.3) ? draw.between(0, bytes.length) : bytes.length;
    if (draw.chance(0.7)) bytes.writeInt32BE(draw.pick(odd), draw.between(28, bytes.length - 4));
    const isWhole = isWholeTxn(bytes, 0, end);
    if (!isWhole) refused++;
    if (isWhole) expect(isReplayed(bytes, end), bytes.toString("hex")).toBe(true);
  }
  expect(refused).toBeGreaterThan(1000);
});
