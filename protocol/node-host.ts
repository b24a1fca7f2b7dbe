/**
 * The real machine behind `host.ts`. With its siblings `node-network.ts` and `node-disk.ts` it is
 * the only importer of Node's clocks, timers, sockets and files.
 */
import { randomFillSync } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { Clock, Host, Random, Timer } from "./host.ts";
import { NodeDisk } from "./node-disk.ts";
import { describeMachine } from "./node-machine.ts";
import { NodeNetwork } from "./node-network.ts";

/** The machine this process runs on. Every call gives doors of its own. */
export function nodeHost(): Host {
  return {
    clock: new NodeClock(),
    random: new NodeRandom(),
    network: new NodeNetwork(),
    disk: new NodeDisk(),
    machine: { describe: describeMachine },
  };
}

/** The longest delay that setTimeout takes; beyond it would fire at once. */
const DELAY_MAX_MS = 0x7fff_ffff;

class NodeClock implements Clock {
  /** What runs at the end of this turn, in the order it was asked for. */
  #queue: (() => void)[] = [];
  /** The other array: the two change places, so that a turn makes no garbage. */
  #spare: (() => void)[] = [];
  readonly #runQueue: () => void = () => this.#endTurn();

  nowMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  after(delayMs: number, callback: () => void): Timer {
    return new NodeTimer(performance.now() + delayMs, callback);
  }

  endOfTurn(callback: () => void): void {
    // One immediate serves all of a turn: the check phase follows the poll phase, where chunks
    // and completions arrive.
    if (this.#queue.push(callback) === 1) setImmediate(this.#runQueue);
  }

  #endTurn(): void {
    const queue = this.#queue;
    this.#queue = this.#spare;
    this.#spare = queue;
    for (const callback of queue) callback();
    queue.length = 0;
  }
}

/** Node's timers count in whole milliseconds of the loop's time and may come early; these do not. */
class NodeTimer implements Timer {
  readonly #dueMs: number;
  readonly #callback: () => void;
  #timeout: NodeJS.Timeout;

  constructor(dueMs: number, callback: () => void) {
    this.#dueMs = dueMs;
    this.#callback = callback;
    this.#timeout = this.#arm();
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }

  #arm(): NodeJS.Timeout {
    const restMs = Math.ceil(this.#dueMs - performance.now());
    return setTimeout(fire, Math.min(Math.max(restMs, 0), DELAY_MAX_MS), this);
  }

  expire(): void {
    if (performance.now() < this.#dueMs) this.#timeout = this.#arm();
    else this.#callback();
  }
}

function fire(timer: NodeTimer): void {
  timer.expire();
}

class NodeRandom implements Random {
  fraction(): number {
    return Math.random();
  }

  fill(target: Uint8Array): void {
    randomFillSync(target);
  }
}
