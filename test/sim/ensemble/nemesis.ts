// What goes wrong in an ensemble's run: crashes of one, of most and of all, cuts of every shape, pauses, bad
// disks, wiped disks, clocks that jump. All of it heals.

import { EventKind, type SimRandom, type World } from "../../../server/testing/index.ts";
import { flipSomeBit } from "../bit-rot.ts";
import type { ClientActor } from "../client-actor.ts";
import type { EnsembleServer } from "./server.ts";
import type { ZabRecorder } from "./zab-tap.ts";

const SECOND_US = 1_000_000;
const FIRST_US = 4 * SECOND_US;
const LAST_US = 50 * SECOND_US;
const FAULTS_MIN = 10;
const FAULTS_MAX = 18;
const DISK_WORK_MAX = 12;
const STRANDED_MAX_US = 6 * SECOND_US;
const CANDIDATES_MAX_US = 5 * SECOND_US;
const POLL_US = 1000;
const DAY_MS = 86_400_000;

type Fault = (nemesis: EnsembleNemesis) => void;

const FAULTS: readonly (readonly [share: number, fault: Fault])[] = [
  [12, (nemesis) => nemesis.crashInDiskWork()],
  [8, (nemesis) => nemesis.crashLeader()],
  [4, (nemesis) => nemesis.crashCandidates()],
  [6, (nemesis) => nemesis.crashSome()],
  [3, (nemesis) => nemesis.crashAll()],
  [3, (nemesis) => nemesis.stop()],
  [5, (nemesis) => nemesis.pauseServer()],
  [2, (nemesis) => nemesis.pauseAll()],
  [3, (nemesis) => nemesis.jumpServerClock()],
  [3, (nemesis) => nemesis.slowDisk()],
  [2, (nemesis) => nemesis.fillDisk()],
  [2, (nemesis) => nemesis.breakDisk()],
  [3, (nemesis) => nemesis.wipe()],
  [3, (nemesis) => nemesis.rotBit()],
  [8, (nemesis) => nemesis.isolate()],
  [7, (nemesis) => nemesis.strand()],
  [5, (nemesis) => nemesis.isolateOneWay()],
  [6, (nemesis) => nemesis.partition()],
  [4, (nemesis) => nemesis.cutLink()],
  [4, (nemesis) => nemesis.resetLink()],
  [4, (nemesis) => nemesis.slowLink()],
  [4, (nemesis) => nemesis.cutClient()],
  [3, (nemesis) => nemesis.pauseClient()],
  [4, (nemesis) => nemesis.killClient()],
];

const TOTAL = FAULTS.reduce((sum, [share]) => sum + share, 0);

export class EnsembleNemesis {
  /** Faults that took effect. */
  count = 0;
  /** Disks that were lost. */
  wipes = 0;
  /** What a machine without faults of its medium must not do: refuse to start, or stop. */
  readonly problems: string[] = [];
  /** What such a machine has to complain of: its tree diverged, its log has a gap. */
  readonly alarms: string[] = [];
  readonly #world: World;
  readonly #servers: readonly EnsembleServer[];
  readonly #clients: readonly ClientActor[];
  readonly #draw: SimRandom;
  readonly #zab: ZabRecorder;
  /** Servers whose disk may fail by our doing, and what mends it. */
  readonly #badDisks = new Map<EnsembleServer, () => void>();
  #over = false;

  constructor(
    world: World,
    servers: readonly EnsembleServer[],
    clients: readonly ClientActor[],
    zab: ZabRecorder,
    draw: SimRandom,
  ) {
    this.#zab = zab;
    this.#world = world;
    this.#servers = servers;
    this.#clients = clients;
    this.#draw = draw;
    for (const server of servers) {
      server.actor.onFailure = (message) => this.#serverFailed(server, message);
      server.actor.onAlarm = (message) => {
        if (!this.#badDisks.has(server)) this.alarms.push(`${server.name}: ${message}`);
      };
    }
  }

  plan(): void {
    const faults = this.#draw.between(FAULTS_MIN, FAULTS_MAX);
    for (let i = 0; i < faults; i++) {
      this.#later(this.#draw.between(FIRST_US, LAST_US), () => this.#strike());
    }
  }

  /** Mends everything and lets nothing more go wrong. */
  heal(): void {
    this.#over = true;
    this.#world.fabric.heal();
    for (const server of this.#servers) {
      const { actor } = server;
      actor.onDiskWork = () => {};
      this.#healDisk(server);
      actor.host.resume();
      if (!actor.host.running) actor.start();
    }
    for (const client of this.#clients) {
      client.host.resume();
      if (!client.host.running) client.start();
    }
  }

  crashInDiskWork(): void {
    const { actor } = this.#server();
    if (!actor.host.running) return this.resetLink();
    let left = this.#draw.between(1, DISK_WORK_MAX);
    actor.onDiskWork = () => {
      if (--left > 0) return;
      actor.onDiskWork = () => {};
      this.#later(this.#draw.below(1200), () => {
        if (actor.host.running && !this.#over) this.#crash(actor);
      });
    };
  }

