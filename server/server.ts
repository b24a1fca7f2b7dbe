/**
 * One server, alone or of an ensemble, as its configuration says. Nothing in it is asynchronous but
 * what the host calls back, so that a server runs as well in a simulator's plain loop.
 */
import type { Host } from "../protocol/host.ts";
import type { ServerConfig } from "./config/config.ts";
import { EnsembleServer } from "./ensemble.ts";
import type { Logger } from "./log.ts";
import type { AnyServer, ServerEvents } from "./server-face.ts";
import type { ServerView } from "./server-view.ts";
import { StandaloneServer } from "./standalone.ts";
import type { DataTree } from "./tree/data-tree.ts";
import type { Role } from "./zab/peer.ts";

export class Server implements AnyServer {
  readonly #server: AnyServer;

  /**
   * Recovers what is on disk, at once, and then serves: `ready` or `failed` follows.
   *
   * @param host Every door to the machine; what is not passed here cannot be reached.
   */
  constructor(host: Host, config: ServerConfig, log: Logger, events: ServerEvents) {
    const { ensemble } = config;
    this.#server =
      ensemble === undefined
        ? new StandaloneServer(host, config, log, events)
        : new EnsembleServer(host, config, ensemble, log, events);
  }

  get tree(): DataTree | undefined {
    return this.#server.tree;
  }

  get view(): ServerView | undefined {
    return this.#server.view;
  }

  get role(): Role | "standalone" {
    return this.#server.role;
  }

  get isServing(): boolean {
    return this.#server.isServing;
  }

  takeSnapshot(): boolean {
    return this.#server.takeSnapshot();
  }

  expireSession(sessionId: bigint): boolean {
    return this.#server.expireSession(sessionId);
  }

  stop(): void {
    this.#server.stop();
  }
}
