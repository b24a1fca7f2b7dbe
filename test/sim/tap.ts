// Listens in on a run: every byte between clients and server. It decodes with the records of protocol/ and shares nothing with the code that sent them.

import { FrameSplitter } from "../../protocol/frames.ts";
import type {
  Address,
  HostError,
  Link,
  LinkHandlers,
  ListenAddress,
  Listener,
  Network,
} from "../../protocol/host.ts";
import { Reader } from "../../protocol/jute.ts";
import { Xid } from "../../protocol/opcodes.ts";
import {
  readConnectResponse,
  readReplyHeader,
  readRequestHeader,
  readWatcherEvent,
} from "../../protocol/proto.ts";
import { wordsHex } from "../../protocol/zxid.ts";
import type { World } from "../../server/testing/index.ts";
import { decodeRequest, decodeResult } from "./decode.ts";
import type { Connection, Heard, Moment, Reply, Sent, WatchEvent } from "./history.ts";

const FRAME_MAX_BYTES = 0x100_0000;

/** Writes down what happens, in one order. */
export class Recorder {
  readonly connections: MutableConnection[] = [];
  readonly heard: Map<string, Heard[]> = new Map();
  /** When each zxid was last handed to a disk. */
  readonly loggedAt: Map<number, Moment> = new Map();
  /** When each was handed to one first, which its proposer's is. */
  readonly proposedAt: Map<number, Moment> = new Map();
  readonly #world: World;
  #order = 0;

  constructor(world: World) {
    this.#world = world;
  }

  now(): Moment {
    return { order: ++this.#order, atUs: this.#world.nowUs };
  }

  logged(zxid: number): void {
    const when = this.now();
    this.loggedAt.set(zxid, when);
    if (!this.proposedAt.has(zxid)) this.proposedAt.set(zxid, when);
  }

  /** @param server That heard of it. */
  hear(session: string, server: string, { order, atUs }: Moment): void {
    const heard = { order, atUs, server };
    const there = this.heard.get(session);
    if (there === undefined) this.heard.set(session, [heard]);
    else there.push(heard);
  }
}

interface MutableConnection extends Connection {
  readonly sent: Sent[];
  readonly received: (Reply | WatchEvent)[];
}

/** A client's network, listened in on. */
export class TappedNetwork implements Network {
  readonly #inner: Network;
  readonly #recorder: Recorder;
  readonly #client: string;

  constructor(inner: Network, recorder: Recorder, client: string) {
    this.#inner = inner;
    this.#recorder = recorder;
    this.#client = client;
  }

  listen(
    at: ListenAddress,
    accept: (link: Link) => void,
    done: (error: HostError | undefined, listener: Listener | undefined) => void,
  ): void {
    this.#inner.listen(at, accept, done);
  }

