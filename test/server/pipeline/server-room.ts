// One whole server on a simulated host, and peers that send it bare frames in chunks of their own
// making: what arrives together, what is in flight when, and who reads slowly is the test's choice.

import type { ACL } from "../../../protocol/data.ts";
import { FrameSplitter } from "../../../protocol/frames.ts";
import type { Link } from "../../../protocol/host.ts";
import { Reader, Writer } from "../../../protocol/jute.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import {
  type ConnectRequest,
  type ConnectResponse,
  readConnectResponse,
  writeConnectRequest,
  writeCreateRequest,
  writeSetDataRequest,
  writeVersionedRequest,
  writeWatchableRequest,
} from "../../../protocol/proto.ts";
import { defaultConfig, type ServerConfig } from "../../../server/config/config.ts";
import type { LogFields, Logger } from "../../../server/log.ts";
import { Server } from "../../../server/server.ts";
import { EventKind, type SimHost, World } from "../../../server/testing/index.ts";

const PORT = 2181;
const SERVER = "server";
/** Longer than anything that a test waits for. */
const LIMIT_US = 60_000_000;
/** A million znodes' names fit. */
const REPLY_MAX_BYTES = 0x7fff_ffff;

export const ANYONE: ACL[] = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];

export interface Reply {
  readonly xid: number;
  readonly zxid: number;
  readonly err: number;
  /** Behind the header. */
  readonly body: Buffer;
}

export class ServerRoom {
  readonly world: World;
  readonly host: SimHost;
  readonly server: Server;
  /** What the server gave up for. */
  failure: string | undefined;
  stopped = false;
  /** What the server said in its log. */
  readonly lines: LogEntry[] = [];
  #ready = false;
  #peers = 0;

  constructor(config: Partial<ServerConfig> = {}, seed = 1) {
    this.world = new World(seed);
    this.host = this.world.host(SERVER);
    this.host.disk.makeDirectory("/data");
    this.host.disk.syncDirectoryNow("/");
    const settings = { ...defaultConfig("/data", PORT, 500), preAllocBytes: 0, ...config };
    this.server = new Server(this.host, settings, recorder(this.lines), {
      ready: () => {
        this.#ready = true;
      },
      stopped: () => {
        this.stopped = true;
      },
      failed: ({ message }) => {
        this.failure = message;
      },
    });
    this.until(() => this.#ready);
  }

  /** Runs the world until `condition` holds. */
  until(condition: () => boolean): void {
    const limitUs = this.world.nowUs + LIMIT_US;
    while (!condition()) {
      if (this.failure !== undefined) throw new Error(this.failure);
      if (this.world.nowUs > limitUs || !this.world.step()) {
        throw new Error("what the test waits for does not come");
      }
    }
  }

  runMs(ms: number): void {
    this.world.runUntil(this.world.nowUs + ms * 1000);
  }

  /** SIGTERM. */
  stop(): void {
    this.world.schedule(this.host, 0, EventKind.script, () => this.server.stop());
  }

  /** A connection that has said nothing, from a machine of its own. */
  dial(address = `peer-${++this.#peers}`): Peer {
    const peer = new Peer(this, this.world.host(address));
    this.until(() => peer.isConnected || peer.closed);
    return peer;
  }

  /** A connection with a session. */
  open(request: Partial<ConnectRequest> = {}, address?: string): Peer {
    const peer = this.dial(address);
    peer.greet(request);
    this.until(() => peer.response !== undefined || peer.closed);
    return peer;
  }
}

/** What runs the world for a peer that waits. */
interface PeerRoom {
  until(condition: () => boolean): void;
}

export class Peer {
  /** Replies and events in the order in which they came. */
  readonly frames: Reply[] = [];
  response: ConnectResponse | undefined;
  isConnected = false;
  /** The server ended its side. */
  ended = false;
  closed = false;
  received = 0;
  readonly link: Link;
  readonly #room: PeerRoom;
  readonly #reader = new Reader(REPLY_MAX_BYTES);
  #xid = 0;
  #together: Writer | undefined;

