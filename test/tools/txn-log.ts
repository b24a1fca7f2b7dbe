// Log files seen from outside: made by hand, for states that would take a server years to reach,
// and read, for what a server has logged and told nobody.

import { closeSync, openSync, readdirSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Writer } from "../../protocol/jute.ts";
import { OpCode, Perm } from "../../protocol/opcodes.ts";
import { LOG_FILE_HEADER, writeFileHeader } from "../../protocol/persistence.ts";
import { type TxnBody, writeTxn } from "../../protocol/txn.ts";
import { adler32 } from "../../server/storage/adler32.ts";

/** A znode that a log's txn creates. */
export interface LoggedCreate {
  readonly path: string;
  /** Default: none. */
  readonly ttlMs?: number;
  /** How many creates its parent has then seen. */
  readonly parentCversion: number;
}

const RECORD_END = 0x42;

/**
 * Writes log.1 into a data directory whose servers have logged nothing so far, without digests, as
 * releases before 3.6 do. The server must not run.
 */
export function writeCreates(dataDir: string, creates: readonly LoggedCreate[]): void {
  const file = new Writer(4096);
  writeFileHeader(file, LOG_FILE_HEADER);
  for (const [index, create] of creates.entries()) {
    const record = new Writer(1024);
    const body = txnOf(create);
    writeTxn(record, {
      header: {
        sessionHigh: 0,
        sessionLow: 1,
        cxid: index,
        zxid: index + 1,
        timeMs: 1_700_000_000_000,
        type: body.type,
      },
      body,
      digest: undefined,
    });
    const payload = record.written();
    file.long(adler32(payload, 0, payload.length));
    file.int(payload.length);
    file.raw(payload);
    file.byte(RECORD_END);
  }
  writeFileSync(join(dataDir, "version-2", "log.1"), file.written());
}

const FILE_HEAD_BYTES = 16;
/** Checksum and length. */
const RECORD_HEAD_BYTES = 12;
/** Behind the session and its counter. */
const ZXID_AT = RECORD_HEAD_BYTES + 12;
/** No log of a test is longer; the file may be, with zeros. */
const LOG_READ_BYTES = 8 * 1024 * 1024;

/** The zxid of the last whole txn in a data directory's newest log; 0: there is none. */
export function lastLoggedZxid(dataDir: string): number {
  const directory = join(dataDir, "version-2");
  const names = readdirSync(directory).filter((name) => name.startsWith("log."));
  const zxidOf = (name: string): number => Number.parseInt(name.slice("log.".length), 16);
  const newest = names.toSorted((a, b) => zxidOf(a) - zxidOf(b)).at(-1);
  if (newest === undefined) return 0;
  const bytes = Buffer.alloc(LOG_READ_BYTES);
  const file = openSync(join(directory, newest), "r");
  const end = readSync(file, bytes);
  closeSync(file);
  let last = 0;
  for (let at = FILE_HEAD_BYTES; at + ZXID_AT + 8 <= end; ) {
    const length = bytes.readInt32BE(at + RECORD_HEAD_BYTES - 4);
    const recordEnd = at + RECORD_HEAD_BYTES + length;
    if (length <= 0 || bytes[recordEnd] !== RECORD_END) break;
    last = Number(bytes.readBigInt64BE(at + ZXID_AT));
    at = recordEnd + 1;
  }
  return last;
}

function txnOf({ path, ttlMs, parentCversion }: LoggedCreate): TxnBody {
  const acl = [{ perms: Perm.all, id: { scheme: "world", id: "anyone" } }];
  const common = { path, data: null, acl, parentCVersion: parentCversion };
  return ttlMs === undefined
    ? { type: OpCode.create, ...common, ephemeral: false }
    : { type: OpCode.createTTL, ...common, ttlMs };
}
