// needs: apache

import { afterAll } from "vitest";
import { serverSuites } from "../conformance/server/all.ts";
import { SUPER_DIGEST, TICK_MS } from "../conformance/server/peer.ts";
import { ApacheServer } from "../tools/apache.ts";

const server = await ApacheServer.start({
  tickTimeMs: TICK_MS,
  properties: {
    "zookeeper.DigestAuthenticationProvider.superDigest": SUPER_DIGEST,
    "zookeeper.enforceQuota": "true",
  },
});
afterAll(() => server.stop());

serverSuites({ name: "apache 3.8.0", port: server.port });
