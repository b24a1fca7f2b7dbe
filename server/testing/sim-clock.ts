/** Virtual time for one host. Its two clocks are apart: the wall's may jump, the other never does. */
import type { Clock, Timer } from "../../protocol/host.ts";
import { EventKind, type SimEvent } from "./event-queue.ts";
import type { SimHost } from "./sim-host.ts";
import type { World } from "./world.ts";

/** What the wall shows when a world begins: 2026-01-01T00:00:00Z. */
const WALL_ORIGIN_MS = 1_767_225_600_000;

/** How long a turn may last: what arrives meanwhile belongs to it, as on a busy loop. */
const TURN_MAX_US = 300;

export class SimClock implements Clock {
  readonly #world: World;
  readonly #host: SimHost;
  #wallShiftMs = 0;
  #queue: (() => void)[] = [];
  #spare: (() => void)[] = [];

  constructor(world: World, host: SimHost) {
    this.#world = world;
    this.#host = host;
  }

  nowMs(): number {
    return this.#world.nowUs / 1000;
  }

  wallMs(): number {
    return WALL_ORIGIN_MS + this.#wallShiftMs + Math.floor(this.#world.nowUs / 1000);
  }

  after(delayMs: number, callback: () => void): Timer {
    // A timer is never early and often a little late.
    const delayUs = Math.ceil(delayMs * 1000) + this.#host.draw.below(1000);
    return new SimTimer(this.#world.schedule(this.#host, delayUs, EventKind.timer, callback));
  }

  endOfTurn(callback: () => void): void {
    if (this.#queue.push(callback) > 1) return;
    const draw = this.#host.draw;
    const lastsUs = draw.chance(0.5) ? 0 : draw.below(TURN_MAX_US);
    this.#world.schedule(this.#host, lastsUs, EventKind.turnEnd, this.#endTurn);
  }

  /** Moves the wall's clock; the monotonic one goes on as it was. */
  jump(byMs: number): void {
    this.#wallShiftMs += byMs;
  }

  /** Forgets what a crashed process had asked for. */
  reset(): void {
    this.#queue = [];
    this.#spare = [];
  }

  readonly #endTurn = (): void => {
    const queue = this.#queue;
    this.#queue = this.#spare;
    for (const callback of queue) callback();
    queue.length = 0;
    this.#spare = queue;
  };
}

class SimTimer implements Timer {
  readonly #event: SimEvent;

  constructor(event: SimEvent) {
    this.#event = event;
  }

  cancel(): void {
    this.#event.cancelled = true;
  }
}
