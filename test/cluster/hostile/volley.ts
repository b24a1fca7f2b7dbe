// One hostile connection: sends what it was given, hears what comes, and ends.

import { connect } from "node:net";
import { Reader } from "../../../protocol/jute.ts";
import { Xid } from "../../../protocol/opcodes.ts";

export interface VolleyResult {
  /** The server ended the connection, before it had answered all. */
  readonly closedByServer: boolean;
  /** The handshake was answered. */
  readonly greeted: boolean;
  readonly replies: number;
  /** Error codes in the replies, 0 among them. */
  readonly codes: ReadonlySet<number>;
  /** What came was no sequence of whole frames, or no reply. */
  readonly malformed: string | undefined;
}

export interface VolleyOptions {
  /** The address of our side. */
  readonly from: string;
  /** Written one after the other. */
  readonly chunks: readonly Buffer[];
  /** Ends our side at once; otherwise once LAST_XID was answered. */
  readonly halfClose: boolean;
  /** What comes is not looked at. */
  readonly deaf?: boolean;
}

/** A server that neither answers nor closes is the failure that a caller is told of. */
const ANSWER_LIMIT_MS = 30_000;
const REPLY_HEADER_BYTES = 16;
const REPLY_MAX = 0x100_0000;

export function volley(port: number, options: VolleyOptions): Promise<VolleyResult> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      port,
      host: "127.0.0.1",
      localAddress: options.from,
      noDelay: true,
      allowHalfOpen: true,
    });
    const codes = new Set<number>();
    let kept: Buffer = Buffer.alloc(0);
    let greeted = false;
    let replies = 0;
    let malformed: string | undefined;
    let isOurs = false;
    const settle = (): void => {
      clearTimeout(limit);
      socket.destroy();
      resolve({ closedByServer: !isOurs, greeted, replies, codes, malformed });
    };
    const limit = setTimeout(() => {
      socket.destroy();
      reject(new Error("the server neither answered nor closed"));
    }, ANSWER_LIMIT_MS);
    socket.on("data", (bytes) => {
      if (options.deaf === true) return;
      kept = kept.length === 0 ? bytes : Buffer.concat([kept, bytes]);
      while (kept.length >= 4 && !isOurs) {
        const length = kept.readInt32BE(0);
        if (length < 0 || length > REPLY_MAX) malformed = `a frame of ${length} bytes`;
        if (malformed !== undefined) return settle();
        if (kept.length < 4 + length) return;
        const reader = new Reader().reset(kept, 4, 4 + length);
        kept = kept.subarray(4 + length);
        if (!greeted) {
          greeted = true;
          continue;
        }
        if (length < REPLY_HEADER_BYTES) {
          malformed = `a reply of ${length} bytes`;
          return settle();
        }
        const xid = reader.int();
        reader.long();
        codes.add(reader.int());
        if (xid !== Xid.notification) replies++;
        isOurs = xid === LAST_XID;
      }
      if (isOurs) settle();
    });
    socket.on("end", settle);
    socket.on("error", settle);
    socket.on("close", settle);
    for (const chunk of options.chunks) socket.write(chunk);
    if (options.halfClose) socket.end();
  });
}

/** The xid of the request that asks whether all before it was answered. */
export const LAST_XID = 0x5a5a_5a5a;
