/** Runs the purge at the start and then again and again (storage ST-35), unless it is held. */
import type { Clock, Disk, HostError, Timer } from "../../protocol/host.ts";
import type { StorageDirectories } from "./files.ts";
import { type PurgeReport, purge } from "./purge.ts";

export interface AutoPurgeOptions {
  /** 0: never. */
  readonly intervalMs: number;
  readonly retainCount: number;
}

/** The longest that a clock waits at a time. */
const WAIT_MAX_MS = 0x7fff_ffff;

export class AutoPurge {
  readonly #host: { readonly clock: Clock; readonly disk: Disk };
  readonly #directories: StorageDirectories;
  readonly #options: AutoPurgeOptions;
  readonly #done: (error: HostError | undefined, report: PurgeReport | undefined) => void;
  #timer: Timer | undefined;
  #running = false;
  /** Whoever changes the history itself: nothing is purged meanwhile. */
  #isHeld = false;
  #holder: (() => void) | undefined;

  constructor(
    host: { readonly clock: Clock; readonly disk: Disk },
    directories: StorageDirectories,
    options: AutoPurgeOptions,
    done: (error: HostError | undefined, report: PurgeReport | undefined) => void,
  ) {
    this.#host = host;
    this.#directories = directories;
    this.#options = options;
    this.#done = done;
  }

  start(): void {
    if (this.#options.intervalMs > 0) this.#run();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Calls back when no purge is under way; none begins until `release`. */
  hold(done: () => void): void {
    this.#isHeld = true;
    if (this.#running) this.#holder = done;
    else done();
  }

  release(): void {
    this.#isHeld = false;
  }

  #run(): void {
    const waitMs = Math.min(this.#options.intervalMs, WAIT_MAX_MS);
    this.#timer = this.#host.clock.after(waitMs, () => this.#run());
    if (this.#running || this.#isHeld) return;
    this.#running = true;
    purge(this.#host, this.#directories, this.#options.retainCount, (error, report) => {
      this.#running = false;
      this.#done(error, report);
      const holder = this.#holder;
      this.#holder = undefined;
      holder?.();
    });
  }
}
