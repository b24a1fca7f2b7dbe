// needs: strace

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect } from "quorate/client";
import { expect, test } from "vitest";
import { freePort, ServerProcess, type ServerProcessOptions } from "../tools/server-process.ts";
import { readTrace, type Trace } from "./strace.ts";
import { STRACE } from "./strace-calls.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const WRITES = 399;

/** Our server with everything that it writes and syncs on record. */
class TracedServer extends ServerProcess {
  static async start(traceFile: string, options: ServerProcessOptions): Promise<TracedServer> {
    const server = new TracedServer(
      await freePort(),
      (configFile) => [
        "strace",
        ...STRACE,
        "-o",
        traceFile,
        process.execPath,
        CLI,
        "server",
        configFile,
      ],
      options,
    );
    await server.restart();
    return server;
  }

  /** Ends the server itself first: strace would only let go of it. */
  override async kill(): Promise<void> {
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, "utf8").trim();
    for (const pid of children.split(" ")) process.kill(Number(pid), "SIGKILL");
    await super.kill();
  }
}

async function traceWrites(settings: Readonly<Record<string, string>>): Promise<Trace> {
  const home = mkdtempSync(join(tmpdir(), "quorate-strace-"));
  const traceFile = join(home, "trace");
  const server = await TracedServer.start(traceFile, { settings, dataDir: join(home, "data") });
  try {
    const clients = await Promise.all([1, 2, 3].map(() => connect(server.address)));
    const each = WRITES / clients.length;
    const writes = clients.flatMap((client, first) =>
      Array.from({ length: each }, (_, at) =>
        client.create("/s-", Buffer.alloc(first + at), { mode: "persistent-sequential" }),
      ),
    );
    await Promise.all(writes);
    await Promise.all(clients.map((client) => client.close()));
  } finally {
    await server.stop();
  }
  const trace = readTrace(readFileSync(traceFile, "utf8"));
  rmSync(home, { recursive: true });
  return trace;
}

// storage WP-4
test("no reply to a write leaves before an fdatasync that covers its log bytes", async () => {
  // snapCount: new log files are begun on the way.
  const { replies, syncs } = await traceWrites({ snapCount: "100" });
  expect(replies.length).toBeGreaterThanOrEqual(WRITES);
  expect(syncs).toBeGreaterThan(3);
  expect(replies.filter((reply) => reply.zxid > reply.durableZxid)).toEqual([]);
}, 60_000);

test("the same trace shows it when nothing is synced", async () => {
  const { replies } = await traceWrites({ forceSync: "no" });
  expect(replies.filter((reply) => reply.zxid > reply.durableZxid).length).toBeGreaterThan(
    WRITES / 2,
  );
}, 60_000);
