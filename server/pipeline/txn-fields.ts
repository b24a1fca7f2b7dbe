/** Fields of a txn that are taken from a request's frame as they lie there. */
import { type ACL, writeACLs } from "../../protocol/data.ts";
import type { Writer } from "../../protocol/jute.ts";
import { copyBytes } from "../tree/bytes.ts";
import { crc32 } from "../tree/crc32.ts";
import { OPEN_ACL, OPEN_ACL_BYTES, type Operation } from "./operation.ts";

// ustring path

export function copyPath(writer: Writer, frame: Buffer, { pathStart, pathEnd }: Operation): void {
  copyBuffer(writer, frame, pathStart, pathEnd - pathStart);
}

// buffer: int length (-1 is null), the bytes

export function copyBuffer(writer: Writer, frame: Buffer, start: number, length: number): void {
  writer.int(length);
  if (length > 0) copyRange(writer, frame, start, length);
}

export function copyRange(writer: Writer, frame: Buffer, start: number, length: number): void {
  const at = writer.reserve(length);
  copyBytes(frame, start, start + length, writer.bytes, at);
}

// vector<ACL>

export function writeAcl(writer: Writer, acl: readonly ACL[]): void {
  if (acl === OPEN_ACL) writer.raw(OPEN_ACL_BYTES);
  else writeACLs(writer, acl);
}

/** CRC-32 over path and data, of which the path's is known (storage 5). */
export function contentCrc(
  pathCrc: number,
  frame: Buffer,
  { dataStart, dataLength }: Operation,
): number {
  return dataLength <= 0 ? pathCrc : crc32(frame, dataStart, dataStart + dataLength, pathCrc);
}
