// Clients of npm: zookeeper, which wraps the C client.
// needs: apache, npm-zookeeper

import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { installNativeClient, NATIVE_CLIENT } from "../tools/native-client.ts";
import { expectSame, ServerPair } from "../tools/transcript.ts";

const SCRIPT = fileURLToPath(new URL("npm/zookeeper.mjs", import.meta.url));
const INSTALL_LIMIT_MS = 400_000;

// client-protocol 8.4/C, Trap 1
test(
  "zookeeper sees the same of both servers",
  async () => {
    expect(installNativeClient()).toBe(true);
    await using servers = await ServerPair.start({ settings: { extendedTypesEnabled: "true" } });
    expectSame(
      await servers.run((...addresses) => [process.execPath, SCRIPT, NATIVE_CLIENT, ...addresses]),
    );
  },
  INSTALL_LIMIT_MS,
);
