import { expect, test } from "vitest";
import { makeZxid } from "../../../protocol/zxid.ts";
import { TxnWindow } from "../../../server/zab/txn-window.ts";

const bytes = Buffer.alloc(40, 7);

function windowOf(count: number): TxnWindow {
  // Small pieces, so that the tail lies in several of them.
  const window = new TxnWindow(500, makeZxid(1, 0), 200);
  for (let i = 1; i <= count; i++) window.append(bytes, 0, 40, makeZxid(1, i));
  return window;
}

test("what is behind a zxid is forgotten, and others may come in its place", () => {
  const window = windowOf(9);
  window.commitTo(makeZxid(1, 4));
  window.dropAfter(makeZxid(1, 5));
  expect([window.count, window.lastZxid, window.byteCount]).toEqual([5, makeZxid(1, 5), 200]);
  window.append(Buffer.alloc(40, 8), 0, 40, makeZxid(2, 1));
  window.commitTo(makeZxid(2, 1));
  const seen: [number, number][] = [];
  while (window.next()) seen.push([window.zxid, window.bytes[window.start] ?? 0]);
  const old = [1, 2, 3, 4, 5].map((i) => [makeZxid(1, i), 7]);
  expect(seen).toEqual([...old, [makeZxid(2, 1), 8]]);
});

test("an empty window that forgets nothing keeps its end", () => {
  const window = new TxnWindow(500, makeZxid(3, 0));
  window.dropAfter(makeZxid(3, 0));
  expect(window.lastZxid).toBe(makeZxid(3, 0));
});

test("a settled txn is not forgotten", () => {
  const window = windowOf(2);
  window.commitTo(makeZxid(1, 2));
  expect(() => window.dropAfter(makeZxid(1, 1))).toThrow("a settled txn is forgotten");
});
