/**
 * What a snapshot is made of (storage 4):
 *
 *     file     := FileHeader tree seal digest seal lastZxid seal
 *     stream   := tree ustring "BenWasHere"                  what follows SNAP (quorum-protocol 7.5)
 *     tree     := sessions lists znodes
 *     sessions := i32 n | n × (i64 session, i32 timeoutMs)
 *     lists    := i32 m | m × (i64 id, vector<ACL>)
 *     znodes   := (ustring path, buffer data, i64 list, StatPersisted)* | ustring "/"
 *     digest   := i64 zxid | i32 version 2 | i64 digest of the tree
 *     lastZxid := i64 zxid
 *     seal     := i64 Adler-32 of all bytes before it | ustring "/"
 *
 * Java writes the digest from 3.6 on and lastZxid from 3.9 on, and reads by position: a file
 * without one of them stops a server that expects both, so both are always written (ST-17).
 */
import type { Writer } from "../../protocol/jute.ts";
import { SNAPSHOT_FILE_HEADER, writeFileHeader } from "../../protocol/persistence.ts";

/** i64 and ustring "/". */
export const SEAL_BYTES = 13;
/** Its seal included. */
export const LAST_ZXID_SECTION_BYTES: number = 8 + SEAL_BYTES;
/** StatPersisted. */
export const STAT_PERSISTED_BYTES = 60;
export const SLASH = 0x2f;

/** The shortest file that passes for a snapshot. */
export const SNAPSHOT_MIN_BYTES = 10;

export function writeSnapshotHeader(writer: Writer): void {
  writeFileHeader(writer, SNAPSHOT_FILE_HEADER);
}

/** Ends a tree that is sent: what it tells is that nobody slipped on the way. */
export const STREAM_SIGNATURE: Buffer = Buffer.from("\0\0\0\x0aBenWasHere", "latin1");

/** Ends the znodes: no znode's path is "/", the root's being empty. */
export function writeTerminator(writer: Writer): void {
  writer.int(1);
  writer.byte(SLASH);
}

/** @param sum Adler-32 of all bytes of the file before the seal. */
export function writeSeal(writer: Writer, sum: number): void {
  writer.int(0);
  writer.int(sum | 0);
  writeTerminator(writer);
}
