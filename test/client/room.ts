// The client that users hold, on a machine in virtual time with a server by script.

import { type Client, type ConnectOptions, connect } from "../../client/index.ts";
import { Machine } from "./machine.ts";
import { type Received, ScriptedServer } from "./scripted-server.ts";

export class Room {
  readonly machine: Machine;
  readonly server: ScriptedServer;
  readonly zk: Client;
  readonly backgroundErrors: unknown[] = [];

  private constructor(machine: Machine, server: ScriptedServer, zk: Client) {
    this.machine = machine;
    this.server = server;
    this.zk = zk;
    zk.on("backgroundError", ({ error }) => this.backgroundErrors.push(error));
  }

  static async open(
    options: ConnectOptions & { chroot?: string; seed?: number } = {},
  ): Promise<Room> {
    const machine = new Machine(options.seed);
    const server = new ScriptedServer(machine);
    const connecting = connect(`s1:2181${options.chroot ?? ""}`, {
      sessionTimeoutMs: 12_000,
      ...options,
      host: machine,
    });
    return new Room(machine, server, await machine.until(connecting));
  }

  /** Lets virtual time pass, promise code included. */
  live(forMs: number): Promise<void> {
    return this.machine.live(forMs);
  }

  until<T>(work: Promise<T>): Promise<T> {
    return this.machine.until(work);
  }

  /** What a call rejects with. */
  async failure(work: Promise<unknown>): Promise<unknown> {
    const outcome = await this.until(
      work.then(
        () => ({ error: undefined }),
        (error: unknown) => ({ error }),
      ),
    );
    return outcome.error;
  }

  /** Answers the next requests one by one, in order; what comes after them is left alone. */
  script(...answers: readonly ((request: Received) => void)[]): void {
    const left = [...answers];
    this.server.onRequest = (request) => left.shift()?.(request);
  }
}
