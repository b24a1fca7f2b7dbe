import fc from "fast-check";
import { expect, test } from "vitest";
import { TreeIntake } from "../../../server/storage/tree-intake.ts";
import { TreeStreams } from "../../../server/storage/tree-stream.ts";
import { SimRandom } from "../../../server/testing/index.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import type { TreeStream } from "../../../server/zab/effects.ts";
import { History, type Step, step } from "../tree/history.ts";
import { dumpTree } from "../tree/tree-dump.ts";
import { FakeLink } from "./fake-link.ts";
import { addZnode, newMachine, randomStep, TREE_OPTIONS } from "./sim-machine.ts";

const SIGNATURE = "0000000a42656e57617348657265";

/** A leader's tree that random txns are applied to. */
class Source {
  readonly machine = newMachine(3);
  readonly tree: DataTree = new DataTree(TREE_OPTIONS);
  readonly streams: TreeStreams = new TreeStreams(this.machine.host.clock);
  readonly history: History = new History("all");

  apply(choice: Step): void {
    const txn = this.history.next(choice);
    this.tree.apply(txn, 0, txn.length, "live");
  }

  /** Sends the tree; between slices `meanwhile` happens. */
  send(room: number, meanwhile: () => void): { readonly zxid: number; readonly bytes: Buffer } {
    const link = new FakeLink();
    let isDone = false;
    const stream = this.streams.open(this.tree, link, () => {
      isDone = true;
    });
    link.mark();
    while (!isDone) {
      if (link.isMarked) {
        link.turn((bytes) => stream.fill(bytes), room);
        meanwhile();
      }
      this.machine.world.step();
    }
    return { zxid: stream.zxid, bytes: Buffer.concat(link.sent) };
  }
}

/** Feeds `bytes` in chunks; returns how many of them were the tree's. */
function feed(intake: TreeIntake, bytes: Buffer, sizes: () => number): number {
  let at = 0;
  while (at < bytes.length) {
    const end = Math.min(bytes.length, at + sizes());
    // Chunks are the link's: what is not copied is gone.
    const chunk = Buffer.from(bytes.subarray(at, end));
    const taken = intake.take(chunk, 0, chunk.length);
    chunk.fill(0xee);
    if (taken < 0) return -1;
    at += taken;
    if (taken < chunk.length) return at;
  }
  return at;
}

function whole(intake: TreeIntake, bytes: Buffer): number {
  return feed(intake, bytes, () => bytes.length);
}

// quorum-protocol S-7, S-9, F-11, 7.5, Trap 2
// storage F-1, F-2, F-6, F-11, Trap 16
test("a tree that is sent while it changes, with the txns since, is the tree at the other end", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120 }),
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 600 }),
      fc.integer({ min: 1, max: 3 }),
      fc.nat(),
      (before, during, room, perSlice, seed) => {
        const source = new Source();
        for (const choice of before) source.apply(choice);
        const left = [...during];
        const { zxid, bytes } = source.send(room, () => {
          for (const choice of left.splice(0, perSlice)) source.apply(choice);
        });
        expect(zxid).toBe(before.length);
        const draw = new SimRandom(seed);
        const intake = new TreeIntake(zxid, TREE_OPTIONS);
        const packets = Buffer.from("what follows");
        const taken = feed(intake, Buffer.concat([bytes, packets]), () => 1 + draw.below(90));
        expect(intake.problem).toBeUndefined();
        expect(taken).toBe(bytes.length);
        expect(intake.isComplete).toBe(true);
        const { tree } = intake;
        expect(tree.lastZxid).toBe(zxid);
        for (const txn of source.history.log.slice(zxid)) {
          tree.apply(txn, 0, txn.length, "replay");
        }
        expect(dumpTree(tree)).toEqual(dumpTree(source.tree));
      },
    ),
    { numRuns: 120 },
  );
}, 60_000);

// quorum-protocol S-8, 16/3104
test("what is in the stream beyond S is in the txns behind it, up to those applied at its end", () => {
  const source = new Source();
  const draw = new SimRandom(8);
  for (let i = 0; i < 200; i++) source.apply(randomStep(draw));
  const { zxid, bytes } = source.send(100, () => {
    if (source.history.zxid < 300) source.apply(randomStep(draw));
  });
  const intake = new TreeIntake(zxid, TREE_OPTIONS);
  whole(intake, bytes);
  // Alone it is the tree of no moment: that is why NEWLEADER waits for the txns behind it.
  const atStart = new DataTree(TREE_OPTIONS);
  for (const txn of source.history.log.slice(0, zxid)) atStart.apply(txn, 0, txn.length, "replay");
  expect(dumpTree(intake.tree)).not.toEqual(dumpTree(atStart));
  expect(dumpTree(intake.tree)).not.toEqual(dumpTree(source.tree));
});

test("the stream ends with the signature, and nothing of a file's frame is in it", () => {
  const source = new Source();
  const { bytes } = source.send(1000, () => {});
  expect(bytes.toString("hex", 0, 4)).toBe("00000000");
  expect(bytes.toString("hex").endsWith(`000000012f${SIGNATURE}`)).toBe(true);
});

