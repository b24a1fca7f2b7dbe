import { expect, test } from "vitest";
import { QuotaOverseer } from "../../../server/pipeline/quota-overseer.ts";
import { World } from "../../../server/testing/index.ts";
import { DataTree } from "../../../server/tree/data-tree.ts";
import { TreeDriver } from "../tree/tree-driver.ts";
import { ServerRoom } from "./server-room.ts";

interface Line {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

function overseen(): { world: World; tree: DataTree; lines: Line[]; overseer: QuotaOverseer } {
  const world = new World(1);
  const tree = new DataTree({ hashSeed: 1, countedAtOnceMax: 10 });
  const lines: Line[] = [];
  const { clock } = world.host("server");
  const overseer = new QuotaOverseer(clock, tree.quotas, (fields, message) =>
    lines.push({ fields, message }),
  );
  return { world, tree, lines, overseer };
}

// server-semantics 9.1/soft limits count bytes
test("limits that are passed are told now and then, however often that is", () => {
  const { world, lines, overseer } = overseen();
  const excess = { path: "/a", kind: "count", isHard: false, limit: 1, usage: 2 } as const;
  for (let i = 0; i < 1000; i++) overseer.exceeded(excess);
  overseer.unreadable("/zookeeper/quota/a/zookeeper_stats");
  world.runUntil(world.nowUs + 10_000_000);
  overseer.exceeded(excess);
  expect(lines.map(({ fields }) => fields)).toEqual([
    { path: "/a", limit: 1, usage: 2 },
    { path: "/zookeeper/quota/a/zookeeper_stats" },
    { path: "/a", limit: 1, usage: 2, leftOut: 999 },
  ]);
  expect(lines[0]?.message).toContain("soft limit of count");
});

// server-semantics 9.1/initial stats (A)
test("large subtrees are counted to their end without anybody asking", () => {
  const { world, tree } = overseen();
  const driver = new TreeDriver(tree);
  for (const top of ["/a", "/b"]) {
    driver.create(top);
    for (let i = 0; i < 50; i++) driver.create(`${top}/${i}`);
    for (const name of ["", "/zookeeper_limits", "/zookeeper_stats"]) {
      driver.create(`/zookeeper/quota${top}${name}`);
    }
  }
  world.runUntil(world.nowUs + 1_000_000);
  for (const top of ["/a", "/b"]) {
    const stats = tree.findText(`/zookeeper/quota${top}/zookeeper_stats`);
    expect(tree.dataLength(stats)).toBe("count=51,bytes=0".length);
  }
});

// operations 2.3/enforceQuota; server-semantics 9.1/hard limits countHardLimit byteHardLimit (3.7+)
test("hard limits refuse where they are enforced, which they are not by default", () => {
  for (const enforceQuota of [false, true, undefined]) {
    const room = new ServerRoom(enforceQuota === undefined ? {} : { enforceQuota });
    const peer = room.open();
    peer.create("/a");
    peer.create("/zookeeper/quota/a");
    const limits = Buffer.from("count=-1,bytes=-1=;countHardLimit=1");
    peer.create("/zookeeper/quota/a/zookeeper_limits", 0, limits);
    peer.create("/zookeeper/quota/a/zookeeper_stats");
    peer.reply(peer.create("/b"));
    const { err } = peer.reply(peer.create("/a/b"));
    expect(err).toBe(enforceQuota === true ? -125 : 0);
  }
});
