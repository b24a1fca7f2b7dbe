import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DirectoryInUseError, lockDirectory } from "../../protocol/node-lock.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "quorate-lock-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

// operations 1.4/<dataDir>/quorate.lock
test("a directory is held by one, and free again once that one gave it back", () => {
  const release = lockDirectory(directory);
  expect(readFileSync(join(directory, "quorate.lock"), "utf8")).toMatch(
    new RegExp(`^${process.pid} \\d+ [0-9a-f-]{36}\\n$`),
  );
  expect(() => lockDirectory(directory)).toThrow(DirectoryInUseError);
  expect(() => lockDirectory(directory)).toThrow(
    `${directory} is in use by process ${process.pid} (quorate.lock: delete it if this is a copy of another directory)`,
  );
  release();
  expect(readdirSync(directory)).toEqual([]);
  lockDirectory(directory)();
});

// operations 1.4/<dataDir>/quorate.lock
test("the lock of a process that is gone is taken over, and nothing stays behind", async () => {
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  for (const stale of [`${child.pid} 1 x\n`, `${process.pid} 1 another-boot\n`, "", "garbage"]) {
    writeFileSync(join(directory, "quorate.lock"), stale);
    const release = lockDirectory(directory);
    expect(readdirSync(directory)).toEqual(["quorate.lock"]);
    expect(readFileSync(join(directory, "quorate.lock"), "utf8")).toMatch(`${process.pid} `);
    release();
  }
});

test("giving back leaves a lock alone that somebody else took meanwhile", () => {
  const release = lockDirectory(directory);
  writeFileSync(join(directory, "quorate.lock"), "1 2 3\n");
  release();
  expect(readFileSync(join(directory, "quorate.lock"), "utf8")).toBe("1 2 3\n");
});

test("a directory that is not there is an error of the machine", () => {
  expect(() => lockDirectory(join(directory, "none"))).toThrow("ENOENT");
});

// operations Trap 45
test("a ZooKeeper that runs on the directory is respected, its pid file alone is not", async () => {
  const pidFile = join(directory, "zookeeper_server.pid");
  const other = spawn(process.execPath, ["-e", "process.stdin.resume()", "org.apache.zookeeper"]);
  await once(other, "spawn");
  writeFileSync(pidFile, String(other.pid));
  expect(() => lockDirectory(directory)).toThrow(
    `${directory} is in use by process ${other.pid} (zookeeper_server.pid)`,
  );
  other.kill("SIGKILL");
  await once(other, "exit");
  lockDirectory(directory)();
  writeFileSync(pidFile, "1\n");
  lockDirectory(directory)();
});
