// Trees as deep as clients make them, on a server as users run it: through log and snapshot.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { OpCode } from "../../protocol/opcodes.ts";
import { writePathRequest } from "../../protocol/proto.ts";
import { QuorateServer } from "../tools/quorate-server.ts";
import { RawClient } from "../tools/raw-client.ts";
import { until } from "../tools/until.ts";

/** Each create carries its whole path: bytes grow with the square. */
const DEPTH = 2000;
const LIMIT_MS = 120_000;

const server = await QuorateServer.start({ settings: { snapCount: String(DEPTH) } });
afterAll(() => server.stop());

const pathAt = (depth: number): string => "/a".repeat(depth);

async function descendants(client: RawClient): Promise<number> {
  const request = { path: "/a" };
  const fill = writePathRequest;
  const { body } = await client.call(OpCode.getAllChildrenNumber, (writer) =>
    fill(writer, request),
  );
  return body.readInt32BE(0);
}

// operations 7.9/9 Deep tree
test(
  "a deep tree comes back from log and snapshot after SIGKILL, and can be deleted",
  async () => {
    const client = await RawClient.open(server.port);
    let last = 0;
    for (let depth = 1; depth <= DEPTH; depth++) last = client.sendCreate(pathAt(depth));
    expect((await client.reply(last)).err).toBe(0);
    const snapshots = (): number =>
      readdirSync(join(server.dataDir, "version-2")).filter((name) =>
        /^snapshot\.[1-9a-f][0-9a-f]*$/.test(name),
      ).length;
    for (let wrote = 0; snapshots() === 0; wrote++) await client.create(`/plain${wrote}`);
    client.drop();
    await server.kill();
    await server.restart();
    const again = await RawClient.open(server.port);
    expect(await descendants(again)).toBe(DEPTH - 1);
    expect((await again.exists(pathAt(DEPTH))).err).toBe(0);
    expect(await server.word("mntr")).toMatch(/zk_digest_mismatches_count\s+0\b/);
    for (let depth = DEPTH; depth >= 1; depth--) last = again.sendDelete(pathAt(depth));
    expect((await again.reply(last)).err).toBe(0);
    await until("it is gone", async () => (await again.exists("/a")).err === -101);
    again.drop();
  },
  LIMIT_MS,
);
