import { expect, test } from "vitest";
import { OpCode } from "../../../protocol/opcodes.ts";
import type { TxnBody } from "../../../protocol/txn.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { txnBytes } from "../../server/tree/history.ts";
import { OPEN } from "../../server/tree/tree-model.ts";
import { differences } from "./trees.ts";

const READ_ONLY = [{ perms: 1, id: { scheme: "world", id: "anyone" } }];

function create(path: string, data: string, acl = OPEN): TxnBody {
  const bytes = Buffer.from(data);
  return { type: OpCode.create, path, data: bytes, acl, ephemeral: false, parentCVersion: 1 };
}

const SESSION: TxnBody = { type: OpCode.createSession, timeoutMs: 4000 };

/** The first difference between the trees of two lists of txns. */
function difference(...both: readonly (readonly TxnBody[])[]): string | undefined {
  const trees = both.map((bodies, index) => {
    const tree = new DataTree({ hashSeed: index });
    for (const [i, body] of bodies.entries()) {
      const header = { sessionHigh: 1, sessionLow: 7, cxid: 0, zxid: i + 1, timeMs: 0 };
      const txn = txnBytes({ header: { ...header, type: body.type }, body, digest: undefined });
      tree.apply(txn, 0, txn.length, "replay");
    }
    return { name: `server ${index + 1}`, tree };
  });
  return differences(trees)[0];
}

// quorum-protocol I-15
test("trees are equal in paths, data, access lists, Stats and sessions, or it is said where they are not", () => {
  const one = [create("/a", "x"), SESSION];
  expect(difference(one, one)).toBeUndefined();
  expect(difference(one, [create("/a", "y"), SESSION])).toMatch(/^the digest is/);
  expect(difference(one, [create("/a", "x", READ_ONLY), SESSION])).toMatch(/^znode \/a is/);
  expect(difference(one, [create("/a", "x")])).toMatch(/^session 0000000100000007 is 4000 ms/);
  expect(difference([create("/a", "x")], one)).toMatch(/^session 0000000100000007 is at server 2/);
});
