// The session core on a machine in virtual time, with what a test wants to see of it: no promises.

import type { ZooKeeperError } from "../../client/errors.ts";
import { Hosts } from "../../client/hosts.ts";
import * as operations from "../../client/operations.ts";
import type { ConnectOptions } from "../../client/options.ts";
import { Session } from "../../client/session.ts";
import { settingsOf } from "../../client/settings.ts";
import type { StateEvent } from "../../client/states.ts";
import { type Watcher, type WatchKind, watchRegistration } from "../../client/watches.ts";
import type { WatchableRequest } from "../../protocol/proto.ts";
import { Machine } from "./machine.ts";
import { ScriptedServer } from "./scripted-server.ts";

/** What became of a request. */
export interface Outcome {
  error?: ZooKeeperError;
  result?: unknown;
  atMs?: number;
}

export class Core {
  readonly machine: Machine;
  readonly server: ScriptedServer;
  readonly session: Session;
  readonly events: StateEvent[] = [];
  readonly warnings: string[] = [];
  readonly errors: unknown[] = [];
  /** Called with each event, after it was noted. */
  onEvent: ((event: StateEvent) => void) | undefined;

  constructor(options: ConnectOptions & { servers?: string; seed?: number } = {}) {
    this.machine = new Machine(options.seed);
    this.server = new ScriptedServer(this.machine);
    const servers = options.servers ?? "s1:2181";
    const hosts = new Hosts({ get: () => servers }, this.machine.random);
    const settings = settingsOf({ sessionTimeoutMs: 12_000, ...options });
    this.session = new Session(this.machine, hosts, settings, options.auth ?? [], {
      transition: (event) => {
        this.events.push(event);
        this.onEvent?.(event);
      },
      closing: () => {},
      warn: (code) => this.warnings.push(code),
      backgroundError: (error) => this.errors.push(error),
      debug: () => {},
    });
  }

  /** Connected, the first event forgotten. */
  static connected(options: ConstructorParameters<typeof Core>[0] = {}): Core {
    const core = new Core(options);
    core.session.start();
    core.run(10);
    core.events.length = 0;
    return core;
  }

  get states(): readonly string[] {
    return this.events.map(label);
  }

  run(forMs: number): void {
    this.machine.run(forMs);
  }

  get nowMs(): number {
    return this.machine.clock.now;
  }

  submit<A, R>(operation: operations.Operation<A, R>, args: A, timeoutMs?: number): Outcome {
    const outcome: Outcome = {};
    this.session.submit(operation, args, { path: "/x", timeoutMs }, (error, result) => {
      outcome.atMs = this.nowMs;
      if (error === undefined) outcome.result = result ?? "done";
      else outcome.error = error;
    });
    return outcome;
  }

  /** Has the session proved now. */
  prove(): void {
    this.submit(operations.sync, "/");
    this.run(5);
  }

  exists(path: string, timeoutMs?: number): Outcome {
    return this.submit(operations.exists, { path, watch: false }, timeoutMs);
  }

  setData(path: string, timeoutMs?: number): Outcome {
    return this.submit(
      operations.setData,
      { path, data: Buffer.from("d"), version: -1 },
      timeoutMs,
    );
  }

  /** A read that arms a watch; returns the registration. */
  watch(
    kind: WatchKind,
    path: string,
    watcher: Watcher,
    timeoutMs?: number,
  ): { registration: ReturnType<typeof watchRegistration>; outcome: Outcome } {
    const registration = watchRegistration(kind, path, path, watcher);
    const outcome: Outcome = {};
    const operation: operations.Operation<WatchableRequest, unknown> =
      kind === "data"
        ? operations.getData
        : kind === "exists"
          ? operations.exists
          : operations.getChildren;
    const request = { path, watch: true };
    this.session.submit(operation, request, { path, registration, timeoutMs }, (error, result) => {
      if (error === undefined) outcome.result = result;
      else outcome.error = error;
    });
    return { registration, outcome };
  }
}

/** A state event in a few words, as in the tables of the specification. */
function label(event: StateEvent): string {
  switch (event.state) {
    case "reconnected":
      return `reconnected(${event.sameSession ? "same" : "new"})`;
    case "lost":
      return `lost(${event.cause})`;
    case "closed":
      return event.error === undefined ? "closed" : `closed(${event.error.code})`;
    default:
      return event.state;
  }
}
