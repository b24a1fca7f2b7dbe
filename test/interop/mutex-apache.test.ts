// The mutex against Apache ZooKeeper.
// needs: apache

import { TICK_MS } from "../recipes/lock-room.ts";
import { mutexSuite } from "../recipes/mutex.suite.ts";
import { ApacheServer } from "../tools/apache.ts";

mutexSuite(({ containerCheckMs } = {}) =>
  ApacheServer.start({
    tickTimeMs: TICK_MS,
    properties:
      containerCheckMs === undefined
        ? {}
        : { "znode.container.checkIntervalMs": String(containerCheckMs) },
  }),
);
