// One seed of an ensemble: servers, observers, clients, a minute of work under faults, and a judgement.

import { type Member } from "../../../protocol/ensemble.ts";
import { Reader } from "../../../protocol/jute.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import { PacketType } from "../../../protocol/quorum.ts";
import { readTxn } from "../../../protocol/txn.ts";
import { zxidCounter } from "../../../protocol/zxid.ts";
import { ensembleSettings } from "../../../server/config/ensemble.ts";
import { type SimRandom, World } from "../../../server/testing/index.ts";
import { ENSEMBLE_CHECKERS } from "../checkers/index.ts";
import { ClientActor, ClientTally } from "../client-actor.ts";
import type { History, Life, LoggedTxn } from "../history.ts";
import { eachPayloadOfLogs } from "../log-reader.ts";
import { replay } from "../replay.ts";
import type { Kind, SeedResult, Violation } from "../seed.ts";
import { CLIENT_PORT, LOG_DIR } from "../server-actor.ts";
import { Recorder } from "../tap.ts";
import { Workload } from "../workload.ts";
import { EnsembleNemesis } from "./nemesis.ts";
import { ELECTION_PORT, EnsembleServer, QUORUM_PORT, tickTime } from "./server.ts";
import { differences } from "./trees.ts";
import { type ServerEnd, ZAB_CHECKERS, zabRun } from "./zab-checkers.ts";
import { contentOf, ZabRecorder } from "./zab-tap.ts";
import type { ZabTrace } from "./zab-trace.ts";

const SECOND_US = 1_000_000;
const FAULTS_OVER_US = 53 * SECOND_US;
/** How long an ensemble without faults may need until all is well. */
const PATIENCE_US = 60 * SECOND_US;
const CALL_EVERY_MIN_US = 270_000;
const CALL_EVERY_MAX_US = 330_000;

/** The size that a seed must have (docs/simulator.md). */
const OPERATIONS_MIN = 300;
const FAULTS_MIN = 8;
const SIMULATED_MIN_US = 60 * SECOND_US;

/** Voters and observers, and how often. */
const SHAPES: readonly (readonly [share: number, voters: number, observers: number])[] = [
  [50, 3, 0],
  [15, 3, 1],
  [20, 5, 0],
  [8, 5, 2],
  [7, 7, 0],
];

/** How often a run got to each of these. */
type Reached = {
  /** Beyond the first. */
  elections: number;
  diffs: number;
  truncs: number;
  snaps: number;
  forwarded: number;
  informs: number;
  revalidations: number;
  handovers: number;
  tornWrites: number;
  powerCuts: number;
  kills: number;
  wipes: number;
  expiries: number;
  reconnects: number;
  multis: number;
  watchEvents: number;
  syncs: number;
  diskStops: number;
};

/** What a sweep must reach with at least one seed in twenty. */
const MUST_REACH: readonly (keyof Reached)[] = [
  "elections",
  "diffs",
  "truncs",
  "snaps",
  "forwarded",
  "informs",
  "revalidations",
  "handovers",
  "tornWrites",
  "powerCuts",
  "kills",
  "wipes",
  "expiries",
  "reconnects",
  "multis",
  "watchEvents",
  "syncs",
  "diskStops",
];

export const ENSEMBLES: Kind = { name: "ensembles", run: runEnsemble, mustReach: MUST_REACH };

export function runEnsemble(seed: number): SeedResult {
  return new EnsembleRun(seed).play();
}

class EnsembleRun {
  readonly #seed: number;
  readonly #world: World;
  readonly #recorder: Recorder;
  readonly #zab: ZabRecorder;
  readonly #servers: readonly EnsembleServer[];
  readonly #clients: readonly ClientActor[];
  readonly #tally = new ClientTally();
  readonly #nemesis: EnsembleNemesis;
  readonly #violations: Violation[] = [];
  readonly #shape: string;

