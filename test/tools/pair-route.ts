// The wires between two servers of an ensemble: one port in front of the quorum port and one in
// front of the election port, for the dialler alone. A wire can be cut in the ways networks do,
// and what passes can be recorded.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { pause } from "./until.ts";

/** From the one who dials, or towards it. */
export type WireDirection = "there" | "back";

export type WirePort = "quorum" | "election";

/** Bytes as they passed, in the order of their connection. */
export interface WirePassage {
  readonly port: WirePort;
  /** Numbers the connections of this route. */
  readonly connection: number;
  readonly direction: WireDirection;
  readonly bytes: Buffer;
}

export interface RouteTarget {
  readonly quorumPort: number;
  readonly electionPort: number;
}

interface Link {
  readonly dialler: Socket;
  /** Undefined: not reached yet. */
  readonly target: Socket | undefined;
}

const DIAL_LIMIT_MS = 3000;
const DIAL_RETRY_MS = 20;

/** Of the election port's greeting: version, sid, length of the address. */
const GREETING_HEAD_BYTES = 20;

export class PairRoute {
  readonly quorumPort: number;
  readonly electionPort: number;
  /** Hears of everything that passes. */
  record: ((passage: WirePassage) => void) | undefined;
  readonly #servers: readonly Server[];
  readonly #links = new Set<Link>();
  readonly #cut = new Set<WireDirection>();
  /** Where the target finds the dialler: what the dialler's greetings have to say. */
  #ownElectionPort = 0;
  #connections = 0;

  private constructor(servers: readonly [Server, Server], target: RouteTarget) {
    this.#servers = servers;
    [this.quorumPort, this.electionPort] = servers.map(portOf) as [number, number];
    servers[0].on("connection", (socket) => {
      void this.#accept("quorum", socket, target.quorumPort);
    });
    servers[1].on("connection", (socket) => {
      void this.#accept("election", socket, target.electionPort);
    });
  }

  static async open(target: RouteTarget): Promise<PairRoute> {
    const servers = [listener(), listener()] as const;
    await Promise.all(servers.map((each) => once(each, "listening")));
    return new PairRoute([...servers], target);
  }

  /**
   * A server that is greeted by a smaller number hangs up and dials the address that the greeting
   * told: it must be one of ours, or the pair would talk past us.
   */
  answerAt(electionPort: number): void {
    this.#ownElectionPort = electionPort;
  }

  /** From now on bytes of these directions are swallowed, and nobody is told. */
  cut(...directions: readonly WireDirection[]): void {
    for (const each of directions) this.#cut.add(each);
  }

  /** New links work again; those that lost bytes are reset. */
  heal(): void {
    if (this.#cut.size === 0) return;
    this.#cut.clear();
    this.reset();
  }

  reset(): void {
    for (const { dialler, target } of [...this.#links]) {
      dialler.resetAndDestroy();
      target?.resetAndDestroy();
    }
  }

  async close(): Promise<void> {
    const closed = this.#servers.map((each) => once(each, "close"));
    for (const each of this.#servers) each.close();
    this.reset();
    await Promise.all(closed);
  }

  /**
   * A port that nobody listens on refuses at once, and the dialler tries again. We have accepted
   * already, so we try for it; a wire that is cut stays silent instead.
   */
  async #accept(port: WirePort, dialler: Socket, targetPort: number): Promise<void> {
    dialler.pause();
    dialler.on("error", () => undefined);
    const held = { dialler, target: undefined };
    this.#links.add(held);
    dialler.once("close", () => this.#links.delete(held));
    const deadline = performance.now() + DIAL_LIMIT_MS;
    while (this.#cut.size === 0 && !dialler.destroyed) {
      const target = await dialled(targetPort);
      if (target !== undefined) {
        this.#links.delete(held);
        this.#join(port, dialler, target);
        return;
      }
      if (performance.now() > deadline) dialler.resetAndDestroy();
      else await pause(DIAL_RETRY_MS);
    }
  }

  #join(port: WirePort, dialler: Socket, target: Socket): void {
    const connection = ++this.#connections;
    const link = { dialler, target };
    this.#links.add(link);
    const forget = (): void => {
      if (dialler.destroyed && target.destroyed) this.#links.delete(link);
    };
    dialler.on("close", forget);
    target.on("close", forget);
    let greeting = port === "election" ? Buffer.alloc(0) : undefined;
    this.#forward(dialler, target, "there", (chunk) => {
      let bytes = chunk;
      if (greeting !== undefined) {
        greeting = Buffer.concat([greeting, chunk]);
        const rewritten = this.#rewritten(greeting);
        if (rewritten === undefined) return undefined;
        greeting = undefined;
        bytes = rewritten;
      }
      this.record?.({ port, connection, direction: "there", bytes });
      return bytes;
    });
    this.#forward(target, dialler, "back", (bytes) => {
      this.record?.({ port, connection, direction: "back", bytes });
      return bytes;
    });
    if (dialler.destroyed) target.destroy();
  }

  /** The greeting with our address in it, and what follows; undefined: it has not all come. */
  #rewritten(bytes: Buffer): Buffer | undefined {
    if (bytes.length < GREETING_HEAD_BYTES) return undefined;
    const length = bytes.readInt32BE(GREETING_HEAD_BYTES - 4);
    if (bytes.length < GREETING_HEAD_BYTES + length) return undefined;
    const address = Buffer.from(`127.0.0.1:${this.#ownElectionPort}`);
    const head = Buffer.from(bytes.subarray(0, GREETING_HEAD_BYTES));
    head.writeInt32BE(address.length, GREETING_HEAD_BYTES - 4);
    return Buffer.concat([head, address, bytes.subarray(GREETING_HEAD_BYTES + length)]);
  }

  #forward(
    from: Socket,
    to: Socket,
    direction: WireDirection,
    pass: (bytes: Buffer) => Buffer | undefined,
  ): void {
    from.setNoDelay(true);
    from.resume();
    from.on("data", (chunk: Buffer) => {
      if (this.#cut.has(direction) || to.destroyed) return;
      const bytes = pass(chunk);
      if (bytes === undefined || to.write(bytes)) return;
      from.pause();
      to.once("drain", () => from.resume());
    });
    from.on("end", () => {
      if (!this.#cut.has(direction)) to.end();
    });
    // "close" follows an error, and is what counts.
    from.on("error", () => undefined);
    from.on("close", (hadError) => {
      if (this.#cut.has(direction)) return;
      if (hadError) to.resetAndDestroy();
      else to.end();
    });
  }
}

function listener(): Server {
  return createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
}

/** A connection; undefined: it was refused. */
function dialled(port: number): Promise<Socket | undefined> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(undefined));
  });
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
