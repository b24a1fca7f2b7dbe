/** Why a server does not start from what its directories hold. Closed: callers switch over it. */
export type RecoveryErrorCode =
  /** A version-2 directory is missing and may not be made, or is no directory. */
  | "MissingDirectory"
  /** Logs among the snapshots, or the other way round. */
  | "Misplaced"
  /** The directory is empty, and neither `db.autocreate` nor the `initialize` marker allows that. */
  | "Empty"
  /** There are logs and no snapshot that they go on from. */
  | "NoSnapshot"
  /** Every snapshot is damaged, or the logs do not make up for the newest, which is. */
  | "BadSnapshot"
  /** A log is damaged where no crash explains it. */
  | "BadLog"
  /** There are TTL znodes, which are not enabled. */
  | "TtlZnodes"
  /** The epoch files contradict the history or each other, or cannot be read. */
  | "Epochs"
  /** Txns are missing between two that are there, or come in the wrong order. */
  | "Gap";

/**
 * What is on disk does not make up what was acknowledged. The message names file and place, and
 * says what to do; nothing on disk has been changed.
 */
export class RecoveryError extends Error {
  override readonly name = "RecoveryError";
  readonly code: RecoveryErrorCode;

  constructor(code: RecoveryErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
