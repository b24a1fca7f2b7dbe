// The mutex against our server, in a process of its own.

import { TICK_MS } from "../recipes/lock-room.ts";
import { mutexSuite } from "../recipes/mutex.suite.ts";
import { QuorateServer } from "../tools/quorate-server.ts";

mutexSuite(({ containerCheckMs } = {}) =>
  QuorateServer.start({
    tickTimeMs: TICK_MS,
    settings:
      containerCheckMs === undefined
        ? {}
        : { "znode.container.checkIntervalMs": String(containerCheckMs) },
  }),
);
