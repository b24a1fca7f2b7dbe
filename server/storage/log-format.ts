/**
 * What a log file is made of (storage 2):
 *
 *     file    := FileHeader record* zero*
 *     record  := i64 crc | i32 len | len bytes of payload | 0x42
 *     payload := TxnHeader body [TxnDigest]
 *
 * The crc is the Adler-32 of the payload alone. A length of 0 ends the file.
 */
import { Writer } from "../../protocol/jute.ts";
import { FILE_HEADER_BYTES, LOG_FILE_HEADER, writeFileHeader } from "../../protocol/persistence.ts";

/** Bytes before a payload: crc and length. */
export const RECORD_HEAD_BYTES = 12;
/** The byte after a payload. */
export const RECORD_END = 0x42;
/** Of a record, what is no payload. */
export const RECORD_OVERHEAD_BYTES: number = RECORD_HEAD_BYTES + 1;
/** clientId, cxid, zxid, time, type. */
export const TXN_HEADER_BYTES = 32;
/** Where a payload's header has the zxid. */
export const HEADER_ZXID_AT = 12;

/**
 * The longest payload that is read. Far above what is written: a `jute.maxbuffer` that was once
 * larger must not make a directory unreadable (storage, Trap 19).
 */
export const PAYLOAD_MAX_BYTES: number = 64 * 1024 * 1024;

/** The bytes that a log file starts with. */
export function logHeader(): Buffer {
  const writer = new Writer(FILE_HEADER_BYTES);
  writeFileHeader(writer, LOG_FILE_HEADER);
  return writer.written();
}
