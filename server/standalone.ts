/**
 * A server that stands alone: introduces the rooms to one another and holds them through their life.
 *
 *     recovering ─▶ serving ─▶ stopping ─▶ stopped
 *          └────────────┴─────────┴─▶ failed: it acknowledges nothing any more
 *
 * Nothing here is asynchronous but what the host calls back, so that a server runs as well in a
 * simulator's plain loop.
 */
import type { Host, HostError } from "../protocol/host.ts";
import { zxidHex } from "../protocol/zxid.ts";
import { Summary } from "./admin/summary.ts";
import { introduceClientPort } from "./client-side.ts";
import type { ServerConfig } from "./config/config.ts";
import type { Logger } from "./log.ts";
import type { ClientPort } from "./net/client-port.ts";
import { PipelineStats } from "./pipeline/stats.ts";
import { introducePurge } from "./replica/purging.ts";
import {
  type AnyServer,
  ExitCode,
  logSnapshot,
  refusalOf,
  type ServerEvents,
} from "./server-face.ts";
import { ServerView } from "./server-view.ts";
import { Serving } from "./serving.ts";
import { SessionIds } from "./session/session-ids.ts";
import type { AutoPurge } from "./storage/auto-purge.ts";
import { markCreated, openDirectories } from "./storage/directories.ts";
import { DirectorySizes } from "./storage/directory-sizes.ts";
import type { StorageDirectories } from "./storage/files.ts";
import { InitializeMarker } from "./storage/initialize-marker.ts";
import { type Recovered, recover } from "./storage/recovery.ts";
import { type SnapshotReport, SnapshotWriter } from "./storage/snapshot-writer.ts";
import { TxnLog } from "./storage/txn-log.ts";
import type { DataTree } from "./tree/data-tree.ts";

/** A standalone server's number, as in ZooKeeper: the top byte of its session ids. */
const STANDALONE_ID = 1;

type State = "starting" | "serving" | "stopping" | "stopped" | "failed";

export class StandaloneServer implements AnyServer {
  readonly #host: Host;
  readonly #config: ServerConfig;
  readonly #log: Logger;
  readonly #events: ServerEvents;
  #state: State = "starting";
  #parts: Parts | undefined;

