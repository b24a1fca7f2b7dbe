// A client of bare frames: says what no well-behaved client would, and sees every frame in the
// order in which it came. For suites that hold servers to the protocol.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type ACL, readStat, readStrings, type Stat } from "../../protocol/data.ts";
import { Reader, Writer } from "../../protocol/jute.ts";
import {
  type MultiOp,
  type MultiResult,
  readMultiResponse,
  writeMultiRequest,
} from "../../protocol/multi.ts";
import {
  type MultiReadOp,
  type MultiReadResult,
  readMultiReadResponse,
  writeMultiReadRequest,
} from "../../protocol/multi-read.ts";
import { CreateFlag, OpCode, Xid } from "../../protocol/opcodes.ts";
import {
  type ConnectRequest,
  type ConnectResponse,
  readConnectResponse,
  readGetACLResponse,
  readGetDataResponse,
  type SetWatches,
  type SetWatches2,
  writeAddWatchRequest,
  writeAuthPacket,
  writeConnectRequest,
  writeCreateRequest,
  writeCreateTTLRequest,
  writePathRequest,
  writeSetACLRequest,
  writeSetDataRequest,
  writeSetWatches,
  writeSetWatches2,
  writeVersionedRequest,
  writeWatchableRequest,
  writeWatcherRequest,
} from "../../protocol/proto.ts";
import { until } from "./until.ts";

export const ANYONE: readonly ACL[] = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];

/** A frame from the server. */
export interface Reply {
  readonly xid: number;
  readonly zxid: number;
  readonly err: number;
  /** Behind the header. */
  readonly body: Buffer;
}

export interface RawEvent {
  readonly type: number;
  readonly path: string;
  readonly zxid: number;
}

const DEFAULT_CONNECT: ConnectRequest = {
  protocolVersion: 0,
  lastZxidSeen: 0,
  timeoutMs: 10_000,
  sessionHigh: 0,
  sessionLow: 0,
  password: Buffer.alloc(16),
  readOnly: false,
};

export class RawClient {
  /** Every reply and event, in the order in which they came. */
  readonly frames: Reply[] = [];
  /** The server has ended or reset the connection. */
  closed = false;
  /** What came, in all. */
  bytes: Buffer = Buffer.alloc(0);
  response: ConnectResponse | undefined;
  responseBytes = 0;
  readonly socket: Socket;
  #parsed = 0;
  #handshaken = false;
  #xid = 0;

  private constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.socket.on("data", (chunk: Buffer) => this.#take(chunk));
    const gone = (): void => {
      this.closed = true;
    };
    this.socket.on("end", gone);
    this.socket.on("close", gone);
    this.socket.on("error", gone);
  }

  /** A connection that has said nothing. */
  static async dial(port: number): Promise<RawClient> {
    const client = new RawClient(port);
    await once(client.socket, "connect");
    return client;
  }

  /** A connection with a session. */
  static async open(port: number, request: Partial<ConnectRequest> = {}): Promise<RawClient> {
    const client = await RawClient.dial(port);
    await client.handshake(request);
    return client;
  }

