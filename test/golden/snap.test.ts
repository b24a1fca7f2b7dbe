import { copyFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PacketType } from "../../protocol/quorum.ts";
import { makeZxid } from "../../protocol/zxid.ts";
import { TreeIntake } from "../../server/storage/tree-intake.ts";
import { TreeStreams } from "../../server/storage/tree-stream.ts";
import type { DataTree } from "../../server/tree/data-tree.ts";
import { FakeLink } from "../server/storage/fake-link.ts";
import { RealDirectory } from "../server/storage/real-directory.ts";
import { newMachine, TREE_OPTIONS } from "../server/storage/sim-machine.ts";
import { type Dump, dumpTree } from "../server/tree/tree-dump.ts";
import { goldenDataDirectory } from "./data-directory.ts";
import { readQuorumGolden } from "./golden-file.ts";

const RELEASE = "3.8.0";
const [, , , snap, stream, newLeader] = readQuorumGolden(RELEASE, "snap").frames.map(
  ({ bytes }) => bytes,
);
if (snap === undefined || stream === undefined || newLeader === undefined) {
  throw new Error("the golden has too few packets");
}

/** The tree in the directory that the leader of the capture had opened. */
function directoryTree(): DataTree {
  using directory = new RealDirectory();
  const source = join(goldenDataDirectory(RELEASE), "version-2");
  for (const name of readdirSync(source)) {
    copyFileSync(join(source, name), join(directory.path, name));
  }
  return directory.recover().tree;
}

/** Each server of an ensemble writes its own configuration there. */
function withoutConfig(tree: DataTree): Omit<Dump, "dataSize"> {
  const { dataSize: _, ...dump } = dumpTree(tree);
  dump.znodes.delete("/zookeeper/config");
  return dump;
}

// quorum-protocol 7.5, S-7, S-9, 5/15 SNAP
// storage F-11
test("the tree that a leader of ZooKeeper sends is read, however its bytes are cut", () => {
  expect([snap.readInt32BE(0), snap.readBigInt64BE(4)]).toEqual([PacketType.SNAP, 1n << 32n]);
  const expected = withoutConfig(directoryTree());
  const bytes = Buffer.concat([stream, newLeader]);
  for (const size of [1, 2, 3, 5, 7, 11, 64, 100, 1000, bytes.length]) {
    const intake = new TreeIntake(makeZxid(1, 0), TREE_OPTIONS);
    let at = 0;
    while (!intake.isComplete) {
      const taken = intake.take(bytes, at, Math.min(at + size, bytes.length));
      expect([intake.problem, taken > 0]).toEqual([undefined, true]);
      at += taken;
    }
    // The next packet begins right behind it.
    expect(bytes.readInt32BE(at)).toBe(PacketType.NEWLEADER);
    expect(intake.tree.lastZxid).toBe(makeZxid(1, 0));
    expect(withoutConfig(intake.tree)).toEqual(expected);
  }
});

test("what we send of that tree has the same sections, entry for entry", () => {
  const { host, world } = newMachine(1);
  const taken = new TreeIntake(makeZxid(1, 0), TREE_OPTIONS);
  taken.take(stream, 0, stream.length);
  const link = new FakeLink();
  const sent = new TreeStreams(host.clock).open(taken.tree, link, () => {});
  link.turn((room) => sent.fill(room), 1e6);
  while (world.step());
  const bytes = Buffer.concat(link.sent);
  // In another order, which nobody promises: siblings, sessions, lists.
  expect(bytes.length).toBe(stream.length);
  expect(bytes.toSorted()).toEqual(stream.toSorted());
  const again = new TreeIntake(sent.zxid, TREE_OPTIONS);
  expect(again.take(bytes, 0, bytes.length)).toBe(bytes.length);
  expect(dumpTree(again.tree)).toEqual(dumpTree(taken.tree));
});