  /**
   * Recovers what is on disk, at once, and then serves: `ready` or `failed` follows.
   *
   * @param host Every door to the machine; what is not passed here cannot be reached.
   */
  constructor(host: Host, config: ServerConfig, log: Logger, events: ServerEvents) {
    this.#host = host;
    this.#config = config;
    this.#log = log;
    this.#events = events;
    let recovered: Recovered;
    let directories: StorageDirectories;
    try {
      directories = this.#openDirectories();
      recovered = this.#recover(directories);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    this.#parts = this.#introduce(recovered, directories);
    if (recovered.snapshotZxid < 0) this.#takeFirstSnapshot(recovered);
    else this.#serve(recovered);
  }

  get tree(): DataTree | undefined {
    return this.#parts?.tree;
  }

  get view(): ServerView | undefined {
    return this.#parts?.view;
  }

  get role(): "standalone" {
    return "standalone";
  }

  get isServing(): boolean {
    return this.#state === "serving";
  }

  takeSnapshot(): boolean {
    if (this.#state !== "serving" || this.#parts === undefined) return false;
    const { snapshots } = this.#parts;
    return snapshots.take((error, report) => this.#snapshotDone(error, report));
  }

  expireSession(sessionId: bigint): boolean {
    return this.isServing && this.#parts?.serving.expireSession(sessionId) === true;
  }

  stop(): void {
    const parts = this.#parts;
    if (parts === undefined || this.#state === "stopping" || this.#state === "stopped") return;
    if (this.#state === "failed") return;
    this.#state = "stopping";
    parts.view.stopServing();
    parts.serving.rest();
    parts.purge.stop();
    parts.port.stopAccepting(() => {
      parts.port.hold();
      parts.serving.pipeline.whenIdle(() => {
        parts.port.close();
        // The replies leave at the end of this turn, and the connections with them.
        this.#host.clock.endOfTurn(() => this.#closeStorage(parts));
      });
    });
  }

  #openDirectories(): StorageDirectories {
    const { dataDir, dataLogDir, dataDirAutocreate } = this.#config;
    return openDirectories(this.#host.disk, dataDir, dataLogDir, dataDirAutocreate);
  }

  #recover(directories: StorageDirectories): Recovered {
    const { disk, random, clock } = this.#host;
    const startedMs = clock.nowMs();
    const marker = new InitializeMarker(disk, this.#config.dataDir);
    const hasMarker = marker.isThere;
    const error = marker.take();
    if (error !== undefined) throw error;
    const recovered = recover(disk, directories, {
      tree: {
        hashSeed: Math.floor(random.fraction() * Number.MAX_SAFE_INTEGER),
        extendedTypes: this.#config.extendedTypes,
      },
      trustEmpty: this.#config.snapshotTrustEmpty,
      mayBeEmpty: hasMarker || this.#config.dbAutocreate,
    });
    const { report, lastZxid, snapshotZxid } = recovered;
    if (snapshotZxid < 0 && lastZxid === 0) markCreated(disk, this.#config.dataDir);
    for (const warning of report.warnings) this.#log.warn({}, warning);
    for (const zxid of report.digestMismatches) {
      this.#log.error(
        { zxid: zxidHex(zxid) },
        "the tree is not what this txn says it should be after it: compare with a backup",
      );
    }
    this.#log.info(
      {
        zxid: zxidHex(lastZxid),
        znodes: report.znodes,
        replayed: report.replayed,
        ms: Math.round(clock.nowMs() - startedMs),
      },
      "recovered what is on disk",
    );
    return recovered;
  }

  #introduce(recovered: Recovered, directories: StorageDirectories): Parts {
    const { tree, lastZxid } = recovered;
    const config = this.#config;
    const { clock, random } = this.#host;
    const stats = new PipelineStats(() => new Summary());
    const fsyncTime = new Summary();
    const log = new TxnLog(
      this.#host,
      {
        directory: directories.logs,
        lastZxid,
        preAllocBytes: config.preAllocBytes,
        logSizeLimitBytes: config.txnLogSizeLimitBytes,
        snapCount: config.snapCount,
        snapSizeLimitBytes: config.snapSizeLimitBytes,
        forceSync: config.forceSync,
        syncWarningMs: config.fsyncWarningMs,
      },
      {
        onDurable: () => fsyncTime.add(log.lastSyncMs),
        onBatch: (batch) => serving.committed(batch),
        onSnapshotDue: () => this.takeSnapshot(),
        onSlowSync: (ms) => this.#log.warn({ ms: Math.round(ms) }, "fsync of the log was slow"),
        onFailure: (error) => this.#failStorage("the transaction log", error),
      },
    );
    const port = introduceClientPort(this.#host, config, this.#log, stats, {
      heldTimeoutMs: config.sessionlessTimeoutMs,
      view: () => view,
    });
    const sessionIds = new SessionIds(clock, STANDALONE_ID);
    const serving = new Serving(
      { clock, random, config, log: this.#log, tree, port, stats, sessionIds },
      { kind: "standalone", txnLog: log },
    );
    const snapshots = new SnapshotWriter(this.#host, tree, { directory: directories.snapshots });
    const snapshotTime = new Summary();
    const view: ServerView = new ServerView(this.#host, config, {
      tree,
      port,
      stats,
      fsyncTime,
      snapshotTime,
      digestMismatches: recovered.report.digestMismatches.length,
      directorySizes: new DirectorySizes(this.#host.disk, clock, directories),
      serverId: 0,
    });
    const purge = introducePurge(this.#host, directories, config, this.#log);
    return {
      tree,
      log,
      serving,
      port,
      snapshots,
      purge,
      snapshotTime,
      view,
    };
  }

  /** Without a snapshot a log would be of unknown beginning: it comes before the first txn. */
  #takeFirstSnapshot(recovered: Recovered): void {
    this.#parts?.snapshots.take((error, report) => {
      this.#snapshotDone(error, report);
      if (this.#state === "starting") this.#serve(recovered);
    });
  }

  #serve(recovered: Recovered): void {
    const parts = this.#parts;
    if (parts === undefined) return;
    parts.port.open((error, port) => {
      if (this.#state !== "starting") {
        // It was told to stop meanwhile.
        parts.port.stopAccepting(() => undefined);
        return;
      }
      if (error !== undefined) {
        this.#fail(
          ExitCode.unexpected,
          `cannot listen on port ${this.#config.clientPort}: ${error.message}`,
        );
        return;
      }
      this.#state = "serving";
      parts.view.listensOn(port);
      parts.view.startServing(parts.serving);
      parts.serving.start();
      parts.purge.start();
      this.#log.info({ port, sessions: parts.tree.sessions.size }, "serving clients");
      this.#events.ready(port);
      if (recovered.report.replayed > this.#config.snapCount) this.takeSnapshot();
    });
  }

  #snapshotDone(error: HostError | undefined, report: SnapshotReport | undefined): void {
    if (error !== undefined) {
      this.#failStorage("a snapshot", error);
      return;
    }
    if (report === undefined) return;
    this.#parts?.snapshotTime.add(report.elapsedMs);
    logSnapshot(this.#log, report);
    this.#events.snapshotTaken?.(report);
  }

  #closeStorage(parts: Parts): void {
    parts.snapshots.abandon(() => {
      parts.log.close(() => {
        if (this.#state !== "stopping") return;
        this.#state = "stopped";
        this.#events.stopped();
      });
    });
  }

  #refuse(error: unknown): void {
    const { exitCode, message } = refusalOf(error);
    this.#fail(exitCode, message);
  }

  #failStorage(what: string, error: HostError): void {
    this.#fail(
      ExitCode.storage,
      `writing ${what} failed (${error.message}): nothing is acknowledged any more. Make room on ` +
        "the disk or replace it, and start again",
    );
  }

  #fail(exitCode: number, message: string): void {
    if (this.#state === "failed" || this.#state === "stopped") return;
    this.#state = "failed";
    const parts = this.#parts;
    if (parts !== undefined) {
      parts.serving.rest();
      parts.purge.stop();
      parts.port.stopAccepting(() => parts.port.abort());
    }
    this.#events.failed({ exitCode, message });
  }
}

/** What a server consists of. */
interface Parts {
  readonly tree: DataTree;
  readonly log: TxnLog;
  readonly serving: Serving;
  readonly port: ClientPort;
  readonly snapshots: SnapshotWriter;
  readonly purge: AutoPurge;
  readonly snapshotTime: Summary;
  readonly view: ServerView;
}
