// One session that writes and reads with one request in flight, on whichever server of several
// takes it: bare frames, so that what is recorded of a server does not rest on our client.

import { connect, type Socket } from "node:net";
import { Reader, Writer } from "../../protocol/jute.ts";
import { readConnectResponse, writeConnectRequest } from "../../protocol/proto.ts";
import { pause } from "./until.ts";

export interface LoadReply {
  readonly zxid: number;
  readonly err: number;
  /** Behind the header. */
  readonly body: Buffer;
}

/** A connection that is not open within this is given up: its server may be stopped. */
const OPEN_LIMIT_MS = 1000;
const SESSION_TIMEOUT_MS = 10_000;
/** Between two servers that both refuse. */
const RETRY_MS = 20;
const HEADER_BYTES = 16;

interface Waiting {
  readonly resolve: (frame: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/** The answer, if any, is not known: the request may have been done, or may be done yet. */
export class ReplyLost extends Error {}

export class LoadSession {
  /** Sessions that were over when it came back: 0 in a run that expires none. */
  expired = 0;
  /** Connections that were opened. */
  connections = 0;
  readonly #ports: readonly number[];
  readonly #replyLimitMs: number;
  #at: number;
  #socket: Socket | undefined;
  #received: Buffer = Buffer.alloc(0);
  #waiting: Waiting | undefined;
  #xid = 0;
  #lastZxid = 0;
  #high = 0;
  #low = 0;
  #password: Buffer = Buffer.alloc(16);
  #stopped = false;

  /**
   * @param first The index of the port to try first.
   * @param replyLimitMs How long it waits for a reply before it goes to another server.
   */
  constructor(ports: readonly number[], first: number, replyLimitMs: number) {
    this.#ports = ports;
    this.#at = first;
    this.#replyLimitMs = replyLimitMs;
  }

  /** Unsigned, as stats show it. */
  get sessionId(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
    return `0x${hex(this.#high)}${hex(this.#low)}`;
  }

  /**
   * Asks the server it is connected to, connecting first if need be.
   *
   * @throws ReplyLost if the request left and no reply came. It goes to another server then.
   */
  async ask(opcode: number, body: (writer: Writer) => void): Promise<LoadReply> {
    await this.#connected();
    const xid = ++this.#xid;
    const frame = await this.#exchange(this.#replyLimitMs, (writer) => {
      writer.int(xid);
      writer.int(opcode);
      body(writer);
    });
    const reader = new Reader().reset(frame);
    const answered = reader.int();
    const reply = { zxid: reader.long(), err: reader.int(), body: frame.subarray(HEADER_BYTES) };
    if (answered !== xid) throw new Error(`a reply to ${answered} instead of ${xid}`);
    if (reply.zxid > this.#lastZxid) this.#lastZxid = reply.zxid;
    return reply;
  }

  /** Connects if it is not connected. */
  async #connected(): Promise<void> {
    while (this.#socket === undefined && !this.#stopped) {
      try {
        await this.#open();
      } catch (error) {
        if (!(error instanceof ReplyLost)) throw error;
        await pause(RETRY_MS);
      }
    }
    if (this.#stopped) throw new ReplyLost("stopped");
  }

  stop(): void {
    this.#stopped = true;
    this.#leave("stopped");
  }

  async #open(): Promise<void> {
    const port = this.#ports[this.#at % this.#ports.length] ?? 0;
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket = socket;
    this.#received = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      if (this.#socket === socket) this.#take(chunk);
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      if (this.#socket === socket) this.#leave("the server closed the connection");
    });
    const frame = await this.#exchange(OPEN_LIMIT_MS, (writer) => {
      writeConnectRequest(writer, {
        protocolVersion: 0,
        lastZxidSeen: this.#lastZxid,
        timeoutMs: SESSION_TIMEOUT_MS,
        sessionHigh: this.#high,
        sessionLow: this.#low,
        password: this.#password,
        readOnly: false,
      });
    });
    const response = readConnectResponse(new Reader().reset(frame));
    const isOver = response.timeoutMs <= 0;
    if (isOver) this.expired++;
    this.#high = isOver ? 0 : response.sessionHigh;
    this.#low = isOver ? 0 : response.sessionLow;
    this.#password = isOver ? Buffer.alloc(16) : Buffer.from(response.password ?? []);
    if (isOver) this.#leave("the session is over");
    else this.connections++;
  }

  #exchange(limitMs: number, write: (writer: Writer) => void): Promise<Buffer> {
    const socket = this.#socket;
    if (socket === undefined) return Promise.reject(new ReplyLost("not connected"));
    return new Promise<Buffer>((resolve, reject) => {
      const limit = setTimeout(() => {
        if (this.#socket === socket) this.#leave("no reply came");
      }, limitMs);
      this.#waiting = {
        resolve: (frame) => {
          clearTimeout(limit);
          resolve(frame);
        },
        reject: (error) => {
          clearTimeout(limit);
          reject(error);
        },
      };
      const writer = new Writer();
      writer.int(0);
      write(writer);
      writer.patchInt(0, writer.length - 4);
      socket.write(writer.take());
    });
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    if (this.#received.length < 4) return;
    const end = 4 + this.#received.readInt32BE(0);
    if (this.#received.length < end) return;
    const frame = this.#received.subarray(4, end);
    this.#received = this.#received.subarray(end);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(frame);
  }

  /** Gives the connection up; the next one goes to the next server. */
  #leave(reason: string): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#socket = undefined;
    this.#at++;
    socket.destroy();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(new ReplyLost(reason));
  }
}
