// A server by script: it answers handshakes, pings, syncs and goodbyes by itself, as told by its
// fields, and leaves everything else to the test.

import type { Stat } from "../../protocol/data.ts";
import { writeStat } from "../../protocol/data.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { FrameSplitter } from "../../protocol/frames.ts";
import { Reader, Writer } from "../../protocol/jute.ts";
import type { MultiOp } from "../../protocol/multi.ts";
import { readMultiRequest, writeMultiResponse } from "../../protocol/multi.ts";
import { OpCode, SYNC_CONNECTED, Xid } from "../../protocol/opcodes.ts";
import {
  type ConnectRequest,
  readConnectRequest,
  writeConnectResponse,
  writeCreate2Response,
  writeGetChildren2Response,
  writeGetDataResponse,
  writeReplyHeader,
  writeWatcherEvent,
} from "../../protocol/proto.ts";
import type { Machine, Peer, TestLink } from "./machine.ts";

/** A request as it came. */
export interface Received {
  readonly xid: number;
  readonly type: number;
  readonly atMs: number;
  /** The record, without header. */
  readonly body: Buffer;
  readonly connection: ServerConnection;
}

/** What happens to a handshake: a session, "expired", or the connection closes without a word. */
export type HandshakeVerdict = "accept" | "expire" | "close" | "ignore";

export class ScriptedServer {
  readonly machine: Machine;
  /** Everything but what the server answers by itself, in order. */
  readonly requests: Received[] = [];
  readonly handshakes: { readonly request: ConnectRequest; readonly atMs: number }[] = [];
  readonly pingsAtMs: number[] = [];
  readonly syncsAtMs: number[] = [];
  readonly goodbyes: number[] = [];
  /** Nobody listens: connections are refused. */
  isDown = false;
  /** Packets vanish in both directions, on open connections too. */
  isSilent = false;
  /** Pings and other requests are answered, but what needs the leader is not. */
  hasNoLeader = false;
  readOnly = false;
  timeoutMs = 12_000;
  /** What is reported as applied, and sent with replies. */
  zxid = 100;
  /** Sessions that live, by the low word of their id. */
  readonly sessions: Set<number> = new Set<number>();
  /** Asked for each handshake; by default a server knows the sessions it made. */
  verdict: ((request: ConnectRequest) => HandshakeVerdict) | undefined;
  /** Sees what the server does not answer by itself. */
  onRequest: ((request: Received) => void) | undefined;
  #connections: ServerConnection[] = [];
  #nextSession = 1;

  constructor(machine: Machine, address = "s1:2181") {
    this.machine = machine;
    machine.servers.set(address, () => {
      if (this.isDown) return undefined;
      return this.isSilent ? "silent" : (link) => this.#accept(link);
    });
  }

  get connectionCount(): number {
    return this.#connections.length;
  }

  get connection(): ServerConnection {
    const connection = this.#connections.at(-1);
    if (connection === undefined) throw new Error("nobody is connected");
    return connection;
  }

  /** Breaks every connection. */
  reset(): void {
    for (const connection of this.#connections.splice(0)) connection.link.break("ECONNRESET");
  }

  /** Stops: connections break, and no new one is accepted. */
  stop(): void {
    this.isDown = true;
    this.reset();
  }

  start(): void {
    this.isDown = false;
  }

  /** The last request of a type; fails when there is none. */
  last(type: number): Received {
    const request = this.requests.findLast((received) => received.type === type);
    if (request === undefined) throw new Error(`no request of type ${type}`);
    return request;
  }

  ofType(type: number): readonly Received[] {
    return this.requests.filter((received) => received.type === type);
  }

  notify(type: number, path: string, zxid = -1): void {
    this.connection.send((writer) => {
      writeReplyHeader(writer, { xid: Xid.notification, zxid, err: 0 });
      writeWatcherEvent(writer, { type, state: SYNC_CONNECTED, path });
    });
  }

  newSession(): number {
    const session = this.#nextSession++;
    this.sessions.add(session);
    return session;
  }

  forget(connection: ServerConnection): void {
    this.#connections = this.#connections.filter((other) => other !== connection);
  }

  #accept(link: TestLink): Peer {
    const connection = new ServerConnection(this, link);
    this.#connections.push(connection);
    return connection;
  }
}

