/** Recovery of a member of an ensemble: the newest of what is replayed is what learners may lack. */
import type { Disk } from "../../protocol/host.ts";
import { zxidHex } from "../../protocol/zxid.ts";
import type { StorageDirectories } from "../storage/files.ts";
import { type Recovered, type RecoveryOptions, recover } from "../storage/recovery.ts";
import type { ZabLog } from "../zab/effects.ts";
import type { TxnWindow } from "../zab/txn-window.ts";

/**
 * Recovers what is on disk and makes the window that of the same history: the tail counts as
 * settled, committed or not (S-3), and no txn of another history is left (S-2).
 *
 * @throws RecoveryError the server must not start; HostError.
 */
export function replay(
  disk: Disk,
  directories: StorageDirectories,
  options: Pick<RecoveryOptions, "tree" | "trustEmpty" | "index">,
  window: TxnWindow,
  log: ZabLog,
): Recovered {
  let isFirst = true;
  const recovered = recover(disk, directories, {
    ...options,
    // What is empty does not vote; whether it may be is for the ensemble to know.
    mayBeEmpty: true,
    replayed: (bytes, start, end, zxid, before) => {
      if (isFirst) window.reset(before);
      isFirst = false;
      window.append(bytes, start, end, zxid);
      window.commitTo(zxid);
      window.appliedTo(zxid);
    },
  });
  const { lastZxid, report } = recovered;
  if (report.replayed === 0) window.reset(lastZxid);
  for (const warning of report.warnings) log.warn({}, warning);
  const [mismatch] = report.digestMismatches;
  if (mismatch !== undefined) {
    log.error(
      { zxid: zxidHex(mismatch) },
      "after this txn the tree that was recovered is not what the txn says: unless digests are " +
        "disabled, this server takes its leader's tree before it serves",
    );
  }
  return recovered;
}
