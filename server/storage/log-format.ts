/**
 * What a log file is made of (storage 2):
 *
 *     file    := header record* zero*
 *     header  := i32 "ZKLG" | i32 version 2 | i64 dbid 0
 *     record  := i64 crc | i32 len | len bytes of payload | 0x42
 *     payload := TxnHeader body [TxnDigest]
 *
 * The crc is the Adler-32 of the payload alone. A length of 0 ends the file.
 */

export const LOG_MAGIC = 0x5a4b4c47;
const LOG_VERSION = 2;
export const LOG_HEADER_BYTES = 16;

export const LOG_HEADER: Buffer = Buffer.alloc(LOG_HEADER_BYTES);
LOG_HEADER.writeInt32BE(LOG_MAGIC, 0);
LOG_HEADER.writeInt32BE(LOG_VERSION, 4);

/** Bytes before a payload: crc and length. */
export const RECORD_HEAD_BYTES = 12;
/** The byte after a payload. */
export const RECORD_END = 0x42;
/** clientId, cxid, zxid, time, type. */
export const TXN_HEADER_BYTES = 32;
/** Where a payload's header has the zxid. */
export const HEADER_ZXID_AT = 12;
