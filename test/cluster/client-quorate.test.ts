// The client against our own server, as a process.

import { clientSuite } from "../conformance/client.suite.ts";
import { QuorateServer } from "../tools/quorate-server.ts";

clientSuite({
  name: "quorate",
  start: (options) =>
    QuorateServer.start({ ...options, settings: { extendedTypesEnabled: "true" } }),
});
