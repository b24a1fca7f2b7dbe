/** The znodes that a txn is about, for an operator to look at. */
import { JuteError, Reader } from "../../protocol/jute.ts";
import { OpCode } from "../../protocol/opcodes.ts";
import { readTxn, type TxnBody } from "../../protocol/txn.ts";

/** A session may own any number of ephemerals. */
const PATHS_MAX = 16;
const FIELD_BYTES_MAX = 0x7fff_ffff;

/** Empty for a txn without paths, and for bytes that are none. */
export function txnPaths(bytes: Buffer, start: number, end: number): readonly string[] {
  try {
    const { body } = readTxn(new Reader(FIELD_BYTES_MAX).reset(bytes, start, end));
    return bodyPaths(body).slice(0, PATHS_MAX);
  } catch (error) {
    if (!(error instanceof JuteError)) throw error;
    return [];
  }
}

function bodyPaths(body: TxnBody): readonly string[] {
  if ("path" in body) return body.path === null ? [] : [body.path];
  if (body.type === OpCode.closeSession) return body.paths ?? [];
  if (body.type === OpCode.multi) return body.txns.flatMap(bodyPaths);
  return [];
}
