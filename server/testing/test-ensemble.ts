/**
 * An ensemble inside a test: real servers on real sockets of the loopback, their disks in memory,
 * all in the process of the test, with the faults that its code has to live with at hand.
 *
 *     await using ensemble = await startEnsemble({ servers: 3 });
 *     const zk = await connect(ensemble.connectString);
 *     await ensemble.killLeader();
 */
import type { Clock, Host } from "../../protocol/host.ts";
import { nodeHost } from "../../protocol/node-host.ts";
import { bigIntHighWord, bigIntLowWord } from "../../protocol/zxid.ts";
import type { Logger } from "../log.ts";
import {
  TEST_ADDRESS,
  type TestEnsembleOptions,
  type TestPorts,
  testConfigs,
} from "./ensemble-options.ts";
import { freePorts } from "./free-ports.ts";
import { LiveWires } from "./live-wires.ts";
import { SimRandom } from "./sim-random.ts";
import { TestServer, type TestServerState } from "./test-server.ts";

/** What `expireSession` takes: a client, or anything else that tells its session. */
export type SessionOwner = bigint | { readonly sessionId: bigint };

export interface PartitionOptions {
  /** Only what the first side sends is held back; it still hears the other. Default: false. */
  readonly oneWay?: boolean | undefined;
}

/**
 * Starts servers of an ensemble in this process; resolves once all of them serve clients, usually
 * within a second.
 */
export async function startEnsemble(options: TestEnsembleOptions = {}): Promise<TestEnsemble> {
  const ensemble = await TestEnsemble.create(options);
  try {
    await Promise.all(ensemble.sids.map((sid) => ensemble.start(sid)));
    await ensemble.ready();
  } catch (error) {
    await ensemble.stop();
    throw error;
  }
  return ensemble;
}

const SETTLE_LIMIT_MS = 30_000;
const POLL_MS = 2;
const SEEDS = 0x1_0000_0000;

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * The faults are those that a process and a network can have; none of them is announced to the
 * servers. What needs an election or a reconnect resolves once that is over, and rejects when it
 * is not within 30 seconds.
 */
export class TestEnsemble implements AsyncDisposable {
  /** For `connect`, and for any other client of ZooKeeper. */
  readonly connectString: string;
  /** What `options.seed` was, or has become. */
  readonly seed: number;
  /** The servers' numbers: 1 and up, those that vote first. */
  readonly sids: readonly number[];
  readonly #clock: Clock;
  readonly #wires: LiveWires;
  readonly #servers: ReadonlyMap<number, TestServer>;

  private constructor(
    seed: number,
    clock: Clock,
    wires: LiveWires,
    servers: ReadonlyMap<number, TestServer>,
  ) {
    this.seed = seed;
    this.#clock = clock;
    this.#wires = wires;
    this.#servers = servers;
    this.sids = [...servers.keys()];
    this.connectString = this.sids.map((sid) => this.address(sid)).join(",");
  }

  /** Configures servers and starts none. */
  static async create(options: TestEnsembleOptions): Promise<TestEnsemble> {
    const voters = options.servers ?? 3;
    const observers = options.observers ?? 0;
    if (!(Number.isInteger(voters) && voters >= 1)) throw new RangeError("servers: 1 or more");
    if (!(Number.isInteger(observers) && observers >= 0))
      throw new RangeError("observers: 0 or more");
    const machine = nodeHost();
    const seed = options.seed ?? Math.floor(machine.random.fraction() * SEEDS);
    const draw = new SimRandom(seed);
    const ports = await takePorts(machine, voters + observers);
    const wires = new LiveWires();
    const servers = new Map<number, TestServer>();
    for (const [sid, config] of testConfigs(options, voters, ports)) {
      const { quorumPort = 0, electionPort = 0 } = ports[sid - 1] ?? {};
      wires.belongs(quorumPort, sid);
      wires.belongs(electionPort, sid);
      const log = options.logger ?? SILENT;
      servers.set(
        sid,
        new TestServer(sid, sid <= voters, config, wires, machine, draw.fork(), log),
      );
    }
    return new TestEnsemble(seed, machine.clock, wires, servers);
  }

