// The one thing that the mixed suites avoid: digests that a server of Apache's gets wrong by itself.
// needs: apache

import { expect, test } from "vitest";
import { OpCode } from "../../../protocol/opcodes.ts";
import { writeCreateRequest, writeSetDataRequest } from "../../../protocol/proto.ts";
import { ApacheServer } from "../../tools/apache.ts";
import { QuorateServer } from "../../tools/quorate-server.ts";
import { ANYONE, RawClient } from "../../tools/raw-client.ts";
import type { ServerProcess } from "../../tools/server-process.ts";

const PAIRS = 20;

/** Digests that the server's own tree has not, after a child of the root and the root's data. */
async function wrongDigests(server: ServerProcess, isPipelined: boolean): Promise<number> {
  const client = await RawClient.open(server.port);
  for (let i = 0; i < PAIRS; i++) {
    const created = client.send(OpCode.create, (writer) => {
      const path = `/child-${isPipelined ? "pipelined" : "alone"}-${i}`;
      writeCreateRequest(writer, { path, data: null, acl: [...ANYONE], flags: 0 });
    });
    if (!isPipelined) await client.reply(created);
    const set = client.send(OpCode.setData, (writer) => {
      writeSetDataRequest(writer, { path: "/", data: Buffer.from("d"), version: -1 });
    });
    if (!isPipelined || i === PAIRS - 1) await client.reply(set);
  }
  client.drop();
  return Number(/^zk_digest_mismatches_count\s+(.*)$/m.exec(await server.word("mntr"))?.[1]);
}

test("data of the root behind a child that is not applied yet spoils Apache's digests, not ours", async () => {
  const [apache, ours] = await Promise.all([ApacheServer.start(), QuorateServer.start()]);
  try {
    expect(await wrongDigests(apache, false)).toBe(0);
    expect(await wrongDigests(apache, true)).toBeGreaterThan(0);
    expect(await wrongDigests(ours, true)).toBe(0);
  } finally {
    await Promise.all([apache.stop(), ours.stop()]);
  }
});
