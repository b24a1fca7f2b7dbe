// The transaction log read as storage.md 2 tells it, without a line of the server's reader.

import type { DiskFile } from "../../protocol/host.ts";
import { Reader } from "../../protocol/jute.ts";
import { readTxn, type Txn } from "../../protocol/txn.ts";
import type { SimHost } from "../../server/testing/index.ts";
import { adler32 } from "./checksums.ts";

const HEADER_BYTES = 16;
/** Of a record before its payload: the checksum, 8 bytes, and the length. */
const PREFIX_BYTES = 12;
const END_OF_RECORD = 0x42;
const WINDOW_BYTES = 0x4000;
const RECORD_MAX_BYTES = 0x100_0000;
const LIMIT = 0x100_0000;

const NOTHING = Buffer.alloc(0);

/** All txns of a directory's logs, file after file. A torn tail ends a file. */
export function readLogs(disk: SimHost["disk"], directory: string): Txn[] {
  return disk
    .names(directory)
    .filter((name) => /^log\.[0-9a-f]+$/.test(name))
    .sort((a, b) => zxidOf(a) - zxidOf(b))
    .flatMap((name) => readFile(disk, `${directory}/${name}`));
}

function zxidOf(name: string): number {
  return Number.parseInt(name.slice("log.".length), 16);
}

function readFile(disk: SimHost["disk"], path: string): Txn[] {
  const txns: Txn[] = [];
  eachPayload(disk, path, (payload) => {
    txns.push(readTxn(new Reader(LIMIT).reset(Buffer.from(payload))));
  });
  return txns;
}

/** Every txn of a directory's logs, in order, as its bytes. */
export function eachPayloadOfLogs(
  disk: SimHost["disk"],
  directory: string,
  take: (payload: Buffer, zxid: number) => void,
): void {
  const names = disk.names(directory).filter((name) => /^log\.[0-9a-f]+$/.test(name));
  for (const name of names.sort((a, b) => zxidOf(a) - zxidOf(b))) {
    eachPayload(disk, `${directory}/${name}`, (payload) => {
      take(payload, zxidIn(payload, 0));
    });
  }
}

/** Where in a log file the payloads of its whole records lie. */
export function payloadsOf(
  disk: SimHost["disk"],
  path: string,
): { readonly position: number; readonly length: number }[] {
  const payloads: { position: number; length: number }[] = [];
  eachPayload(disk, path, ({ length }, position) => {
    payloads.push({ position, length });
  });
  return payloads;
}

function eachPayload(
  disk: SimHost["disk"],
  path: string,
  take: (payload: Buffer, position: number) => void,
): void {
  eachPayloadOf(disk.look(path), take);
}

/** The payloads of a log's whole records. */
export function eachPayloadOf(
  file: Pick<DiskFile, "readNow">,
  take: (payload: Buffer, position: number) => void,
): void {
  let bytes = Buffer.allocUnsafe(WINDOW_BYTES);
  let position = HEADER_BYTES;
  let there = file.readNow(bytes, position);
  /** Where in the window the next record begins. */
  let at = 0;
  for (;;) {
    let length = lengthAt(bytes, at, there);
    if (at > 0 && (length === undefined || at + PREFIX_BYTES + length + 1 > there)) {
      position += at;
      at = 0;
      there = file.readNow(bytes, position);
      length = lengthAt(bytes, at, there);
    }
    if (length === undefined || length <= 0 || length > RECORD_MAX_BYTES) break;
    const size = PREFIX_BYTES + length + 1;
    if (size > bytes.length) {
      bytes = Buffer.allocUnsafe(size);
      there = file.readNow(bytes, position);
    }
    const end = at + size;
    if (end > there || bytes[end - 1] !== END_OF_RECORD) break;
    const payload = bytes.subarray(at + PREFIX_BYTES, end - 1);
    if (bytes.readUInt32BE(at + 4) !== adler32(payload)) break;
    take(payload, position + at + PREFIX_BYTES);
    at = end;
  }
}

/** What a record's prefix says of its payload; undefined: the window ends before it does. */
function lengthAt(bytes: Buffer, at: number, end: number): number | undefined {
  return at + PREFIX_BYTES > end ? undefined : bytes.readInt32BE(at + 8);
}

/** TxnHeader: long clientId, int cxid, long zxid */
function zxidIn(bytes: Buffer, payload: number): number {
  return bytes.readInt32BE(payload + 12) * 0x1_0000_0000 + bytes.readUInt32BE(payload + 16);
}

/** Follows what is appended to one log file, and names each txn that is in it. */
export class LogTap {
  readonly #told: (zxid: number, payload: Buffer) => void;
  /** Where the next byte of a record is expected. */
  #position = 0;
  #pending: Buffer = NOTHING;

  constructor(told: (zxid: number, payload: Buffer) => void) {
    this.#told = told;
  }

  wrote(bytes: Uint8Array, position: number): void {
    if (position !== this.#position) return; // the zero that makes room
    this.#position += bytes.length;
    const pending =
      this.#pending.length === 0
        ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
        : Buffer.concat([this.#pending, bytes]);
    let at = position === 0 ? HEADER_BYTES : 0;
    while (at + PREFIX_BYTES <= pending.length) {
      const length = pending.readInt32BE(at + 8);
      const payload = at + PREFIX_BYTES;
      if (length <= 0 || payload + length + 1 > pending.length) break;
      this.#told(zxidIn(pending, payload), pending.subarray(payload, payload + length));
      at = payload + length + 1;
    }
    this.#pending = at < pending.length ? Buffer.from(pending.subarray(at)) : NOTHING;
  }
}
