/**
 * What a server of an ensemble holds: tree, log, window of the newest txns, epochs, snapshots; and
 * how they stay one history.
 *
 *     open ─▶ settled ─▶ a term: logTo, deliver ─▶ settle ─▶ settled ─▶ the next term ...
 *                │
 *                └─▶ truncate | install, adopt ─▶ txns applied, not logged ─▶ saveTree ─▶ the term
 *                                   └── interrupted ─▶ reload (S-27) ─▶ settled
 *
 * Settled: everything logged is durable and applied, uncommitted txns too, so that what a vote says
 * is what the disk holds (P-7, I-16). Within a term the tree has only what is committed.
 */
import { assert } from "../../protocol/assert.ts";
import type { Clock, Disk, HostError, Random } from "../../protocol/host.ts";
import { makeZxid, type Zxid, zxidHex } from "../../protocol/zxid.ts";
import type { AutoPurge } from "../storage/auto-purge.ts";
import { markCreated, openDirectories } from "../storage/directories.ts";
import { isHostError } from "../storage/disk-errors.ts";
import { Epochs } from "../storage/epochs.ts";
import type { StorageDirectories } from "../storage/files.ts";
import { InitializeMarker } from "../storage/initialize-marker.ts";
import { settleInstalled } from "../storage/installed.ts";
import { LogIndex } from "../storage/log-index.ts";
import { openLogRange } from "../storage/log-range.ts";
import type { Recovered, RecoveryReport } from "../storage/recovery.ts";
import { RecoveryError } from "../storage/recovery-error.ts";
import { STAT_PERSISTED_BYTES } from "../storage/snapshot-format.ts";
import type { SnapshotReport } from "../storage/snapshot-writer.ts";
import { TreeIntake } from "../storage/tree-intake.ts";
import { TreeStreams } from "../storage/tree-stream.ts";
import { type TruncationOutcome, truncateHistory } from "../storage/truncation.ts";
import { TxnLog } from "../storage/txn-log.ts";
import type { DataTree } from "../tree/data-tree.ts";
import type {
  Installation,
  LogRange,
  QuorumLink,
  Replica,
  TreeStream,
  ZabLog,
} from "../zab/effects.ts";
import { TxnWindow } from "../zab/txn-window.ts";
import { type Applier, Delivery } from "./delivery.ts";
import { HeldTree } from "./held-tree.ts";
import { introducePurge } from "./purging.ts";
import { replay } from "./replay.ts";
import type { ReplicaEvents, ReplicaOptions } from "./replica-options.ts";
import { Snapshots } from "./snapshots.ts";

/** As operations 1.2 numbers them. */
const EXIT_STORAGE = 10;
const EXIT_SYNC = 13;

export class StoredReplica implements Replica {
  readonly window: TxnWindow;
  readonly log: TxnLog;
  readonly directories: StorageDirectories;
  /** Of the last recovery. */
  report: RecoveryReport;
  readonly #clock: Clock;
  readonly #disk: Disk;
  readonly #options: ReplicaOptions;
  readonly #zabLog: ZabLog;
  readonly #events: ReplicaEvents;
  readonly #epochs: Epochs;
  readonly #delivery: Delivery;
  readonly #held: HeldTree;
  readonly #snapshots: Snapshots;
  readonly #purge: AutoPurge;
  readonly #streams: TreeStreams;
  /** Where the log has what this history consists of. */
  readonly #index = new LogIndex();
  /** Whether the directory has a snapshot that the log goes on from. */
  #hasSnapshot: boolean;
  /** Stays until there is a history. */
  readonly #marker: InitializeMarker;
  /** The tree has come from a leader, and the disk holds another history. */
  #isAdopted = false;
  #isFlushScheduled = false;
  /** Who waits for the log to be applied between two terms. */
  #settling: (() => void) | undefined;
  #hasFailed = false;

