/** One server of a test's ensemble through its lives: its disk and its ports outlast them. */
import type { Host, Machine } from "../../protocol/host.ts";
import type { ServerConfig } from "../config/config.ts";
import type { Logger } from "../log.ts";
import { Server } from "../server.ts";
import type { ServerFailure } from "../server-face.ts";
import { LiveNetwork } from "./live-network.ts";
import { LiveProcess } from "./live-process.ts";
import type { LiveWires } from "./live-wires.ts";
import { SimDisk } from "./sim-disk.ts";
import type { SimRandom } from "./sim-random.ts";

/** What it is doing, as a test would say it. */
export type TestServerState = Server["role"] | "paused" | "down";

/** From one start to its end. */
interface Life {
  readonly process: LiveProcess;
  readonly network: LiveNetwork;
  /** Undefined while it is made: it asks its disk already. */
  server: Server | undefined;
}

export class TestServer {
  readonly sid: number;
  readonly votes: boolean;
  readonly config: ServerConfig;
  readonly disk: SimDisk;
  /** Why it ended of its own accord. */
  failure: ServerFailure | undefined;
  /** It hears clients, whether it serves them or not. */
  isListening = false;
  readonly #machine: Host;
  readonly #wires: LiveWires;
  readonly #draw: SimRandom;
  readonly #log: Logger;
  #life: Life | undefined;

  constructor(
    sid: number,
    votes: boolean,
    config: ServerConfig,
    wires: LiveWires,
    machine: Host,
    draw: SimRandom,
    log: Logger,
  ) {
    this.sid = sid;
    this.votes = votes;
    this.config = config;
    this.#wires = wires;
    this.#machine = machine;
    this.#draw = draw;
    this.#log = log;
    this.disk = new SimDisk({
      draw,
      // A disk in memory takes no time, but answers in a turn of its own.
      after: (_delayUs, run) => this.#life?.process.endOfTurn(run),
    });
  }

  get state(): TestServerState {
    const life = this.#life;
    if (life === undefined) return "down";
    return life.process.isStanding ? "paused" : (life.server?.role ?? "looking");
  }

  /** Undefined while it is down. */
  get server(): Server | undefined {
    return this.#life?.server;
  }

  get isServing(): boolean {
    return this.state !== "paused" && this.#life?.server?.isServing === true;
  }

  start(): void {
    if (this.#life !== undefined) throw new Error(`server ${this.sid} runs already`);
    this.failure = undefined;
    const process = new LiveProcess(this.#machine.clock);
    const network = new LiveNetwork(this.sid, process, this.#wires, this.#machine.network);
    const { disk } = this;
    const machine: Machine = this.#machine.machine;
    const random = this.#draw.fork();
    const events = {
      ready: () => {
        this.isListening = true;
      },
      stopped: () => void this.#end("kill"),
      failed: (failure: ServerFailure) => {
        this.failure = failure;
        this.#log.error({ sid: this.sid, exitCode: failure.exitCode }, failure.message);
        void this.#end("kill");
      },
    };
    const life: Life = { process, network, server: undefined };
    this.#life = life;
    const host = { clock: process, random, network, disk, machine };
    life.server = new Server(host, this.config, this.#log, events);
  }

  pause(): void {
    this.#running().process.pause();
    this.#life?.network.regulate();
  }

  resume(): void {
    const { process, network } = this.#running();
    process.resume(() => network.regulate());
  }

  /** SIGTERM. */
  terminate(): void {
    this.#running().server?.stop();
  }

  /** SIGKILL, or the power is cut. @returns when its ports are free */
  kill(how: "kill" | "power"): Promise<void> {
    this.#running();
    return this.#end(how);
  }

  /** Breaks the connections of its clients. */
  disconnect(): void {
    this.#life?.network.breakAccepted(this.config.clientPort);
  }

  #end(how: "kill" | "power"): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    this.isListening = false;
    if (life === undefined) return Promise.resolve();
    life.process.end();
    this.disk.crash(how);
    return new Promise((resolve) => {
      life.network.abandon(resolve);
    });
  }

  #running(): Life {
    if (this.#life === undefined) throw new Error(`server ${this.sid} is down`);
    return this.#life;
  }
}
