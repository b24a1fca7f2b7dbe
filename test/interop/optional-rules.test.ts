// needs: apache

import { afterAll } from "vitest";
import { type Peer, TICK_MS } from "../conformance/server/peer.ts";
import { reconfigSuite } from "../conformance/server/reconfig.suite.ts";
import { TTL_CHECK_MS, ttlSuite } from "../conformance/server/ttl.suite.ts";
import { ApacheServer } from "../tools/apache.ts";

const server = await ApacheServer.start({
  tickTimeMs: TICK_MS,
  settings: { reconfigEnabled: "true" },
  properties: {
    "zookeeper.extendedTypesEnabled": "true",
    "znode.container.checkIntervalMs": String(TTL_CHECK_MS),
  },
});
afterAll(() => server.stop());

const peer: Peer = { name: "apache 3.8.0", port: server.port };
ttlSuite(peer);
reconfigSuite(peer, -6);
