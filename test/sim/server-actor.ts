// The server: the real one on a simulated host, started again whenever it is gone.

import type { Disk, Host } from "../../protocol/host.ts";
import { Writer } from "../../protocol/jute.ts";
import { defaultConfig, type ServerConfig } from "../../server/config/config.ts";
import type { Logger } from "../../server/log.ts";
import { Server } from "../../server/server.ts";
import { EventKind, type SimHost, type SimRandom, type World } from "../../server/testing/index.ts";
import type { DataTree } from "../../server/tree/data-tree.ts";
import { TappedDisk } from "./disk-tap.ts";
import type { Life, Moment } from "./history.ts";
import { QUOTA_STATS } from "./model-quota.ts";
import { type EndOf, HearingNetwork, type Recorder, ServerEnd } from "./tap.ts";

export const DATA_DIR = "/data";
export const LOG_DIR = "/data/version-2";
export const CLIENT_PORT = 2181;
/** Log lines that are kept for the report of a failed run. */
const LINES_MAX = 60;

interface MutableLife extends Life {
  ended: Moment | undefined;
}

/** What the server did in a run. */
export interface ServerTally {
  powerCuts: number;
  kills: number;
  stops: number;
  /** Starts that found a snapshot of a later state than the first. */
  snapshotsLoaded: number;
  /** Snapshots of no single moment: txns were applied between their slices. */
  fuzzySnapshots: number;
  /** It stopped by itself, since the disk was full or failed. */
  diskStops: number;
  /** It refused to start. */
  refusals: number;
}

/** What listens in on a server. */
export interface Taps {
  readonly endOf: EndOf;
  disk(inner: Disk): Disk;
}

function clientsOnly(recorder: Recorder, server: string): Taps {
  return { endOf: () => new ServerEnd(recorder, server), disk: (inner) => inner };
}

/** Settings small enough that a run of a minute gets to snapshots, rolls and expiries. */
export function smallConfig(draw: SimRandom, tickTimesMs: readonly number[]): ServerConfig {
  return {
    ...defaultConfig(DATA_DIR, CLIENT_PORT, draw.pick(tickTimesMs)),
    snapCount: draw.between(30, 150),
    preAllocBytes: draw.pick([0, 4096, 16_384, 65_536]),
    txnLogSizeLimitBytes: draw.pick([0, 0, 8192]),
    extendedTypes: true,
    enforceQuota: true,
    containerCheckIntervalMs: 4000,
    purgeIntervalMs: 0,
  };
}

export class ServerActor {
  readonly host: SimHost;
  readonly lives: MutableLife[] = [];
  readonly lines: string[] = [];
  readonly tally: ServerTally = {
    powerCuts: 0,
    kills: 0,
    stops: 0,
    snapshotsLoaded: 0,
    fuzzySnapshots: 0,
    diskStops: 0,
    refusals: 0,
  };
  /** Called when it has refused to start, or stopped by itself. */
  onFailure: (message: string) => void = () => {};
  /** Called when it logs an error. */
  onAlarm: (message: string) => void = () => {};
  /** Called for each thing asked of the disk. */
  onDiskWork: () => void = () => {};
  /** Called when a snapshot's file is opened. */
  onSnapshotBegun: () => void = () => {};
  readonly #world: World;
  readonly #recorder: Recorder;
  readonly #config: ServerConfig;
  readonly #taps: Taps;
  #server: Server | undefined;
  #serving = false;

  /** @param taps What else listens in: for a server of an ensemble. */
  constructor(
    world: World,
    host: SimHost,
    recorder: Recorder,
    config: ServerConfig,
    taps: Taps = clientsOnly(recorder, host.name),
  ) {
    this.#world = world;
    this.host = host;
    this.#recorder = recorder;
    this.#config = config;
    this.#taps = taps;
    host.disk.makeDirectory(DATA_DIR);
    host.disk.syncDirectoryNow("/");
  }

  get server(): Server | undefined {
    return this.#server;
  }

  get serving(): boolean {
    return this.#serving;
  }

  get tickTimeMs(): number {
    return this.#config.tickTimeMs;
  }

