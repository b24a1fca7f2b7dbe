// One server and its clients on simulated hosts, with promises: whole recipes under one seed. After
// each event the promises that it settled run to their end before the next event does, and the
// timers of packages are the world's.

import { type Client, connect } from "../../client/index.ts";
import { defaultConfig } from "../../server/config/config.ts";
import type { Logger } from "../../server/log.ts";
import { Server } from "../../server/server.ts";
import { EventKind, type SimHost, World } from "../../server/testing/index.ts";
import { nextTurn } from "../tools/until.ts";

const PORT = 2181;
const SERVER = "server";
const TICK_MS = 500;
/** Six ticks: the shortest for which the ownership promise holds. */
export const SESSION_MS = 3000;
/** Longer than anything that a case waits for. */
const LIMIT_MS = 600_000;

export class SimRoom {
  readonly world: World;
  readonly #serverHost: SimHost;
  #clients = 0;

  /** @param world  whose global timers are the world's (`worldTimers`). */
  constructor(world: World) {
    this.world = world;
    this.#serverHost = world.host(SERVER);
    this.#serverHost.disk.makeDirectory("/data");
    this.#serverHost.disk.syncDirectoryNow("/");
    this.startServer();
  }

  startServer(): void {
    const host = this.#serverHost;
    host.restart();
    const config = { ...defaultConfig("/data", PORT, TICK_MS), preAllocBytes: 0 };
    this.world.schedule(host, 0, EventKind.script, () => {
      // Held by what it has asked of its host.
      void new Server(host, config, SILENT, {
        ready: () => undefined,
        stopped: () => undefined,
        failed: ({ message }) => {
          throw new Error(message);
        },
      });
    });
  }

  killServer(): void {
    this.#serverHost.crash("kill");
  }

  /** A client on a host of its own. */
  async client(): Promise<{ client: Client; host: SimHost }> {
    this.#clients += 1;
    const host = this.world.host(`client-${this.#clients}`);
    const connecting = connect(`${SERVER}:${PORT}`, {
      host,
      sessionTimeoutMs: SESSION_MS,
      serverTickTimeMs: TICK_MS,
      connectTotalTimeoutMs: Number.POSITIVE_INFINITY,
    });
    return { client: await this.run(connecting), host };
  }

  /** Nothing passes between a client and the server any more, and nobody is told. */
  cut(host: SimHost): void {
    this.world.fabric.partition(host.name, SERVER);
  }

  reset(host: SimHost): void {
    this.world.fabric.reset(host.name, SERVER, false);
  }

  heal(): void {
    this.world.fabric.heal();
  }

  /** Runs the world until the promise has settled. */
  async run<T>(promise: Promise<T>): Promise<T> {
    const state = { isSettled: false };
    const settle = (): void => {
      state.isSettled = true;
    };
    promise.then(settle, settle);
    const limitUs = this.world.nowUs + LIMIT_MS * 1000;
    await nextTurn();
    while (!state.isSettled) {
      if (this.world.nowUs > limitUs) throw new Error("the promise does not settle");
      await this.step();
    }
    return promise;
  }

  /** Whether nobody is left in a directory, after two sessions at most. */
  async isSoonEmpty(client: Client, path: string): Promise<boolean> {
    const limitUs = this.world.nowUs + 2 * SESSION_MS * 1000;
    for (;;) {
      const stat = await this.run(client.exists(path));
      if (stat === undefined || stat.childCount === 0) return true;
      if (this.world.nowUs > limitUs) return false;
      await this.runFor(10);
    }
  }

  async runFor(delayMs: number): Promise<void> {
    const untilUs = this.world.nowUs + delayMs * 1000;
    this.world.schedule(undefined, delayMs * 1000, EventKind.script, () => undefined);
    while (this.world.nowUs < untilUs) await this.step();
  }

  /** One event, and the promises that hang on it. */
  async step(): Promise<void> {
    if (!this.world.step()) throw new Error("nothing will ever happen again");
    await nextTurn();
  }
}

const SILENT: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** `setTimeout` and `clearTimeout` in a world's time, for packages that call the global ones. */
export function worldTimers(world: World): {
  readonly setTimeout: (callback: () => void, delayMs: number) => object;
  readonly clearTimeout: (timer: object) => void;
} {
  const events = new WeakMap<object, { cancelled: boolean }>();
  return {
    setTimeout: (callback, delayMs) => {
      const timer = {};
      events.set(timer, world.schedule(undefined, delayMs * 1000, EventKind.timer, callback));
      return timer;
    },
    clearTimeout: (timer) => {
      const event = events.get(timer);
      if (event !== undefined) event.cancelled = true;
    },
  };
}
