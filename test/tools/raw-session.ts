// A session without our client: frames by hand, for tests that compare servers or watch what a
// socket sees when a server goes.

import { connect, type Socket } from "node:net";
import type { ACL } from "../../protocol/data.ts";
import { Reader, Writer } from "../../protocol/jute.ts";
import { OpCode, Xid } from "../../protocol/opcodes.ts";
import {
  readConnectResponse,
  readReplyHeader,
  writeConnectRequest,
  writeCreateRequest,
  writeRequestHeader,
  writeWatchableRequest,
} from "../../protocol/proto.ts";
import { until } from "./until.ts";

const ANYONE: ACL = { perms: 31, id: { scheme: "world", id: "anyone" } };
const SESSION_TIMEOUT_MS = 10_000;

/** What a server gave a session, and what it takes to come back to it. */
export interface SessionIdentity {
  readonly high: number;
  readonly low: number;
  readonly password: Buffer;
}

const NO_SESSION: SessionIdentity = { high: 0, low: 0, password: Buffer.alloc(16) };

export interface RawSessionOptions {
  /** Asked for. Default: 10,000. */
  readonly timeoutMs?: number;
  /** The session to come back to. Default: a new one. */
  readonly identity?: SessionIdentity;
}

export class RawSession {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #xid = 0;
  #identity: SessionIdentity = NO_SESSION;
  /** Set once the server has ended its side, or the connection failed. */
  ending: "FIN" | "RST" | undefined;

  private constructor(port: number) {
    this.#socket = connect({ port, host: "127.0.0.1" });
    this.#socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    this.#socket.on("end", () => {
      this.ending ??= "FIN";
    });
    this.#socket.on("error", () => {
      this.ending ??= "RST";
    });
  }

  /** @throws Error also if the session to come back to is over. */
  static async open(port: number, options: RawSessionOptions = {}): Promise<RawSession> {
    const { timeoutMs = SESSION_TIMEOUT_MS, identity = NO_SESSION } = options;
    const session = new RawSession(port);
    session.#send((writer) => {
      writeConnectRequest(writer, {
        protocolVersion: 0,
        lastZxidSeen: 0,
        timeoutMs,
        sessionHigh: identity.high,
        sessionLow: identity.low,
        password: identity.password,
        readOnly: false,
      });
    });
    const response = readConnectResponse(new Reader().reset(await session.#frame()));
    if (response.timeoutMs <= 0) throw new Error("no session was given");
    session.#identity = {
      high: response.sessionHigh,
      low: response.sessionLow,
      password: Buffer.from(response.password ?? []),
    };
    return session;
  }

  get identity(): SessionIdentity {
    return this.#identity;
  }

  /** Creates a znode open to anyone. Resolves with the reply's error code. */
  create(path: string, data: Buffer, flags = 0): Promise<number> {
    return this.#ask(OpCode.create, (writer) => {
      writeCreateRequest(writer, { path, data, acl: [ANYONE], flags });
    });
  }

  /** getData or exists, with a watch. Resolves with the reply's error code. */
  watch(opcode: number, path: string): Promise<number> {
    return this.#ask(opcode, (writer) => {
      writeWatchableRequest(writer, { path, watch: true });
    });
  }

  /** Bytes that came and belong to no reply that was asked for. */
  get unreadBytes(): number {
    return this.#received.length;
  }

  /** Sends bytes as they are. */
  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** Drops the connection; the session stays until it expires. */
  drop(): void {
    this.#socket.destroy();
  }

  async #ask(opcode: number, body: (writer: Writer) => void): Promise<number> {
    const xid = ++this.#xid;
    this.#send((writer) => {
      writeRequestHeader(writer, { xid, type: opcode });
      body(writer);
    });
    for (;;) {
      const header = readReplyHeader(new Reader().reset(await this.#frame()));
      if (header.xid === xid) return header.err;
      if (header.xid !== Xid.notification) throw new Error(`a reply to ${header.xid}, not ${xid}`);
    }
  }

  #send(write: (writer: Writer) => void): void {
    const writer = new Writer();
    writer.int(0);
    write(writer);
    const frame = writer.take();
    frame.writeInt32BE(frame.length - 4, 0);
    this.#socket.write(frame);
  }

  async #frame(): Promise<Buffer> {
    await until("a frame came", () => {
      if (this.ending !== undefined && this.#received.length < 4) {
        throw new Error("the server ended the connection");
      }
      return (
        this.#received.length >= 4 && this.#received.length >= 4 + this.#received.readInt32BE(0)
      );
    });
    const end = 4 + this.#received.readInt32BE(0);
    const frame = this.#received.subarray(4, end);
    this.#received = this.#received.subarray(end);
    return frame;
  }
}
