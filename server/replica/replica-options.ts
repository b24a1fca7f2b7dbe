/** What a replica is made with, and who hears of it. */
import type { Zxid } from "../../protocol/zxid.ts";
import type { SnapshotReport } from "../storage/snapshot-writer.ts";
import type { TxnLogOptions } from "../storage/txn-log.ts";
import type { DataTree, TreeOptions } from "../tree/data-tree.ts";
import type { PurgeOptions } from "./purging.ts";

export interface ReplicaOptions extends PurgeOptions {
  readonly dataLogDir: string;
  readonly dataDirAutocreate: boolean;
  readonly tree: TreeOptions;
  /** What each server says for itself in a tree, wherever it came from: /zookeeper/config. */
  readonly ownWords?: (tree: DataTree) => void;
  /** `snapshot.trust.empty` */
  readonly trustEmpty: boolean;
  readonly log: Omit<TxnLogOptions, "directory" | "lastZxid" | "index">;
  /** Applied txns that are kept in memory for learners that lag. */
  readonly commitLogCount: number;
  /**
   * Learners are sent txns from disk up to this part of what the tree would take; 0: whatever it
   * takes, below 0: none.
   */
  readonly snapshotSizeFactor: number;
  /** False: `digest.enabled=false`, nothing is compared. */
  readonly comparesDigests: boolean;
}

export interface ReplicaEvents {
  /** Every txn of the log up to `zxid` is durable: it may be acknowledged. */
  logged(zxid: Zxid): void;
  /** The tree is not the leader's: the term has to end. What is committed is applied no more. */
  diverged(zxid: Zxid): void;
  snapshotTaken(report: SnapshotReport): void;
  /** The disk or what is on it cannot be trusted. Called once; the server must stop. */
  failed(exitCode: number, message: string): void;
}
