// The newest txns: what is kept, what is handed out, and the packets that they become.

import fc from "fast-check";
import { expect, test } from "vitest";
import { Writer } from "../../../protocol/jute.ts";
import { PacketSplitter } from "../../../protocol/packet-splitter.ts";
import { PacketType } from "../../../protocol/quorum.ts";
import { type Zxid, makeZxid as z, zxidEpoch } from "../../../protocol/zxid.ts";
import { TxnWindow } from "../../../server/zab/txn-window.ts";

const bytes = Buffer.alloc(40, 7);
/** A packet of `bytes`. */
const PACKET_BYTES = 60;

/** Small pieces of memory, so that few txns lie in several of them. */
const CHUNK_BYTES = 220;

function windowOf(count: number, keep = 500): TxnWindow {
  const window = new TxnWindow(keep, z(1, 0), CHUNK_BYTES);
  for (let i = 1; i <= count; i++) window.append(bytes, 0, 40, z(1, i));
  return window;
}

function applyTo(window: TxnWindow, zxid: Zxid): Zxid[] {
  window.commitTo(zxid);
  window.beginSlice(Number.POSITIVE_INFINITY);
  const applied: Zxid[] = [];
  while (window.next()) applied.push(window.zxid);
  return applied;
}

/** Packets as "type zxid first-byte-of-data". */
function packets(out: Writer): string[] {
  const found: string[] = [];
  const splitter = new PacketSplitter(
    1_000_000,
    (packet) => {
      const data = packet.dataLength < 0 ? "" : ` ${packet.bytes[packet.dataStart]}`;
      found.push(`${packet.type} ${packet.zxid.toString(16)}${data}`);
    },
    (reason) => {
      throw new Error(reason);
    },
  );
  splitter.push(out.take());
  expect(splitter.keptBytes).toBe(0);
  return found;
}

// quorum-protocol S-1, P-5, B-9
test("a txn follows the one before it, or begins a later epoch", () => {
  const window = windowOf(2);
  const follows = [z(1, 3), z(2, 1), z(7, 1)];
  const others = [z(1, 1), z(1, 2), z(1, 4), z(2, 0), z(2, 2), z(0, 1), 0];
  for (const zxid of follows) expect(window.accepts(zxid)).toBe(true);
  for (const zxid of others) {
    expect(window.accepts(zxid)).toBe(false);
    expect(() => window.append(bytes, 0, 40, zxid)).toThrow("does not follow");
  }
  const full = new TxnWindow(500, z(1, 0xffff_ffff));
  expect(full.accepts(z(2, 0))).toBe(false);
  expect(full.accepts(z(2, 1))).toBe(true);
});

// quorum-protocol B-7
test("what is committed is handed out in order, a slice at a time", () => {
  const window = windowOf(5);
  window.commitTo(z(1, 4));
  window.beginSlice(41);
  expect([window.next(), window.next(), window.next()]).toEqual([true, true, false]);
  expect(window.appliedZxid).toBe(z(1, 2));
  expect(window.bytes.subarray(window.start, window.end)).toEqual(bytes);
  expect(applyTo(window, z(1, 4))).toEqual([z(1, 3), z(1, 4)]);
  expect(window.committedZxid).toBe(z(1, 4));
  for (const wrong of [z(1, 3), z(1, 6)]) {
    expect(() => window.commitTo(wrong)).toThrow("a commit of what is not there");
  }
});

test("applied txns beyond those that are kept are forgotten, others never", () => {
  const window = windowOf(9, 3);
  applyTo(window, z(1, 7));
  expect([window.firstZxid, window.baseZxid, window.count]).toEqual([z(1, 5), z(1, 4), 5]);
  expect([window.coversAfter(z(1, 4)), window.coversAfter(z(1, 3))]).toEqual([true, false]);
  expect([window.has(z(1, 4)), window.has(z(1, 5)), window.has(z(1, 9))]).toEqual([
    false,
    true,
    true,
  ]);
  expect([window.atOrBefore(z(1, 4)), window.atOrBefore(z(2, 0))]).toEqual([undefined, z(1, 9)]);
  expect([window.firstAfter(z(1, 2)), window.firstAfter(z(1, 9))]).toEqual([z(1, 5), undefined]);
});

test("what somebody has to be sent is kept until it has been", () => {
  const window = windowOf(9, 1);
  window.retainAfter = z(1, 3);
  applyTo(window, z(1, 9));
  expect(window.firstZxid).toBe(z(1, 4));
  window.retainAfter = z(1, 6);
  window.next();
  expect(window.firstZxid).toBe(z(1, 7));
  window.retainAfter = Number.POSITIVE_INFINITY;
  window.next();
  expect([window.firstZxid, window.byteCount]).toEqual([z(1, 9), 40]);
});