  constructor(room: PeerRoom, host: SimHost, server: string = SERVER) {
    this.#room = room;
    const splitter = new FrameSplitter(
      REPLY_MAX_BYTES,
      (bytes, start, end) => this.#frame(bytes, start, end),
      () => {
        throw new Error("the server sent what is no frame");
      },
    );
    this.link = host.network.connect(
      { host: server, port: PORT },
      {
        opened: () => {
          this.isConnected = true;
        },
        data: (bytes) => {
          this.received += bytes.length;
          splitter.push(bytes);
        },
        ended: () => {
          this.ended = true;
        },
        drained: () => undefined,
        closed: () => {
          this.closed = true;
        },
      },
    );
  }

  /** The server hears nothing more from us, or has gone. */
  get gone(): boolean {
    return this.ended || this.closed;
  }

  greet(request: Partial<ConnectRequest> = {}): void {
    const defaults = {
      protocolVersion: 0,
      lastZxidSeen: 0,
      timeoutMs: 10_000,
      sessionHigh: 0,
      sessionLow: 0,
      password: Buffer.alloc(16),
      readOnly: false,
    };
    this.sendFrame((writer) => writeConnectRequest(writer, { ...defaults, ...request }));
  }

  /** The handshake that brings this peer's session back. */
  get reattach(): Partial<ConnectRequest> {
    const { response } = this;
    if (response === undefined) throw new Error("this peer has no session");
    const { sessionHigh, sessionLow, password } = response;
    return { sessionHigh, sessionLow, password };
  }

  /** What `fill` sends arrives in one chunk, as far as the network carries that much at once. */
  together(fill: () => void): void {
    const writer = new Writer(0x1_0000);
    this.#together = writer;
    fill();
    this.#together = undefined;
    this.link.write(writer.take());
  }

  sendFrame(fill: (writer: Writer) => void): void {
    const writer = this.#together ?? new Writer();
    const start = writer.reserve(4);
    fill(writer);
    writer.patchInt(start, writer.length - start - 4);
    if (this.#together === undefined) this.link.write(writer.take());
  }

  /** Sends a request and returns its xid. */
  send(type: number, fill: (writer: Writer) => void = () => undefined, xid?: number): number {
    const own = xid ?? ++this.#xid;
    this.sendFrame((writer) => {
      writer.int(own);
      writer.int(type);
      fill(writer);
    });
    return own;
  }

  create(path: string, flags = 0, data: Buffer = Buffer.alloc(0), acl: ACL[] = ANYONE): number {
    return this.send(OpCode.create, (writer) =>
      writeCreateRequest(writer, { path, data, acl, flags }),
    );
  }

  delete(path: string, version = -1): number {
    return this.send(OpCode.delete, (writer) => writeVersionedRequest(writer, { path, version }));
  }

  set(path: string, data: Buffer, version = -1): number {
    return this.send(OpCode.setData, (writer) =>
      writeSetDataRequest(writer, { path, data, version }),
    );
  }

  read(type: number, path: string, watch = false): number {
    return this.send(type, (writer) => writeWatchableRequest(writer, { path, watch }));
  }

  /** Runs the world until the reply is there. */
  reply(xid: number): Reply {
    this.#room.until(() => this.#find(xid) !== undefined || this.gone);
    const reply = this.#find(xid);
    if (reply === undefined) throw new Error(`closed without a reply to ${xid}`);
    return reply;
  }

  /** Codes of the replies so far, by xid. */
  get codes(): [xid: number, err: number][] {
    return this.frames.map(({ xid, err }) => [xid, err]);
  }

  #find(xid: number): Reply | undefined {
    return this.frames.find((frame) => frame.xid === xid);
  }

  #frame(bytes: Buffer, start: number, end: number): void {
    const reader = this.#reader.reset(bytes, start, end);
    if (this.response === undefined) {
      const { password, ...response } = readConnectResponse(reader);
      this.response = { ...response, password: password === null ? null : Buffer.from(password) };
      return;
    }
    const xid = reader.int();
    const zxid = reader.long();
    const err = reader.int();
    this.frames.push({ xid, zxid, err, body: Buffer.from(bytes.subarray(reader.offset, end)) });
  }
}

export interface LogEntry {
  readonly message: string;
  readonly fields: LogFields;
}

export function recorder(lines: LogEntry[]): Logger {
  const take = (fields: LogFields, message: string): void => {
    lines.push({ message, fields });
  };
  return { debug: take, info: take, warn: take, error: take };
}

export const SILENT: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
