// Thousands of sessions at once, each a socket that shakes hands, creates its ephemerals and falls
// silent: all in one write, since nobody waits for anybody.

import { connect, type Socket } from "node:net";
import { FrameSplitter } from "../../protocol/frames.ts";
import { Reader, Writer } from "../../protocol/jute.ts";
import { CreateFlag, OpCode, Xid } from "../../protocol/opcodes.ts";
import { writeConnectRequest, writeCreateRequest } from "../../protocol/proto.ts";
import { ANYONE } from "../tools/raw-client.ts";
import { until } from "../tools/until.ts";

const REPLY_MAX_BYTES = 0xfffff;

export class SessionCrowd implements Disposable {
  readonly #sockets: Socket[] = [];
  readonly #ephemerals: number;
  /** Requests that were refused. */
  refused = 0;
  /** Connections that the server has closed. */
  closed = 0;
  #answered = 0;
  #pongs = 0;
  #handshakes = 0;

  private constructor(ephemerals: number) {
    this.#ephemerals = ephemerals;
  }

  /** Opens `count` sessions, each with its ephemerals below `parent`; all are alive at the end. */
  static async open(
    port: number,
    count: number,
    ephemerals: number,
    parent: string,
    timeoutMs: number,
  ): Promise<SessionCrowd> {
    const crowd = new SessionCrowd(ephemerals);
    const pings = setInterval(() => crowd.ping(), timeoutMs / 4);
    try {
      for (let number = 0; number < count; number++) {
        crowd.#join(port, `${parent}/s${number}-`, timeoutMs);
        // The listener's backlog takes so many that have not been accepted.
        await until("the door is free", () => number - crowd.#handshakes < 256);
      }
      const replies = count * ephemerals;
      await until("all have their ephemerals", () => crowd.#answered === replies);
    } finally {
      clearInterval(pings);
    }
    const before = crowd.#pongs;
    crowd.ping();
    await until("all were heard", () => crowd.#pongs >= before + count);
    return crowd;
  }

  /** A sign of life from all. */
  ping(): void {
    const frame = framed((writer) => {
      writer.int(Xid.ping);
      writer.int(OpCode.ping);
    });
    for (const socket of this.#sockets) socket.write(frame);
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(port: number, prefix: string, timeoutMs: number): void {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#sockets.push(socket);
    const reader = new Reader();
    let isOpen = false;
    const splitter = new FrameSplitter(
      REPLY_MAX_BYTES,
      (bytes, start, end) => {
        reader.reset(bytes, start, end);
        if (isOpen) this.#take(reader);
        else this.#handshakes++;
        isOpen = true;
      },
      (length) => socket.destroy(new Error(`a frame of ${length} bytes`)),
    );
    socket.on("data", (bytes: Buffer) => splitter.push(bytes));
    // A reset is one way of being closed.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.closed++;
    });
    socket.write(this.#greeting(prefix, timeoutMs));
  }

  #take(reader: Reader): void {
    const xid = reader.int();
    reader.skip(8);
    if (reader.int() !== 0) this.refused++;
    if (xid === Xid.ping) this.#pongs++;
    else this.#answered++;
  }

  #greeting(prefix: string, timeoutMs: number): Buffer {
    const frames = [
      framed((writer) =>
        writeConnectRequest(writer, {
          protocolVersion: 0,
          lastZxidSeen: 0,
          timeoutMs,
          sessionHigh: 0,
          sessionLow: 0,
          password: Buffer.alloc(16),
          readOnly: false,
        }),
      ),
    ];
    for (let xid = 0; xid < this.#ephemerals; xid++) {
      frames.push(
        framed((writer) => {
          writer.int(xid);
          writer.int(OpCode.create);
          const path = `${prefix}${xid}`;
          const acl = [...ANYONE];
          writeCreateRequest(writer, { path, data: null, acl, flags: CreateFlag.ephemeral });
        }),
      );
    }
    return Buffer.concat(frames);
  }
}

function framed(fill: (writer: Writer) => void): Buffer {
  const writer = new Writer();
  writer.int(0);
  fill(writer);
  writer.patchInt(0, writer.length - 4);
  return writer.take();
}
