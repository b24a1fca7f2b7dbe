/** What a server is to whoever runs it, whether it stands alone or belongs to an ensemble. */
import type { HostError } from "../protocol/host.ts";
import { zxidHex } from "../protocol/zxid.ts";
import type { Logger } from "./log.ts";
import type { ServerView } from "./server-view.ts";
import { RecoveryError } from "./storage/recovery-error.ts";
import type { SnapshotReport } from "./storage/snapshot-writer.ts";
import type { DataTree } from "./tree/data-tree.ts";
import type { Role } from "./zab/peer.ts";

export interface AnyServer {
  /** The znodes. For tests and tools in the same process, to be looked at only. */
  readonly tree: DataTree | undefined;
  /** What operators are told. */
  readonly view: ServerView | undefined;
  readonly role: Role | "standalone";
  /** Clients may write: it stands alone, or is in step with a leader that a quorum follows. */
  readonly isServing: boolean;
  /** Takes a snapshot now, unless one is under way: false. */
  takeSnapshot(): boolean;
  /**
   * Ends a session as if its deadline had passed. False: it is unknown or ending already, or this
   * server, a learner perhaps, is not the one that expires sessions.
   */
  expireSession(sessionId: bigint): boolean;
  /**
   * Ends gracefully: lets no more in, answers what is on its way, hands over if it leads, closes the
   * connections and the log. Sessions live on until they expire. `stopped` follows.
   */
  stop(): void;
}

/** Why a server cannot go on. */
export interface ServerFailure {
  /** As operations 1.2 numbers them. */
  readonly exitCode: number;
  /** What happened, where, and what to do. */
  readonly message: string;
}

export interface ServerEvents {
  /** Clients are heard on this port; those of an ensemble are served once it has a leader. */
  ready(clientPort: number): void;
  /** `stop` is done. */
  stopped(): void;
  /** Called once; nothing else follows. The process should end with the exit code. */
  failed(failure: ServerFailure): void;
  /** A snapshot is on disk. */
  snapshotTaken?(report: SnapshotReport): void;
}

export const ExitCode = {
  unexpected: 1,
  config: 2,
  dataDirectory: 3,
  storage: 10,
  electionPort: 14,
} as const;

/** What keeps a server from starting. @throws whatever is no answer of recovery or of the machine */
export function refusalOf(error: unknown): ServerFailure {
  if (error instanceof RecoveryError) {
    const isSetting = error.code === "Misplaced" || error.code === "TtlZnodes";
    const isMissing = error.code === "MissingDirectory";
    const fault = isMissing ? ExitCode.dataDirectory : ExitCode.storage;
    return { exitCode: isSetting ? ExitCode.config : fault, message: error.message };
  }
  if (!isHostError(error)) throw error;
  return {
    exitCode: ExitCode.dataDirectory,
    message: `the data directory cannot be used: ${error.message}`,
  };
}

export function logSnapshot(log: Logger, report: SnapshotReport): void {
  log.info(
    {
      zxid: zxidHex(report.zxid),
      endZxid: zxidHex(report.endZxid),
      txnsDuring: report.txnsDuring,
      slices: report.slices,
      bytes: report.bytes,
      ms: Math.round(report.elapsedMs),
    },
    "snapshot taken",
  );
}

function isHostError(error: unknown): error is HostError {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}
