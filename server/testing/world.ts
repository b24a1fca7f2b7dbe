/**
 * A world has hosts, wires between them, one virtual time and one seed. All that happens is an
 * event in one queue, run to its end before the next; nothing comes from the machine underneath,
 * so a seed is a run, and its trace hash says whether two runs were the same.
 */
import { assert } from "../../protocol/assert.ts";
import { type EventKind, EventQueue, type SimEvent } from "./event-queue.ts";
import { SimHost } from "./sim-host.ts";
import { SimFabric } from "./sim-network.ts";
import { SimRandom } from "./sim-random.ts";
import { TraceHash } from "./trace-hash.ts";

/** An event that has not come to rest by then is a loop that makes no progress. */
const EVENTS_MAX = 50_000_000;

export class World {
  readonly random: SimRandom;
  readonly trace: TraceHash = new TraceHash();
  readonly fabric: SimFabric;
  readonly #hosts = new Map<string, SimHost>();
  readonly #queue = new EventQueue();
  #nowUs = 0;
  #order = 0;
  #ran = 0;

  constructor(seed: number) {
    this.random = new SimRandom(seed);
    this.fabric = new SimFabric(this, this.random.fork());
  }

  /** Microseconds since the world began. */
  get nowUs(): number {
    return this.#nowUs;
  }

  /** How many events have run. */
  get eventCount(): number {
    return this.#ran;
  }

  /** The host of this name, which is also its network address; made when first asked for. */
  host(name: string): SimHost {
    let host = this.#hosts.get(name);
    if (host === undefined) {
      host = new SimHost(this, name, this.#hosts.size + 1, this.random.fork());
      this.#hosts.set(name, host);
    }
    return host;
  }

  /** The host of this name if there is one. */
  findHost(name: string): SimHost | undefined {
    return this.#hosts.get(name);
  }

  /**
   * Runs `run` in `delayUs`. With an owner it happens in that process: not while it is paused,
   * and never after its crash.
   */
  schedule(
    owner: SimHost | undefined,
    delayUs: number,
    kind: EventKind,
    run: () => void,
  ): SimEvent {
    assert(delayUs >= 0, "an event lies in the past");
    const event: SimEvent = {
      atUs: this.#nowUs + Math.floor(delayUs),
      order: this.#order++,
      kind,
      owner,
      life: owner === undefined ? 0 : owner.life,
      run,
      cancelled: false,
    };
    this.#queue.push(event);
    return event;
  }

  /** Takes in an event that waited for its paused host, to run now. */
  reschedule(event: SimEvent): void {
    event.atUs = this.#nowUs;
    this.#queue.push(event);
  }

  /** Runs the next event; false when there is none. */
  step(): boolean {
    const event = this.#queue.pop();
    if (event === undefined) return false;
    this.#nowUs = event.atUs;
    this.#run(event);
    return true;
  }

  /** Runs all events up to `untilUs` and stands there. */
  runUntil(untilUs: number): void {
    for (;;) {
      const first = this.#queue.first;
      if (first === undefined || first.atUs > untilUs) break;
      this.step();
    }
    this.#nowUs = Math.max(this.#nowUs, untilUs);
  }

  #run(event: SimEvent): void {
    if (event.cancelled) return;
    const owner = event.owner;
    if (owner !== undefined) {
      if (owner.life !== event.life) return;
      if (owner.defer(event)) return;
    }
    assert(this.#ran++ < EVENTS_MAX, "the world does not come to rest");
    this.trace.count(event.atUs);
    this.trace.word(event.kind);
    this.trace.word(owner === undefined ? 0 : owner.number);
    event.run();
  }
}
