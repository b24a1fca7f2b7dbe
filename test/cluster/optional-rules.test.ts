// What both servers are held to where what is off by default is on. On Apache ZooKeeper:
// test/interop/optional-rules.test.ts.

import { afterAll } from "vitest";
import { type Peer, TICK_MS } from "../conformance/server/peer.ts";
import { reconfigSuite } from "../conformance/server/reconfig.suite.ts";
import { TTL_CHECK_MS, ttlSuite } from "../conformance/server/ttl.suite.ts";
import { QuorateServer } from "../tools/quorate-server.ts";

const server = await QuorateServer.start({
  tickTimeMs: TICK_MS,
  settings: {
    extendedTypesEnabled: "true",
    reconfigEnabled: "true",
    "znode.container.checkIntervalMs": String(TTL_CHECK_MS),
  },
});
afterAll(() => server.stop());

const peer: Peer = { name: "quorate", port: server.port };
ttlSuite(peer);
reconfigSuite(peer, -6);
