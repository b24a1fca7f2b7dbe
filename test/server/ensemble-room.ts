// Whole servers of an ensemble on simulated hosts, and peers that send them bare frames: where a
// story needs elections, syncs and clients together.

import type { Member } from "../../protocol/ensemble.ts";
import { zxidCounter } from "../../protocol/zxid.ts";
import { defaultConfig, type ServerConfig } from "../../server/config/config.ts";
import { type EnsembleOptions, ensembleSettings } from "../../server/config/ensemble.ts";
import { Server } from "../../server/server.ts";
import type { ServerFailure } from "../../server/server-face.ts";
import { type SimHost, World } from "../../server/testing/index.ts";
import type { DataTree } from "../../server/tree/data-tree.ts";
import { type LogEntry, Peer, recorder } from "./pipeline/server-room.ts";

const CLIENT_PORT = 2181;
export const ELECTION_PORT = 3888;
export const TICK_MS = 500;
export const INIT_LIMIT_TICKS = 10;
const SYNC_LIMIT_TICKS = 5;
/** Longer than anything that a test waits for. */
const LIMIT_US = 60_000_000;

export interface RoomShape {
  readonly voters: number;
  readonly observers?: number;
  readonly config?: Partial<ServerConfig>;
  readonly options?: Partial<EnsembleOptions>;
  /** A first start on purpose, in which nobody waits for every other one: the rule here. */
  readonly isInitialized?: boolean;
}

export class EnsembleRoom {
  readonly world: World;
  /** Voters, then observers, by sid from 1 on. */
  readonly servers: readonly RoomServer[];
  #peers = 0;

  constructor(shape: RoomShape, seed = 1) {
    const { voters, observers = 0, config = {}, options = {}, isInitialized = true } = shape;
    this.world = new World(seed);
    const sids = Array.from({ length: voters + observers }, (_, i) => i + 1);
    const members = new Map(sids.map((sid) => [sid, memberOf(sid, sid <= voters)]));
    const ensemble = { version: 0, members, groups: new Map(), weights: new Map() };
    this.servers = sids.map((sid) => {
      const settings = ensembleSettings(sid, ensemble, INIT_LIMIT_TICKS, SYNC_LIMIT_TICKS, options);
      const own = { preAllocBytes: 0, ...config, ensemble: settings };
      const whole = { ...defaultConfig("/data", CLIENT_PORT, TICK_MS), ...own };
      return new RoomServer(this.world, sid, whole, isInitialized);
    });
  }

  server(sid: number): RoomServer {
    const server = this.servers[sid - 1];
    if (server === undefined) throw new Error(`there is no server ${sid}`);
    return server;
  }

  get running(): readonly RoomServer[] {
    return this.servers.filter(({ isRunning }) => isRunning);
  }

  /** The one that leads and serves. */
  get leader(): RoomServer {
    const leader = this.running.find(({ role, isServing }) => role === "leading" && isServing);
    if (leader === undefined) throw new Error("nobody leads");
    return leader;
  }

  /** Starts these, or all, and waits until whoever runs is in step. */
  start(...servers: readonly RoomServer[]): void {
    for (const server of servers.length === 0 ? this.servers : servers) server.start();
    this.awaitService();
  }

  /** Until every server that runs serves, and has all txns that any of them has. */
  awaitService(): void {
    const { running } = this;
    this.until(() => running.every(({ isServing }) => isServing));
    this.until(() => {
      const zxids = running.map(({ tree }) => tree.lastZxid);
      // An epoch's marker is no txn.
      const last = Math.max(0, ...zxids.filter((zxid) => zxidCounter(zxid) > 0));
      return zxids.every((zxid) => zxid >= last);
    });
  }

  /** Cuts a server off from all others, both ways; clients still reach it. */
  cutOff(server: RoomServer): void {
    for (const other of this.servers) {
      if (other !== server) this.world.fabric.partition(server.host.name, other.host.name);
    }
  }

  /** How long it takes until `condition` holds. */
  until(condition: () => boolean): number {
    const startUs = this.world.nowUs;
    while (!condition()) {
      if (this.world.nowUs - startUs > LIMIT_US || !this.world.step()) {
        throw new Error("what the test waits for does not come");
      }
    }
    return (this.world.nowUs - startUs) / 1000;
  }

  runMs(ms: number): void {
    this.world.runUntil(this.world.nowUs + ms * 1000);
  }

  /** A client's connection to a server that has answered its handshake, or closed it. */
  open(server: RoomServer, request: Parameters<Peer["greet"]>[0] = {}): Peer {
    const peer = new Peer(this, this.world.host(`peer-${++this.#peers}`), server.host.name);
    this.until(() => peer.isConnected || peer.closed);
    peer.greet(request);
    this.until(() => peer.response !== undefined || peer.gone);
    return peer;
  }
}

export class RoomServer {
  readonly sid: number;
  /** What it said in its log, in all its lives. */
  readonly lines: LogEntry[] = [];
  /** What it gave up for. */
  failure: ServerFailure | undefined;
  readonly #world: World;
  readonly #config: ServerConfig;
  readonly #isInitialized: boolean;
  #server: Server | undefined;

  constructor(world: World, sid: number, config: ServerConfig, isInitialized: boolean) {
    this.#world = world;
    this.sid = sid;
    this.#config = config;
    this.#isInitialized = isInitialized;
  }

  /** Its machine, which nobody knows before it is asked for. */
  get host(): SimHost {
    return this.#world.host(hostOf(this.sid));
  }

  get isRunning(): boolean {
    return this.#server !== undefined;
  }

  get role(): string {
    return this.#server?.role ?? "off";
  }

  get isServing(): boolean {
    return this.#server?.isServing === true;
  }

  get tree(): DataTree {
    const tree = this.#server?.tree;
    if (tree === undefined) throw new Error(`server ${this.sid} has no tree`);
    return tree;
  }

  start(): void {
    const { host } = this;
    host.restart();
    if (host.disk.stat("/data") === undefined) {
      host.disk.makeDirectory("/data");
      if (this.#isInitialized) host.disk.openNow("/data/initialize", "create").closeNow();
      host.disk.syncDirectoryNow("/");
    }
    this.#server = new Server(host, this.#config, recorder(this.lines), {
      ready: () => undefined,
      stopped: () => undefined,
      failed: (failure) => {
        this.failure = failure;
      },
    });
  }

  /** Its machine loses power. */
  kill(): void {
    this.host.crash("power");
    this.#server = undefined;
  }
}

function hostOf(sid: number): string {
  return `server-${sid}`;
}

function memberOf(sid: number, votes: boolean): Member {
  return {
    sid,
    role: votes ? "participant" : "observer",
    addresses: [{ host: hostOf(sid), quorumPort: 2888, electionPort: ELECTION_PORT }],
    client: { host: undefined, port: CLIENT_PORT },
  };
}