  constructor(seed: number) {
    this.#seed = seed;
    const world = new World(seed);
    const draw = world.random.fork();
    this.#world = world;
    this.#recorder = new Recorder(world);
    this.#zab = new ZabRecorder(this.#recorder);
    const [voters, observers] = shapeOf(draw);
    this.#shape = observers === 0 ? `${voters} servers` : `${voters} + ${observers} servers`;
    const members = new Map<number, Member>();
    for (let sid = 1; sid <= voters + observers; sid++) {
      members.set(sid, memberOf(sid, sid <= voters));
    }
    const config = { version: 0, members, groups: new Map(), weights: new Map() };
    const tickTimeMs = tickTime(draw);
    this.#servers = [...members.keys()].map(
      (sid) =>
        new EnsembleServer(
          world,
          world.host(hostOf(sid)),
          this.#recorder,
          this.#zab,
          ensembleSettings(sid, config, draw.between(4, 10), draw.between(2, 5)),
          draw.fork(),
          tickTimeMs,
        ),
    );
    const workload = new Workload(draw.fork());
    const clients = draw.between(4, 6);
    const pauseUs = clients * draw.between(CALL_EVERY_MIN_US, CALL_EVERY_MAX_US);
    const servers = this.#servers.map(({ name }) => `${name}:${CLIENT_PORT}`).join(",");
    this.#clients = Array.from(
      { length: clients },
      (_, index) =>
        new ClientActor(
          world,
          world.host(`10.0.1.${index + 1}`),
          this.#recorder,
          workload,
          this.#tally,
          servers,
          pauseUs,
        ),
    );
    this.#nemesis = new EnsembleNemesis(
      world,
      this.#servers,
      this.#clients,
      this.#zab,
      draw.fork(),
    );
  }

  play(): SeedResult {
    let history: History | undefined;
    try {
      this.#act();
      history = this.#history();
      this.#judge(history);
    } catch (error) {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#violate("NothingThrown", message);
    }
    return this.#result(history);
  }

  #act(): void {
    const world = this.#world;
    for (const { actor } of this.#servers) actor.start();
    for (const client of this.#clients) client.start();
    this.#nemesis.plan();
    world.runUntil(FAULTS_OVER_US);
    this.#nemesis.heal();
    this.#await("ServesAgain", "every server without faults serves", allServe);
    this.#await("ServesAgain", "clients without faults find a server", allConnected);
    for (const client of this.#clients) {
      client.quiet();
      client.lastCalls();
    }
    world.runUntil(world.nowUs + SECOND_US);
    this.#await("EveryCallSettles", "every call has an outcome", allSettled);
    for (const [index, client] of this.#clients.entries()) {
      if (index % 2 === 0) client.close();
      else client.kill("power");
    }
    this.#await("DeadSessionsExpire", "a session nobody renews ends, on every server", noSessions);
    world.runUntil(Math.max(world.nowUs, SIMULATED_MIN_US));
    this.#awaitEqual();
    for (const { actor } of this.#servers) actor.kill("power");
    for (const { actor } of this.#servers) actor.start();
    this.#await("ServesAgain", "servers that lost power together serve again", allServe);
    this.#awaitEqual();
  }

  /** After quiescence all servers are at one txn, with one tree. An epoch's marker is no txn. */
  #awaitEqual(): void {
    this.#await("EqualTrees", "all servers come to one zxid", oneZxid);
    const trees = this.#servers.map(({ name, actor }) => ({ name, tree: actor.server?.tree }));
    for (const difference of differences(trees)) this.#violate("EqualTrees", difference);
  }

  /** Lets time pass until something holds that must hold soon. */
  #await(
    checker: string,
    what: string,
    condition: (servers: Servers, clients: Clients) => boolean,
  ): void {
    const deadlineUs = this.#world.nowUs + PATIENCE_US;
    while (!condition(this.#servers, this.#clients)) {
      if (this.#world.nowUs > deadlineUs || !this.#world.step()) {
        this.#violate(checker, `it does not come true that ${what}`);
        return;
      }
    }
  }

  #ends(): ServerEnd[] {
    return this.#servers.map(({ name, actor }) => {
      const txns: { zxid: number; content: string }[] = [];
      eachPayloadOfLogs(actor.host.disk, LOG_DIR, (payload, zxid) => {
        txns.push({ zxid, content: contentOf(payload) });
      });
      const snapshots = actor.host.disk
        .names(LOG_DIR)
        .flatMap((file) => /^snapshot\.([0-9a-f]+)$/.exec(file)?.[1] ?? [])
        .map((hex) => Number.parseInt(hex, 16));
      return { server: name, snapshotZxid: Math.max(0, ...snapshots), txns };
    });
  }

  /** What was settled. */
  #history(): History {
    const begin = { order: 0, atUs: 0 };
    const txns = [...this.#zab.settled()].map(
      ([zxid, payload]): LoggedTxn => ({
        txn: readTxn(new Reader(payload.length + 1).reset(payload)),
        when: this.#recorder.proposedAt.get(zxid) ?? begin,
      }),
    );
    return {
      connections: this.#recorder.connections,
      txns,
      lives: termsOf(this.#zab),
      forwarded: this.#zab.forwarded(this.#recorder.connections),
      heard: this.#recorder.heard,
    };
  }

  #judge(history: History): void {
    const voters = this.#servers.filter(({ votes }) => votes).map(({ name }) => name);
    const run = zabRun(this.#zab, voters, this.#ends());
    for (const checker of ZAB_CHECKERS) this.#violateBy(checker.name, checker.check(run));
    const replayed = replay(history);
    for (const checker of ENSEMBLE_CHECKERS) {
      this.#violateBy(checker.name, checker.check(replayed));
    }
    const [problem] = this.#tally.problems;
    if (problem !== undefined) this.#violate("ClientKeepsItsWord", problem);
    const [refusal] = this.#nemesis.problems;
    if (refusal !== undefined) this.#violate("RecoversFromEveryCrash", refusal);
    const [alarm] = this.#nemesis.alarms;
    if (alarm !== undefined) this.#violate("NoAlarm", alarm);
    const { issued, succeeded } = this.#tally;
    const isBigEnough =
      issued >= OPERATIONS_MIN &&
      this.#nemesis.count >= FAULTS_MIN &&
      this.#world.nowUs >= SIMULATED_MIN_US &&
      succeeded * 2 >= issued;
    if (!isBigEnough) {
      const size = `${succeeded} of ${issued} calls succeeded, ${this.#nemesis.count} faults`;
      this.#violate("BigEnough", size);
    }
  }

  #violateBy(checker: string, wrong: readonly string[]): void {
    const [first] = wrong;
    if (first === undefined) return;
    this.#violate(checker, wrong.length === 1 ? first : `${first} (and ${wrong.length - 1} more)`);
  }

  #violate(checker: string, message: string): void {
    this.#violations.push({ checker, message });
  }

  #result(history: History | undefined): SeedResult {
    return {
      seed: this.#seed,
      traceHash: this.#world.trace.digest(),
      violations: this.#violations,
      shape: this.#shape,
      operations: this.#tally.issued,
      succeeded: this.#tally.succeeded,
      faults: this.#nemesis.count,
      simulatedMs: this.#world.nowUs / 1000,
      events: this.#world.eventCount,
      txns: history?.txns.length ?? 0,
      reached: this.#reached(history),
      lines: this.#servers.flatMap(({ name, actor }) =>
        actor.lines.map((line) => `${name} ${line}`),
      ),
    };
  }

  #reached(history: History | undefined): Reached {
    const counts = new Map<number, number>();
    for (const link of this.#zab.links) {
      for (const { type, isSent } of link.packets) {
        if (isSent) counts.set(type, (counts.get(type) ?? 0) + 1);
      }
    }
    const sent = (type: number): number => counts.get(type) ?? 0;
    const connections = history?.connections ?? [];
    const perSession = new Map<string, number>();
    for (const { session } of connections) {
      perSession.set(session, (perSession.get(session) ?? 0) + 1);
    }
    const received = connections.flatMap((connection) => connection.received);
    const replies = received.flatMap((item) => (item.kind === "reply" ? [item] : []));
    const asked = new Set(
      connections.flatMap(({ session, sent: all }) =>
        all.some(({ op }) => op.type === OpCode.closeSession) ? [session] : [],
      ),
    );
    const closed =
      history?.txns.filter(({ txn }) => txn.header.type === OpCode.closeSession).length ?? 0;
    const sum = (value: (server: EnsembleServer) => number): number =>
      this.#servers.reduce((total, server) => total + value(server), 0);
    return {
      elections: Math.max(0, this.#zab.epochs - 1),
      diffs: sent(PacketType.DIFF),
      truncs: sent(PacketType.TRUNC),
      snaps: sent(PacketType.SNAP),
      forwarded: sent(PacketType.REQUEST),
      informs: sent(PacketType.INFORM),
      revalidations: sent(PacketType.REVALIDATE),
      handovers: sent(PacketType.HANDOVER),
      tornWrites: sum(({ actor }) => actor.host.disk.losses.tornBlocks),
      powerCuts: sum(({ actor }) => actor.tally.powerCuts),
      kills: sum(({ actor }) => actor.tally.kills),
      wipes: this.#nemesis.wipes,
      expiries: closed - asked.size,
      reconnects: [...perSession.values()].filter((count) => count > 1).length,
      multis: replies.filter(({ sent: { op }, code }) => op.type === OpCode.multi && code === 0)
        .length,
      watchEvents: received.length - replies.length,
      syncs: replies.filter(({ sent: { op } }) => op.type === OpCode.sync).length,
      diskStops: sum(({ actor }) => actor.tally.diskStops),
    };
  }
}

