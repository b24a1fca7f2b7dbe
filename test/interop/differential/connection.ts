// A connection that pipelines: requests go out in one write, replies are matched with requests in
// the order in which they were asked, and events are kept between them where they came.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { FrameSplitter } from "../../../protocol/frames.ts";
import { Reader, Writer } from "../../../protocol/jute.ts";
import { OpCode, Xid } from "../../../protocol/opcodes.ts";
import {
  type ConnectResponse,
  readConnectResponse,
  writeConnectRequest,
} from "../../../protocol/proto.ts";
import type { Request } from "./script.ts";

/** A frame from the server, with the request that it answers; an event answers none. */
export interface Heard {
  readonly request: Request | undefined;
  readonly xid: number;
  readonly zxid: number;
  readonly err: number;
  /** Behind the header. */
  readonly body: Buffer;
}

/** What it takes to come back to a session. */
export interface Identity {
  readonly high: number;
  readonly low: number;
  readonly password: Buffer;
}

export const NO_IDENTITY: Identity = { high: 0, low: 0, password: Buffer.alloc(16) };

interface Pending {
  readonly request: Request;
  readonly xid: number;
}

const PING: Request = { type: OpCode.ping, body: Buffer.alloc(0), xid: Xid.ping, text: "ping" };
/** A server that says nothing for so long will not. */
const ANSWER_LIMIT_MS = 30_000;
const LEFT_AFTER_MS = 2000;

export class Connection {
  readonly #socket: Socket;
  readonly closed: Promise<void>;
  #isClosed = false;
  #response: ConnectResponse | undefined;
  #heard: Heard[] = [];
  /** Asked and not answered, the oldest first. */
  readonly #pending: Pending[] = [];
  #xid = 0;
  #outOfOrder: string | undefined;
  /** Looks again whether what is waited for has come. */
  #stir: () => void = () => undefined;

  readonly #authMayOvertake: boolean;

  private constructor(socket: Socket, authMayOvertake: boolean) {
    this.#socket = socket;
    this.#authMayOvertake = authMayOvertake;
    const splitter = new FrameSplitter(
      0x7fff_ffff,
      (bytes, start, end) => this.#frame(bytes, start, end),
      () => socket.destroy(),
    );
    socket.on("data", (chunk: Buffer) => {
      splitter.push(chunk);
      this.#stir();
    });
    // "close" follows, and says all that is asked of it.
    socket.on("error", () => undefined);
    this.closed = once(socket, "close").then(() => undefined);
    socket.on("close", () => {
      this.#isClosed = true;
      this.#stir();
    });
  }

  /**
   * Asks for a session: a new one, or the one named. No response: closed without an answer.
   *
   * @param authMayOvertake A habit of Apache 3.8.0: answers to auth packets come before others.
   */
  static async open(
    port: number,
    identity: Identity,
    timeoutMs: number,
    authMayOvertake: boolean,
  ): Promise<{ connection: Connection; response: ConnectResponse | undefined }> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    const connection = new Connection(socket, authMayOvertake);
    const writer = new Writer();
    const start = writer.reserve(4);
    writeConnectRequest(writer, {
      protocolVersion: 0,
      lastZxidSeen: 0,
      timeoutMs,
      sessionHigh: identity.high,
      sessionLow: identity.low,
      password: identity.password,
      readOnly: false,
    });
    writer.patchInt(start, writer.length - start - 4);
    socket.write(writer.take());
    await connection.#until("an answer to the handshake", () => connection.#response !== undefined);
    return { connection, response: connection.#response };
  }

  /** Sends all of them in one write. `zxidAt` tells the last zxid so many rounds ago. */
  send(requests: readonly Request[], zxidAt: (roundsAgo: number) => number): void {
    const writer = new Writer();
    for (const request of requests) this.#write(writer, request, zxidAt);
    this.#socket.write(writer.take());
  }

  /** Sends bytes that are no request. */
  sendRaw(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** Resolves when all that was sent has been answered. */
  async barrier(): Promise<void> {
    this.send([PING], () => 0);
    await this.#until(
      "the answers",
      () => this.#pending.length === 0 || this.#outOfOrder !== undefined,
    );
    if (this.#isClosed) throw new Error("the server ended the connection");
  }

  /** Resolves when the server has ended the connection. */
  async untilClosed(): Promise<void> {
    await this.#until("the end of the connection", () => this.#isClosed);
    this.#pending.length = 0;
  }

  /** Ends the connection if the server does not, which is a habit of Apache 3.8.0's. */
  async untilClosedOrLeft(): Promise<void> {
    const timer = setTimeout(() => this.#socket.destroy(), LEFT_AFTER_MS);
    await this.untilClosed();
    clearTimeout(timer);
  }

  /** What came since the last time. @throws Error for a reply that answers another request. */
  take(): Heard[] {
    if (this.#outOfOrder !== undefined) throw new Error(this.#outOfOrder);
    const heard = this.#heard;
    this.#heard = [];
    return heard;
  }

  close(): void {
    this.#socket.destroy();
  }

  #write(writer: Writer, request: Request, zxidAt: (roundsAgo: number) => number): void {
    const xid = request.xid ?? ++this.#xid;
    const start = writer.reserve(4);
    writer.int(xid);
    writer.int(request.type);
    const body = writer.length;
    writer.raw(request.body);
    if (request.sinceRounds !== undefined && request.body.length >= 8) {
      writer.patchLong(body, zxidAt(request.sinceRounds));
    }
    writer.patchInt(start, writer.length - start - 4);
    this.#pending.push({ request, xid: request.type === OpCode.ping ? Xid.ping : xid });
  }

  #frame(bytes: Buffer, start: number, end: number): void {
    const reader = new Reader().reset(bytes, start, end);
    if (this.#response === undefined) {
      const response = readConnectResponse(reader);
      this.#response = { ...response, password: Buffer.from(response.password ?? []) };
      return;
    }
    const xid = reader.int();
    const zxid = reader.long();
    const err = reader.int();
    const body = Buffer.from(bytes.subarray(reader.offset, end));
    const request = xid === Xid.notification ? undefined : this.#answered(xid);
    this.#heard.push({ request, xid, zxid, err, body });
  }

  /** The request that a reply answers: the oldest without an answer. */
  #answered(xid: number): Request | undefined {
    let at = this.#pending[0]?.xid === xid ? 0 : -1;
    if (at < 0 && this.#authMayOvertake) at = this.#pending.findIndex(isAuth(xid));
    const [answered] = at < 0 ? [] : this.#pending.splice(at, 1);
    if (answered === undefined) {
      this.#outOfOrder ??= `a reply with xid ${xid} where ${this.#pending[0]?.xid} is next`;
    }
    return answered?.request;
  }

  #until(what: string, condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => settle(() => reject(new Error(`not within ${ANSWER_LIMIT_MS} ms: ${what}`))),
        ANSWER_LIMIT_MS,
      );
      const settle = (how: () => void): void => {
        clearTimeout(timer);
        this.#stir = () => undefined;
        how();
      };
      this.#stir = (): void => {
        if (condition() || this.#isClosed) settle(resolve);
      };
      this.#stir();
    });
  }
}

/** What Apache 3.8.0 answers where it is read, ahead of the writes on their way. */
export function isAboutWho(type: number): boolean {
  return type === OpCode.auth || type === OpCode.sasl;
}

function isAuth(xid: number): (pending: Pending) => boolean {
  return ({ request, xid: own }) => isAboutWho(request.type) && own === xid;
}
