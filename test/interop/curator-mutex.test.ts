// One lock for a Java service and ours: Curator's InterProcessMutex on the same directory.
// needs: apache, curator

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mutex } from "../../recipes/index.ts";
import { LockRoom, TICK_MS } from "../recipes/lock-room.ts";
import { ApacheServer, javaClassPath } from "../tools/apache.ts";

const SOURCE = fileURLToPath(new URL("curator/LockPeer.java", import.meta.url));
const classPath = javaClassPath("curator-client", "curator-framework", "curator-recipes", "guava");
const ROUNDS = 200;

let server: ApacheServer;
let classes: string;

beforeAll(async () => {
  classes = mkdtempSync(join(tmpdir(), "quorate-curator-"));
  const compiled = spawnSync("javac", ["-cp", classPath, "-d", classes, SOURCE]);
  expect(compiled.stderr.toString()).toBe("");
  server = await ApacheServer.start({ tickTimeMs: TICK_MS });
});

afterAll(async () => {
  await server.stop();
  rmSync(classes, { recursive: true });
});

/** The Java process: one command at a time, each answered by a line. */
class LockPeer implements AsyncDisposable {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  constructor(path: string) {
    const java = [
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
      "-cp",
      `${classes}:${classPath}`,
    ];
    this.#process = spawn("java", [...java, "LockPeer", server.address, path]);
    this.#lines = createInterface(this.#process.stdout);
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  async ready(): Promise<void> {
    expect(await this.#answer()).toBe("ready");
  }

  async acquire(timeoutMs: number): Promise<boolean> {
    this.#process.stdin.write(`acquire ${timeoutMs}\n`);
    return (await this.#answer()) === "true";
  }

  async release(): Promise<void> {
    this.#process.stdin.write("release\n");
    expect(await this.#answer()).toBe("released");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#process, "exit");
    this.#process.stdin.end();
    await exited;
  }

  async #answer(): Promise<string> {
    return String((await this.#answers.next()).value);
  }
}

// recipes T-MUTEX-31, LY-1
test("a Java service and ours take turns with one lock, two hundred times", async () => {
  await using room = new LockRoom(server, () => ApacheServer.start());
  const client = await room.client();
  const lockOf = mutex(client, room.path);
  await using java = new LockPeer(room.path);
  await java.ready();

  const first = await lockOf.acquire();
  expect(await java.acquire(1000)).toBe(false);
  await first.release();

  let newest = first.fencingToken;
  for (let round = 0; round < ROUNDS; round++) {
    const ours = await lockOf.acquire();
    expect(ours.fencingToken).toBeGreaterThan(newest);
    const theirs = java.acquire(30_000);
    await room.untilCount(client, 2);
    expect((await lockOf.holder())?.isMine).toBe(true);
    await ours.release();
    expect(await theirs).toBe(true);

    const next = lockOf.acquire();
    await room.untilCount(client, 2);
    const holder = await lockOf.holder();
    expect(holder?.isMine).toBe(false);
    expect(await lockOf.tryAcquire()).toBeNull();
    await java.release();
    const lock = await next;
    newest = lock.fencingToken;
    expect(newest).toBeGreaterThan(holder!.czxid);
    await lock.release();
  }
});