  async handshake(request: Partial<ConnectRequest> = {}): Promise<ConnectResponse> {
    this.sendFrame((writer) => writeConnectRequest(writer, { ...DEFAULT_CONNECT, ...request }));
    await until("the handshake is answered", () => this.#handshaken || this.closed);
    if (this.response === undefined) throw new Error("the server closed instead of answering");
    return this.response;
  }

  get events(): RawEvent[] {
    return this.frames.filter((frame) => frame.xid === Xid.notification).map(eventOf);
  }

  sendFrame(fill: (writer: Writer) => void): void {
    const writer = new Writer();
    writer.int(0);
    fill(writer);
    writer.patchInt(0, writer.length - 4);
    this.socket.write(writer.take());
  }

  /** Sends a request and returns its xid at once. */
  send(type: number, fill: (writer: Writer) => void = () => {}, xid: number = ++this.#xid): number {
    this.sendFrame((writer) => {
      writer.int(xid);
      writer.int(type);
      fill(writer);
    });
    return xid;
  }

  /** The first reply with this xid that `after` frames did not hold yet. */
  async reply(xid: number): Promise<Reply> {
    let found: Reply | undefined;
    await until(`a reply to ${xid}`, () => {
      found = this.frames.find((frame) => frame.xid === xid);
      return found !== undefined || this.closed;
    });
    if (found === undefined) throw new Error(`closed without a reply to ${xid}`);
    return found;
  }

  call(type: number, fill?: (writer: Writer) => void): Promise<Reply> {
    return this.reply(this.send(type, fill));
  }

  async untilClosed(): Promise<void> {
    await until("the server closes the connection", () => this.closed);
  }

  drop(): void {
    this.socket.destroy();
  }

  // The operations, by their records.

  sendCreate(path: string | null, options: CreateOptions = {}): number {
    const { data = Buffer.alloc(0), acl = ANYONE, flags = 0, type = OpCode.create } = options;
    return this.send(type, (writer) =>
      writeCreateRequest(writer, { path, data, acl: acl === null ? null : [...acl], flags }),
    );
  }

  create(path: string | null, options: CreateOptions = {}): Promise<Reply> {
    return this.reply(this.sendCreate(path, options));
  }

  createTTL(
    path: string | null,
    ttlMs: number,
    flags: number = CreateFlag.persistentWithTtl,
  ): Promise<Reply> {
    return this.call(OpCode.createTTL, (writer) =>
      writeCreateTTLRequest(writer, { path, data: Buffer.alloc(0), acl: ANYONE, flags, ttlMs }),
    );
  }

  sendSet(path: string, data: Buffer | null, version = -1): number {
    return this.send(OpCode.setData, (writer) =>
      writeSetDataRequest(writer, { path, data, version }),
    );
  }

  set(path: string, data: Buffer | null, version = -1): Promise<Reply> {
    return this.reply(this.sendSet(path, data, version));
  }

  sendDelete(path: string | null, version = -1): number {
    return this.send(OpCode.delete, (writer) => writeVersionedRequest(writer, { path, version }));
  }

  delete(path: string | null, version = -1): Promise<Reply> {
    return this.reply(this.sendDelete(path, version));
  }

  exists(path: string, watch = false): Promise<Reply> {
    return this.read(OpCode.exists, path, watch);
  }

  getData(path: string, watch = false): Promise<Reply> {
    return this.read(OpCode.getData, path, watch);
  }

  getChildren(path: string, watch = false): Promise<Reply> {
    return this.read(OpCode.getChildren2, path, watch);
  }

  read(type: number, path: string, watch = false): Promise<Reply> {
    return this.call(type, (writer) => writeWatchableRequest(writer, { path, watch }));
  }

  getACL(path: string): Promise<Reply> {
    return this.call(OpCode.getACL, (writer) => writePathRequest(writer, { path }));
  }

  setACL(path: string, acl: readonly ACL[] | null, version = -1): Promise<Reply> {
    return this.call(OpCode.setACL, (writer) =>
      writeSetACLRequest(writer, { path, acl: acl === null ? null : [...acl], version }),
    );
  }

  auth(scheme: string, auth: string | null, xid: number = Xid.auth): Promise<Reply> {
    this.send(
      OpCode.auth,
      (writer) =>
        writeAuthPacket(writer, {
          type: 0,
          scheme,
          auth: auth === null ? null : Buffer.from(auth),
        }),
      xid,
    );
    return this.reply(xid);
  }

  sendPing(): void {
    this.send(OpCode.ping, undefined, Xid.ping);
  }

  ping(): Promise<Reply> {
    const before = this.frames.length;
    this.sendPing();
    return this.#next(before, Xid.ping);
  }

  async multi(ops: readonly MultiOp[]): Promise<{ reply: Reply; results: MultiResult[] }> {
    const reply = await this.call(OpCode.multi, (writer) => writeMultiRequest(writer, ops));
    const results = reply.err === 0 ? readMultiResponse(new Reader().reset(reply.body)) : [];
    return { reply, results };
  }

  async multiRead(ops: readonly MultiReadOp[]): Promise<MultiReadResult[]> {
    const reply = await this.call(OpCode.multiRead, (writer) => writeMultiReadRequest(writer, ops));
    if (reply.err !== 0) throw new Error(`multiRead: error ${reply.err}`);
    return readMultiReadResponse(new Reader().reset(reply.body));
  }

  addWatch(path: string | null, mode: number): Promise<Reply> {
    return this.call(OpCode.addWatch, (writer) => writeAddWatchRequest(writer, { path, mode }));
  }

  setWatches(request: SetWatches): Promise<Reply> {
    this.send(OpCode.setWatches, (writer) => writeSetWatches(writer, request), Xid.setWatches);
    return this.reply(Xid.setWatches);
  }

  setWatches2(request: SetWatches2): Promise<Reply> {
    return this.call(OpCode.setWatches2, (writer) => writeSetWatches2(writer, request));
  }

  watcher(type: number, path: string, watcherType: number): Promise<Reply> {
    return this.call(type, (writer) => writeWatcherRequest(writer, { path, watcherType }));
  }

  async statOf(path: string): Promise<Stat> {
    const reply = await this.exists(path);
    if (reply.err !== 0) throw new Error(`${path}: error ${reply.err}`);
    return stat(reply);
  }

  async #next(from: number, xid: number): Promise<Reply> {
    let found: Reply | undefined;
    await until(`a frame with xid ${xid}`, () => {
      found = this.frames.slice(from).find((frame) => frame.xid === xid);
      return found !== undefined || this.closed;
    });
    if (found === undefined) throw new Error("closed without a reply");
    return found;
  }