export class ServerConnection implements Peer {
  readonly server: ScriptedServer;
  readonly link: TestLink;
  session = 0;
  #shaken = false;
  readonly #splitter = new FrameSplitter(
    0x1000000,
    (bytes, start, end) => this.#frame(Buffer.from(bytes.subarray(start, end))),
    () => {},
  );

  constructor(server: ScriptedServer, link: TestLink) {
    this.server = server;
    this.link = link;
  }

  receive(bytes: Buffer): void {
    if (this.server.isSilent) return;
    if (!this.#shaken && bytes.toString("latin1") === "isro") {
      this.link.deliver(Buffer.from(this.server.readOnly ? "ro" : "rw"));
      this.link.break();
      return;
    }
    this.#splitter.push(bytes);
  }

  gone(): void {
    this.server.forget(this);
  }

  send(write: (writer: Writer) => void): void {
    if (this.server.isSilent) return;
    const writer = new Writer();
    writer.int(0);
    write(writer);
    writer.patchInt(0, writer.length - 4);
    this.link.deliver(writer.take());
  }

  /** Answers a request; with an error there is no body. */
  answer(request: Received, err = 0, body?: (writer: Writer) => void): void {
    this.send((writer) => {
      writeReplyHeader(writer, { xid: request.xid, zxid: this.server.zxid, err });
      if (err === 0) body?.(writer);
    });
  }

  #frame(frame: Buffer): void {
    const { server } = this;
    const reader = new Reader().reset(frame);
    const atMs = server.machine.clock.now;
    if (!this.#shaken) {
      this.#shaken = true;
      const request = readConnectRequest(reader);
      server.handshakes.push({ request, atMs });
      this.#shakeHands(request);
      return;
    }
    const xid = reader.int();
    const type = reader.int();
    const body = frame.subarray(8);
    const received: Received = { xid, type, atMs, body, connection: this };
    if (type === OpCode.ping) {
      server.pingsAtMs.push(atMs);
      this.answer(received);
    } else if (type === OpCode.sync) {
      server.syncsAtMs.push(atMs);
      if (!server.hasNoLeader) this.answer(received, 0, (writer) => writer.string("/"));
    } else if (type === OpCode.closeSession) {
      server.goodbyes.push(this.session);
      server.sessions.delete(this.session);
      this.answer(received);
      this.link.break();
    } else {
      server.requests.push(received);
      server.onRequest?.(received);
    }
  }

  #shakeHands(request: ConnectRequest): void {
    const { server } = this;
    const known = request.sessionLow === 0 || server.sessions.has(request.sessionLow);
    const verdict = server.verdict?.(request) ?? (known ? "accept" : "expire");
    if (verdict === "ignore") return;
    if (verdict === "close") {
      this.link.break();
      return;
    }
    const accepted = verdict === "accept";
    if (accepted)
      this.session = request.sessionLow === 0 ? server.newSession() : request.sessionLow;
    this.send((writer) =>
      writeConnectResponse(writer, {
        protocolVersion: 0,
        timeoutMs: accepted ? server.timeoutMs : 0,
        sessionHigh: 0,
        sessionLow: accepted ? this.session : 0,
        password: Buffer.alloc(16, accepted ? this.session : 0),
        readOnly: server.readOnly,
      }),
    );
    if (!accepted) this.link.break();
  }
}

/** A Stat with the given fields, zeros elsewhere. */
function stat(fields: Partial<Stat> = {}): Stat {
  return {
    czxid: 0,
    mzxid: 0,
    ctime: 0,
    mtime: 0,
    version: 0,
    cversion: 0,
    aversion: 0,
    ownerHigh: 0,
    ownerLow: 0,
    dataLength: 0,
    numChildren: 0,
    pzxid: 0,
    ...fields,
  };
}

/** Answers with what the tests need of each operation. */
export const replies = {
  stat(request: Received, fields: Partial<Stat> = {}): void {
    request.connection.answer(request, 0, (writer) => writeStat(writer, stat(fields)));
  },
  data(request: Received, data: string, fields: Partial<Stat> = {}): void {
    request.connection.answer(request, 0, (writer) =>
      writeGetDataResponse(writer, { data: Buffer.from(data), stat: stat(fields) }),
    );
  },
  children(request: Received, children: readonly string[]): void {
    request.connection.answer(request, 0, (writer) =>
      writeGetChildren2Response(writer, { children, stat: stat() }),
    );
  },
  created(request: Received, path: string, fields: Partial<Stat> = {}): void {
    request.connection.answer(request, 0, (writer) =>
      writeCreate2Response(writer, { path, stat: stat(fields) }),
    );
  },
  /** A multi whose operations are all checks or deletes, and succeed. */
  multi(request: Received): void {
    const results = multiOf(request).map(({ type }) => {
      if (type !== OpCode.check && type !== OpCode.delete) throw new Error("not in this script");
      return { type };
    });
    request.connection.answer(request, 0, (writer) => writeMultiResponse(writer, results));
  },
  /** A multi that is refused: these codes, operation by operation. */
  multiRefused(request: Received, codes: readonly number[]): void {
    request.connection.answer(request, 0, (writer) =>
      writeMultiResponse(
        writer,
        codes.map((err) => ({ type: OpCode.error, err })),
      ),
    );
  },
  nothing(request: Received): void {
    request.connection.answer(request);
  },
  refuse(request: Received, name: keyof typeof ErrorCode): void {
    request.connection.answer(request, ErrorCode[name]);
  },
};

export function multiOf(request: Received): readonly MultiOp[] {
  return readMultiRequest(new Reader().reset(request.body));
}

/** The path that most records begin with. */
export function pathOf(request: Received): string {
  return new Reader().reset(request.body).string() ?? "";
}
