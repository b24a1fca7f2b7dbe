/**
 * The snapshots that a replica takes of its tree. A tree may be replaced while it is copied, and
 * uncommitted txns may be about to be applied to it: then the copy is given up, since its name
 * would promise a history that the rest of it is not of (storage Trap 6), and the next term owes one.
 */
import type { Clock, Disk, HostError } from "../../protocol/host.ts";
import {
  type SnapshotDone,
  type SnapshotReport,
  SnapshotWriter,
} from "../storage/snapshot-writer.ts";
import type { DataTree } from "../tree/data-tree.ts";

export class Snapshots {
  /** One was given up, or the log is long: to be taken when a term serves. */
  isOwed = false;
  readonly #host: { readonly clock: Clock; readonly disk: Disk };
  readonly #directory: string;
  readonly #events: {
    taken(report: SnapshotReport): void;
    /** A server that cannot take snapshots has to stop (storage WP-10). */
    failed(error: HostError): void;
  };
  #writer: SnapshotWriter;
  /** Copies that were given up and whose files are still there. */
  #leaving = 0;
  /** Runs when they are gone: the next copy may have the same name. */
  #next: (() => void) | undefined;

  constructor(
    host: { readonly clock: Clock; readonly disk: Disk },
    directory: string,
    tree: DataTree,
    events: { taken(report: SnapshotReport): void; failed(error: HostError): void },
  ) {
    this.#host = host;
    this.#directory = directory;
    this.#events = events;
    this.#writer = new SnapshotWriter(host, tree, { directory });
  }

  /** From now on it is this tree that is copied. */
  replace(tree: DataTree): void {
    this.abandon(() => undefined);
    this.#writer = new SnapshotWriter(this.#host, tree, { directory: this.#directory });
  }

  /** Starts a snapshot in the background, unless one is under way: false. */
  take(): boolean {
    if (this.#leaving > 0) {
      this.isOwed = true;
      return false;
    }
    this.isOwed = false;
    return this.#writer.take(this.#taken(() => undefined));
  }

  /**
   * Takes a snapshot while nobody is served, and calls back when it is durable, never if that fails.
   *
   * @param replaces It is to take the place of all history (storage/installed.ts).
   */
  save(replaces: boolean, done: () => void): void {
    this.abandon(() => {
      this.#whenGone(() => {
        if (replaces) this.#writer.install(this.#taken(done));
        else this.#writer.takeAtOnce(this.#taken(done));
      });
    });
  }

  /** Gives up a snapshot that is under way. */
  abandon(done: () => void): void {
    if (!this.#writer.isRunning) {
      done();
      return;
    }
    this.isOwed = true;
    this.#leaving++;
    this.#writer.abandon(() => {
      this.#leaving--;
      done();
      if (this.#leaving > 0) return;
      const next = this.#next;
      this.#next = undefined;
      next?.();
    });
  }

  #whenGone(next: () => void): void {
    if (this.#leaving > 0) this.#next = next;
    else next();
  }

  #taken(done: () => void): SnapshotDone {
    return (error, report) => {
      if (error !== undefined) this.#events.failed(error);
      if (report === undefined) return;
      this.#events.taken(report);
      done();
    };
  }
}