  /**
   * Recovers what is on disk, at once; `open` makes it good to serve from.
   *
   * @throws RecoveryError the server must not start; HostError.
   */
  constructor(
    host: { readonly clock: Clock; readonly disk: Disk; readonly random: Random },
    options: ReplicaOptions,
    zabLog: ZabLog,
    events: ReplicaEvents,
  ) {
    this.#clock = host.clock;
    this.#disk = host.disk;
    this.#options = options;
    this.#zabLog = zabLog;
    this.#events = events;
    const { dataDir, dataLogDir, dataDirAutocreate } = options;
    this.directories = openDirectories(host.disk, dataDir, dataLogDir, dataDirAutocreate);
    this.#marker = new InitializeMarker(host.disk, dataDir);
    this.window = new TxnWindow(options.commitLogCount, 0);
    const recovered = this.#recover();
    this.report = recovered.report;
    this.#held = new HeldTree(
      recovered.tree,
      this.window,
      options.comparesDigests,
      zabLog,
      (zxid) => host.clock.endOfTurn(() => this.#diverged(zxid)),
    );
    this.#snapshots = new Snapshots(host, this.directories.snapshots, recovered.tree, {
      taken: (report) => this.#snapshotTaken(report),
      failed: (error) => this.#failDisk("a snapshot", error),
    });
    this.#snapshots.isOwed = this.report.replayed > options.log.snapCount;
    this.#hasSnapshot = recovered.snapshotZxid >= 0;
    this.#epochs = new Epochs(host, this.directories.snapshots, this.lastZxid, (error) =>
      this.#failDisk("an epoch file", error),
    );
    if (this.lastZxid === 0 && !this.#hasSnapshot) markCreated(host.disk, dataDir);
    this.log = this.#newLog(host);
    this.#purge = introducePurge(host, this.directories, options, zabLog);
    this.#streams = new TreeStreams(host.clock);
    this.#delivery = new Delivery(host.clock, this.window, this.#held);
    this.#holdRecovered(recovered);
  }

  /** The znodes. Another tree after `truncate`, `adopt` and `reload`. */
  get tree(): DataTree {
    return this.#held.tree;
  }

  get lastZxid(): Zxid {
    return this.tree.lastZxid;
  }

  get acceptedEpoch(): number {
    return this.#epochs.accepted;
  }

  get currentEpoch(): number {
    return this.#epochs.current;
  }

  get isDiverged(): boolean {
    return this.#held.isDiverged;
  }

  get isEmpty(): boolean {
    return !this.#hasHistory && !this.#marker.isThere;
  }

  get #hasHistory(): boolean {
    return this.lastZxid > 0 || this.currentEpoch > 0;
  }

  /** Before anything else: epoch files that were healed, and the snapshot that a log begins with. */
  open(done: () => void): void {
    const open = (): void => {
      this.#purge.start();
      // A crash may have come between the history and this.
      if (!this.#hasHistory || this.#marked(this.#marker.take())) done();
    };
    this.#epochs.settle(() => {
      if (this.#hasSnapshot) open();
      else this.#snapshots.save(false, open);
    });
  }

  // Terms

  /** Who applies what is committed: the pipeline, from when a term serves until it is over. */
  set applier(applier: Applier | undefined) {
    this.#delivery.applier = applier ?? this.#held;
    if (applier === undefined) {
      this.#held.observe();
      return;
    }
    this.#held.becomeWhole();
    if (this.#snapshots.isOwed) this.takeSnapshot();
  }

  saveAcceptedEpoch(epoch: number, done: () => void): void {
    this.#epochs.saveAccepted(epoch, done);
  }

  saveCurrentEpoch(epoch: number, done: () => void): void {
    this.#epochs.saveCurrent(epoch, () => {
      if (this.#marked(this.#marker.take())) done();
    });
  }

  found(): void {
    if (this.isEmpty) this.#marked(this.#marker.leave());
  }

  #marked(error: HostError | undefined): boolean {
    if (error !== undefined) this.#failDisk("the file initialize", error);
    return error === undefined;
  }

  logTo(zxid: Zxid): void {
    this.window.forEach(this.log.lastZxid, zxid, this.#append);
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    this.#clock.endOfTurn(this.#flush);
  }

  whenLogged(done: () => void): void {
    this.log.whenDurable(done);
  }

  deliver(): void {
    this.#delivery.start();
  }

  whenDelivered(done: () => void): void {
    this.#delivery.whenDone(done);
  }

  beginEpoch(epoch: number): void {
    this.window.beginEpoch(epoch);
    this.tree.lastZxid = makeZxid(epoch, 0);
  }

  /**
   * The term is over and nobody applies: waits for the log and applies all of it, committed or not
   * (B-20). What was received and not logged is forgotten. To be called before every election.
   */
  settle(done: () => void): void {
    this.#quiesce(() => {
      // The log may end behind the window where a leader fell between logging and proposing.
      if (this.#isAhead() || this.log.lastZxid > this.window.lastZxid) {
        if (this.#reloadNow()) done();
        return;
      }
      this.window.dropAfter(Math.max(this.log.lastZxid, this.window.committedZxid));
      if (this.isDiverged) {
        done();
        return;
      }
      this.window.commitTo(this.window.lastZxid);
      this.#settling = done;
      this.#delivery.whenDone(this.#settled);
    });
  }

  readonly #settled = (): void => {
    const done = this.#settling;
    this.#settling = undefined;
    done?.();
  };

  #diverged(zxid: Zxid): void {
    this.#events.diverged(zxid);
    // Such a tree is never applied to the end.
    this.#settled();
  }

  // Histories of a leader

  truncate(zxid: Zxid, done: (outcome: TruncationOutcome) => void): void {
    this.#quiesce(() => {
      // What is purged is chosen by snapshots that may be about to go.
      this.#purge.hold(() => {
        const outcome = this.#truncateNow(zxid);
        this.#purge.release();
        if (outcome !== undefined) done(outcome);
      });
    });
  }

  install(zxid: Zxid): TreeIntake {
    return new TreeIntake(zxid, this.#options.tree);
  }

  adopt(installation: Installation): void {
    assert(installation instanceof TreeIntake, "a tree that was not taken in here");
    this.#isAdopted = true;
    this.#held.isDiverged = false;
    this.window.reset(installation.zxid);
    // Up to where the leader will have sent txns that its copy may hold already (S-7, S-8).
    this.#hold({ tree: installation.tree, fuzzyUpTo: Number.POSITIVE_INFINITY });
  }

  /** Nothing is applied until it is done: NEWLEADER is being handled. */
  saveTree(done: () => void): void {
    this.#delivery.whenDone(() => {
      this.#held.becomeWhole();
      this.log.whenDurable(() => {
        this.#saveTree(() => {
          this.#isAdopted = false;
          this.log.resetTo(this.lastZxid);
          this.#index.reset(this.lastZxid);
          done();
        });
      });
    });
  }

  /** What came from a leader takes the place of all that is there. */
  #saveTree(done: () => void): void {
    if (!this.#isAdopted) {
      this.#snapshots.save(false, done);
      return;
    }
    this.#purge.hold(() => {
      this.#snapshots.save(true, () => {
        settleInstalled(this.#disk, this.directories, (error) => {
          this.#purge.release();
          if (error !== undefined) this.#failDisk("the leader's tree", error);
          else done();
        });
      });
    });
  }

  streamTree(link: QuorumLink, done: () => void): TreeStream {
    return this.#streams.open(this.tree, link, done);
  }

  reload(done: () => void): void {
    this.#quiesce(() => {
      if (this.#reloadNow()) done();
    });
  }

  /** From who serves: the tree is not what its leader's txn says. */
  digestMismatch(zxid: Zxid): void {
    this.#held.digestMismatch(zxid);
  }

  readLog(after: Zxid, upTo: Zxid): LogRange | undefined {
    const { snapshotSizeFactor } = this.#options;
    if (snapshotSizeFactor < 0) return undefined;
    const { approximateDataSize, count } = this.tree;
    const treeBytes = approximateDataSize + count * STAT_PERSISTED_BYTES;
    const maxBytes = snapshotSizeFactor === 0 ? Infinity : treeBytes * snapshotSizeFactor;
    return openLogRange(this.#disk, this.#index, after, upTo, maxBytes);
  }

  // Snapshots

  /** Takes a snapshot in the background, unless one is under way: false. */
  takeSnapshot(): boolean {
    return !this.#isAhead() && this.#snapshots.take();
  }

  /** Makes durable what was logged and closes the log. */
  close(done: () => void): void {
    this.#purge.stop();
    this.#snapshots.abandon(() => this.#epochs.whenIdle(() => this.log.close(done)));
  }

  #snapshotTaken(report: SnapshotReport): void {
    this.#hasSnapshot = true;
    this.#events.snapshotTaken(report);
  }

  // The log

  #newLog(host: { clock: Clock; disk: Disk; random: Random }): TxnLog {
    const directory = this.directories.logs;
    return new TxnLog(
      host,
      { ...this.#options.log, directory, lastZxid: this.lastZxid, index: this.#index },
      {
        onDurable: (zxid) => this.#events.logged(zxid),
        onSnapshotDue: () => this.takeSnapshot(),
        onSlowSync: (ms) => this.#zabLog.warn({ ms: Math.round(ms) }, "fsync of the log was slow"),
        onFailure: (error) => this.#failDisk("the transaction log", error),
      },
    );
  }

  readonly #append = (bytes: Buffer, start: number, end: number, zxid: Zxid): boolean => {
    this.log.append(bytes, start, end, zxid);
    return true;
  };

  readonly #flush = (): void => {
    this.#isFlushScheduled = false;
    this.log.flush();
  };

  // The tree

  /** Another tree, in place of the one that was: nothing that was asked of that one goes on. */
  #hold({ tree, fuzzyUpTo }: Pick<Recovered, "tree" | "fuzzyUpTo">): void {
    this.#options.ownWords?.(tree);
    this.#snapshots.replace(tree);
    this.#held.replace(tree, fuzzyUpTo);
    this.#delivery.forget();
  }

  #holdRecovered(recovered: Recovered): void {
    this.report = recovered.report;
    this.#hold(recovered);
    const isSound = recovered.report.digestMismatches.length === 0;
    if (!isSound && this.#options.comparesDigests) this.#held.isDiverged = true;
  }

  /**
   * Memory holds what neither log nor snapshot has: a leader's tree, or the txns behind it or behind
   * a TRUNC, which only the snapshot of `saveTree` makes durable (S-27).
   */
  #isAhead(): boolean {
    return this.#isAdopted || this.#held.appliedZxid > this.log.lastZxid;
  }

  // The disk

  #recover(): Recovered {
    const { tree, trustEmpty } = this.#options;
    const options = { tree, trustEmpty, index: this.#index };
    return replay(this.#disk, this.directories, options, this.window, this.#zabLog);
  }

  /** Undefined: it failed, and the server stops (storage ST-30). */
  #truncateNow(zxid: Zxid): TruncationOutcome | undefined {
    let outcome: TruncationOutcome;
    try {
      outcome = truncateHistory(this.#disk, this.directories, zxid);
    } catch (error) {
      if (!isHostError(error)) throw error;
      this.#fail(
        EXIT_SYNC,
        `the history could not be cut behind 0x${zxidHex(zxid)} (${error.message}): what is left ` +
          "ends somewhere behind it. Make room on the disk or replace it, and start again",
      );
      return undefined;
    }
    if (outcome === "unreachable") return outcome;
    if (!this.#reloadNow()) return undefined;
    const isExact = this.lastZxid === zxid && this.#held.isWhole;
    if (!isExact) {
      this.#fail(
        EXIT_SYNC,
        `the history was cut behind 0x${zxidHex(zxid)} and ends with 0x${zxidHex(this.lastZxid)}: ` +
          "empty this server's directories and let it sync",
      );
      return undefined;
    }
    return outcome;
  }

  /** False: it failed, and the server stops. */
  #reloadNow(): boolean {
    this.#isAdopted = false;
    try {
      const recovered = this.#recover();
      this.log.resetTo(recovered.lastZxid);
      this.#holdRecovered(recovered);
      this.#zabLog.info({ zxid: zxidHex(this.lastZxid) }, "memory is what is on disk again");
      return true;
    } catch (error) {
      if (!(error instanceof RecoveryError) && !isHostError(error)) throw error;
      this.#fail(EXIT_SYNC, `what is on disk could not be read again: ${error.message}`);
      return false;
    }
  }

  /** Calls back when nothing of ours is on its way to the disk; a snapshot is given up. */
  #quiesce(done: () => void): void {
    assert(this.#delivery.applier === this.#held, "the history changes under a term");
    this.#snapshots.abandon(() => {
      this.#epochs.whenIdle(() => this.log.whenDurable(done));
    });
  }

  #failDisk(what: string, error: HostError): void {
    this.#fail(
      EXIT_STORAGE,
      `writing ${what} failed (${error.message}): nothing is acknowledged any more. Make room on ` +
        "the disk or replace it, and start again",
    );
  }

  #fail(exitCode: number, message: string): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#events.failed(exitCode, message);
  }
}