  /** The address of one server, for `connect`. */
  address(sid: number): string {
    return `${TEST_ADDRESS}:${this.#server(sid).config.clientPort}`;
  }

  state(sid: number): TestServerState {
    return this.#server(sid).state;
  }

  /** The number of the server that leads those that make a majority, once there is one. */
  async leader(): Promise<number> {
    let leader: number | undefined;
    await this.#until("there is a leader", () => {
      leader = this.#leaderNow();
      return leader !== undefined;
    });
    if (leader === undefined) throw new Error("there is no leader");
    return leader;
  }

  /** Resolves once every server serves that runs and that reaches the leader. */
  async ready(): Promise<void> {
    await this.#until("everybody serves", () => {
      const leader = this.#leaderNow();
      return leader !== undefined && this.#runningBeside(leader).every((each) => each.isServing);
    });
  }

  /** SIGKILL, of the leader. @returns its number */
  async killLeader(): Promise<number> {
    const leader = await this.leader();
    await this.kill(leader);
    return leader;
  }

  /**
   * SIGKILL: connections end, what was written is on the disk. With `power`, the power is cut: of
   * what was not synced any part may be lost, as `seed` has it.
   */
  kill(sid: number, how: "kill" | "power" = "kill"): Promise<void> {
    return this.#server(sid).kill(how);
  }

  /** SIGTERM: a leader hands over, requests on their way are answered. Resolves at its end. */
  async terminate(sid: number): Promise<void> {
    const server = this.#server(sid);
    server.terminate();
    await this.#until(`server ${sid} ends`, () => server.state === "down");
  }

  /** Starts a server that is down, on its old disk. Resolves as `resume` does. */
  async start(sid: number): Promise<void> {
    const server = this.#server(sid);
    server.start();
    await this.#until(`server ${sid} listens`, () => server.isListening);
    await this.#serving(sid);
  }

  /** Kills a server if it runs, and starts it on its old disk. Resolves as `resume` does. */
  async restart(sid: number): Promise<void> {
    if (this.state(sid) !== "down") await this.kill(sid);
    await this.start(sid);
  }

  /** SIGSTOP: the server stands still, its sockets stay open. */
  pause(sid: number): void {
    this.#server(sid).pause();
  }

  /** SIGCONT. Resolves once it serves clients, at once where it reaches no majority. */
  async resume(sid: number): Promise<void> {
    const server = this.#server(sid);
    server.resume();
    await this.#until(`server ${sid} goes on`, () => server.state !== "paused");
    await this.#serving(sid);
  }

  /**
   * Nothing passes any more between two sides of the ensemble; bytes on their way are held back,
   * as TCP does. Servers that are on neither side hear both. Clients reach everybody.
   */
  partition(
    one: readonly number[],
    other: readonly number[],
    { oneWay = false }: PartitionOptions = {},
  ): void {
    for (const a of one) {
      for (const b of other) {
        this.#wires.cut(this.#server(a).sid, this.#server(b).sid);
        if (!oneWay) this.#wires.cut(b, a);
      }
    }
  }

  /** Every wire is whole again. Resolves once everybody serves who runs, at once without a majority. */
  async heal(): Promise<void> {
    this.#wires.heal();
    for (const server of this.#servers.values()) {
      if (server.state !== "down" && server.state !== "paused") await this.#serving(server.sid);
    }
  }

  /** Breaks the connections of all clients, or of those of one server; sessions live on. */
  disconnect(sid?: number): void {
    for (const server of sid === undefined ? this.#servers.values() : [this.#server(sid)]) {
      server.disconnect();
    }
  }

  /**
   * The leader ends a session as if nothing had been heard of it for too long: its ephemerals are
   * gone when this resolves, and its client learns of it when it asks for its session next, which
   * it does at once.
   */
  async expireSession(of: SessionOwner): Promise<void> {
    const id = typeof of === "bigint" ? of : of.sessionId;
    const name = `session 0x${BigInt.asUintN(64, id).toString(16)}`;
    let isFound = false;
    await this.#until(`${name} is over`, () => {
      const server = this.#servers.get(this.#leaderNow() ?? -1)?.server;
      const sessions = server?.tree?.sessions;
      if (server === undefined || sessions === undefined) return false;
      const isThere = sessions.has(bigIntHighWord(id), bigIntLowWord(id));
      if (!isThere && !isFound) throw new Error(`there is no ${name}`);
      isFound = true;
      // Again under a new leader, if this one does not live to see it.
      if (isThere) server.expireSession(id);
      return !isThere;
    });
  }

  /** Ends all servers, at once and for good; nothing of them is left. */
  async stop(): Promise<void> {
    this.#wires.heal();
    for (const server of this.#servers.values())
      if (server.state !== "down") await server.kill("kill");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #server(sid: number): TestServer {
    const server = this.#servers.get(sid);
    if (server === undefined) throw new RangeError(`there is no server ${sid}`);
    return server;
  }

  /** Whom a majority follows that hears it and is heard; nobody while two believe it of themselves. */
  #leaderNow(): number | undefined {
    for (const { sid, state, isServing } of this.#servers.values()) {
      if (!isServing) continue;
      if (state === "standalone") return sid;
      if (state !== "leading" || !this.#agreeBeside(sid)) continue;
      const followers = this.#runningBeside(sid).filter((each) => each.state === "following");
      if (this.#isMajority(followers.length + 1)) return sid;
    }
    return undefined;
  }

  /** A leader that was cut off or stood still takes a moment to see that there is another. */
  #agreeBeside(sid: number): boolean {
    return this.#runningBeside(sid).filter((each) => each.state === "leading").length <= 1;
  }

  /** Those that run and that nothing keeps from this one, itself included. */
  #runningBeside(sid: number): TestServer[] {
    return [...this.#servers.values()].filter(({ sid: other, state }) => {
      const isCut = this.#wires.isCut(sid, other) || this.#wires.isCut(other, sid);
      return state !== "down" && state !== "paused" && !isCut;
    });
  }

  #isMajority(count: number): boolean {
    const voters = [...this.#servers.values()].filter((each) => each.votes).length;
    return count > voters / 2;
  }

  /** Waits until it serves, where it can be expected to. */
  async #serving(sid: number): Promise<void> {
    const server = this.#server(sid);
    await this.#until(`server ${sid} serves`, () => {
      const voters = this.#runningBeside(sid).filter((each) => each.votes).length;
      return !this.#isMajority(voters) || (server.isServing && this.#agreeBeside(sid));
    });
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    const deadlineMs = this.#clock.nowMs() + SETTLE_LIMIT_MS;
    while (!condition()) {
      for (const { sid, failure } of this.#servers.values()) {
        if (failure !== undefined) throw new Error(`server ${sid} failed: ${failure.message}`);
      }
      if (this.#clock.nowMs() > deadlineMs) {
        const states = this.sids.map((sid) => `${sid} ${this.state(sid)}`).join(", ");
        throw new Error(`not within ${SETTLE_LIMIT_MS} ms: ${what} (${states}; seed ${this.seed})`);
      }
      await new Promise<void>((resolve) => {
        this.#clock.after(POLL_MS, resolve);
      });
    }
  }
}

/** Not by the seed: which ports are free is the machine's to say. */
async function takePorts(machine: Host, servers: number): Promise<readonly TestPorts[]> {
  const chance = new SimRandom(machine.random.fraction() * SEEDS);
  const ports = await freePorts(machine.network, TEST_ADDRESS, chance, servers * 3);
  return Array.from({ length: servers }, (_, at) => ({
    clientPort: ports[at * 3] ?? 0,
    quorumPort: ports[at * 3 + 1] ?? 0,
    electionPort: ports[at * 3 + 2] ?? 0,
  }));
}
