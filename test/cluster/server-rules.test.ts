// The suites of test/conformance/server on our server as users run it. On Apache ZooKeeper, which
// shows that they ask for what is there: test/interop/server-rules.test.ts.

import { afterAll } from "vitest";
import { serverSuites } from "../conformance/server/all.ts";
import { SUPER_DIGEST, TICK_MS } from "../conformance/server/peer.ts";
import { QuorateServer } from "../tools/quorate-server.ts";

const server = await QuorateServer.start({
  tickTimeMs: TICK_MS,
  settings: { "DigestAuthenticationProvider.superDigest": SUPER_DIGEST, enforceQuota: "true" },
});
afterAll(() => server.stop());

serverSuites({ name: "quorate", port: server.port });
