// The decision table of quorum-protocol 7.2, a row a test.

import { expect, test } from "vitest";
import { type Zxid, makeZxid as z } from "../../../protocol/zxid.ts";
import type { LogRange } from "../../../server/zab/effects.ts";
import { planSync } from "../../../server/zab/sync-plan.ts";
import { TxnWindow } from "../../../server/zab/txn-window.ts";

const bytes = Buffer.alloc(40);

interface History {
  readonly base?: Zxid;
  readonly txns?: readonly Zxid[];
  /** Begins this epoch behind the txns. */
  readonly epoch?: number;
  /** Outstanding then. */
  readonly proposed?: readonly Zxid[];
}

function windowOf({ base = 0, txns = [], epoch, proposed = [] }: History): TxnWindow {
  const window = new TxnWindow(500, base);
  const append = (zxid: Zxid): void => window.append(bytes, 0, 40, zxid);
  txns.forEach(append);
  window.commitTo(window.lastZxid);
  window.beginSlice(Number.POSITIVE_INFINITY);
  while (window.next());
  if (epoch !== undefined) window.beginEpoch(epoch);
  proposed.forEach(append);
  return window;
}

function plan(zxid: Zxid, history: History, logHas: readonly Zxid[] = []): unknown {
  const range = {} as LogRange;
  const planned = planSync(zxid, windowOf(history), (after, upTo) =>
    logHas.includes(after) && upTo === (history.base ?? 0) ? range : undefined,
  );
  const { mode, zxid: named, from } = planned;
  return planned.range === undefined ? [mode, named, from] : [mode, named, from, "log"];
}

const epochOne = { base: z(1, 5), txns: [z(1, 6), z(1, 7), z(1, 8)] };
const twoEpochs = { base: z(1, 5), txns: [z(1, 6), z(1, 7), z(3, 1), z(3, 2)] };

// quorum-protocol 7.2/1 P = L
test("who has it all is sent an empty DIFF", () => {
  expect(plan(z(1, 8), epochOne)).toEqual(["diff", z(1, 8), z(1, 8)]);
  expect(plan(z(2, 0), { ...epochOne, epoch: 2 })).toEqual(["diff", z(2, 0), z(2, 0)]);
  expect(plan(0, {})).toEqual(["diff", 0, 0]);
});

// quorum-protocol 7.2, 7.2/2 P > max and low32(P) ≠ 0
test("txns behind the last settled one are truncated, where that one is in the same epoch", () => {
  expect(plan(z(1, 10), epochOne)).toEqual(["trunc", z(1, 8), z(1, 8)]);
  expect(plan(z(1, 10), { ...epochOne, epoch: 2 })).toEqual(["trunc", z(1, 8), z(1, 8)]);
});

// quorum-protocol S-5, 16/2832
test("nothing is truncated to a txn that the learner may never have had", () => {
  // It has txns of epoch 2, which nobody settled; whether it has 1:8 is not known.
  expect(plan(z(2, 2), { ...epochOne, epoch: 3 })).toEqual(["snap", z(3, 0), z(3, 0)]);
  expect(plan(z(1, 9), { base: z(1, 0) })).toEqual(["snap", z(1, 0), z(1, 0)]);
});

// quorum-protocol 7.2/2 P > max and low32(P) ≠ 0, S-11
test("proposals of this term that are not settled are taken back, and will be sent again", () => {
  const first = { ...epochOne, epoch: 2, proposed: [z(2, 1), z(2, 2)] };
  expect(plan(z(2, 1), first)).toEqual(["trunc", z(1, 8), z(1, 8)]);
  const later = { base: z(2, 3), txns: [z(2, 4)], proposed: [z(2, 5), z(2, 6)] };
  expect(plan(z(2, 6), later)).toEqual(["trunc", z(2, 4), z(2, 4)]);
});

// quorum-protocol 7.2/3 min ≤ P ≤ max
test("from a txn in the window the ones behind it are sent", () => {
  expect(plan(z(1, 6), epochOne)).toEqual(["diff", z(1, 8), z(1, 6)]);
  expect(plan(z(1, 7), twoEpochs)).toEqual(["diff", z(3, 2), z(1, 7)]);
  expect(plan(z(1, 5), epochOne)).toEqual(["diff", z(1, 8), z(1, 5)]);
});

// quorum-protocol 7.2/3 min ≤ P ≤ max, Trap 6, Trap 7
test("from an epoch's marker the txns behind it are sent", () => {
  expect(plan(z(3, 0), twoEpochs)).toEqual(["diff", z(3, 2), z(3, 0)]);
  expect(plan(z(2, 0), twoEpochs)).toEqual(["diff", z(3, 2), z(2, 0)]);
  const quiet = { ...epochOne, epoch: 4 };
  expect(plan(z(3, 0), quiet)).toEqual(["diff", z(1, 8), z(3, 0)]);
});

// quorum-protocol 7.2/3 min ≤ P ≤ max, 16/1154
test("a txn that was never the leader's, with later epochs behind it, takes a whole tree", () => {
  expect(plan(z(1, 9), twoEpochs)).toEqual(["snap", z(3, 2), z(3, 2)]);
  expect(plan(z(2, 1), twoEpochs)).toEqual(["snap", z(3, 2), z(3, 2)]);
});

// quorum-protocol 7.2/4
test("what is before the window comes from the log, if that has it for sure", () => {
  expect(plan(z(1, 2), epochOne, [z(1, 2)])).toEqual(["diff", z(1, 8), z(1, 5), "log"]);
  expect(plan(z(1, 2), epochOne)).toEqual(["snap", z(1, 8), z(1, 8)]);
});

// quorum-protocol 7.2/5, 16/4352, Trap 6
test("an empty learner is sent a whole tree, also where the history from 0 on is there", () => {
  expect(plan(0, epochOne, [0])).toEqual(["snap", z(1, 8), z(1, 8)]);
  expect(plan(0, { epoch: 1 })).toEqual(["snap", z(1, 0), z(1, 0)]);
  expect(plan(-1, epochOne)).toEqual(["snap", z(1, 8), z(1, 8)]);
});

// quorum-protocol 7.2/5
test("a marker of an epoch that is still to come takes a whole tree", () => {
  expect(plan(z(5, 0), twoEpochs)).toEqual(["snap", z(3, 2), z(3, 2)]);
});
