import { expect, test } from "vitest";
import type { Clock } from "../../../protocol/host.ts";
import { Reader, Writer } from "../../../protocol/jute.ts";
import { readMultiResponse, writeMultiRequest } from "../../../protocol/multi.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import { readTxn } from "../../../protocol/txn.ts";
import { Prep } from "../../../server/pipeline/prep.ts";
import { Replies } from "../../../server/pipeline/replies.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";

const TIME_MS = 1_700_000_000_000;

const clock: Clock = {
  nowMs: () => 0,
  wallMs: () => TIME_MS,
  after: () => ({ cancel: () => {} }),
  endOfTurn: () => {},
};

// storage 3/14 multi; client-protocol 7
test("create2 in a multi is create in its txn, as every Apache release reads it, and answered with its Stat", () => {
  const tree = new DataTree({ hashSeed: 1 });
  const log = new Writer();
  const options = {
    skipAcl: true,
    extendedTypes: true,
    reconfigEnabled: false,
    digestEnabled: true,
    closeSessionTxnEnabled: true,
    digestAuthEnabled: true,
    enforceQuota: false,
  };
  const prep = new Prep(tree, { begin: () => log, commit: () => {} }, clock, options);
  const acl = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
  const asked = new Writer();
  writeMultiRequest(
    asked,
    ([OpCode.create, OpCode.create2, OpCode.createContainer] as const).map((type) => ({
      type,
      request: { path: `/of-type-${type}`, data: null, acl, flags: type === 19 ? 4 : 0 },
    })),
  );
  prep.request(OpCode.multi, 0, 1, 7, [], new Reader().reset(asked.take()));

  const bytes = log.take();
  const txn = readTxn(new Reader().reset(bytes));
  const parts = txn.body.type === OpCode.multi ? txn.body.txns : [];
  expect(parts.map(({ type }) => type)).toEqual([
    OpCode.create,
    OpCode.create,
    OpCode.createContainer,
  ]);

  const replies = new Replies(tree);
  tree.observer = {
    applied: (...operation) => replies.applied(...operation),
    digestMismatch: () => expect.unreachable("the txn's digest is not that of the tree"),
  };
  replies.begin(bytes, OpCode.multi, prep.askedTypes);
  tree.apply(bytes, 0, bytes.length, "live");
  const out = new Writer();
  expect(replies.write(OpCode.multi, out)).toBe(0);
  const results = readMultiResponse(new Reader().reset(out.take()));
  expect(results).toEqual([
    { type: OpCode.create, path: "/of-type-1" },
    expect.objectContaining({ type: OpCode.create2, path: "/of-type-15" }),
    expect.objectContaining({ type: OpCode.create2, path: "/of-type-19" }),
  ]);
});