// quorum-protocol S-9
test("a byte that is missing, doubled or of another value is found out or harmless", () => {
  const source = new Source();
  const draw = new SimRandom(5);
  for (let i = 0; i < 25; i++) source.apply(randomStep(draw));
  const { zxid, bytes } = source.send(100_000, () => {});
  let found = 0;
  for (let at = 0; at < bytes.length - 1; at += 13) {
    for (const damage of [1, 0xff]) {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8(damaged.readUInt8(at) ^ damage, at);
      const intake = new TreeIntake(zxid, TREE_OPTIONS);
      const taken = whole(intake, damaged);
      if (taken < 0 !== (intake.problem !== undefined)) throw new Error(`damage at ${at}`);
      if (!intake.isComplete) found++;
    }
    const missing = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
    const doubled = Buffer.concat([bytes.subarray(0, at + 1), bytes.subarray(at)]);
    for (const slipped of [missing, doubled]) {
      const intake = new TreeIntake(zxid, TREE_OPTIONS);
      whole(intake, slipped);
      if (intake.isComplete) throw new Error(`a slip at ${at} was not found`);
    }
  }
  expect(found).toBeGreaterThan(bytes.length / 130);
}, 60_000);

function ints(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeInt32BE(value, i * 4);
  return bytes;
}

function znode(path: string, data = "", owner = "0000000000000000"): Buffer {
  const stat = Buffer.alloc(60);
  stat.write(owner, 44, "hex");
  return Buffer.concat([
    ints(path.length),
    Buffer.from(path),
    ints(data.length),
    Buffer.from(data),
    ints(-1, -1),
    stat,
  ]);
}

const END = Buffer.from(`000000012f${SIGNATURE}`, "hex");
const EMPTY = ints(0, 0);
const GIANT = 100 * 1024 * 1024;

// quorum-protocol S-9
test.each<[string, Buffer[], RegExp]>([
  ["a negative count of sessions", [ints(-1)], /-1 sessions at byte 0/],
  ["a negative count of lists", [ints(0, -2)], /-2 access lists at byte 4/],
  ["a list of a giant's length", [ints(0, 1, 0, 1, 2 ** 31 - 1)], /bytes or more/],
  ["a scheme of a negative length", [ints(0, 1, 0, 1, 1, 31, -5, 0)], /field of -5 bytes/],
  ["a path of a negative length", [EMPTY, ints(-7), Buffer.alloc(80)], /field of -7 bytes/],
  ["a path of a giant's length", [EMPTY, ints(GIANT), Buffer.alloc(80)], /field of/],
  ["data of a giant's length", [EMPTY, ints(0, GIANT), Buffer.alloc(80)], /field of/],
  ["a znode without its parent", [EMPTY, znode(""), znode("/a/b"), END], /without a parent/],
  ["a path without a slash", [EMPTY, znode(""), znode("a"), END], /without a parent/],
  ["no root", [EMPTY, END], /no root/],
  ["a znode twice", [EMPTY, znode(""), znode("/a"), znode("/a"), END], /twice/],
  ["another signature", [EMPTY, znode(""), END.subarray(0, -1), Buffer.from("E")], /signature/],
  ["packets at once", [EMPTY, znode(""), END.subarray(0, 5), Buffer.alloc(20)], /signature/],
])("%s is refused, whole or byte by byte, and nothing is taken after it", (_, parts, problem) => {
  const bytes = Buffer.concat(parts);
  for (const size of [bytes.length, 1]) {
    const intake = new TreeIntake(9, TREE_OPTIONS);
    expect(feed(intake, bytes, () => size)).toBe(-1);
    expect(intake.problem).toMatch(problem);
    expect(intake.isComplete).toBe(false);
    expect(intake.take(END, 0, END.length)).toBe(-1);
  }
});

// storage F-6, Trap 16
// quorum-protocol 16/4846/4689
test("a znode may name an access list that is not there: nobody may do anything until a txn mends it", () => {
  const named = znode("/a", "x");
  named.writeInt32BE(0, 11);
  named.writeInt32BE(77, 15);
  const intake = new TreeIntake(9, TREE_OPTIONS);
  const bytes = Buffer.concat([EMPTY, znode(""), named, END]);
  expect(whole(intake, bytes)).toBe(bytes.length);
  const { tree } = intake;
  const acl = tree.acls.get(tree.acl(tree.findText("/a")));
  expect(acl.map(({ perms }) => perms)).toEqual([0]);
  // No list that comes later is given its id.
  const list = Buffer.concat([
    ints(1, 31, 5),
    Buffer.from("world"),
    ints(6),
    Buffer.from("anyone"),
  ]);
  expect(tree.acls.fileId(tree.acls.acquire(list, 0, list.length))).toBe(78);
});