  #take(chunk: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    for (;;) {
      const rest = this.bytes.subarray(this.#parsed);
      if (rest.length < 4 || rest.length < 4 + rest.readInt32BE(0)) return;
      const frame = rest.subarray(4, 4 + rest.readInt32BE(0));
      this.#parsed += 4 + frame.length;
      if (!this.#handshaken) {
        this.response = readConnectResponse(new Reader().reset(frame));
        this.responseBytes = frame.length;
        this.#handshaken = true;
        continue;
      }
      const reader = new Reader().reset(frame);
      const xid = reader.int();
      const zxid = reader.long();
      const err = reader.int();
      this.frames.push({ xid, zxid, err, body: frame.subarray(reader.offset) });
    }
  }
}

export interface CreateOptions {
  readonly data?: Buffer | null;
  readonly acl?: readonly ACL[] | null;
  readonly flags?: number;
  /** Default: create. */
  readonly type?: number;
}

/** The Stat that ends a reply's body, or is all of it. */
export function stat(reply: Reply): Stat {
  return readStat(new Reader().reset(reply.body, reply.body.length - 68));
}

/** The path that starts a reply's body. */
export function path(reply: Reply): string | null {
  return new Reader().reset(reply.body).string();
}

export function data(reply: Reply): Buffer | null {
  return readGetDataResponse(new Reader().reset(reply.body)).data;
}

export function children(reply: Reply): string[] {
  return (readStrings(new Reader().reset(reply.body)) ?? []).toSorted();
}

export function acl(reply: Reply): readonly ACL[] | null {
  return readGetACLResponse(new Reader().reset(reply.body)).acl;
}

function eventOf(frame: Reply): RawEvent {
  const reader = new Reader().reset(frame.body);
  const type = reader.int();
  reader.int();
  return { type, path: reader.string() ?? "", zxid: frame.zxid };
}
