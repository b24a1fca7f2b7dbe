// What every Disk of protocol/host.ts does.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DiskFile, HostError, OpenMode } from "../../protocol/host.ts";
import type { Bench, BenchKind } from "./benches.ts";

type Outcome = HostError | undefined;

const read = (from: DiskFile, length: number, position: number): string => {
  const target = Buffer.alloc(length, "?");
  return target.toString("latin1", 0, from.readNow(target, position));
};
const code = (run: () => unknown): string | undefined => {
  try {
    run();
  } catch (error) {
    return (error as HostError).code;
  }
  return "none";
};

export function diskSuite(kind: BenchKind): void {
  describe(`the disk of ${kind.name}`, () => {
    let bench: Bench;
    let file: string;

    beforeEach(async () => {
      bench = await kind.open();
      file = `${bench.directory}/file`;
    });

    afterEach(() => bench.end());

    const open = (path: string, mode: OpenMode): Promise<[Outcome, DiskFile | undefined]> =>
      bench.settle((done) =>
        bench.host.disk.open(path, mode, (error, opened) => done([error, opened])),
      );
    const write = (to: DiskFile, text: string, position: number): Promise<Outcome> =>
      bench.settle((done) => to.write(Buffer.from(text), position, done));

    test("reads back what it wrote, and no more than there is", async () => {
      const { disk } = bench.host;
      const made = disk.openNow(file, "create");
      expect(await write(made, "hello, world", 0)).toBeUndefined();
      expect(await write(made, "W", 7)).toBeUndefined();
      expect(made.size()).toBe(12);
      expect(read(made, 100, 0)).toBe("hello, World");
      expect(read(made, 3, 7)).toBe("Wor");
      expect(read(made, 3, 12)).toBe("");
      made.closeNow();
      expect(disk.stat(file)).toEqual({ isDirectory: false, size: 12 });
    });

    test("shows zeros where nothing was written", async () => {
      const made = bench.host.disk.openNow(file, "create");
      await write(made, "end", 70_000);
      expect(made.size()).toBe(70_003);
      expect(read(made, 4, 69_998)).toBe("\0\0en");
      made.closeNow();
    });

    test("writes large buffers whole", async () => {
      const made = bench.host.disk.openNow(file, "create");
      const large = Buffer.alloc(5_000_001, "abcdefg");
      expect(await bench.settle<Outcome>((done) => made.write(large, 11, done))).toBeUndefined();
      const back = Buffer.alloc(large.length);
      expect(made.readNow(back, 11)).toBe(large.length);
      expect(back.equals(large)).toBe(true);
      made.closeNow();
    });

    test("cuts files and grows them with zeros", async () => {
      const made = bench.host.disk.openNow(file, "create");
      await write(made, "0123456789", 0);
      made.truncateNow(4);
      expect(made.size()).toBe(4);
      made.truncateNow(6);
      expect(read(made, 10, 0)).toBe("0123\0\0");
      made.closeNow();
    });

    test("opens as the mode says", async () => {
      const { disk } = bench.host;
      expect(code(() => disk.openNow(file, "read"))).toBe("ENOENT");
      expect(code(() => disk.openNow(file, "write"))).toBe("ENOENT");
      expect((await open(file, "read"))[0]?.code).toBe("ENOENT");
      const [error, made] = await open(file, "create");
      expect(error).toBeUndefined();
      await write(made!, "kept", 0);
      expect(await bench.settle<Outcome>((done) => made!.close(done))).toBeUndefined();
      const again = disk.openNow(file, "write");
      expect(read(again, 10, 0)).toBe("kept");
      again.closeNow();
      const emptied = disk.openNow(file, "create");
      expect(emptied.size()).toBe(0);
      emptied.closeNow();
      expect(code(() => disk.openNow(`${bench.directory}/no/file`, "create"))).toBe("ENOENT");
    });

    test("makes directories with their parents, again and again", () => {
      const { disk } = bench.host;
      disk.makeDirectory(`${bench.directory}/a/b`);
      disk.makeDirectory(`${bench.directory}/a/b`);
      disk.openNow(`${bench.directory}/a/file`, "create").closeNow();
      expect(disk.list(`${bench.directory}/a`).sort()).toEqual(["b", "file"]);
      expect(disk.stat(`${bench.directory}/a`)?.isDirectory).toBe(true);
      expect(disk.stat(`${bench.directory}/c`)).toBeUndefined();
      expect(code(() => disk.list(`${bench.directory}/c`))).toBe("ENOENT");
      expect(code(() => disk.list(`${bench.directory}/a/file`))).toBe("ENOTDIR");
    });

    test("renames over what was there, and an open file follows its name", async () => {
      const { disk } = bench.host;
      const other = `${bench.directory}/other`;
      const made = disk.openNow(file, "create");
      await write(made, "new", 0);
      disk.openNow(other, "create").closeNow();
      disk.renameNow(file, other);
      await write(made, "er", 3);
      made.closeNow();
      const renamed = disk.openNow(other, "read");
      expect(read(renamed, 9, 0)).toBe("newer");
      renamed.closeNow();
      expect(disk.list(bench.directory)).toEqual(["other"]);
      const gone = await bench.settle<Outcome>((done) => disk.rename(file, other, done));
      expect(gone?.code).toBe("ENOENT");
      expect(await bench.settle<Outcome>((done) => disk.rename(other, file, done))).toBeUndefined();
      expect(disk.list(bench.directory)).toEqual(["file"]);
      expect(code(() => disk.renameNow(other, file))).toBe("ENOENT");
    });

    test("moves a file to another directory", async () => {
      const { disk } = bench.host;
      const aside = `${bench.directory}/aside`;
      disk.makeDirectory(aside);
      const made = disk.openNow(file, "create");
      await write(made, "kept", 0);
      disk.renameNow(file, `${aside}/one`);
      expect(disk.list(bench.directory)).toEqual(["aside"]);
      const back = await bench.settle<Outcome>((done) => disk.rename(`${aside}/one`, file, done));
      expect(back).toBeUndefined();
      expect(disk.list(aside)).toEqual([]);
      expect(read(made, 9, 0)).toBe("kept");
      made.closeNow();
      expect(code(() => disk.renameNow(file, `${bench.directory}/nowhere/one`))).toBe("ENOENT");
      expect(disk.list(bench.directory).toSorted()).toEqual(["aside", "file"]);
    });

    test("removes names", async () => {
      const { disk } = bench.host;
      disk.openNow(file, "create").closeNow();
      disk.removeNow(file);
      expect(code(() => disk.removeNow(file))).toBe("ENOENT");
      disk.openNow(file, "create").closeNow();
      const remove = (): Promise<Outcome> => bench.settle((done) => disk.remove(file, done));
      expect(await remove()).toBeUndefined();
      expect((await remove())?.code).toBe("ENOENT");
      expect(disk.list(bench.directory)).toEqual([]);
    });

    test("syncs files and directories", async () => {
      const { disk } = bench.host;
      const made = disk.openNow(file, "create");
      await write(made, "x", 0);
      expect(await bench.settle<Outcome>((done) => made.datasync(done))).toBeUndefined();
      made.datasyncNow();
      made.closeNow();
      disk.syncDirectoryNow(bench.directory);
      const sync = (path: string): Promise<Outcome> =>
        bench.settle((done) => disk.syncDirectory(path, done));
      expect(await sync(bench.directory)).toBeUndefined();
      expect((await sync(`${bench.directory}/none`))?.code).toBe("ENOENT");
    });

    test("never calls back inside the call", async () => {
      const { disk } = bench.host;
      const made = disk.openNow(file, "create");
      const inside: string[] = [];
      const check = (name: string, start: (done: () => void) => void): Promise<void> =>
        bench.settle<void>((done) => {
          let returned = false;
          start(() => {
            if (!returned) inside.push(name);
            done();
          });
          returned = true;
        });
      await check("write", (done) => made.write(Buffer.from("x"), 0, done));
      await check("datasync", (done) => made.datasync(done));
      await check("close", (done) => made.close(done));
      await check("open", (done) => disk.open(file, "read", done));
      await check("open of nothing", (done) => disk.open(`${file}2`, "read", done));
      await check("rename", (done) => disk.rename(file, `${file}2`, done));
      await check("syncDirectory", (done) => disk.syncDirectory(bench.directory, done));
      await check("remove", (done) => disk.remove(`${file}2`, done));
      expect(inside).toEqual([]);
    });
  });
}