  crashLeader(): void {
    const leader = this.#leader();
    if (leader === undefined || !leader.actor.host.running) return this.crashSome();
    this.#crash(leader.actor);
  }

  /** The leader, and whoever is elected next before he is in office: epochs that few heard of. */
  crashCandidates(): void {
    this.crashLeader();
    const times = this.#draw.between(1, 5);
    this.#crashCandidate(times, this.#world.nowUs + CANDIDATES_MAX_US, this.#draw.chance(0.6));
  }

  /** @param isSecret as soon as it has promised itself an epoch, and has told nobody */
  #crashCandidate(times: number, untilUs: number, isSecret: boolean): void {
    if (times === 0 || this.#over || this.#world.nowUs > untilUs) return;
    const candidate = this.#servers.find((server) => server.leads && !server.serves);
    if (candidate === undefined) {
      this.#later(POLL_US, () => this.#crashCandidate(times, untilUs, isSecret));
      return;
    }
    const crash = (): void => {
      if (candidate.actor.host.running && !this.#over) {
        this.count++;
        candidate.actor.kill(this.#draw.pick(["kill", "power"]));
        if (times === 1) this.#restartLater(candidate.actor);
        else this.#restartUnnoticed(candidate);
      }
      this.#crashCandidate(times - 1, untilUs, isSecret);
    };
    if (isSecret) this.#oncePromised(candidate, untilUs, crash);
    else this.#later(this.#draw.below(15_000), crash);
  }

  /** It is back before the others, who stand still, can elect somebody else. */
  #restartUnnoticed(server: EnsembleServer): void {
    this.#startLater(server.actor, 0.001, 0.005);
    for (const { actor } of this.#servers) {
      if (actor === server.actor || !actor.host.running) continue;
      actor.host.pause();
      this.#later(this.#seconds(0.01, 0.03), () => actor.host.resume());
    }
  }

