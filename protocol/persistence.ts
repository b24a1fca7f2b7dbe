/**
 * The jute module `persistence`: how a log and a snapshot begin (storage.md 2 and 4). What follows
 * the header is no jute record of its own; `server/storage` has it.
 */
import type { Reader, Writer } from "./jute.ts";

// FileHeader: int magic, int version, long dbid

export interface FileHeader {
  /** Tells a log from a snapshot; the only field that a reader checks. */
  readonly magic: number;
  readonly version: number;
  readonly dbid: number;
}

/** Bytes of a FileHeader. */
export const FILE_HEADER_BYTES = 16;

/** The header of a txn log: "ZKLG". */
export const LOG_FILE_HEADER: FileHeader = { magic: 0x5a4b_4c47, version: 2, dbid: 0 };

/** The header of a snapshot: "ZKSN". */
export const SNAPSHOT_FILE_HEADER: FileHeader = { magic: 0x5a4b_534e, version: 2, dbid: -1 };

export function readFileHeader(reader: Reader): FileHeader {
  return { magic: reader.int(), version: reader.int(), dbid: reader.long() };
}

export function writeFileHeader(writer: Writer, header: FileHeader): void {
  writer.int(header.magic);
  writer.int(header.version);
  writer.long(header.dbid);
}
