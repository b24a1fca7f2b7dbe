// A machine in virtual time for one client: two clocks that a test moves, timers that run when their
// time comes, and a network whose servers are scripts.

import type { ClientHost } from "../../client/options.ts";
import type {
  Address,
  Clock,
  HostError,
  Link,
  LinkHandlers,
  Network,
  Random,
  Timer,
} from "../../protocol/host.ts";

interface Event {
  readonly atMs: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** What a script sees of a connection from the client. */
export interface Peer {
  receive(bytes: Buffer): void;
  /** The client dropped the connection. */
  gone(): void;
}

/** Undefined: nobody listens, the connection is refused. "silent": not even that. */
export type Reachability = ((link: TestLink) => Peer) | "silent" | undefined;

/** One way, so that an answer to what is sent now comes two of these later. */
const LATENCY_MS = 0.5;

export class Machine implements ClientHost {
  readonly clock: TestClock;
  readonly random: Random;
  readonly network: Network;
  /** Who answers at host:port. */
  readonly servers: Map<string, () => Reachability> = new Map<string, () => Reachability>();
  /** When a connection was attempted, and to where. */
  readonly attempts: { readonly atMs: number; readonly to: string }[] = [];

  constructor(seed = 1) {
    this.clock = new TestClock();
    this.random = seeded(seed);
    this.network = {
      listen(): never {
        throw new Error("clients do not listen");
      },
      connect: (to, handlers) => this.#connect(to, handlers),
    };
  }

  /** Lets virtual time pass; everything due runs in order. */
  run(forMs: number): void {
    this.clock.run(forMs);
  }

  /** As `run`, for code with promises: each event's reactions run before the next event. */
  async live(forMs: number): Promise<void> {
    const untilMs = this.clock.now + forMs;
    await settle();
    while (this.clock.step(untilMs)) await settle();
    this.clock.now = untilMs;
  }

  /** Lives until `work` is settled, at most a minute. */
  async until<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    work.then(done, done);
    const untilMs = this.clock.now + 60_000;
    await settle();
    while (!settled && this.clock.step(untilMs)) await settle();
    if (!settled) throw new Error("not settled within a minute of virtual time");
    return work;
  }

  #connect(to: Address, handlers: LinkHandlers): Link {
    const name = `${to.host}:${to.port}`;
    this.attempts.push({ atMs: this.clock.now, to: name });
    const link = new TestLink(this.clock, handlers);
    const serve = this.servers.get(name)?.();
    if (serve === undefined) link.break("ECONNREFUSED");
    else if (serve !== "silent") link.open(serve);
    return link;
  }
}

/** Promise reactions, and what they cause: all done when a real turn of the event loop is over. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class TestClock implements Clock {
  now = 1000;
  /** Added to the wall clock: a machine that slept, or whose time was set. */
  wallShiftMs = 0;
  /** Invariant: in the order in which they run. */
  readonly #events: Event[] = [];

  nowMs(): number {
    return this.now;
  }

  wallMs(): number {
    return 1_800_000_000_000 + Math.floor(this.now + this.wallShiftMs);
  }

  after(delayMs: number, callback: () => void): Timer {
    if (!(delayMs >= 0 && delayMs <= 0x7fff_ffff)) throw new Error(`a delay of ${delayMs}`);
    const event: Event = { atMs: this.now + delayMs, run: callback, cancelled: false };
    this.#insert(event);
    return {
      cancel: () => {
        event.cancelled = true;
      },
    };
  }

  endOfTurn(callback: () => void): void {
    this.after(0, callback);
  }

  /** Timers and deliveries that will still run. */
  get pendingCount(): number {
    return this.#events.filter((event) => !event.cancelled).length;
  }

  run(forMs: number): void {
    const untilMs = this.now + forMs;
    let hasMore = true;
    while (hasMore) hasMore = this.step(untilMs);
    this.now = untilMs;
  }

  /** Runs the next event if it is due by `untilMs`. */
  step(untilMs: number): boolean {
    let next = this.#events[0];
    while (next?.cancelled === true) {
      this.#events.shift();
      next = this.#events[0];
    }
    if (next === undefined || next.atMs > untilMs) return false;
    this.#events.shift();
    this.now = Math.max(this.now, next.atMs);
    next.run();
    return true;
  }

  #insert(event: Event): void {
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#events[middle]?.atMs ?? 0) <= event.atMs) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, event);
  }

  /** The process stands still: time passes and nothing runs. */
  stall(forMs: number): void {
    this.now += forMs;
  }

  /** The machine sleeps: only the wall clock shows it. */
  sleep(forMs: number): void {
    this.wallShiftMs += forMs;
  }
}

/** A connection; a script holds its other end. */
export class TestLink implements Link {
  handlers: LinkHandlers;
  remoteAddress = "";
  remotePort = 0;
  pendingBytes = 0;
  /** The kernel takes no more: writes are kept until `drain`. */
  isFull = false;
  readonly #clock: TestClock;
  #peer: Peer | undefined;
  #state: "opening" | "open" | "closed" = "opening";
  #paused = false;
  #kept: Buffer[] = [];

  constructor(clock: TestClock, handlers: LinkHandlers) {
    this.#clock = clock;
    this.handlers = handlers;
  }

  open(serve: (link: TestLink) => Peer): void {
    this.#clock.after(LATENCY_MS, () => {
      if (this.#state !== "opening") return;
      this.#state = "open";
      this.#peer = serve(this);
      this.handlers.opened?.();
    });
  }

  /** From the server's side: the connection breaks, or is closed if no code is given. */
  break(code?: string): void {
    this.#clock.after(LATENCY_MS, () => {
      if (this.#state === "closed") return;
      this.#state = "closed";
      const error: HostError | undefined =
        code === undefined ? undefined : Object.assign(new Error(code), { code });
      this.handlers.closed(error);
    });
  }

  /** From the server's side: bytes. */
  deliver(bytes: Buffer): void {
    this.#clock.after(LATENCY_MS, () => {
      if (this.#state !== "open") return;
      if (this.#paused) this.#kept.push(bytes);
      else this.handlers.data(bytes);
    });
  }

  write(bytes: Uint8Array): boolean {
    if (this.#state !== "open") return true;
    const copy = Buffer.from(bytes);
    this.#clock.after(LATENCY_MS, () => {
      if (this.#state === "open") this.#peer?.receive(copy);
    });
    return !this.isFull;
  }

  /** The kernel took what was kept. */
  drain(): void {
    this.isFull = false;
    this.handlers.drained();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const kept = this.#kept;
    this.#kept = [];
    for (const bytes of kept) this.deliver(bytes);
  }

  end(): void {
    this.destroy();
  }

  keepAlive(): void {}

  destroy(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#peer?.gone();
    this.#clock.after(0, () => this.handlers.closed(undefined));
  }
}

/** The same numbers for the same seed. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  return {
    fraction: next,
    fill(target) {
      for (let i = 0; i < target.length; i++) target[i] = Math.floor(next() * 256);
    },
  };
}
