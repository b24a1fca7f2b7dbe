import { describe, expect, test } from "vitest";
import type { DiskFile, HostError } from "../../../protocol/host.ts";
import { type SimHost, World } from "../../../server/testing/index.ts";

const BLOCK_BYTES = 4096;
const SEEDS = 60;

interface Machine {
  readonly world: World;
  readonly host: SimHost;
}

function machine(seed: number): Machine {
  const world = new World(seed);
  const host = world.host("server");
  host.disk.makeDirectory("/data");
  host.disk.syncDirectoryNow("/");
  return { world, host };
}

/** Waits for what `start` asks of the disk. */
function wait(
  { world }: Machine,
  start: (done: (error: HostError | undefined) => void) => void,
): HostError | undefined {
  const box: { answer?: [HostError | undefined] } = {};
  start((error) => {
    box.answer = [error];
  });
  while (box.answer === undefined) world.step();
  return box.answer[0];
}

function write(on: Machine, file: DiskFile, text: string, position = 0): HostError | undefined {
  return wait(on, (done) => file.write(Buffer.from(text), position, done));
}

/** What a file holds after the machine lost its power and came back. */
function afterPowerCut({ host }: Machine, path: string): string | undefined {
  host.crash("power");
  host.restart();
  if (host.disk.stat(path) === undefined) return undefined;
  const file = host.disk.openNow(path, "read");
  const bytes = Buffer.alloc(file.size());
  file.readNow(bytes, 0);
  return bytes.toString("latin1");
}

/** What many machines end with that do the same. */
function outcomes(play: (on: Machine) => string | undefined): Set<string | undefined> {
  const seen = new Set<string | undefined>();
  for (let seed = 1; seed <= SEEDS; seed++) seen.add(play(machine(seed)));
  return seen;
}

describe("a power cut", () => {
  test("takes nothing that was synced, name included", () => {
    const seen = outcomes((on) => {
      const file = on.host.disk.openNow("/data/f", "create");
      write(on, file, "durable");
      file.datasyncNow();
      on.host.disk.syncDirectoryNow("/data");
      return afterPowerCut(on, "/data/f");
    });
    expect(seen).toEqual(new Set(["durable"]));
  });

  test("takes a name that was not synced from some, and keeps it for others", () => {
    const seen = outcomes((on) => {
      const file = on.host.disk.openNow("/data/f", "create");
      write(on, file, "durable");
      file.datasyncNow();
      return afterPowerCut(on, "/data/f");
    });
    expect(seen).toEqual(new Set(["durable", undefined]));
  });

  test("takes bytes that were not synced from some, and keeps them for others", () => {
    const seen = outcomes((on) => {
      const file = on.host.disk.openNow("/data/f", "create");
      on.host.disk.syncDirectoryNow("/data");
      write(on, file, "old");
      file.datasyncNow();
      write(on, file, "new");
      return afterPowerCut(on, "/data/f");
    });
    expect(seen).toEqual(new Set(["old", "new"]));
  });

  test("tears a block between its sectors, and a file between its blocks", () => {
    const old = "o".repeat(2 * BLOCK_BYTES);
    const seen = outcomes((on) => {
      const file = on.host.disk.openNow("/data/f", "create");
      on.host.disk.syncDirectoryNow("/data");
      write(on, file, old);
      file.datasyncNow();
      write(on, file, "n".repeat(2 * BLOCK_BYTES));
      return afterPowerCut(on, "/data/f");
    });
    const mixed = [...seen].filter((text) => text?.includes("on") || text?.includes("no"));
    expect(mixed.length).toBeGreaterThan(3);
    for (const text of mixed) {
      for (let at = 0; at < 2 * BLOCK_BYTES; at += 512) {
        expect(new Set(text?.slice(at, at + 512)).size).toBe(1);
      }
    }
  });

  test("takes what was written while a sync was under way, which does not cover it", () => {
    const seen = outcomes((on) => {
      const file = on.host.disk.openNow("/data/f", "create");
      on.host.disk.syncDirectoryNow("/data");
      write(on, file, "a");
      wait(on, (done) => {
        file.datasync(done);
        on.host.disk.slow(1);
        file.write(Buffer.from("b"), 0, () => {});
      });
      while (on.world.step());
      return afterPowerCut(on, "/data/f");
    });
    expect(seen).toEqual(new Set(["a", "b"]));
  });

  test("leaves a renamed file under its old name or its new one, never under none", () => {
    const seen = outcomes((on) => {
      on.host.disk.openNow("/data/old", "create").closeNow();
      on.host.disk.syncDirectoryNow("/data");
      on.host.disk.renameNow("/data/old", "/data/new");
      on.host.crash("power");
      return on.host.disk.list("/data").join();
    });
    expect(seen).toEqual(new Set(["old", "new"]));
  });

  test("leaves a file that went to another directory in either, in both or in none", () => {
    const seen = outcomes((on) => {
      const { disk } = on.host;
      disk.makeDirectory("/data/aside");
      disk.openNow("/data/file", "create").closeNow();
      disk.syncDirectoryNow("/data");
      disk.renameNow("/data/file", "/data/aside/file");
      on.host.crash("power");
      return [...disk.list("/data"), ...disk.list("/data/aside")].toSorted().join();
    });
    expect(seen).toEqual(new Set(["aside,file", "aside", "aside,file,file"]));
  });

  test("takes what a failed sync left behind, even if a later sync succeeds", () => {
    const seen = outcomes((on) => {
      const file = on.host.disk.openNow("/data/f", "create");
      on.host.disk.syncDirectoryNow("/data");
      write(on, file, "lost?");
      on.host.disk.failAfter(0, "EIO");
      expect(wait(on, (done) => file.datasync(done))?.code).toBe("EIO");
      expect(wait(on, (done) => file.datasync(done))).toBeUndefined();
      return afterPowerCut(on, "/data/f");
    });
    expect(seen.size).toBeGreaterThan(1);
    expect(seen).toContain("lost?");
  });

  test("leaves what was written again after a failed sync, and synced", () => {
    const seen = outcomes((on) => {
      const file = on.host.disk.openNow("/data/f", "create");
      on.host.disk.syncDirectoryNow("/data");
      write(on, file, "lost?");
      on.host.disk.failAfter(0, "EIO");
      expect(wait(on, (done) => file.datasync(done))?.code).toBe("EIO");
      write(on, on.host.disk.openNow("/data/f", "create"), "again");
      expect(wait(on, (done) => file.datasync(done))).toBeUndefined();
      return afterPowerCut(on, "/data/f");
    });
    expect(seen).toEqual(new Set(["again"]));
  });

  test("is counted", () => {
    const on = machine(1);
    for (let i = 0; i < 20; i++) {
      const file = on.host.disk.openNow(`/data/${i}`, "create");
      write(on, file, "x".repeat(3 * BLOCK_BYTES));
      on.host.crash("power");
      on.host.restart();
    }
    const { lostBlocks, tornBlocks, lostNames } = on.host.disk.losses;
    expect(lostBlocks + tornBlocks).toBeGreaterThan(0);
    expect(lostNames).toBeGreaterThan(0);
  });
});