  #oncePromised(candidate: EnsembleServer, untilUs: number, then: () => void): void {
    this.#zab.onDurable = (server, { kind }) => {
      if (server !== candidate.name || kind !== "acceptedEpoch") return;
      this.#zab.onDurable = () => {};
      // What it writes behind that leaves at the end of its turn.
      if (this.#world.nowUs <= untilUs) this.#later(0, then);
    };
  }

  /** Any number of them, a majority too. */
  crashSome(): void {
    const running = this.#servers.filter(({ actor }) => actor.host.running);
    const victims = this.#shuffled(running).slice(0, this.#draw.between(1, running.length));
    if (victims.length === 0) return this.pauseClient();
    for (const { actor } of victims) {
      this.#later(this.#draw.below(30_000), () => {
        if (actor.host.running && !this.#over) this.#crash(actor);
      });
    }
  }

  crashAll(): void {
    const how = this.#draw.pick(["kill", "power"] as const);
    for (const { actor } of this.#servers) {
      if (actor.host.running) this.#crash(actor, how);
    }
  }

  /** SIGTERM, the leader's most of the time. */
  stop(): void {
    const { actor } = this.#draw.chance(0.7) ? (this.#leader() ?? this.#server()) : this.#server();
    if (!actor.serving) return this.resetLink();
    this.count++;
    actor.stop(() =>
      this.#later(0, () => {
        actor.host.crash("kill");
        this.#restartLater(actor);
      }),
    );
  }

  pauseServer(): void {
    const { host } = this.#draw.chance(0.5)
      ? (this.#leader() ?? this.#server()).actor
      : this.#server().actor;
    if (!host.running) return this.pauseClient();
    this.count++;
    host.pause();
    this.#later(this.#seconds(0.02, 9), () => host.resume());
  }

  /** As SIGSTOP to all of them, or a laptop's lid; what the wall shows afterwards may be anything. */
  pauseAll(): void {
    this.count++;
    const pauseUs = this.#seconds(1, 20);
    const jumps = this.#draw.chance(0.3);
    for (const { actor } of this.#servers) {
      if (actor.host.running) actor.host.pause();
      if (jumps) actor.host.clock.jump(this.#jump());
      this.#later(pauseUs + this.#draw.below(20_000), () => actor.host.resume());
    }
  }

  jumpServerClock(): void {
    this.count++;
    this.#server().actor.host.clock.jump(this.#jump());
  }

  slowDisk(): void {
    const { disk } = this.#server().actor.host;
    this.count++;
    disk.slow(this.#draw.between(5, 120));
    this.#later(this.#seconds(1, 6), () => disk.slow(1));
  }

  fillDisk(): void {
    const server = this.#server();
    this.count++;
    this.#spoilDisk(server);
    server.actor.host.disk.fill(this.#draw.below(4));
    this.#later(this.#seconds(3, 6), () => this.#healDisk(server));
  }

  breakDisk(): void {
    const server = this.#server();
    this.count++;
    this.#spoilDisk(server);
    server.actor.host.disk.failAfter(this.#draw.below(25), "EIO");
  }

  /**
   * A disk is lost and an empty one put in its place: never more of them than a majority can do
   * without, until they have synced again.
   */
  wipe(): void {
    const voters = this.#servers.filter(({ votes }) => votes);
    const forgetful = voters.filter((server) => server.isForgetful);
    const server = this.#server();
    const bearable = Math.floor((voters.length - 1) / 2);
    const isOneMore = server.votes && !server.isForgetful;
    if (forgetful.length + (isOneMore ? 1 : 0) > bearable) return this.crashInDiskWork();
    if (!server.actor.host.running) return this.crashInDiskWork();
    this.count++;
    this.wipes++;
    server.actor.kill("power");
    this.#badDisks.delete(server);
    server.wipe();
    this.#restartLater(server.actor);
  }

  /** A bit flips while a server is down: it refuses to start, and is mended, or does without. */
  rotBit(): void {
    const server = this.#server();
    if (!server.actor.host.running || this.#badDisks.has(server)) return this.crashInDiskWork();
    this.#crash(server.actor);
    const mend = flipSomeBit(server.actor.host.disk, this.#draw);
    if (mend === undefined) return;
    this.#spoilDisk(server, mend);
    this.#later(this.#seconds(3, 6), () => this.#healDisk(server));
  }

  /** One server alone on its side, the leader most of the time. */
  isolate(): void {
    const server = this.#draw.chance(0.6) ? (this.#leader() ?? this.#server()) : this.#server();
    this.count++;
    for (const other of this.#servers) {
      if (other !== server) this.#world.fabric.partition(server.name, other.name);
    }
    this.#healNetworkLater();
  }

  /**
   * The leader logs what nobody else has, and dies of it; it is back as soon as there is another,
   * who has nothing new yet: that is what TRUNC is for.
   */
  strand(): void {
    const leader = this.#leader();
    if (leader === undefined) return this.isolate();
    this.count++;
    for (const other of this.#servers) {
      if (other !== leader) this.#world.fabric.partition(leader.name, other.name);
    }
    for (const client of this.#clients) client.burst();
    this.#later(this.#draw.between(50_000, 400_000), () => {
      this.#world.fabric.heal();
      if (!leader.actor.host.running || this.#over) return;
      this.count++;
      leader.actor.kill(this.#draw.pick(["kill", "power"]));
      this.#startOnceLed(leader, this.#world.nowUs + STRANDED_MAX_US);
      if (!this.#draw.chance(0.2)) return;
      this.#crashCandidate(1, this.#world.nowUs + CANDIDATES_MAX_US, false);
    });
  }

  /** Nothing that one server says arrives, or nothing arrives there. */
  isolateOneWay(): void {
    const server = this.#draw.chance(0.6) ? (this.#leader() ?? this.#server()) : this.#server();
    const isMute = this.#draw.chance(0.5);
    this.count++;
    for (const other of this.#servers) {
      if (other === server) continue;
      if (isMute) this.#world.fabric.cut(server.name, other.name);
      else this.#world.fabric.cut(other.name, server.name);
    }
    this.#healNetworkLater();
  }

  /** Two sides of any size; at times one server reaches both. */
  partition(): void {
    const shuffled = this.#shuffled(this.#servers);
    const bridge = this.#draw.chance(0.25) ? shuffled.pop() : undefined;
    const at = this.#draw.between(1, Math.max(1, shuffled.length - 1));
    this.count++;
    for (const one of shuffled.slice(0, at)) {
      for (const other of shuffled.slice(at)) {
        if (one !== bridge) this.#world.fabric.partition(one.name, other.name);
      }
    }
    this.#healNetworkLater();
  }

  cutLink(): void {
    const [one, other] = this.#pair();
    this.count++;
    if (this.#draw.chance(0.5)) this.#world.fabric.cut(one, other);
    else this.#world.fabric.partition(one, other);
    this.#healNetworkLater();
  }

  resetLink(): void {
    const [one, other] = this.#pair();
    this.count++;
    this.#world.fabric.reset(one, other, this.#draw.chance(0.4));
  }

  slowLink(): void {
    const [one, other] = this.#pair();
    this.count++;
    this.#world.fabric.slow(one, other, this.#draw.between(10, 1000));
    this.#healNetworkLater();
  }

  cutClient(): void {
    const client = this.#client().host.name;
    this.count++;
    if (this.#draw.chance(0.5)) {
      this.#world.fabric.reset(this.#server().name, client, this.#draw.chance(0.4));
      return;
    }
    for (const server of this.#servers) {
      if (this.#draw.chance(0.6)) this.#world.fabric.partition(server.name, client);
    }
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

  #crash(actor: EnsembleServer["actor"], how?: "kill" | "power"): void {
    this.count++;
    actor.kill(how ?? this.#draw.pick(["kill", "power", "power"]));
    this.#restartLater(actor);
  }

  #serverFailed(server: EnsembleServer, message: string): void {
    if (!this.#badDisks.has(server)) this.problems.push(`${server.name}: ${message}`);
    this.#healDisk(server);
    this.#restartLater(server.actor);
  }

  #restartLater(actor: EnsembleServer["actor"]): void {
    this.#startLater(actor, 0.05, 3);
  }

  #startLater(actor: EnsembleServer["actor"], least: number, most: number): void {
    this.#later(this.#seconds(least, most), () => {
      if (!actor.host.running) actor.start();
    });
  }

  /** Starts a server when another leads, or nobody does for too long. */
  #startOnceLed(server: EnsembleServer, untilUs: number): void {
    this.#later(this.#draw.below(5000), () => {
      const { actor } = server;
      if (actor.host.running) return;
      const isLed = this.#leader() !== undefined;
      if (isLed || this.#world.nowUs > untilUs) actor.start();
      else this.#startOnceLed(server, untilUs);
    });
  }

  // A bit that has flipped already still waits for its own mending.
  #spoilDisk(server: EnsembleServer, mend = this.#badDisks.get(server) ?? (() => {})): void {
    this.#badDisks.set(server, mend);
  }

  #healDisk(server: EnsembleServer): void {
    server.actor.host.disk.heal();
    this.#badDisks.get(server)?.();
    this.#badDisks.delete(server);
  }

  #healNetworkLater(): void {
    this.#later(this.#seconds(0.2, 10), () => this.#world.fabric.heal());
  }

  /** Who led last, as far as anybody saw. */
  #leader(): EnsembleServer | undefined {
    return this.#servers.find((server) => server.leads);
  }

  #server(): EnsembleServer {
    return this.#draw.pick(this.#servers);
  }

  #pair(): [string, string] {
    const [one, other] = this.#shuffled(this.#servers);
    return [one?.name ?? "", other?.name ?? ""];
  }

  #client(): ClientActor {
    return this.#draw.pick(this.#clients);
  }

  #shuffled<T>(all: readonly T[]): T[] {
    const left = [...all];
    const shuffled: T[] = [];
    while (left.length > 0) shuffled.push(...left.splice(this.#draw.below(left.length), 1));
    return shuffled;
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
