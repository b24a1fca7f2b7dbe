// One seed: a world with a server and its clients, a minute of work under faults, and a judgement.

import { ErrorCode } from "../../protocol/errors.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { type SimRandom, World } from "../../server/testing/index.ts";
import { CHECKERS } from "./checkers/index.ts";
import { ClientActor, ClientTally } from "./client-actor.ts";
import type { History, LoggedTxn } from "./history.ts";
import { readLogs } from "./log-reader.ts";
import { Nemesis } from "./nemesis.ts";
import { replay } from "./replay.ts";
import type { Kind, SeedResult, Violation } from "./seed.ts";
import { CLIENT_PORT, LOG_DIR, ServerActor, smallConfig } from "./server-actor.ts";
import { Recorder } from "./tap.ts";
import { TIMED, Workload } from "./workload.ts";

const SECOND_US = 1_000_000;
const FAULTS_OVER_US = 53 * SECOND_US;
/** How long a world without faults may need until all is well. */
const PATIENCE_US = 40 * SECOND_US;
const SERVER = "10.0.0.1";
/** How many seeds have a tree that takes several slices of a snapshot, and what makes it so. */
const BALLAST_SHARE = 0.15;
const BALLAST_ZNODES = 30;
/** Between two calls of any client, bursts aside. */
const CALL_EVERY_MIN_US = 290_000;
const CALL_EVERY_MAX_US = 350_000;

/** The size that a seed must have (docs/simulator.md). */
const OPERATIONS_MIN = 300;
const FAULTS_MIN = 8;
const SIMULATED_MIN_US = 60 * SECOND_US;

/** How often a run got to each of these. */
type Reached = {
  tornWrites: number;
  lostNames: number;
  powerCuts: number;
  kills: number;
  snapshotsLoaded: number;
  fuzzySnapshots: number;
  expiries: number;
  reconnects: number;
  multis: number;
  failedMultis: number;
  watchEvents: number;
  restoredWatches: number;
  containersReaped: number;
  ttlsReaped: number;
  quotaRefusals: number;
  diskStops: number;
  refusals: number;
};

/** What a sweep must reach with at least one seed in twenty. */
const MUST_REACH: readonly (keyof Reached)[] = [
  "tornWrites",
  "lostNames",
  "powerCuts",
  "snapshotsLoaded",
  "fuzzySnapshots",
  "expiries",
  "reconnects",
  "multis",
  "failedMultis",
  "watchEvents",
  "restoredWatches",
  "containersReaped",
  "ttlsReaped",
  "quotaRefusals",
  "diskStops",
];

export const ONE_SERVER: Kind = { name: "one server", run, mustReach: MUST_REACH };

export function run(seed: number): SeedResult {
  return new Run(seed).play();
}

class Run {
  readonly #seed: number;
  readonly #world: World;
  readonly #recorder: Recorder;
  readonly #server: ServerActor;
  readonly #clients: readonly ClientActor[];
  readonly #tally = new ClientTally();
  readonly #nemesis: Nemesis;
  readonly #violations: Violation[] = [];

