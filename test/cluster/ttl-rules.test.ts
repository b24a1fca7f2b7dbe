// What both servers are held to where TTL znodes are enabled. On Apache ZooKeeper:
// test/interop/ttl-rules.test.ts.

import { afterAll } from "vitest";
import { TICK_MS } from "../conformance/server/peer.ts";
import { TTL_CHECK_MS, ttlSuite } from "../conformance/server/ttl.suite.ts";
import { QuorateServer } from "../tools/quorate-server.ts";

const server = await QuorateServer.start({
  tickTimeMs: TICK_MS,
  settings: {
    extendedTypesEnabled: "true",
    "znode.container.checkIntervalMs": String(TTL_CHECK_MS),
  },
});
afterAll(() => server.stop());

ttlSuite({ name: "quorate", port: server.port });