  /** A znode that the reaper must take: a used container or a TTL znode, alone, its time over. */
  get overdue(): string | undefined {
    const tree = this.#server?.tree;
    if (tree === undefined) return undefined;
    const wallMs = this.host.clock.wallMs();
    for (let slot = tree.root; slot !== 0; slot = tree.successor(slot)) {
      if (tree.childCount(slot) > 0) continue;
      const kind = tree.kind(slot);
      const ttlMs = (tree.ownerHigh(slot) & 0xff) * 2 ** 32 + (tree.ownerLow(slot) >>> 0);
      const isOver = kind === "ttl" ? wallMs - tree.mtime(slot) > ttlMs : tree.cversion(slot) > 0;
      if (isOver && (kind === "ttl" || kind === "container")) return tree.pathText(slot);
    }
    return undefined;
  }

  /** Turns the machine on and starts the process. */
  start(): void {
    this.host.restart();
    if (this.#hasSnapshot()) this.tally.snapshotsLoaded++;
    this.#world.schedule(this.host, 1000, EventKind.script, () => this.#run());
  }

  /** Ends the process without a word. */
  kill(how: "kill" | "power"): void {
    if (how === "power") this.tally.powerCuts++;
    else this.tally.kills++;
    this.#gone();
    this.host.crash(how);
  }

  /** SIGTERM; it is started again by `stopped`. */
  stop(stopped: () => void): void {
    this.tally.stops++;
    this.#world.schedule(this.host, 0, EventKind.script, () => {
      this.#onStopped = stopped;
      this.#server?.stop();
    });
  }

  #onStopped: () => void = () => {};

  #run(): void {
    const { clock, random, network, disk, machine } = this.host;
    const host: Host = {
      clock,
      random,
      machine,
      network: new HearingNetwork(network, this.#taps.endOf),
      disk: new TappedDisk(
        this.#taps.disk(disk),
        this.#recorder,
        () => this.onDiskWork(),
        () => this.onSnapshotBegun(),
      ),
    };
    const server = new Server(host, this.#config, this.#logger(), {
      ready: () => this.#ready(),
      stopped: () => {
        this.#gone();
        this.#onStopped();
      },
      failed: ({ message }) => this.#failed(message),
      snapshotTaken: ({ txnsDuring, slices }) => {
        if (txnsDuring > 0 && slices > 1) this.tally.fuzzySnapshots++;
      },
    });
    this.#server = server;
  }

  #ready(): void {
    const tree = this.#server?.tree;
    if (tree === undefined) return;
    this.#serving = true;
    const words = [tree.digestHigh, tree.digestLow];
    this.lives.push({
      server: this.host.name,
      when: this.#recorder.now(),
      recoveredZxid: tree.lastZxid,
      digest: words.map((word) => (word >>> 0).toString(16).padStart(8, "0")).join(""),
      usage: usageIn(tree),
      ended: undefined,
    });
  }

  #failed(message: string): void {
    this.lines.push(`failed: ${message}`);
    if (this.#serving) this.tally.diskStops++;
    else this.tally.refusals++;
    this.#gone();
    // In an event of its own: the process ends after it has said why.
    this.#world.schedule(undefined, 100, EventKind.script, () => {
      this.host.crash("kill");
      this.onFailure(message);
    });
  }

  #gone(): void {
    this.#serving = false;
    this.#server = undefined;
    const life = this.lives.at(-1);
    if (life !== undefined && life.ended === undefined) life.ended = this.#recorder.now();
  }

  #hasSnapshot(): boolean {
    const names = this.host.disk.names(LOG_DIR);
    return names.some((name) => /^snapshot\.[1-9a-f][0-9a-f]*$/.test(name));
  }

  #logger(): Logger {
    const note =
      (level: string) =>
      (fields: object, message: string): void => {
        const seconds = (this.#world.nowUs / 1e6).toFixed(6);
        this.lines.push(`${seconds} ${level} ${message} ${JSON.stringify(fields)}`);
        if (this.lines.length > LINES_MAX) this.lines.shift();
        if (level === "error") this.onAlarm(message);
      };
    return { debug: () => {}, info: note("info"), warn: note("warn"), error: note("error") };
  }
}

/** The quota's statistics, as they stand in the tree. */
function usageIn(tree: DataTree): string | undefined {
  const path = Buffer.from(QUOTA_STATS);
  const slot = tree.find(path, 0, path.length);
  if (slot === 0) return undefined;
  const writer = new Writer(64);
  tree.writeData(slot, writer);
  return Buffer.from(writer.written().subarray(4)).toString();
}
