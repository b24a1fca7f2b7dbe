// What a test at a proxy can tell about a frame of the client port without decoding all of it.

import { OpCode, Xid } from "../../protocol/opcodes.ts";
import type { Passage } from "./proxy.ts";

/** A request's head. A handshake reads as opcode 0. */
export interface SeenRequest {
  readonly xid: number;
  readonly opcode: number;
  /** The request's first field, for those that begin with a path; else "". */
  readonly path: string;
}

const PATH_AT = 8;
const CODE_AT = 12;

/** The request in a passage towards the server, or undefined. */
export function requestIn({ direction, frame }: Passage): SeenRequest | undefined {
  if (direction !== "up" || frame.length < PATH_AT) return undefined;
  return { xid: frame.readInt32BE(0), opcode: frame.readInt32BE(4), path: pathOf(frame) };
}

/** A reply's head. A handshake's reads as xid 0. */
export interface SeenReply {
  readonly xid: number;
  readonly code: number;
}

/** The reply, or the notification (xid -1), in a passage towards the client, or undefined. */
export function replyIn({ direction, frame }: Passage): SeenReply | undefined {
  if (direction !== "down") return undefined;
  return { xid: frame.readInt32BE(0), code: frame.readInt32BE(CODE_AT) };
}

export function isNotification(passage: Passage): boolean {
  return replyIn(passage)?.xid === Xid.notification;
}

export function isCreate(request: SeenRequest): boolean {
  return CREATES.has(request.opcode);
}

const CREATES: ReadonlySet<number> = new Set([OpCode.create, OpCode.create2]);
const WRITES: ReadonlySet<number> = new Set([
  ...CREATES,
  OpCode.createContainer,
  OpCode.createTTL,
  OpCode.delete,
  OpCode.setData,
  OpCode.setACL,
  OpCode.multi,
]);

export function isWrite(request: SeenRequest): boolean {
  return WRITES.has(request.opcode);
}

function pathOf(frame: Buffer): string {
  if (frame.length < PATH_AT + 4) return "";
  const length = frame.readInt32BE(PATH_AT);
  const end = PATH_AT + 4 + length;
  return length <= 0 || end > frame.length ? "" : frame.toString("utf8", PATH_AT + 4, end);
}
