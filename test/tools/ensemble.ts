// An ensemble of server processes, each of them Apache's or ours: started, killed, paused, cut off,
// and changed from the one kind to the other on the same data.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OpCode } from "../../protocol/opcodes.ts";
import { EnsembleMember, type MemberKind } from "./ensemble-member.ts";
import { PairRoute, type WirePassage } from "./pair-route.ts";
import { RawClient } from "./raw-client.ts";
import { loggedSyncs, type SyncKind } from "./sync-log.ts";
import { SUPER_DIGEST } from "./tree-dump.ts";
import { until } from "./until.ts";

export type { EnsembleMember, MemberKind } from "./ensemble-member.ts";

export interface EnsembleOptions {
  /** One for each member; the first one is server 1. */
  readonly kinds: readonly MemberKind[];
  /** The numbers of those that do not vote. Default: none. */
  readonly observers?: readonly number[];
  /** Default: 500. */
  readonly tickTimeMs?: number;
  /** In ticks. Default: 20 and 8. */
  readonly initLimit?: number;
  readonly syncLimit?: number;
  /** More lines of everybody's zoo.cfg. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Java system properties of Apache's servers. */
  readonly properties?: Readonly<Record<string, string>>;
  /**
   * The wires between servers go through ports of ours, which can be cut and recorded. Each server
   * then has its own addresses in its configuration: the texts of /zookeeper/config differ.
   */
  readonly routed?: boolean;
  /** Of Apache's Java machines. Default: those that keep many of them small. */
  readonly javaFlags?: readonly string[];
  /** What runs our servers' command, asked at each start: a tracer with its arguments. */
  readonly runBy?: (sid: number) => readonly string[];
}

/** A learner that was brought up to date. */
export interface Sync {
  readonly kind: SyncKind;
  readonly leader: EnsembleMember;
  readonly learner: EnsembleMember;
}

/** Below the ports that the kernel gives to connections: those could take a member's while it is down. */
const PORTS = { from: 15_000, to: 32_000 };
const LEADER_LIMIT_MS = 60_000;
const LEADER_ATTEMPTS = 5;

interface Ports {
  readonly quorumPort: number;
  readonly electionPort: number;
}

export class Ensemble {
  readonly members: readonly EnsembleMember[];
  readonly #home: string;
  readonly #observers: ReadonlySet<number>;
  readonly #ports: ReadonlyMap<number, Ports>;
  /** By "dialler-target". */
  readonly #routes: ReadonlyMap<string, PairRoute>;

  private constructor(
    home: string,
    members: readonly EnsembleMember[],
    observers: ReadonlySet<number>,
    ports: ReadonlyMap<number, Ports>,
    routes: ReadonlyMap<string, PairRoute>,
  ) {
    this.#home = home;
    this.members = members;
    this.#observers = observers;
    this.#ports = ports;
    this.#routes = routes;
  }

  /** Configures the members and starts none. */
  static async create(options: EnsembleOptions): Promise<Ensemble> {
    const home = mkdtempSync(join(tmpdir(), "quorate-ensemble-"));
    const observers = new Set(options.observers ?? []);
    const sids = options.kinds.map((_, at) => at + 1);
    const ports = new Map<number, Ports>();
    for (const sid of sids) {
      ports.set(sid, { quorumPort: await unusedPort(), electionPort: await unusedPort() });
    }
    const routes = options.routed === true ? await openRoutes(ports) : new Map<string, PairRoute>();
    const members: EnsembleMember[] = [];
    for (const [at, kind] of options.kinds.entries()) {
      const sid = at + 1;
      const lines = [...ports].map(([other, real]) => {
        const { quorumPort, electionPort } = routes.get(`${sid}-${other}`) ?? real;
        const role = observers.has(other) ? "observer" : "participant";
        return `server.${other}=127.0.0.1:${quorumPort}:${electionPort}:${role}`;
      });
      const settings = { ...BASE_SETTINGS, ...limits(options), ...options.settings };
      members.push(
        new EnsembleMember({
          sid,
          kind,
          clientPort: await unusedPort(),
          home: join(home, String(sid)),
          configLines: [
            ...Object.entries(settings).map(([key, value]) => `${key}=${value}`),
            ...lines,
          ],
          properties: {
            "zookeeper.DigestAuthenticationProvider.superDigest": SUPER_DIGEST,
            ...options.properties,
          },
          javaFlags: options.javaFlags,
          runBy: options.runBy,
        }),
      );
    }
    return new Ensemble(home, members, observers, ports, routes);
  }

