/**
 * A write as it was asked for: one request, or one part of a multi, decoded in place. The bytes of
 * path and data stay in the request's frame; a txn takes them from there.
 */
import { type ACL, readACLs } from "../../protocol/data.ts";
import type { Reader } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { readReconfigRequest } from "../../protocol/reconfig.ts";
import { type AccessList, WORLD_ANYONE_ALL } from "../tree/access-entry.ts";

/** World may do anything: what nearly every request asks for, so it is recognised by its bytes. */
export const OPEN_ACL: AccessList = WORLD_ANYONE_ALL;

export const OPEN_ACL_BYTES: Buffer = Buffer.from(
  "000000010000001f00000005776f726c6400000006616e796f6e65",
  "hex",
);

/** Reused from request to request; `path` and the ranges hold until the frame is gone. */
export class Operation {
  type = 0;
  /** Null as on the wire. Bytes that are no UTF-8 read as U+FFFD, which no valid path holds. */
  path: string | null = null;
  /** The path's bytes in the frame. */
  pathStart = 0;
  pathEnd = 0;
  dataStart = 0;
  /** -1: null. */
  dataLength = -1;
  acl: readonly ACL[] | null = null;
  flags = 0;
  version = 0;
  ttlMs = 0;

  /**
   * Reads the record of a request of type `type`.
   *
   * @returns false for a type that is no write of this kind.
   * @throws JuteError
   */
  read(type: number, reader: Reader): boolean {
    this.type = type;
    switch (type) {
      // ustring path, buffer data, vector<ACL> acl, int flags [, long ttl]
      case OpCode.create:
      case OpCode.create2:
      case OpCode.createContainer:
      case OpCode.createTTL:
        this.#readPath(reader);
        this.#readData(reader);
        this.acl = readAcl(reader);
        this.flags = reader.int();
        this.ttlMs = type === OpCode.createTTL ? reader.long() : -1;
        return true;
      // ustring path, int version
      case OpCode.delete:
      case OpCode.check:
        this.#readPath(reader);
        this.version = reader.int();
        return true;
      // ustring path, buffer data, int version
      case OpCode.setData:
        this.#readPath(reader);
        this.#readData(reader);
        this.version = reader.int();
        return true;
      // ustring path, vector<ACL> acl, int version
      case OpCode.setACL:
        this.#readPath(reader);
        this.acl = readAcl(reader);
        this.version = reader.int();
        return true;
      // Members do not change yet: prep refuses it.
      case OpCode.reconfig:
        readReconfigRequest(reader);
        return true;
      default:
        return false;
    }
  }

  #readPath(reader: Reader): void {
    const length = reader.bufferLength();
    this.pathStart = reader.offset;
    this.pathEnd = reader.offset + Math.max(length, 0);
    this.path = length < 0 ? null : reader.bytes.toString("utf8", this.pathStart, this.pathEnd);
    reader.offset = this.pathEnd;
  }

  #readData(reader: Reader): void {
    this.dataLength = reader.bufferLength();
    this.dataStart = reader.offset;
    reader.offset += Math.max(this.dataLength, 0);
  }
}

function readAcl(reader: Reader): readonly ACL[] | null {
  const start = reader.offset;
  const end = start + OPEN_ACL_BYTES.length;
  if (end <= reader.end && OPEN_ACL_BYTES.compare(reader.bytes, start, end) === 0) {
    reader.offset = end;
    return OPEN_ACL;
  }
  return readACLs(reader);
}
