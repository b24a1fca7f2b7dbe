// Clients of npm: node-zookeeper-client, which is JavaScript.
// needs: apache

import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { expectSame, ServerPair } from "../tools/transcript.ts";

function scriptOf(name: string): string {
  return fileURLToPath(new URL(`npm/${name}.mjs`, import.meta.url));
}

// client-protocol 8.4, Trap 1
test("node-zookeeper-client sees the same of both servers", async () => {
  await using servers = await ServerPair.start();
  const script = scriptOf("node-zookeeper-client");
  expectSame(await servers.run((...addresses) => [process.execPath, script, ...addresses]));
});
