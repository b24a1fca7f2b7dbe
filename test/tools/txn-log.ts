// A log file made by hand, for states that would take a server years to reach.

import { writeFileSync } from "node:fs";
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

function txnOf({ path, ttlMs, parentCversion }: LoggedCreate): TxnBody {
  const acl = [{ perms: Perm.all, id: { scheme: "world", id: "anyone" } }];
  const common = { path, data: null, acl, parentCVersion: parentCversion };
  return ttlMs === undefined
    ? { type: OpCode.create, ...common, ephemeral: false }
    : { type: OpCode.createTTL, ...common, ttlMs };
}