type Servers = readonly EnsembleServer[];
type Clients = readonly ClientActor[];

// What is waited for is asked before each event: plain loops, and no closures of one run, which the
// engine would have to compile anew in each.

function allServe(servers: Servers): boolean {
  for (const server of servers) if (!server.serves) return false;
  return true;
}

function allConnected(_: Servers, clients: Clients): boolean {
  for (const client of clients) if (!client.connected) return false;
  return true;
}

function allSettled(_: Servers, clients: Clients): boolean {
  for (const client of clients) if (client.pendingCount > 0) return false;
  return true;
}

function noSessions(servers: Servers): boolean {
  for (const { actor } of servers) if (actor.server?.tree?.sessions.size !== 0) return false;
  return true;
}

/** Of those that have a txn. */
function oneZxid(servers: Servers): boolean {
  let first = 0;
  for (const { actor } of servers) {
    const zxid = actor.server?.tree?.lastZxid ?? 0;
    if (zxidCounter(zxid) === 0) continue;
    if (first !== 0 && zxid !== first) return false;
    first = zxid;
  }
  return true;
}

/** When leaders took office: from then on sessions have their whole timeout again. */
function termsOf(trace: ZabTrace): Life[] {
  return trace.established.map(({ leader, when }) => ({
    server: leader,
    when,
    recoveredZxid: 0,
    digest: "",
    usage: undefined,
    ended: undefined,
  }));
}

function shapeOf(draw: SimRandom): readonly [voters: number, observers: number] {
  let at = draw.fraction() * 100;
  for (const [share, voters, observers] of SHAPES) {
    at -= share;
    if (at < 0) return [voters, observers];
  }
  return [3, 0];
}

function hostOf(sid: number): string {
  return `10.0.0.${sid}`;
}

function memberOf(sid: number, votes: boolean): Member {
  return {
    sid,
    role: votes ? "participant" : "observer",
    addresses: [{ host: hostOf(sid), quorumPort: QUORUM_PORT, electionPort: ELECTION_PORT }],
    client: { host: undefined, port: CLIENT_PORT },
  };
}
