// What a case about locks has at hand: a server, clients with and without a proxy on their way, and
// a directory of its own. All of it is closed when the case ends.

import { type Client, type ConnectOptions, connect } from "../../client/index.ts";
import { childPath } from "../../protocol/paths.ts";
import { Proxy } from "../tools/proxy.ts";
import { until } from "../tools/until.ts";

/** A server that cases run against, wherever it comes from. */
export interface TestServer {
  readonly port: number;
  readonly dataDir: string;
  /** SIGKILL, or what comes closest. */
  kill(): Promise<void>;
  /** The same port and data again, once it answers. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface TestServerOptions {
  readonly containerCheckMs?: number;
}

export type StartServer = (options?: TestServerOptions) => Promise<TestServer>;

/** Short, so that a case can wait for a session's end; six ticks of the servers under test. */
export const SESSION_MS = 3000;
export const TICK_MS = 500;

export interface ProxiedClient {
  readonly client: Client;
  readonly proxy: Proxy;
}

let rooms = 0;

export class LockRoom implements AsyncDisposable {
  readonly server: TestServer;
  /** A directory that no other case uses. */
  readonly path: string;
  readonly #start: StartServer;
  readonly #closers: (() => Promise<void>)[] = [];

  constructor(server: TestServer, start: StartServer) {
    this.server = server;
    rooms += 1;
    this.path = `/locks/room-${rooms}`;
    this.#start = start;
  }

  async client(options: ConnectOptions = {}): Promise<Client> {
    return this.#connect(this.server.port, options);
  }

  async clients(count: number): Promise<Client[]> {
    return Promise.all(Array.from({ length: count }, () => this.client()));
  }

  async proxied(options: ConnectOptions = {}): Promise<ProxiedClient> {
    const proxy = await Proxy.start(this.server.port);
    this.#closers.push(() => proxy.close());
    return { client: await this.#connect(proxy.port, options), proxy };
  }

  /** A server for this case alone, in the place of the shared one. */
  async ownServer(options: TestServerOptions): Promise<LockRoom> {
    const server = await this.#start(options);
    const room = new LockRoom(server, this.#start);
    this.#closers.unshift(
      () => server.stop(),
      () => room[Symbol.asyncDispose](),
    );
    return room;
  }

  /** Names in the directory, in no order; none if it is not there. */
  async names(client: Client): Promise<readonly string[]> {
    if ((await client.exists(this.path)) === undefined) return [];
    return (await client.getChildren(this.path)).children;
  }

  /** Waits until the directory has this many znodes. */
  async untilCount(client: Client, count: number): Promise<void> {
    await until(`${count} in ${this.path}`, async () => {
      return (await this.names(client)).length === count;
    });
  }

  child(name: string): string {
    return childPath(this.path, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
  }

  async #connect(port: number, options: ConnectOptions): Promise<Client> {
    const client = await connect(`127.0.0.1:${port}`, {
      sessionTimeoutMs: SESSION_MS,
      serverTickTimeMs: TICK_MS,
      ...options,
    });
    this.#closers.push(() => client.close({ timeoutMs: 1000 }));
    return client;
  }
}
