// A hostile client's connection, and how fast it is used. It works as well against a server as
// against a socket that discards: it waits for no answer, and what comes it throws away.

import { connect, type Socket } from "node:net";
import { connectFrame } from "./conversations.ts";

/** What it keeps for a peer that does not take it; beyond that it drops what it would send. */
const UNSENT_MAX_BYTES = 2 * 1024 * 1024;
const SESSION_TIMEOUT_MS = 4000;
const RETRY_MS = 50;

export interface PeerOptions {
  /** Default: it greets as a client does, and takes the session that it is given. */
  readonly greets?: boolean;
  /** Default: it reads and forgets. */
  readonly reads?: boolean;
  /** Default: an address that is not the other clients'. */
  readonly from?: string;
  /** When it comes back once it was closed; undefined: never. Default: 50. */
  readonly returnsAfterMs?: number | undefined;
  /** What it says first on each connection, behind the greeting. */
  readonly first?: Buffer;
}

export class HostilePeer {
  readonly #port: number;
  readonly #options: PeerOptions;
  #socket: Socket | undefined;
  #ended = false;
  /** How often the other side closed it. */
  closed = 0;
  sentBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(port: number, options: PeerOptions = {}) {
    this.#port = port;
    this.#options = options;
    this.#open();
  }

  /** False: what was sent before has not been taken. */
  send(bytes: Buffer): boolean {
    const socket = this.#socket;
    if (socket === undefined || socket.writableLength > UNSENT_MAX_BYTES) return false;
    socket.write(bytes);
    this.sentBytes += bytes.length;
    return true;
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #open(): void {
    const { greets = true, reads = true, from = "127.0.0.2", first } = this.#options;
    const returnsAfterMs =
      "returnsAfterMs" in this.#options ? this.#options.returnsAfterMs : RETRY_MS;
    const socket = connect({ port: this.#port, host: "127.0.0.1", localAddress: from });
    this.#socket = socket;
    if (reads) socket.resume();
    else socket.pause();
    socket.on("error", () => undefined);
    socket.on("close", () => {
      if (this.#ended) return;
      this.closed++;
      this.#socket = undefined;
      if (returnsAfterMs !== undefined) {
        this.#timer = setTimeout(() => this.#open(), returnsAfterMs);
      }
    });
    if (greets) this.send(connectFrame(SESSION_TIMEOUT_MS));
    if (first !== undefined) this.send(first);
  }
}

/** Calls `step` so many times a second, catching up after a stall of ours by no more than `burst`. */
export function paced(perSecond: number, step: () => void): () => void {
  const startedMs = performance.now();
  let done = 0;
  const burst = Math.max(1, perSecond / 20);
  const timer = setInterval(() => {
    const due = ((performance.now() - startedMs) * perSecond) / 1000;
    if (due - done > burst) done = due - burst;
    while (done + 1 <= due) {
      done++;
      step();
    }
  }, 2);
  return () => clearInterval(timer);
}
