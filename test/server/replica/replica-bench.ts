/** A replica on a simulated machine, and the history that it is sent. */

import { StoredReplica } from "../../../server/replica/replica.ts";
import type { ReplicaEvents, ReplicaOptions } from "../../../server/replica/replica-options.ts";
import type { SnapshotReport } from "../../../server/storage/snapshot-writer.ts";
import { MadeDirectory, zxidOf } from "../storage/made-directory.ts";
import { TREE_OPTIONS } from "../storage/sim-machine.ts";

const OPTIONS: ReplicaOptions = {
  dataDir: "/data",
  dataLogDir: "/data",
  dataDirAutocreate: true,
  purgeIntervalMs: 0,
  purgeRetainCount: 3,
  tree: TREE_OPTIONS,
  trustEmpty: false,
  log: {
    preAllocBytes: 64 * 1024,
    logSizeLimitBytes: -1,
    snapCount: 100_000,
    snapSizeLimitBytes: 0,
    forceSync: true,
    syncWarningMs: 1_000_000,
  },
  commitLogCount: 500,
  snapshotSizeFactor: 0.33,
  comparesDigests: true,
};

interface Line {
  readonly level: "info" | "warn" | "error";
  readonly details: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export class ReplicaBench implements ReplicaEvents {
  readonly made: MadeDirectory;
  replica: StoredReplica;
  readonly told: number[] = [];
  readonly failures: { readonly exitCode: number; readonly message: string }[] = [];
  readonly snapshots: SnapshotReport[] = [];
  readonly lines: Line[] = [];
  divergedAt: number | undefined;
  #options: ReplicaOptions;

  constructor(made: MadeDirectory = new MadeDirectory(), options: Partial<ReplicaOptions> = {}) {
    this.made = made;
    this.#options = { ...OPTIONS, ...options };
    this.replica = this.#start();
  }

  logged(zxid: number): void {
    this.told.push(zxid);
  }

  diverged(zxid: number): void {
    this.divergedAt = zxid;
  }

  snapshotTaken(report: SnapshotReport): void {
    this.snapshots.push(report);
  }

  failed(exitCode: number, message: string): void {
    this.failures.push({ exitCode, message });
  }

  /** Until nothing happens any more. */
  rest(): void {
    while (this.made.world.step());
  }

  /** Runs something that calls back, to its end. */
  await(begin: (done: () => void) => void): void {
    if (!this.tries(begin)) throw new Error("it never called back");
  }

  /** Whether it calls back, in the end. */
  tries(begin: (done: () => void) => void): boolean {
    let isDone = false;
    begin(() => {
      isDone = true;
    });
    if (isDone) throw new Error("it called back inside the call");
    while (!isDone && this.made.world.step());
    return isDone;
  }

  open(): void {
    this.await((done) => this.replica.open(done));
  }

  /** The process is killed, or the power cut, and what is on disk is recovered. */
  restart(how: "kill" | "power" = "power"): void {
    this.made.host.crash(how);
    this.made.host.restart();
    this.replica = this.#start();
    this.open();
  }

  /** The next txns of an epoch come into the window. Returns their zxids. */
  receive(epoch: number, count: number): number[] {
    const { txns } = this.made;
    const from = txns.length;
    this.made.grow(epoch, count);
    return txns.slice(from).map((txn) => this.take(txn));
  }

  take(txn: Buffer): number {
    this.replica.window.append(txn, 0, txn.length, zxidOf(txn));
    return zxidOf(txn);
  }

  /** They are received, durable, settled and applied. */
  live(epoch: number, count: number): void {
    const last = this.receive(epoch, count).at(-1) ?? 0;
    this.replica.logTo(last);
    this.await((done) => this.replica.whenLogged(done));
    this.deliver(last);
  }

  deliver(zxid: number): void {
    this.replica.window.commitTo(zxid);
    this.replica.deliver();
    this.await((done) => this.replica.whenDelivered(done));
  }

  settle(): void {
    this.await((done) => this.replica.settle(done));
  }

  #start(): StoredReplica {
    const log = (level: Line["level"]) => {
      return (details: Line["details"], message: string): void => {
        this.lines.push({ level, details, message });
      };
    };
    const lines = { info: log("info"), warn: log("warn"), error: log("error") };
    return new StoredReplica(this.made.host, this.#options, lines, this);
  }
}