  connect(to: Address, handlers: LinkHandlers): Link {
    const tap = new TappedLink(new ClientEnd(this.#recorder, this.#client, to.host), handlers);
    tap.inner = this.#inner.connect(to, tap);
    return tap;
  }
}

/** Makes the end that listens to a link of a port; undefined: nobody listens there. */
export type EndOf = (port: number, isDialled: boolean, peer: string) => End | undefined;

/** A server's network: when it hears of which session, and what else is listened in on. */
export class HearingNetwork implements Network {
  readonly #inner: Network;
  readonly #endOf: EndOf;

  constructor(inner: Network, endOf: EndOf) {
    this.#inner = inner;
    this.#endOf = endOf;
  }

  listen(
    at: ListenAddress,
    accept: (link: Link) => void,
    done: (error: HostError | undefined, listener: Listener | undefined) => void,
  ): void {
    const accepted = (inner: Link): void => {
      const end = this.#endOf(at.port, false, inner.remoteAddress);
      if (end === undefined) {
        accept(inner);
        return;
      }
      const tap = new TappedLink(end, undefined);
      tap.inner = inner;
      inner.handlers = tap;
      accept(tap);
    };
    this.#inner.listen(at, accepted, done);
  }

  connect(to: Address, handlers: LinkHandlers): Link {
    const end = this.#endOf(to.port, true, to.host);
    if (end === undefined) return this.#inner.connect(to, handlers);
    const tap = new TappedLink(end, handlers);
    tap.inner = this.#inner.connect(to, tap);
    return tap;
  }
}

/** What an end of a link does with the bytes that pass it. */
export interface End {
  wrote(bytes: Buffer): void;
  got(bytes: Buffer): void;
  /** This side is done with the link: what still comes is for nobody. */
  left?(): void;
}

class TappedLink implements Link, LinkHandlers {
  inner: Link | undefined;
  readonly #end: End;
  #handlers: LinkHandlers | undefined;

  constructor(end: End, handlers: LinkHandlers | undefined) {
    this.#end = end;
    this.#handlers = handlers;
  }

  get handlers(): LinkHandlers {
    return this.#handlers ?? this;
  }

  set handlers(handlers: LinkHandlers) {
    this.#handlers = handlers;
  }

  get remoteAddress(): string {
    return this.inner?.remoteAddress ?? "";
  }

  get remotePort(): number {
    return this.inner?.remotePort ?? 0;
  }

  get pendingBytes(): number {
    return this.inner?.pendingBytes ?? 0;
  }

  write(bytes: Uint8Array): boolean {
    this.#end.wrote(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    return this.inner?.write(bytes) ?? true;
  }

  pause(): void {
    this.inner?.pause();
  }

  resume(): void {
    this.inner?.resume();
  }

  end(): void {
    this.#end.left?.();
    this.inner?.end();
  }

  keepAlive(): void {
    this.inner?.keepAlive();
  }

  destroy(): void {
    this.inner?.destroy();
  }

  opened(): void {
    this.#handlers?.opened?.();
  }

  data(bytes: Buffer): void {
    this.#end.got(bytes);
    this.#handlers?.data(bytes);
  }

  ended(): void {
    this.#handlers?.ended();
  }

  drained(): void {
    this.#handlers?.drained();
  }

  closed(error: HostError | undefined): void {
    this.#handlers?.closed(error);
  }
}

function refuse(length: number): never {
  throw new Error(`a frame of ${length} bytes`);
}

class ClientEnd implements End {
  readonly #recorder: Recorder;
  readonly #client: string;
  readonly #server: string;
  readonly #reader = new Reader();
  readonly #requests: FrameSplitter;
  readonly #replies: FrameSplitter;
  /** Requests that wait for the handshake to name their session. */
  readonly #early: Sent[] = [];
  #connection: MutableConnection | undefined;
  #helloSent = false;
  #refused = false;
  #answered = 0;

  constructor(recorder: Recorder, client: string, server: string) {
    this.#recorder = recorder;
    this.#client = client;
    this.#server = server;
    this.#requests = new FrameSplitter(FRAME_MAX_BYTES, (b, s, e) => this.#sent(b, s, e), refuse);
    this.#replies = new FrameSplitter(FRAME_MAX_BYTES, (b, s, e) => this.#got(b, s, e), refuse);
  }

  wrote(bytes: Buffer): void {
    this.#requests.push(bytes);
  }

  got(bytes: Buffer): void {
    this.#replies.push(bytes);
  }

  #sent(bytes: Buffer, start: number, end: number): void {
    if (!this.#helloSent) {
      this.#helloSent = true;
      return;
    }
    const reader = this.#reader.reset(bytes, start, end);
    const { xid, type } = readRequestHeader(reader);
    const record = Buffer.from(bytes.subarray(reader.offset, end));
    const sent: Sent = {
      kind: "sent",
      when: this.#recorder.now(),
      xid,
      op: decodeRequest(reader, type),
      record,
    };
    (this.#connection?.sent ?? this.#early).push(sent);
  }

  #got(bytes: Buffer, start: number, end: number): void {
    if (this.#refused) return;
    const reader = this.#reader.reset(bytes, start, end);
    if (this.#connection === undefined) {
      this.#shakeHands(reader);
      return;
    }
    const { xid, zxid, err } = readReplyHeader(reader);
    const when = this.#recorder.now();
    if (xid === Xid.notification) {
      const { type, path } = readWatcherEvent(reader);
      this.#connection.received.push({ kind: "event", when, type, path: path ?? "", zxid });
      return;
    }
    const sent = this.#connection.sent[this.#answered++];
    if (sent === undefined) throw new Error(`xid ${xid} was answered, and nothing was asked`);
    const inOrder = sent.xid === xid;
    const result = inOrder && err === 0 ? decodeResult(reader, sent.op) : {};
    this.#connection.received.push({ kind: "reply", when, sent, xid, zxid, code: err, result });
  }

  #shakeHands(reader: Reader): void {
    const { timeoutMs, sessionHigh, sessionLow } = readConnectResponse(reader);
    if (timeoutMs <= 0) {
      this.#refused = true;
      return;
    }
    this.#connection = {
      client: this.#client,
      server: this.#server,
      session: wordsHex(sessionHigh, sessionLow),
      timeoutMs,
      opened: this.#recorder.now(),
      sent: [...this.#early],
      received: [],
    };
    this.#recorder.connections.push(this.#connection);
  }
}

/** Where a ConnectResponse has the session's id, its frame's length included. */
const SESSION_AT = 12;

/** A client's connection, at the server. */
export class ServerEnd implements End {
  readonly #recorder: Recorder;
  readonly #server: string;
  readonly #counts: () => boolean;
  readonly #early: Moment[] = [];
  #head = Buffer.alloc(0);
  #session: string | undefined;
  #hasLeft = false;

  /** @param counts Whether what it hears counts as a sign of life now: the leader's does. */
  constructor(recorder: Recorder, server: string, counts: () => boolean = () => true) {
    this.#recorder = recorder;
    this.#server = server;
    this.#counts = counts;
  }

  wrote(bytes: Buffer): void {
    if (this.#session !== undefined) return;
    this.#head = Buffer.concat([this.#head, bytes]);
    if (this.#head.length < SESSION_AT + 8) return;
    const high = this.#head.readInt32BE(SESSION_AT);
    this.#session = wordsHex(high, this.#head.readInt32BE(SESSION_AT + 4));
    for (const when of this.#early) this.#recorder.hear(this.#session, this.#server, when);
  }

  left(): void {
    this.#hasLeft = true;
  }

  got(): void {
    if (this.#hasLeft || !this.#counts()) return;
    const when = this.#recorder.now();
    if (this.#session === undefined) this.#early.push(when);
    else this.#recorder.hear(this.#session, this.#server, when);
  }
}
