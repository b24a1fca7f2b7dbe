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

/** The request in a passage towards the server, or undefined. */
export function requestIn({ direction, frame }: Passage): SeenRequest | undefined {
  if (direction !== "up" || frame.length < PATH_AT) return undefined;
  return { xid: frame.readInt32BE(0), opcode: frame.readInt32BE(4), path: pathOf(frame) };
}

/** The xid of a reply, also of a notification (-1), or undefined. A handshake reads as 0. */
export function replyXid({ direction, frame }: Passage): number | undefined {
  return direction === "down" ? frame.readInt32BE(0) : undefined;
}

export function isNotification(passage: Passage): boolean {
  return replyXid(passage) === Xid.notification;
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