  /** Starts everybody, and waits until all of them serve. */
  static async start(options: EnsembleOptions): Promise<Ensemble> {
    const ensemble = await Ensemble.create(options);
    try {
      for (const member of ensemble.members) member.start();
      await ensemble.awaitServing();
    } catch (error) {
      await ensemble[Symbol.asyncDispose]();
      throw error;
    }
    return ensemble;
  }

  quorumPort(sid: number): number {
    return this.#ports.get(sid)?.quorumPort ?? 0;
  }

  get clientPorts(): readonly number[] {
    return this.members.map((each) => each.clientPort);
  }

  /** For clients. */
  get connectString(): string {
    return this.members.map((each) => each.address).join(",");
  }

  member(sid: number): EnsembleMember {
    const found = this.members[sid - 1];
    if (found === undefined) throw new Error(`there is no server ${sid}`);
    return found;
  }

  /** Where a server listens for the others. */
  portsOf(sid: number): Ports {
    const ports = this.#ports.get(sid);
    if (ports === undefined) throw new Error(`there is no server ${sid}`);
    return ports;
  }

  /** Those that vote. */
  get voters(): readonly EnsembleMember[] {
    return this.members.filter((each) => !this.#observers.has(each.sid));
  }

  /** Waits for one leader whom a majority follows. */
  awaitLeader(limitMs?: number): Promise<EnsembleMember> {
    return this.awaitLeaderAmong(
      this.voters.map((each) => each.sid),
      limitMs,
    );
  }

  /** The same, whatever the others believe of themselves. */
  async awaitLeaderAmong(
    sids: readonly number[],
    limitMs: number = LEADER_LIMIT_MS,
  ): Promise<EnsembleMember> {
    const side = this.voters.filter((each) => sids.includes(each.sid));
    let leader: EnsembleMember | undefined;
    const isSettled = async (): Promise<boolean> => {
      const modes = await Promise.all(side.map((each) => each.mode()));
      const leaders = side.filter((_, at) => modes[at] === "leader");
      const followers = modes.filter((each) => each === "follower").length;
      leader = leaders[0];
      return leaders.length === 1 && followers + 1 > this.voters.length / 2;
    };
    await until("there is a leader", isSettled, limitMs).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.logTails()}`);
    });
    if (leader === undefined) throw new Error("there is no leader");
    return leader;
  }

  async awaitFollower(): Promise<EnsembleMember> {
    const leader = await this.awaitLeader();
    for (const each of this.voters) {
      if (each !== leader && (await each.mode()) === "follower") return each;
    }
    throw new Error("nobody follows");
  }

  /** Waits until everybody who runs serves, under one leader. */
  async awaitServing(): Promise<EnsembleMember> {
    for (const each of this.members) if (each.isRunning && !each.isPaused) await each.serving();
    return this.awaitLeader();
  }

  /**
   * Makes `sid` the leader. Elections go to the longest history, then to the largest number: so
   * those with larger numbers miss a write, and the leader is killed. All run again afterwards.
   */
  async makeLeader(sid: number): Promise<void> {
    const wanted = this.member(sid);
    for (let attempt = 0; attempt < LEADER_ATTEMPTS; attempt++) {
      const leader = await this.awaitServing();
      if (leader === wanted) return;
      const late = this.voters.filter((each) => each.sid > sid && each !== leader);
      for (const each of late) await each.kill();
      const client = await RawClient.open(wanted.clientPort);
      await client.call(OpCode.closeSession);
      client.drop();
      await leader.kill();
      for (const each of late) each.start();
      await this.awaitLeader();
      leader.start();
    }
    throw new Error(`server ${sid} does not become the leader\n${this.logTails()}`);
  }

  /** What `from` sends to `to` is swallowed from now on. */
  cut(from: number, to: number): void {
    this.#route(from, to).cut("there");
    this.#route(to, from).cut("back");
  }

  /** Nothing passes any more between the two sides. */
  partition(one: readonly number[], other: readonly number[]): void {
    for (const a of one) {
      for (const b of other) {
        this.cut(a, b);
        this.cut(b, a);
      }
    }
  }

  heal(): void {
    for (const each of this.#routes.values()) each.heal();
  }

  /** Hears of all bytes between two servers, whoever of them dialled. */
  record(hear: (dialler: number, target: number, passage: WirePassage) => void): void {
    for (const [key, route] of this.#routes) {
      const [dialler = 0, target = 0] = key.split("-").map(Number);
      route.record = (passage) => hear(dialler, target, passage);
    }
  }

  /**
   * The syncs since the last call, each told once: by the leader if that is Apache's, else by the
   * learner. To be asked before a member changes its kind.
   */
  takeSyncs(): Sync[] {
    const syncs: Sync[] = [];
    for (const member of this.members) {
      const told = loggedSyncs(member.takeLog());
      for (const sync of told) {
        const { kind } = sync;
        if ("learner" in sync) {
          syncs.push({ kind, leader: member, learner: this.member(sync.learner) });
        } else {
          const leader =
            "leader" in sync
              ? this.member(sync.leader)
              : this.#byQuorumPort(member, sync.leaderPort);
          if (leader.kind !== "apache") syncs.push({ kind, leader, learner: member });
        }
      }
    }
    return syncs;
  }

  logTails(): string {
    return this.members.map((each) => each.logTail()).join("\n");
  }

  /** Kills everybody; the directories go with them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map((each) => each.kill()));
    await Promise.all([...this.#routes.values()].map((each) => each.close()));
    rmSync(this.#home, { recursive: true, force: true });
  }

  #byQuorumPort(learner: EnsembleMember, port: number): EnsembleMember {
    const found = this.members.find((each) => {
      const { sid } = each;
      const route = this.#routes.get(`${learner.sid}-${sid}`);
      return (route ?? this.#ports.get(sid))?.quorumPort === port;
    });
    if (found === undefined) throw new Error(`nobody has the quorum port ${port}`);
    return found;
  }

  #route(dialler: number, target: number): PairRoute {
    const route = this.#routes.get(`${dialler}-${target}`);
    if (route === undefined) throw new Error("the wires of this ensemble are not routed");
    return route;
  }
}

const BASE_SETTINGS = {
  // What is written while a server starts: else each of them gets the whole tree.
  commitLogCount: "10000",
  maxClientCnxns: "0",
  maxSessionTimeout: "60000",
  "admin.enableServer": "false",
  "4lw.commands.whitelist": "*",
  "DigestAuthenticationProvider.superDigest": SUPER_DIGEST,
};

function limits(options: EnsembleOptions): Record<string, string> {
  return {
    tickTime: String(options.tickTimeMs ?? 500),
    initLimit: String(options.initLimit ?? 20),
    syncLimit: String(options.syncLimit ?? 8),
  };
}

async function openRoutes(ports: ReadonlyMap<number, Ports>): Promise<Map<string, PairRoute>> {
  const routes = new Map<string, PairRoute>();
  for (const dialler of ports.keys()) {
    for (const [target, real] of ports) {
      if (dialler !== target) routes.set(`${dialler}-${target}`, await PairRoute.open(real));
    }
  }
  for (const [key, route] of routes) {
    const [dialler, target] = key.split("-");
    route.answerAt(routes.get(`${target}-${dialler}`)?.electionPort ?? 0);
  }
  return routes;
}

const given = new Set<number>();

/** A port that nobody listens on now and that the kernel gives to nobody. */
async function unusedPort(): Promise<number> {
  for (;;) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from));
    if (given.has(port)) continue;
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    given.add(port);
    return port;
  }
}
