// kazoo, as Debian ships it, against a server of ours and against Apache ZooKeeper.
// needs: apache, kazoo

import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectSame, ServerPair, type Transcripts } from "../tools/transcript.ts";

const SCRIPT = fileURLToPath(new URL("kazoo/main.py", import.meta.url));
/** Sessions of a minute live through a restart on a slow machine. */
const TICK_MS = 3000;

let servers: ServerPair;

beforeAll(async () => {
  servers = await ServerPair.start({ tickTimeMs: TICK_MS });
});

afterAll(() => servers[Symbol.asyncDispose]());

function run(subject: string): Promise<Transcripts> {
  return servers.run((address) => ["/usr/bin/python3", "-B", SCRIPT, subject, address]);
}

// client-protocol Trap 13, operations 3.4/kazoo server_version() [P]
test("kazoo's calls give the same, down to every Stat", async () => {
  expectSame(await run("plain"));
});

test("kazoo's digests and lists guard the same", async () => {
  expectSame(await run("acls"));
});

test("kazoo's transactions commit and fail alike", async () => {
  expectSame(await run("transactions"));
});

test("kazoo below a chroot sees the same", async () => {
  expectSame(await run("chroot"));
});

test("kazoo's locks, semaphores and elections pass from hand to hand alike", async () => {
  expectSame(await run("locks"));
});

test("kazoo's parties, barriers and partitions gather alike", async () => {
  expectSame(await run("gatherings"));
});

test("kazoo's counters, queues and leases hold the same", async () => {
  expectSame(await run("values"));
});

test("kazoo's watches and caches are told the same", async () => {
  expectSame(await run("watches"));
});

// client-protocol 8.4/kazoo
test("kazoo's session outlives the server, with all that it held and watched", async () => {
  const transcripts = await run("restart");
  expectSame(transcripts);
  expect(transcripts.ours).toContain("same sessions: True");
});
