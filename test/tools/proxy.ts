// A TCP proxy whose links a test cuts in the ways networks do: silently (nothing is forwarded and
// nothing is closed), one way only, with a reset, or with a single frame missing. It follows the
// frames of ZooKeeper's client port, so a test may name the one whose reply is lost.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Towards the server or towards the client. */
export type Direction = "up" | "down";

/** A frame that passed or was about to: its direction, its bytes after the length, when. */
export interface Passage {
  readonly direction: Direction;
  readonly frame: Buffer;
  /** `process.hrtime`, common to all processes of a machine. */
  readonly atNs: bigint;
}

/** What happens to one frame: it passes, it is swallowed, or the link is reset in its place. */
export type Verdict = "pass" | "drop" | "reset";

export class Proxy {
  readonly port: number;
  /**
   * Asked for each frame, handshakes included; undefined lets all pass. While a promise of it is
   * pending, that direction of that link stands still.
   */
  inspect: ((passage: Passage) => Verdict | Promise<Verdict>) | undefined;
  readonly #server: Server;
  readonly #target: number;
  readonly #links = new Set<ProxiedLink>();
  /** Directions in which bytes are swallowed, on links of now and of later. */
  readonly #cut = new Set<Direction>();

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => this.#accept(client));
  }

  /** Listens on a free port and forwards to `target` on this machine. */
  static async start(target: number): Promise<Proxy> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Proxy(server, target);
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** From now on nothing is forwarded in these directions, and nobody is told. */
  cut(...directions: Direction[]): void {
    const both: Direction[] = ["up", "down"];
    for (const direction of directions.length > 0 ? directions : both) this.#cut.add(direction);
  }

  /** Links of later work again. Those that lost bytes are reset: their frames are torn. */
  heal(): void {
    this.#cut.clear();
    this.reset();
  }

  /** Resets every open link. */
  reset(): void {
    for (const { client, server } of [...this.#links]) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.reset();
    await closed;
  }

  #accept(client: Socket): void {
    const server = connect({ port: this.#target, host: "127.0.0.1", allowHalfOpen: true });
    const link = { client, server };
    this.#links.add(link);
    const forget = (): void => {
      if (client.destroyed && server.destroyed) this.#links.delete(link);
    };
    client.on("close", forget);
    server.on("close", forget);
    this.#forward("up", client, server);
    this.#forward("down", server, client);
  }

  /** Frames, the end and the breaking of `from` reach `to`, unless this direction is cut. */
  #forward(direction: Direction, from: Socket, to: Socket): void {
    from.setNoDelay(true);
    let kept: Buffer = Buffer.alloc(0);
    let last: Promise<void> = Promise.resolve();
    const inTurn = (step: () => Promise<void> | void): void => {
      last = last.then(step);
    };
    from.on("data", (chunk: Buffer) => {
      kept = Buffer.concat([kept, chunk]);
      while (kept.length >= 4 && kept.length >= 4 + kept.readInt32BE(0)) {
        const bytes = kept.subarray(0, 4 + kept.readInt32BE(0));
        kept = kept.subarray(bytes.length);
        inTurn(async () => {
          const verdict = await this.#judge(direction, bytes.subarray(4));
          if (verdict === "pass" && !to.destroyed) to.write(bytes);
          if (verdict === "reset") {
            from.resetAndDestroy();
            to.resetAndDestroy();
          }
        });
      }
    });
    from.on("end", () => {
      inTurn(() => {
        if (!this.#cut.has(direction)) to.end();
      });
    });
    // "close" follows an error, and is what counts.
    from.on("error", () => undefined);
    from.on("close", (hadError) => {
      inTurn(() => {
        if (hadError && !this.#cut.has(direction)) to.resetAndDestroy();
      });
    });
  }

  async #judge(direction: Direction, frame: Buffer): Promise<Verdict> {
    if (this.#cut.has(direction)) return "drop";
    return (await this.inspect?.({ direction, frame, atNs: process.hrtime.bigint() })) ?? "pass";
  }
}

interface ProxiedLink {
  readonly client: Socket;
  readonly server: Socket;
}
