/** The port that clients connect to, as the settings say: it lives as long as the process. */
import type { Host } from "../protocol/host.ts";
import { Answering } from "./admin/answering.ts";
import type { Summary } from "./admin/summary.ts";
import type { ServerConfig } from "./config/config.ts";
import { connectionLimit } from "./descriptors.ts";
import type { Logger } from "./log.ts";
import { ClientPort } from "./net/client-port.ts";
import { ConnectionThrottle } from "./net/connection-throttle.ts";
import type { PipelineStats } from "./pipeline/stats.ts";
import { WaitingFrames } from "./pipeline/waiting.ts";
import type { ServerView } from "./server-view.ts";
import { ExpiryQueue } from "./session/expiry.ts";

/** Deadlines of connections that have nothing to do with sessions are this coarse. */
const CONNECTION_TICK_MS = 1000;

export interface ClientSide {
  /** How long somebody may wait for a term that serves. */
  readonly heldTimeoutMs: number;
  /** What four-letter words tell. */
  view(): ServerView;
}

export function introduceClientPort(
  { clock, network, random, disk }: Host,
  config: ServerConfig,
  log: Logger,
  stats: PipelineStats<Summary>,
  side: ClientSide,
): ClientPort {
  return new ClientPort(
    clock,
    network,
    {
      host: config.clientPortAddress,
      port: config.clientPort,
      backlog: config.clientPortListenBacklog,
      maxBufferBytes: config.maxBufferBytes,
      maxClientConnections: config.maxClientConnections,
      maxConnections: connectionLimit(disk, config.maxConnections),
      sessionlessTimeoutMs: config.sessionlessTimeoutMs,
      heldTimeoutMs: side.heldTimeoutMs,
      auth: config,
    },
    {
      stats,
      words: new Answering(clock, log, () => side.view()),
      report: (reason, details) => log.info(details, `connection closed: ${reason}`),
    },
    {
      waiting: () => new WaitingFrames(),
      deadlines: new ExpiryQueue(CONNECTION_TICK_MS, clock.nowMs()),
      throttle: new ConnectionThrottle(clock, random, {
        ...config,
        localSessionWeight: config.ensemble?.localSessionWeight ?? 1,
      }),
    },
  );
}