  constructor(seed: number) {
    this.#seed = seed;
    const world = new World(seed);
    const draw = world.random.fork();
    this.#world = world;
    this.#recorder = new Recorder(world);
    const config = smallConfig(draw, [500, 1000, 2000]);
    this.#server = new ServerActor(world, world.host(SERVER), this.#recorder, config);
    const workload = new Workload(draw.fork());
    const clients = draw.between(4, 6);
    const pauseUs = clients * draw.between(CALL_EVERY_MIN_US, CALL_EVERY_MAX_US);
    this.#clients = Array.from(
      { length: clients },
      (_, index) =>
        new ClientActor(
          world,
          world.host(`10.0.1.${index + 1}`),
          this.#recorder,
          workload,
          this.#tally,
          `${SERVER}:${CLIENT_PORT}`,
          pauseUs,
        ),
    );
    if (draw.chance(BALLAST_SHARE)) this.#makeSnapshotsFuzzy(draw.fork());
    this.#nemesis = new Nemesis(world, this.#server, this.#clients, draw.fork());
  }

  play(): SeedResult {
    let history: History | undefined;
    try {
      this.#act();
      history = this.#history();
    } catch (error) {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#violate("NothingThrown", message);
    }
    if (history !== undefined) this.#judge(history);
    return this.#result(history);
  }

  #act(): void {
    const world = this.#world;
    this.#server.start();
    for (const client of this.#clients) client.start();
    this.#nemesis.plan();
    world.runUntil(FAULTS_OVER_US);
    this.#nemesis.heal();
    this.#await("ServesAgain", "a server and clients without faults find each other", () =>
      this.#clients.every((client) => client.connected),
    );
    for (const client of this.#clients) {
      client.quiet();
      client.lastCalls();
    }
    world.runUntil(world.nowUs + SECOND_US);
    this.#await("EveryCallSettles", "every call has an outcome", () =>
      this.#clients.every((client) => client.pendingCount === 0),
    );
    for (const [index, client] of this.#clients.entries()) {
      if (index % 2 === 0) client.close();
      else client.kill("power");
    }
    this.#await("DeadSessionsExpire", "a session nobody renews ends", () => {
      const tree = this.#server.server?.tree;
      return tree !== undefined && tree.sessions.size === 0;
    });
    this.#await("WhatIsOverGoes", "nothing is left that the reaper must take", () => {
      return this.#server.overdue === undefined;
    });
    world.runUntil(Math.max(world.nowUs, SIMULATED_MIN_US));
    this.#server.kill("power");
    this.#server.start();
    this.#await("ServesAgain", "a server without faults starts", () => this.#server.serving);
  }

  /** A tree that takes several slices of a snapshot, and load while it is copied. */
  #makeSnapshotsFuzzy(draw: SimRandom): void {
    this.#clients[0]?.loadBallast(BALLAST_ZNODES);
    this.#server.onSnapshotBegun = () => {
      if (draw.chance(0.5)) draw.pick(this.#clients).burst();
    };
  }

  /** Lets time pass until something holds that must hold soon. */
  #await(checker: string, what: string, condition: () => boolean): void {
    const deadlineUs = this.#world.nowUs + PATIENCE_US;
    while (!condition()) {
      if (this.#world.nowUs > deadlineUs || !this.#world.step()) {
        this.#violate(checker, `it does not come true that ${what}`);
        return;
      }
    }
  }

  #history(): History {
    const begin = { order: 0, atUs: 0 };
    const txns = readLogs(this.#server.host.disk, LOG_DIR).map(
      (txn): LoggedTxn => ({
        txn,
        when: this.#recorder.loggedAt.get(txn.header.zxid) ?? begin,
      }),
    );
    return {
      connections: this.#recorder.connections,
      txns,
      lives: this.#server.lives,
      forwarded: new Map(),
      heard: this.#recorder.heard,
    };
  }

  #judge(history: History): void {
    const replayed = replay(history);
    for (const checker of CHECKERS) {
      const wrong = checker.check(replayed);
      const first = wrong[0];
      if (first === undefined) continue;
      this.#violate(
        checker.name,
        wrong.length === 1 ? first : `${first} (and ${wrong.length - 1} more)`,
      );
    }
    const [problem] = this.#tally.problems;
    if (problem !== undefined) this.#violate("ClientKeepsItsWord", problem);
    const [refusal] = this.#nemesis.problems;
    if (refusal !== undefined) this.#violate("RecoversFromEveryCrash", refusal);
    this.#judgeSize();
  }

  #judgeSize(): void {
    const { issued, succeeded } = this.#tally;
    const bigEnough =
      issued >= OPERATIONS_MIN &&
      this.#nemesis.count >= FAULTS_MIN &&
      this.#world.nowUs >= SIMULATED_MIN_US;
    if (!bigEnough) this.#violate("BigEnough", `${issued} calls, ${this.#nemesis.count} faults`);
    if (succeeded * 2 < issued) {
      this.#violate("BigEnough", `${succeeded} of ${issued} calls succeeded`);
    }
  }

  #violate(checker: string, message: string): void {
    this.#violations.push({ checker, message });
  }

  #result(history: History | undefined): SeedResult {
    return {
      seed: this.#seed,
      traceHash: this.#world.trace.digest(),
      shape: "1 server",
      violations: this.#violations,
      operations: this.#tally.issued,
      succeeded: this.#tally.succeeded,
      faults: this.#nemesis.count,
      simulatedMs: this.#world.nowUs / 1000,
      events: this.#world.eventCount,
      txns: history?.txns.length ?? 0,
      reached: this.#reached(history),
      lines: this.#server.lines,
    };
  }

  #reached(history: History | undefined): Reached {
    const { tally, host } = this.#server;
    const types = (type: number): number =>
      history?.txns.filter(({ txn }) => txn.header.type === type).length ?? 0;
    const ttlsReaped =
      history?.txns.filter(
        ({ txn: { body } }) =>
          body.type === OpCode.deleteContainer && body.path?.startsWith(`${TIMED}/`),
      ).length ?? 0;
    const sessions = new Map<string, number>();
    let watchEvents = 0;
    let restoredWatches = 0;
    let multis = 0;
    let failedMultis = 0;
    let quotaRefusals = 0;
    for (const { session, received } of history?.connections ?? []) {
      sessions.set(session, (sessions.get(session) ?? 0) + 1);
      for (const item of received) {
        if (item.kind === "event") watchEvents++;
        else if (item.code === ErrorCode.QuotaExceeded) quotaRefusals++;
        else if (item.sent.op.type === OpCode.setWatches) restoredWatches++;
        else if (item.sent.op.type === OpCode.multi && item.code === 0) {
          if (item.result.results?.some((result) => result.type === OpCode.error)) failedMultis++;
          else multis++;
        }
      }
    }
    const asked = new Set(
      history?.connections.flatMap(({ session, sent }) =>
        sent.some(({ op }) => op.type === OpCode.closeSession) ? [session] : [],
      ),
    );
    return {
      tornWrites: host.disk.losses.tornBlocks,
      lostNames: host.disk.losses.lostNames,
      powerCuts: tally.powerCuts,
      kills: tally.kills,
      snapshotsLoaded: tally.snapshotsLoaded,
      fuzzySnapshots: tally.fuzzySnapshots,
      expiries: types(OpCode.closeSession) - asked.size,
      reconnects: [...sessions.values()].filter((connections) => connections > 1).length,
      multis,
      failedMultis,
      watchEvents,
      restoredWatches,
      containersReaped: types(OpCode.deleteContainer) - ttlsReaped,
      ttlsReaped,
      quotaRefusals,
      diskStops: tally.diskStops,
      refusals: tally.refusals,
    };
  }
}