test("a killed process leaves its page cache, and what it had begun may still happen", () => {
  const seen = outcomes((on) => {
    const file = on.host.disk.openNow("/data/f", "create");
    write(on, file, "written");
    file.write(Buffer.from("WRITTEN"), 0, () => {
      throw new Error("nobody is there to be told");
    });
    on.host.crash("kill");
    on.host.restart();
    on.world.runUntil(10_000_000);
    const again = on.host.disk.openNow("/data/f", "read");
    const bytes = Buffer.alloc(again.size());
    again.readNow(bytes, 0);
    return bytes.toString();
  });
  expect(seen).toEqual(new Set(["written", "WRITTEN"]));
});

test("who changes a buffer before the write is done finds the change on the disk", () => {
  const on = machine(1);
  const file = on.host.disk.openNow("/data/f", "create");
  const bytes = Buffer.from("before");
  wait(on, (done) => {
    file.write(bytes, 0, done);
    bytes.write("after!");
  });
  const back = Buffer.alloc(6);
  file.readNow(back, 0);
  expect(back.toString()).toBe("after!");
});

test("a full disk takes what fits, then says ENOSPC, until something is removed", () => {
  const on = machine(1);
  const file = on.host.disk.openNow("/data/f", "create");
  on.host.disk.fill(2);
  expect(write(on, file, "x".repeat(3 * BLOCK_BYTES))?.code).toBe("ENOSPC");
  expect(file.size()).toBe(2 * BLOCK_BYTES);
  on.host.disk.removeNow("/data/f");
  const other = on.host.disk.openNow("/data/g", "create");
  expect(write(on, other, "fits")).toBeUndefined();
});

test("the operation that is told to fails, and the next one does not", () => {
  const on = machine(1);
  const file = on.host.disk.openNow("/data/f", "create");
  on.host.disk.failAfter(1, "EIO");
  expect(write(on, file, "first")).toBeUndefined();
  expect(write(on, file, "second")?.code).toBe("EIO");
  expect(write(on, file, "third")).toBeUndefined();
});

test("a slow disk takes as many times as long", () => {
  const on = machine(1);
  const file = on.host.disk.openNow("/data/f", "create");
  on.host.disk.slow(1000);
  const begunUs = on.world.nowUs;
  wait(on, (done) => file.datasync(done));
  expect(on.world.nowUs - begunUs).toBeGreaterThanOrEqual(10_000);
});

test("a flipped bit stays flipped until it is flipped back", () => {
  const on = machine(1);
  const file = on.host.disk.openNow("/data/f", "create");
  write(on, file, "abc");
  const read = (): string => {
    const bytes = Buffer.alloc(3);
    file.readNow(bytes, 0);
    return bytes.toString();
  };
  on.host.disk.flip("/data/f", 1, 0);
  expect(read()).toBe("acc");
  on.host.disk.flip("/data/f", 1, 0);
  expect(read()).toBe("abc");
});
