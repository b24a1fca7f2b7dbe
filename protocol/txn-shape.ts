/**
 * Whether bytes are a txn as it lies in a log or a proposal, from its header to the end of its
 * record: every length is followed, nothing is made. What passes can be applied and recovered
 * without an error; whether it fits the tree is another question.
 *
 * A server that logged anything else could not start again from its own log.
 */
import { OpCode } from "./opcodes.ts";
import { DIGEST_VERSION, TXN_DIGEST_BYTES } from "./txn.ts";

/** Of its header: long clientId, int cxid, long zxid, long time, int type. */
const HEADER_BYTES = 32;
const TYPE_AT = 28;
const REFUSED = -1;

export function isWholeTxn(bytes: Buffer, start: number, end: number): boolean {
  if (end - start < HEADER_BYTES) return false;
  const type = bytes.readInt32BE(start + TYPE_AT);
  const record = start + HEADER_BYTES;
  return (
    (type === OpCode.multi ? multi(bytes, record, end) : body(bytes, type, record, end)) !== REFUSED
  );
}

// Each of these returns where what it has followed ends, or REFUSED.

/** vector<SubTxn>: int type, buffer record */
function multi(bytes: Buffer, start: number, end: number): number {
  if (end - start < 4) return REFUSED;
  const count = bytes.readInt32BE(start);
  if (count < 0) return REFUSED;
  let at = start + 4;
  for (let left = count; left > 0; left--) {
    if (end - at < 8) return REFUSED;
    const type = bytes.readInt32BE(at);
    const length = bytes.readInt32BE(at + 4);
    at += 8;
    if (length < 0 || length > end - at) return REFUSED;
    if (type === OpCode.multi || body(bytes, type, at, at + length) === REFUSED) return REFUSED;
    at += length;
  }
  return at;
}

function body(bytes: Buffer, type: number, start: number, end: number): number {
  switch (type) {
    case OpCode.create:
    case OpCode.create2:
      // boolean ephemeral; parentCVersion is not in logs before 3.4.
      return fixed(acls(bytes, text(bytes, text(bytes, start, end), end), end), 1, end);
    case OpCode.createContainer:
      return fixed(acls(bytes, text(bytes, text(bytes, start, end), end), end), 4, end);
    case OpCode.createTTL:
      return fixed(acls(bytes, text(bytes, text(bytes, start, end), end), end), 12, end);
    case OpCode.delete:
    case OpCode.deleteContainer:
      return text(bytes, start, end);
    case OpCode.setData:
    case OpCode.reconfig:
      return fixed(text(bytes, text(bytes, start, end), end), 4, end);
    case OpCode.setACL:
      return fixed(acls(bytes, text(bytes, start, end), end), 4, end);
    case OpCode.check:
      return fixed(text(bytes, start, end), 4, end);
    case OpCode.createSession:
    case OpCode.error:
      return fixed(start, 4, end);
    case OpCode.closeSession:
      return paths(bytes, start, end);
    default:
      return REFUSED;
  }
}

function fixed(start: number, length: number, end: number): number {
  return start === REFUSED || length > end - start ? REFUSED : start + length;
}

/** A string or a buffer: int length, -1 for null, then so many bytes. */
function text(bytes: Buffer, start: number, end: number): number {
  if (start === REFUSED || end - start < 4) return REFUSED;
  const length = bytes.readInt32BE(start);
  if (length < -1 || length > end - start - 4) return REFUSED;
  return start + 4 + Math.max(0, length);
}

/** vector<ACL>: int perms, ustring scheme, ustring id */
function acls(bytes: Buffer, start: number, end: number): number {
  if (start === REFUSED || end - start < 4) return REFUSED;
  const count = bytes.readInt32BE(start);
  let at = count < -1 ? REFUSED : start + 4;
  for (let left = count; left > 0 && at !== REFUSED; left--) {
    at = text(bytes, text(bytes, fixed(at, 4, end), end), end);
  }
  return at;
}

/** [vector<ustring>]: what is too short for it is a digest, or nothing (storage F-9). */
function paths(bytes: Buffer, start: number, end: number): number {
  const length = end - start;
  if (length < 4) return start;
  const first = bytes.readInt32BE(start);
  if (length === TXN_DIGEST_BYTES && first === DIGEST_VERSION) return start;
  let at = first < -1 ? REFUSED : start + 4;
  for (let left = first; left > 0 && at !== REFUSED; left--) at = text(bytes, at, end);
  return at;
}