test("large txns are kept by their bytes, not by their number", () => {
  const megabyte = Buffer.alloc(1024 * 1024);
  const window = new TxnWindow(500, z(1, 0));
  for (let i = 1; i <= 80; i++) {
    window.append(megabyte, 0, megabyte.length, z(1, i));
    applyTo(window, z(1, i));
  }
  window.next();
  expect(window.byteCount).toBe(64 * megabyte.length);
  expect(window.count).toBe(64);
});

// quorum-protocol P-5, S-16, S-2
test("an epoch begins with its marker once all before it is applied; another history begins empty", () => {
  const window = windowOf(2);
  expect(() => window.beginEpoch(2)).toThrow("before the last one was applied");
  applyTo(window, z(1, 2));
  expect(() => window.beginEpoch(1)).toThrow("in the past");
  window.beginEpoch(3);
  expect([window.lastZxid, window.committedZxid, window.appliedZxid]).toEqual([
    z(3, 0),
    z(3, 0),
    z(3, 0),
  ]);
  expect([window.count, window.baseZxid]).toEqual([2, z(1, 0)]);
  window.append(bytes, 0, 40, z(3, 1));
  expect(applyTo(window, z(3, 1))).toEqual([z(3, 1)]);
  window.reset(z(9, 4));
  expect([window.count, window.byteCount, window.baseZxid, window.firstZxid]).toEqual([
    0,
    0,
    z(9, 4),
    z(9, 4),
  ]);
  expect([window.coversAfter(z(9, 4)), window.coversAfter(z(3, 1))]).toEqual([true, false]);
});

test("what was applied without the window is not handed out again", () => {
  const window = windowOf(4);
  window.commitTo(z(1, 4));
  window.appliedTo(z(1, 3));
  expect(applyTo(window, z(1, 4))).toEqual([z(1, 4)]);
  expect(() => window.appliedTo(z(1, 3))).toThrow("applied but not committed");
});

test("what is behind a zxid is forgotten, and others may come in its place", () => {
  const window = windowOf(9);
  window.commitTo(z(1, 3));
  // The piece of memory that 1:4 lies in had 1:5 and 1:6 as well.
  window.dropAfter(z(1, 4));
  expect([window.count, window.lastZxid, window.byteCount]).toEqual([4, z(1, 4), 160]);
  window.append(Buffer.alloc(4, 8), 0, 4, z(2, 1));
  window.commitTo(z(2, 1));
  const out = new Writer();
  window.writeProposals(z(1, 2), z(2, 1), 10_000, out);
  expect(packets(out)).toEqual(["2 100000003 7", "2 100000004 7", "2 200000001 8"]);
  expect(() => window.dropAfter(z(1, 4))).toThrow("a settled txn is forgotten");
  const empty = new TxnWindow(500, z(3, 0));
  empty.dropAfter(z(3, 0));
  expect(empty.lastZxid).toBe(z(3, 0));
});

// quorum-protocol 5/2 PROPOSAL, 5/8 INFORM, 5/4 COMMIT, S-4
test("txns leave as proposals, as informs, with their commits, or as commits alone", () => {
  const { PROPOSAL, INFORM, COMMIT } = PacketType;
  const window = windowOf(5);
  const out = new Writer();
  expect(window.writeProposals(z(1, 1), z(1, 3), 10_000, out)).toBe(z(1, 3));
  expect(packets(out)).toEqual([`${PROPOSAL} 100000002 7`, `${PROPOSAL} 100000003 7`]);
  expect(window.writeInforms(z(1, 4), z(1, 9), 10_000, out)).toBe(z(1, 5));
  expect(packets(out)).toEqual([`${INFORM} 100000005 7`]);
  expect(window.writeSettled(z(1, 0), z(1, 1), 10_000, out)).toBe(z(1, 1));
  expect(packets(out)).toEqual([`${PROPOSAL} 100000001 7`, `${COMMIT} 100000001`]);
  expect(window.writeCommits(z(1, 3), z(1, 5), 10_000, out)).toBe(z(1, 5));
  expect(packets(out)).toEqual([`${COMMIT} 100000004`, `${COMMIT} 100000005`]);
  // An inform is a copy: the proposal is what it was.
  window.writeProposals(z(1, 4), z(1, 5), 10_000, out);
  expect(packets(out)).toEqual([`${PROPOSAL} 100000005 7`]);
});

