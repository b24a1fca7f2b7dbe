// The client against Apache ZooKeeper.
// needs: apache

import { clientSuite } from "../conformance/client.suite.ts";
import { ApacheServer } from "../tools/apache.ts";

clientSuite({
  name: "Apache ZooKeeper 3.8.0",
  start: (options) =>
    ApacheServer.start({ ...options, properties: { "zookeeper.extendedTypesEnabled": "true" } }),
});