test("TTL znodes are refused where they are not enabled, as at start", () => {
  const bytes = Buffer.concat([EMPTY, znode(""), znode("/t", "", "ff00000000001000"), END]);
  const refused = new TreeIntake(9, { hashSeed: 1 });
  expect(whole(refused, bytes)).toBe(-1);
  expect(refused.problem).toMatch(/\/t is a TTL znode.*extendedTypesEnabled/);
  expect(whole(new TreeIntake(9, { hashSeed: 1, extendedTypes: true }), bytes)).toBe(bytes.length);
});

// quorum-protocol 16/2355
test("the zxid of SNAP is nobody's before the last byte of the tree was there", () => {
  const { bytes } = new Source().send(1000, () => {});
  const intake = new TreeIntake(42, TREE_OPTIONS);
  expect(intake.take(bytes, 0, bytes.length - 1)).toBe(bytes.length - 1);
  expect(intake.isComplete).toBe(false);
  expect(() => intake.tree).toThrow("before it was there");
  expect(intake.take(bytes, bytes.length - 1, bytes.length)).toBe(1);
  expect(intake.tree.lastZxid).toBe(42);
  // The chunk ended with the tree: the next one is told that it is none of the tree's.
  expect(intake.take(Buffer.from("packets"), 0, 7)).toBe(0);
});

/** A source whose tree has some megabytes. */
function large(): Source {
  const source = new Source();
  const data = Buffer.alloc(1000, "x");
  for (let i = 0; i < 2500; i++) addZnode(source.tree, `/znode-${i}`, data);
  return source;
}

test("a blocked link is written nothing, and each turn no more than there is room for", () => {
  const source = large();
  const link = new FakeLink();
  const stream: TreeStream = source.streams.open(source.tree, link, () => {});
  const room = 32 * 1024;
  const fill = (bytes: number): void => stream.fill(bytes);
  expect(link.turn(fill, room)).toBeGreaterThan(room / 2);
  link.isBlocked = true;
  for (let i = 0; i < 50; i++) {
    source.machine.world.step();
    expect(link.turn(fill, room)).toBe(0);
  }
  link.isBlocked = false;
  for (let i = 0; i < 50; i++) {
    const bytes = link.turn(fill, room);
    expect(bytes).toBeLessThan(room + 1200);
    if (bytes > 0) expect(link.isMarked).toBe(false);
    while (!link.isMarked && source.machine.world.step());
  }
  stream.abandon();
});

test("streams rest between slices, and several share what one would take of the loop", () => {
  const slicesOf = (learners: number): number => {
    const { tree } = large();
    let nowMs = 0;
    const due: { readonly atMs: number; readonly run: () => void }[] = [];
    const clock = {
      // Each look takes a tenth of a millisecond: copying between them does.
      nowMs: () => (nowMs += 0.1),
      wallMs: () => 0,
      after: (delayMs: number, run: () => void) => {
        const entry = { atMs: nowMs + delayMs, run };
        due.push(entry);
        return { cancel: () => due.splice(due.indexOf(entry), 1) };
      },
      endOfTurn: (run: () => void) => void due.push({ atMs: nowMs, run }),
    };
    const streams = new TreeStreams(clock);
    let done = 0;
    const all = Array.from({ length: learners }, () => {
      const link = new FakeLink();
      return { link, stream: streams.open(tree, link, () => done++) };
    });
    expect(streams.count).toBe(learners);
    for (const { link } of all) link.mark();
    let longestMs = 0;
    let busyMs = 0;
    while (done < learners) {
      const startedMs = nowMs;
      for (const { link, stream } of all) {
        if (link.isMarked) link.turn((bytes) => stream.fill(bytes), 1e9);
      }
      longestMs = Math.max(longestMs, nowMs - startedMs);
      busyMs += nowMs - startedMs;
      due.sort((a, b) => a.atMs - b.atMs);
      const next = due.shift();
      nowMs = Math.max(nowMs, next?.atMs ?? nowMs);
      next?.run();
    }
    expect(streams.count).toBe(0);
    expect(longestMs).toBeLessThan(4);
    return busyMs / nowMs;
  };
  expect(slicesOf(1)).toBeLessThan(0.6);
  expect(slicesOf(4)).toBeLessThan(0.65);
});

test("a stream that is given up, also just before its end, writes no more and calls nobody", () => {
  const given = new Set<boolean>();
  for (const turns of [0, 1, 3, 7, 15, 25]) {
    const source = large();
    const link = new FakeLink();
    let isDone = false;
    const stream = source.streams.open(source.tree, link, () => {
      isDone = true;
    });
    link.mark();
    for (let i = 0; i < turns; i++) {
      if (link.isMarked) link.turn((bytes) => stream.fill(bytes), 1_000_000);
      source.machine.world.step();
    }
    const wasDone = isDone;
    stream.abandon();
    expect(source.streams.count).toBe(0);
    while (source.machine.world.step());
    expect(link.turn((bytes) => stream.fill(bytes), 1_000_000)).toBe(0);
    expect(isDone).toBe(wasDone);
    given.add(wasDone);
  }
  expect([...given]).toEqual([false, true]);
});