test("no more is written than there is room for, but one at least", () => {
  const window = windowOf(9);
  const out = new Writer();
  expect(window.writeProposals(z(1, 0), z(1, 9), 1, out)).toBe(z(1, 1));
  expect(out.length).toBe(PACKET_BYTES);
  out.clear();
  expect(window.writeProposals(z(1, 1), z(1, 9), 5 * PACKET_BYTES, out)).toBe(z(1, 6));
  out.clear();
  expect(window.writeInforms(z(1, 1), z(1, 9), PACKET_BYTES + 1, out)).toBe(z(1, 3));
  out.clear();
  expect(window.writeSettled(z(1, 1), z(1, 9), 1, out)).toBe(z(1, 2));
  out.clear();
  expect(window.writeCommits(z(1, 1), z(1, 9), 21, out)).toBe(z(1, 3));
  out.clear();
  for (const nothing of [0, -5]) {
    expect(window.writeProposals(z(1, 1), z(1, 9), nothing, out)).toBe(z(1, 1));
    expect(window.writeCommits(z(1, 1), z(1, 9), nothing, out)).toBe(z(1, 1));
  }
  expect(out.length).toBe(0);
});

// What a window says must be what a plain list of txns says, whatever was done to it.
test("whatever is done to it, it is a list of txns", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("append" as const), length: fc.integer({ min: 1, max: 300 }) }),
    fc.record({ kind: fc.constant("epoch" as const) }),
    fc.record({
      kind: fc.constant("commit" as const),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    fc.record({ kind: fc.constant("apply" as const), bytes: fc.integer({ min: 1, max: 800 }) }),
    fc.record({
      kind: fc.constant("drop" as const),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    fc.record({ kind: fc.constant("retain" as const), back: fc.integer({ min: 0, max: 20 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const window = new TxnWindow(5, z(1, 0), 512);
      /** All that ever was, and was not dropped. */
      let txns: { zxid: Zxid; length: number }[] = [];
      let fill = 0;
      const bytesOf = (zxid: Zxid, length: number): Buffer => Buffer.alloc(length, zxid % 251);
      for (const each of steps) {
        const last = window.lastZxid;
        switch (each.kind) {
          case "append": {
            const zxid = fill % 7 === 3 ? z(zxidEpoch(last) + 1, 1) : last + 1;
            fill++;
            window.append(bytesOf(zxid, each.length), 0, each.length, zxid);
            txns.push({ zxid, length: each.length });
            break;
          }
          case "epoch":
            if (window.appliedZxid === last) window.beginEpoch(zxidEpoch(last) + 1);
            break;
          case "commit": {
            const open = txns.filter(({ zxid }) => zxid > window.committedZxid);
            const found = open[Math.floor(each.part * open.length)];
            if (found !== undefined) window.commitTo(found.zxid);
            break;
          }
          case "apply": {
            window.beginSlice(each.bytes);
            let before = window.appliedZxid;
            while (window.next()) {
              const next = txns.find(({ zxid }) => zxid > before);
              expect(window.zxid).toBe(next?.zxid);
              const handed = window.bytes.subarray(window.start, window.end);
              expect(handed.equals(bytesOf(window.zxid, next?.length ?? 0))).toBe(true);
              before = window.zxid;
            }
            break;
          }
          case "drop": {
            const open = txns.filter(({ zxid }) => zxid > window.committedZxid);
            const after = open[Math.floor(each.part * open.length)]?.zxid ?? window.committedZxid;
            window.dropAfter(after);
            txns = txns.filter(({ zxid }) => zxid <= after);
            break;
          }
          case "retain":
            window.retainAfter = txns.at(-each.back)?.zxid ?? Number.POSITIVE_INFINITY;
            break;
        }
        expect(window.baseZxid <= window.appliedZxid).toBe(true);
        expect(window.appliedZxid <= window.committedZxid).toBe(true);
        expect(window.committedZxid <= window.lastZxid).toBe(true);
        const kept = txns.filter(({ zxid }) => zxid > window.baseZxid);
        expect(window.count).toBe(kept.length);
        expect(window.byteCount).toBe(kept.reduce((sum, { length }) => sum + length, 0));
        const after = kept[Math.floor(kept.length / 3)]?.zxid ?? window.baseZxid;
        const out = new Writer();
        window.writeProposals(after, window.lastZxid, 1_000_000, out);
        const sent = kept.filter(({ zxid }) => zxid > after);
        expect(packets(out)).toEqual(
          sent.map(({ zxid }) => `2 ${zxid.toString(16)} ${zxid % 251}`),
        );
      }
    }),
    { numRuns: 10 },
  );
});
