import { isDeepStrictEqual } from "node:util";
import { ErrorCode } from "../../../protocol/errors.ts";
import type { MultiResult } from "../../../protocol/multi.ts";
import type { MultiReadResult } from "../../../protocol/multi-read.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import type { TxnBody } from "../../../protocol/txn.ts";
import { isWrite, type Reply } from "../history.ts";
import type { Outcome, ReadOutcome } from "../model.ts";
import type { Step } from "../replay.ts";
import type { Checker } from "./checker.ts";

/** Each txn is what the model makes of its request. */
export const txnsAgreeWithModel: Checker = {
  name: "TxnsAgreeWithModel",
  check({ steps }) {
    return steps.flatMap((step) => {
      const difference = txnDifference(step);
      return difference === undefined ? [] : [`the txn at zxid ${step.zxid} ${difference}`];
    });
  },
};

/** Each answer is the model's: code, path, data, children, list and every field of Stat. */
export const repliesAgreeWithModel: Checker = {
  name: "RepliesAgreeWithModel",
  check({ history, steps, reads }) {
    const byZxid = new Map(steps.map((step) => [step.zxid, step]));
    return history.connections.flatMap(({ session, received }) =>
      received.flatMap((item) => {
        if (item.kind !== "reply" || item.zxid <= 0) return [];
        const expected = isWrite(item.sent.op) ? byZxid.get(item.zxid)?.expected : reads.get(item);
        if (expected === undefined) return []; // durability is for another checker
        const difference = replyDifference(item, expected);
        return difference === undefined
          ? []
          : [`the answer to xid ${item.xid} of session ${session} ${difference}`];
      }),
    );
  },
};

function txnDifference({ logged, expected, origin }: Step): string | undefined {
  const { body } = logged.txn;
  if (expected === undefined) return `has type ${body.type}, and nobody asked for it`;
  if (body.type === OpCode.error) {
    return body.err === expected.code ? undefined : `fails with ${body.err}, not ${expected.code}`;
  }
  if (expected.code !== ErrorCode.Ok) return `succeeds, and should fail with ${expected.code}`;
  if (body.type === OpCode.multi) return multiDifference(body.txns, expected);
  const op = origin?.sent.op;
  if (op !== undefined && op.type !== OpCode.multi && op.type !== body.type) {
    return `has type ${body.type} for a request of type ${op.type}`;
  }
  return partDifference(body, expected);
}

function multiDifference(txns: readonly TxnBody[], expected: Outcome): string | undefined {
  const parts = expected.parts ?? [];
  if (txns.length !== parts.length) return `has ${txns.length} parts, not ${parts.length}`;
  const failed = parts.some((part) => part.code !== ErrorCode.Ok);
  for (const [index, txn] of txns.entries()) {
    const part = parts[index] as Outcome;
    const code = txn.type === OpCode.error ? txn.err : ErrorCode.Ok;
    if (code !== part.code) return `has ${code} in part ${index}, not ${part.code}`;
    const difference = failed ? undefined : partDifference(txn, part);
    if (difference !== undefined) return `${difference} in part ${index}`;
  }
  return undefined;
}

function partDifference(body: TxnBody, expected: Outcome): string | undefined {
  switch (body.type) {
    case OpCode.create:
    case OpCode.create2:
    case OpCode.createContainer:
    case OpCode.createTTL:
      return body.path === expected.path ? undefined : `creates ${body.path}, not ${expected.path}`;
    case OpCode.setData:
      return body.version === expected.stat?.version
        ? undefined
        : `sets version ${body.version}, not ${expected.stat?.version}`;
    case OpCode.setACL:
      return body.version === expected.stat?.aversion
        ? undefined
        : `sets version ${body.version} of the list, not ${expected.stat?.aversion}`;
    default:
      return undefined;
  }
}

function replyDifference(reply: Reply, expected: ReadOutcome): string | undefined {
  if (reply.code !== expected.code) return `has code ${reply.code}, not ${expected.code}`;
  const { result } = reply;
  const fields = [
    ["path", result.path, expected.path],
    ["stat", result.stat, expected.stat],
    ["data", result.data, expected.data],
    ["children", sorted(result.children), sorted(expected.children)],
    ["acl", result.acl, expected.acl],
    ["paths", sorted(result.paths), sorted(expected.paths)],
    ["total", result.total, expected.total],
    ["identities", sorted(result.identities), sorted(expected.identities)],
  ] as const;
  for (const [name, seen, wanted] of fields) {
    if (seen !== undefined && !isDeepStrictEqual(seen, wanted)) {
      return `has ${name} ${JSON.stringify(seen)}, not ${JSON.stringify(wanted)}`;
    }
  }
  if (result.reads !== undefined) return readsDifference(result.reads, expected.reads ?? []);
  return result.results === undefined
    ? undefined
    : resultsDifference(result.results, expected.parts ?? []);
}

function readsDifference(
  reads: readonly MultiReadResult[],
  expected: readonly ReadOutcome[],
): string | undefined {
  if (reads.length !== expected.length) {
    return `has ${reads.length} reads, not ${expected.length}`;
  }
  for (const [index, read] of reads.entries()) {
    const { code, data, stat, children } = expected[index] as ReadOutcome;
    const seen =
      read.type === OpCode.error
        ? [read.err]
        : read.type === OpCode.getData
          ? [ErrorCode.Ok, read.data, read.stat]
          : [ErrorCode.Ok, sorted(read.children ?? [])];
    const wanted =
      code !== ErrorCode.Ok
        ? [code]
        : read.type === OpCode.getData
          ? [code, data, stat]
          : [code, sorted(children)];
    if (!isDeepStrictEqual(seen, wanted)) {
      return `has ${JSON.stringify(seen)} in read ${index}, not ${JSON.stringify(wanted)}`;
    }
  }
  return undefined;
}

function resultsDifference(
  results: readonly MultiResult[],
  parts: readonly Outcome[],
): string | undefined {
  if (results.length !== parts.length) return `has ${results.length} results, not ${parts.length}`;
  const failed = parts.some((part) => part.code !== ErrorCode.Ok);
  for (const [index, result] of results.entries()) {
    const part = parts[index] as Outcome;
    const code = result.type === OpCode.error ? result.err : ErrorCode.Ok;
    if (code !== part.code) return `has code ${code} in part ${index}, not ${part.code}`;
    if (failed) continue;
    if ("path" in result && result.path !== part.path) {
      return `has path ${result.path} in part ${index}, not ${part.path}`;
    }
    if ("stat" in result && !isDeepStrictEqual(result.stat, part.stat)) {
      return `has stat ${JSON.stringify(result.stat)} in part ${index}, not ${JSON.stringify(part.stat)}`;
    }
  }
  return undefined;
}

function sorted(names: readonly string[] | undefined): readonly string[] | undefined {
  return names?.toSorted();
}
