// What goes wrong in a run: crashes, cuts, pauses, bad disks, clocks that jump. All of it heals.

import { EventKind, type SimRandom, type World } from "../../server/testing/index.ts";
import { flipSomeBit } from "./bit-rot.ts";
import type { ClientActor } from "./client-actor.ts";
import { LOG_DIR, type ServerActor } from "./server-actor.ts";

const SECOND_US = 1_000_000;
/** When the first fault comes, and the last. */
const FIRST_US = 3 * SECOND_US;
const LAST_US = 50 * SECOND_US;
const FAULTS_MIN = 11;
const FAULTS_MAX = 16;
/** How many things asked of the disk a crash may wait for. */
const DISK_WORK_MAX = 12;
const DAY_MS = 86_400_000;

type Fault = (nemesis: Nemesis) => void;

const FAULTS: readonly (readonly [share: number, fault: Fault])[] = [
  [20, (nemesis) => nemesis.crashInDiskWork("power")],
  [3, (nemesis) => nemesis.crashInDiskWork("kill")],
  [4, (nemesis) => nemesis.crash("power")],
  [3, (nemesis) => nemesis.crash("kill")],
  [3, (nemesis) => nemesis.stop()],
  [5, (nemesis) => nemesis.pauseServer()],
  [3, (nemesis) => nemesis.jumpServerClock()],
  [5, (nemesis) => nemesis.slowDisk()],
  [3, (nemesis) => nemesis.fillDisk()],
  [3, (nemesis) => nemesis.breakDisk()],
  [3, (nemesis) => nemesis.rotBit()],
  [6, (nemesis) => nemesis.cutOneWay()],
  [8, (nemesis) => nemesis.partition()],
  [6, (nemesis) => nemesis.reset()],
  [3, (nemesis) => nemesis.slowLink()],
  [2, (nemesis) => nemesis.refuse()],
  [5, (nemesis) => nemesis.pauseClient()],
  [5, (nemesis) => nemesis.killClient()],
  [2, (nemesis) => nemesis.jumpClientClock()],
];

const TOTAL = FAULTS.reduce((sum, [share]) => sum + share, 0);

export class Nemesis {
  /** Faults that took effect. */
  count = 0;
  /** What a machine without faults of its medium must not do: refuse to start, or stop. */
  readonly problems: string[] = [];
  readonly #world: World;
  readonly #server: ServerActor;
  readonly #clients: readonly ClientActor[];
  readonly #draw: SimRandom;
  /** Mends the bit that has rotted. */
  #mend: (() => void) | undefined;
  /** The disk may fail, by our doing. */
  #diskMayFail = false;
  #over = false;

  constructor(world: World, server: ServerActor, clients: readonly ClientActor[], draw: SimRandom) {
    this.#world = world;
    this.#server = server;
    this.#clients = clients;
    this.#draw = draw;
    server.onFailure = (message) => this.#serverFailed(message);
  }

  /** Plans a run's faults. */
  plan(): void {
    const faults = this.#draw.between(FAULTS_MIN, FAULTS_MAX);
    for (let i = 0; i < faults; i++) {
      this.#later(this.#draw.between(FIRST_US, LAST_US), () => this.#strike());
    }
  }

