// One client: the real session core on a simulated host, fed by the workload. Its process may be
// killed and started again, with a new session.

import type { ZooKeeperError } from "../../client/errors.ts";
import { Hosts } from "../../client/hosts.ts";
import type { SessionObserver } from "../../client/observer.ts";
import type { ClientHost } from "../../client/options.ts";
import { Session } from "../../client/session.ts";
import { settingsOf } from "../../client/settings.ts";
import { type WatchRegistration, watchRegistration } from "../../client/watches.ts";
import { EventKind, type SimHost, type SimRandom, type World } from "../../server/testing/index.ts";
import { type Recorder, TappedNetwork } from "./tap.ts";
import { type Call, ROOTS, type Workload } from "./workload.ts";

/** What all clients of a run did, and what went wrong inside them. */
export class ClientTally {
  issued = 0;
  succeeded = 0;
  refused = 0;
  lost = 0;
  sessionsLost = 0;
  readonly problems: string[] = [];
}

/** A call that waits for its outcome. */
interface Pending {
  readonly call: Call;
  settled: boolean;
}

const BURST_MAX = 12;

export class ClientActor {
  readonly host: SimHost;
  readonly #world: World;
  readonly #recorder: Recorder;
  readonly #workload: Workload;
  readonly #tally: ClientTally;
  readonly #draw: SimRandom;
  readonly #servers: string;
  readonly #pauseUs: number;
  readonly #timeoutMs: number;
  #session: Session | undefined;
  #pending = new Set<Pending>();
  #watches: WatchRegistration[] = [];
  #active = true;
  #ballast = 0;

  /** @param pauseUs between its calls, on average */
  constructor(
    world: World,
    host: SimHost,
    recorder: Recorder,
    workload: Workload,
    tally: ClientTally,
    servers: string,
    pauseUs: number,
  ) {
    this.#world = world;
    this.host = host;
    this.#recorder = recorder;
    this.#workload = workload;
    this.#tally = tally;
    this.#servers = servers;
    this.#draw = host.draw.fork();
    this.#pauseUs = pauseUs;
    this.#timeoutMs = this.#draw.pick([4000, 5000, 6000, 8000]);
  }

  /** Calls without an outcome. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  get connected(): boolean {
    return this.#session?.isConnected ?? false;
  }

  /** Makes some large znodes, before anything else. */
  loadBallast(znodes: number): void {
    this.#ballast = znodes;
  }

  /** Starts the process. */
  start(): void {
    this.host.restart();
    this.#world.schedule(this.host, 0, EventKind.script, () => {
      this.#connect();
      for (const root of ROOTS) this.#issue(this.#workload.root(root));
      this.#issue(this.#workload.quota());
      for (; this.#ballast > 0; this.#ballast--) {
        this.#issue(this.#workload.ballast(this.#ballast));
      }
      this.#goOn();
    });
  }

  /** Ends the process without a word. */
  kill(how: "kill" | "power"): void {
    this.host.crash(how);
    this.#session = undefined;
    this.#pending = new Set();
    this.#watches = [];
  }

  /** Makes many calls at once. */
  burst(): void {
    this.#world.schedule(this.host, 0, EventKind.script, () => {
      for (let i = 0; i < BURST_MAX; i++) this.#issue(this.#workload.next());
    });
  }

  /** Asks for nothing new from now on. */
  quiet(): void {
    this.#active = false;
  }

  /** Makes calls that must all succeed when nothing is broken any more. */
  lastCalls(): void {
    this.#world.schedule(this.host, 0, EventKind.script, () => {
      for (let i = 0; i < 4; i++) this.#issue(this.#workload.next());
      this.#issue(this.#workload.sync());
    });
  }

  /** Ends the session in good order. */
  close(): void {
    this.#world.schedule(this.host, 0, EventKind.script, () => {
      this.#session?.close(5000, () => {});
    });
  }

  #connect(): void {
    const { clock, random, network } = this.host;
    const tapped = new TappedNetwork(network, this.#recorder, this.host.name);
    const host: ClientHost = { clock, random, network: tapped };
    const settings = settingsOf({
      sessionTimeoutMs: this.#timeoutMs,
      operationTimeoutMs: 20_000,
      serverTickTimeMs: 500,
      lostFactor: this.#draw.pick([1, 4 / 3, 3]),
    });
    const hosts = new Hosts({ get: () => this.#servers }, random);
    const auth = this.#draw.chance(0.5)
      ? [{ scheme: "digest", auth: Buffer.from(`user:${this.host.name}`) }]
      : [];
    const session = new Session(host, hosts, settings, auth, this.#observer());
    this.#session = session;
    session.start();
  }

  #observer(): SessionObserver {
    return {
      transition: (event) => {
        if (event.state === "lost") this.#tally.sessionsLost++;
      },
      closing: () => {},
      warn: () => {},
      backgroundError: (error, context) => {
        this.#tally.problems.push(`${context}: ${String(error)}`);
      },
      debug: () => {},
    };
  }

  /** Issues a few calls, and goes on after a pause. */
  #goOn(): void {
    const draw = this.#draw;
    const delayUs = draw.chance(0.3) ? draw.below(20_000) : draw.below(2 * this.#pauseUs);
    this.#world.schedule(this.host, delayUs, EventKind.script, () => {
      if (!this.#active) return;
      const calls = draw.chance(0.15) ? draw.between(2, BURST_MAX) : 1;
      for (let i = 0; i < calls; i++) this.#issue(this.#workload.next());
      if (draw.chance(0.02)) this.#cancelWatch();
      if (draw.chance(0.004)) this.#session?.resetSession();
      this.#goOn();
    });
  }

  #issue(call: Call): void {
    const session = this.#session;
    if (session === undefined) return;
    const pending: Pending = { call, settled: false };
    const registration = this.#registration(call);
    this.#pending.add(pending);
    this.#tally.issued++;
    session.submit(
      call.operation,
      call.args as never,
      { path: call.path, registration },
      (error, result) => this.#settled(pending, error, result),
    );
  }

  #registration(call: Call): WatchRegistration | undefined {
    if (call.watch === undefined) return undefined;
    let told = 0;
    const registration = watchRegistration(call.watch, call.path, call.path, () => {
      if (++told > 1) this.#tally.problems.push(`a watcher of ${call.path} was told twice`);
    });
    this.#watches.push(registration);
    return registration;
  }

  #cancelWatch(): void {
    const registration = this.#watches.pop();
    if (registration !== undefined) this.#session?.cancelWatch(registration);
  }

  #settled(pending: Pending, error: ZooKeeperError | undefined, result: unknown): void {
    const { path } = pending.call;
    if (pending.settled) this.#tally.problems.push(`a call about ${path} was settled twice`);
    pending.settled = true;
    this.#pending.delete(pending);
    if (error === undefined) {
      this.#tally.succeeded++;
      const made = createdPath(result);
      if (made !== undefined) this.#workload.learn(made);
      else if (pending.call.operation.name === "delete") this.#workload.forget(path);
      return;
    }
    switch (error.code) {
      case "ConnectionLoss":
      case "SessionExpired":
      case "Timeout":
      case "Closed":
        this.#tally.lost++;
        return;
      case "NoNode":
        this.#workload.forget(path);
        this.#tally.refused++;
        return;
      default:
        this.#tally.refused++;
    }
  }
}

function createdPath(result: unknown): string | undefined {
  if (typeof result !== "object" || result === null || !("path" in result)) return undefined;
  return typeof result.path === "string" ? result.path : undefined;
}
