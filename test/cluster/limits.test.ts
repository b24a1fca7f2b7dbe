// What a server does to connections and znodes that nobody asked it about: limits, silence,
// containers, purges.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { OpCode } from "../../protocol/opcodes.ts";
import { QuorateServer } from "../tools/quorate-server.ts";
import { RawClient } from "../tools/raw-client.ts";
import { fourLetterWord } from "../tools/server-process.ts";
import { until } from "../tools/until.ts";

let server: QuorateServer | undefined;
afterEach(() => server?.stop());

async function start(settings: Readonly<Record<string, string>>): Promise<QuorateServer> {
  server = await QuorateServer.start({ settings });
  return server;
}

// client-protocol 3.4/1; server-semantics 10/maxClientCnxns, 13/maxClientCnxns
test("more connections from one address than allowed are closed, but for a few words", async () => {
  const { port } = await start({ maxClientCnxns: "3" });
  const clients = await Promise.all([1, 2, 3].map(() => RawClient.open(port)));
  const fourth = await RawClient.dial(port);
  await expect(fourth.handshake()).rejects.toThrow("closed");
  expect(await fourLetterWord(port, "ruok")).toBe("imok");
  clients[0]?.drop();
  await until("there is room again", async () => {
    const next = await RawClient.dial(port);
    try {
      return (await next.handshake()).timeoutMs > 0;
    } catch {
      return false;
    }
  });
});

// server-semantics 10/zookeeper.maxCnxns total; operations 7.6/Total connections
test("more connections in all than allowed are closed, wherever they come from", async () => {
  const { port } = await start({ maxCnxns: "3", maxClientCnxns: "100" });
  await Promise.all([1, 2, 3].map(() => RawClient.open(port)));
  const fourth = await RawClient.dial(port);
  await expect(fourth.handshake()).rejects.toThrow("closed");
  // A probe on the machine itself is heard all the same.
  expect(await fourLetterWord(port, "ruok")).toBe("imok");
});

// client-protocol 3.1/a known word that is not enabled; server-semantics 13/zookeeper.4lw.commands.whitelist
test("a word that is not enabled is answered by saying so", async () => {
  const { port } = await start({ "4lw.commands.whitelist": "srvr" });
  expect(await fourLetterWord(port, "wchp")).toBe(
    "wchp is not executed because it is not in the whitelist.\n",
  );
});

// server-semantics 5.3/connection without handshake for
test("a connection that says nothing is closed", async () => {
  const { port } = await start({ "nio.sessionlessCnxnTimeout": "500" });
  const startedMs = performance.now();
  const client = await RawClient.dial(port);
  await client.untilClosed();
  expect(performance.now() - startedMs).toBeGreaterThan(450);
});

// server-semantics 12/client half-closes
test("what a client sent before it half-closed is done", async () => {
  const { port } = await start({});
  const client = await RawClient.open(port);
  client.sendCreate("/last-word");
  client.socket.end();
  const other = await RawClient.open(port);
  await until("it is there", async () => (await other.exists("/last-word")).err === 0);
});

// server-semantics 9.3, 9.3/container, 9.3/container never used, 3.2/deleteContainer (internal)
test("a container goes after its last child, one that never had a child stays", async () => {
  const { port } = await start({ "znode.container.checkIntervalMs": "50" });
  const client = await RawClient.open(port);
  const container = { flags: 4, type: OpCode.createContainer };
  await client.create("/used", container);
  await client.create("/unused", container);
  await client.create("/busy", container);
  await client.create("/plain");
  for (const parent of ["/used", "/busy", "/plain"]) await client.create(`${parent}/child`);
  await client.exists("/used", true);
  for (const parent of ["/used", "/plain"]) await client.delete(`${parent}/child`);
  await until("the container is gone", async () => (await client.exists("/used")).err === -101);
  expect(client.events).toMatchObject([{ type: 2, path: "/used" }]);
  for (const path of ["/unused", "/busy", "/plain"]) {
    expect((await client.exists(path)).err, path).toBe(0);
  }
});

// storage ST-35
test("a start purges what newer snapshots have replaced, if it is told to", async () => {
  const first = await start({ snapCount: "20", "autopurge.purgeInterval": "1" });
  const { port, dataDir } = first;
  const snapshots = (): string[] =>
    readdirSync(join(dataDir, "version-2")).filter((name) => /^snapshot\.[0-9a-f]+$/.test(name));
  const client = await RawClient.open(port);
  let written = 0;
  await until("there are many snapshots", async () => {
    await client.create(`/n${written++}`);
    return snapshots().length > 6;
  });
  await first.kill();
  await first.restart();
  await until("three are left", () => snapshots().length === 3);
  const again = await RawClient.open(port);
  expect((await again.exists(`/n${written - 1}`)).err).toBe(0);
});

test("a restart takes no snapshot where there is little to replay", async () => {
  const { dataDir } = await start({});
  for (let i = 0; i < 3; i++) {
    const client = await RawClient.open(server?.port ?? 0);
    await client.create(`/n${i}`);
    await server?.kill();
    await server?.restart();
  }
  const names = readdirSync(join(dataDir, "version-2"));
  expect(names.filter((name) => name.startsWith("snapshot."))).toEqual(["snapshot.0"]);
});
