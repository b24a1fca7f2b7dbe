/**
 * One TCP connection to one server: the handshake, then frames. Who hears of it is set from
 * outside, first by the search for a server, then by the session. What is written in a turn leaves
 * in one write, at `flush`.
 */
import { FrameSplitter } from "../protocol/frames.ts";
import type { Address, HostError, Link } from "../protocol/host.ts";
import { JuteError, Reader, Writer } from "../protocol/jute.ts";
import {
  type ConnectRequest,
  type ConnectResponse,
  readConnectResponse,
  writeConnectRequest,
} from "../protocol/proto.ts";
import type { ClientHost } from "./options.ts";

export interface ConnectionHandlers {
  /** Connected: the handshake may be sent. */
  opened(): void;
  handshake(response: ConnectResponse): void;
  /** Bytes arrived; what they say follows. */
  heard(): void;
  /** A reply or a notification; `reader` stands behind the header until this returns. */
  reply(xid: number, zxid: number, err: number, reader: Reader): void;
  /** All that had arrived was handed out, or the link takes more. */
  idle(): void;
  /** The next frame is longer than the limit. The connection is of no use any more. */
  oversized(length: number): void;
  /** The last call, unless `close` was called: the connection is gone. */
  closed(why: Error): void;
}

const IGNORE: ConnectionHandlers = {
  opened() {},
  handshake() {},
  heard() {},
  reply() {},
  idle() {},
  oversized() {},
  closed() {},
};

/**
 * The longest ConnectResponse. On one machine, a connection to a port where nobody listens can come
 * out at itself; what it then reads is its own request, which says "expired" if taken for an answer.
 */
const HANDSHAKE_MAX_BYTES = 37;

/** After so many replies the event loop gets its turn: timers, and pings with them. */
const REPLIES_PER_TURN_MAX = 1000;

export class Connection {
  readonly address: Address;
  handlers: ConnectionHandlers;
  readonly #host: ClientHost;
  readonly #link: Link;
  readonly #splitter: FrameSplitter;
  readonly #reader: Reader;
  readonly #writer = new Writer();
  #shaken = false;
  #closed = false;
  /** The link keeps bytes: only what cannot wait is written to it. */
  #congested = false;
  #repliesInTurn = 0;

  constructor(
    host: ClientHost,
    address: Address,
    replyMaxBytes: number,
    handlers: ConnectionHandlers,
  ) {
    this.address = address;
    this.handlers = handlers;
    this.#host = host;
    this.#reader = new Reader(replyMaxBytes);
    this.#splitter = new FrameSplitter(
      replyMaxBytes,
      (bytes, start, end) => this.#frame(bytes, start, end),
      (length) => this.handlers.oversized(length),
    );
    this.#link = host.network.connect(address, {
      opened: () => this.handlers.opened(),
      data: (bytes) => this.#data(bytes),
      ended: () => this.#broken(new Error("the server closed the connection")),
      drained: () => {
        this.#congested = false;
        this.handlers.idle();
      },
      closed: (error) => this.#broken(lossOf(error)),
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get isCongested(): boolean {
    return this.#congested;
  }

  /** Bytes written since the last `flush`. */
  get unflushedBytes(): number {
    return this.#writer.length;
  }

  shakeHands(request: ConnectRequest): void {
    const at = this.#writer.reserve(4);
    writeConnectRequest(this.#writer, request);
    this.#writer.patchInt(at, this.#writer.length - at - 4);
    this.flush();
  }

  /** Adds a request to what `flush` sends. */
  write(xid: number, type: number, body: Uint8Array): void {
    this.#writer.int(8 + body.length);
    this.#writer.int(xid);
    this.#writer.int(type);
    this.#writer.raw(body);
  }

  flush(): void {
    if (this.#closed || this.#writer.length === 0) return;
    if (this.#link.write(this.#writer.written())) {
      this.#writer.clear();
    } else {
      // The link keeps these bytes: go on with other memory.
      this.#writer.take();
      this.#congested = true;
    }
  }

  /** Drops it. The handlers hear nothing more, not even of what has arrived. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.handlers = IGNORE;
    this.#splitter.stop();
    this.#link.destroy();
  }

  #data(bytes: Buffer): void {
    if (this.#closed) return;
    this.handlers.heard();
    this.#repliesInTurn = 0;
    this.#splitter.push(bytes);
    this.handlers.idle();
  }

  #frame(bytes: Buffer, start: number, end: number): void {
    const reader = this.#reader.reset(bytes, start, end);
    try {
      if (this.#shaken) {
        this.handlers.reply(reader.int(), reader.safeLong(), reader.int(), reader);
      } else if (reader.remaining > HANDSHAKE_MAX_BYTES) {
        this.#broken(new Error("the answer to the handshake is none"));
        return;
      } else {
        this.#shaken = true;
        this.handlers.handshake(readConnectResponse(reader));
      }
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      this.#broken(error);
      return;
    }
    this.#repliesInTurn++;
    if (this.#repliesInTurn === REPLIES_PER_TURN_MAX) this.#rest();
  }

  /** Goes on with the frames at hand in another turn. */
  #rest(): void {
    this.#splitter.pause();
    this.#link.pause();
    this.#host.clock.after(0, () => {
      if (this.#closed) return;
      this.#repliesInTurn = 0;
      this.#link.resume();
      this.handlers.heard();
      this.#splitter.resume();
      this.handlers.idle();
    });
  }

  #broken(why: Error): void {
    if (this.#closed) return;
    const { handlers } = this;
    this.close();
    handlers.closed(why);
  }
}

function lossOf(error: HostError | undefined): Error {
  return error ?? new Error("the connection was closed");
}