  /** Mends everything and lets nothing more go wrong. */
  heal(): void {
    this.#over = true;
    this.#server.onDiskWork = () => {};
    this.#world.fabric.heal();
    this.#healDisk();
    this.#server.host.resume();
    if (!this.#server.host.running) this.#server.start();
    for (const client of this.#clients) {
      client.host.resume();
      if (!client.host.running) client.start();
    }
  }

  crash(how: "kill" | "power"): void {
    if (!this.#server.host.running) return this.partition();
    this.count++;
    this.#server.kill(how);
    this.#restartLater();
  }

  /** A crash right after some of the next things that are asked of the disk, before they end. */
  crashInDiskWork(how: "kill" | "power"): void {
    if (!this.#server.host.running) return this.partition();
    let left = this.#draw.between(1, DISK_WORK_MAX);
    const server = this.#server;
    server.onDiskWork = () => {
      if (--left > 0) return;
      server.onDiskWork = () => {};
      this.#later(this.#draw.below(1200), () => {
        if (server.host.running && !this.#over) this.crash(how);
      });
    };
  }

  stop(): void {
    if (!this.#server.serving) return this.reset();
    this.count++;
    this.#server.stop(() => this.#later(0, () => this.#stopped()));
  }

  pauseServer(): void {
    if (!this.#server.host.running) return this.pauseClient();
    this.count++;
    this.#server.host.pause();
    this.#later(this.#seconds(0.02, 7), () => this.#server.host.resume());
  }

  jumpServerClock(): void {
    this.count++;
    this.#server.host.clock.jump(this.#jump());
  }

  slowDisk(): void {
    this.count++;
    const { disk } = this.#server.host;
    disk.slow(this.#draw.between(5, 120));
    this.#later(this.#seconds(1, 6), () => disk.slow(1));
  }

  fillDisk(): void {
    this.count++;
    this.#diskMayFail = true;
    this.#server.host.disk.fill(this.#draw.below(4));
    this.#later(this.#seconds(3, 6), () => this.#healDisk());
  }

  breakDisk(): void {
    this.count++;
    this.#diskMayFail = true;
    this.#server.host.disk.failAfter(this.#draw.below(25), "EIO");
  }

  /** Flips a bit while the server is down: it must refuse, or do without what was hit. */
  rotBit(): void {
    const { host } = this.#server;
    if (!host.running || host.disk.names(LOG_DIR).length === 0) return this.partition();
    this.#healDisk();
    this.crash(this.#draw.pick(["kill", "power"]));
    this.#mend = flipSomeBit(host.disk, this.#draw);
  }

  cutOneWay(): void {
    const [from, to] = this.#ends();
    this.count++;
    this.#world.fabric.cut(from, to);
    this.#healNetworkLater();
  }

  partition(): void {
    const [one, other] = this.#ends();
    this.count++;
    this.#world.fabric.partition(one, other);
    this.#healNetworkLater();
  }

  reset(): void {
    const [one, other] = this.#ends();
    this.count++;
    this.#world.fabric.reset(one, other, this.#draw.chance(0.4));
  }

  slowLink(): void {
    const [from, to] = this.#ends();
    this.count++;
    this.#world.fabric.slow(from, to, this.#draw.between(10, 1000));
    this.#healNetworkLater();
  }

  refuse(): void {
    this.count++;
    this.#world.fabric.refuse(this.#server.host.name);
    this.reset();
    this.#healNetworkLater();
  }

  pauseClient(): void {
    const { host } = this.#client();
    if (!host.running) return;
    this.count++;
    host.pause();
    this.#later(this.#seconds(0.1, 12), () => host.resume());
  }

  killClient(): void {
    const client = this.#client();
    if (!client.host.running) return;
    this.count++;
    client.kill(this.#draw.pick(["kill", "power"]));
    this.#later(this.#seconds(0.1, 4), () => {
      if (!client.host.running) client.start();
    });
  }

  jumpClientClock(): void {
    this.count++;
    this.#client().host.clock.jump(this.#jump());
  }

  #strike(): void {
    if (this.#over) return;
    let at = this.#draw.fraction() * TOTAL;
    for (const [share, fault] of FAULTS) {
      at -= share;
      if (at >= 0) continue;
      fault(this);
      return;
    }
  }

  #serverFailed(message: string): void {
    if (!this.#diskMayFail && this.#mend === undefined) this.problems.push(message);
    this.#healDisk();
    this.#restartLater();
  }

  /** The process has ended by itself. */
  #stopped(): void {
    this.#server.host.crash("kill");
    this.#restartLater();
  }

  #restartLater(): void {
    this.#later(this.#seconds(0.05, 2), () => {
      if (!this.#server.host.running) this.#server.start();
    });
  }

  #healDisk(): void {
    this.#diskMayFail = false;
    this.#server.host.disk.heal();
    this.#mend?.();
    this.#mend = undefined;
  }

  #healNetworkLater(): void {
    this.#later(this.#seconds(0.2, 9), () => this.#world.fabric.heal());
  }

  /** The server and a client, in either order. */
  #ends(): [string, string] {
    const server = this.#server.host.name;
    const client = this.#client().host.name;
    return this.#draw.chance(0.5) ? [server, client] : [client, server];
  }

  #client(): ClientActor {
    return this.#draw.pick(this.#clients);
  }

  #jump(): number {
    const byMs = this.#draw.below(this.#draw.chance(0.5) ? 20_000 : DAY_MS);
    return this.#draw.chance(0.5) ? byMs : -byMs;
  }

  #seconds(least: number, most: number): number {
    return this.#draw.between(least * SECOND_US, most * SECOND_US);
  }

  #later(delayUs: number, run: () => void): void {
    this.#world.schedule(undefined, delayUs, EventKind.script, run);
  }
}
