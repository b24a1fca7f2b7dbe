/**
 * One simulated machine with at most one process on it. The disk outlives the process; timers,
 * links, callbacks and the turn's queue do not. Code under test takes the host as its `Host`.
 */
import type { Host, Machine } from "../../protocol/host.ts";
import { EventKind, type SimEvent } from "./event-queue.ts";
import { SimClock } from "./sim-clock.ts";
import { SimDisk } from "./sim-disk.ts";
import { SimNetwork } from "./sim-network.ts";
import type { SimRandom } from "./sim-random.ts";
import type { World } from "./world.ts";

export class SimHost implements Host {
  readonly name: string;
  readonly number: number;
  readonly clock: SimClock;
  /** What the code under test draws from. */
  readonly random: SimRandom;
  /** What the host itself draws from: delays, torn blocks. */
  readonly draw: SimRandom;
  readonly network: SimNetwork;
  readonly disk: SimDisk;
  readonly machine: Machine;
  readonly #world: World;
  /** How many times this host has crashed; events of earlier lives never run. */
  #life = 0;
  #running = true;
  #paused = false;
  /** Events that came due while the process stood still, in order. */
  #deferred: SimEvent[] = [];

  constructor(world: World, name: string, number: number, draw: SimRandom) {
    this.#world = world;
    this.name = name;
    this.number = number;
    this.draw = draw;
    this.random = draw.fork();
    this.clock = new SimClock(world, this);
    this.network = new SimNetwork(world, this);
    this.disk = new SimDisk({
      draw,
      after: (delayUs, run) => {
        world.schedule(this, delayUs, EventKind.disk, run);
      },
    });
    this.machine = {
      describe: () => ({
        hostName: name,
        nodeVersion: "0.0.0",
        osName: "Simulated",
        osArchitecture: "none",
        osVersion: "0",
        userName: "nobody",
        userHome: "/",
        workingDirectory: "/",
        freeBytes: 0,
        totalBytes: 0,
        maxBytes: 0,
      }),
    };
  }

  get life(): number {
    return this.#life;
  }

  /** Whether the machine is on. */
  get running(): boolean {
    return this.#running;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /**
   * Ends the process. `kill` is SIGKILL: its peers are told and the page cache stays. `power` is a
   * power cut: peers hear nothing, and of what was not synced any part may be lost or torn.
   */
  crash(how: "kill" | "power"): void {
    if (!this.#running) return;
    this.#running = false;
    this.#life++;
    this.#paused = false;
    this.#deferred = [];
    this.clock.reset();
    this.network.crash(how);
    this.disk.crash(how);
  }

  /** Turns the machine on again; starting the process is the caller's. */
  restart(): void {
    if (this.#running) return;
    this.#running = true;
    this.network.restart();
  }

  /** SIGSTOP: the kernel goes on receiving, the process does nothing. */
  pause(): void {
    if (this.#running) this.#paused = true;
  }

  /** SIGCONT: what came due runs now, timers first half of the time. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    const deferred = this.#deferred;
    this.#deferred = [];
    const timersFirst = this.draw.chance(0.5);
    for (const event of deferred) {
      if (timersFirst && event.kind !== EventKind.timer) {
        // In a new event, which queues behind every timer that waited.
        this.#world.schedule(this, 0, event.kind, () => {
          if (!event.cancelled) event.run();
        });
      } else {
        this.#world.reschedule(event);
      }
    }
  }

  /** Keeps an event for later if the process stands still. */
  defer(event: SimEvent): boolean {
    if (this.#paused) this.#deferred.push(event);
    return this.#paused;
  }
}
