// Election cores and a network between them that delays, repeats, loses and replaces: everything
// that follows from one seed.

import type { Notification } from "../../../protocol/election.ts";
import type { SimRandom } from "../../../server/testing/sim-random.ts";
import type { Candidate } from "../../../server/zab/election.ts";
import { ElectionBench, type EnsembleShape, notificationText } from "./election-bench.ts";

interface Way {
  readonly from: number;
  readonly to: number;
  /** Only the newest waits (E-10). */
  waiting: Notification | undefined;
  /** On the wire, in order. */
  readonly flying: { atMs: number; notification: Notification }[];
  last: Notification | undefined;
}

export interface NetworkOptions {
  readonly delayMaxMs: number;
  /** 0 to 1: how many notifications reach their server twice (E-11), or not at all. */
  readonly repeated: number;
  readonly lost: number;
}

export class ElectionNetwork {
  readonly servers: Map<number, ElectionBench> = new Map<number, ElectionBench>();
  readonly candidates: Map<number, Candidate> = new Map<number, Candidate>();
  /** `1→2 LOOKING v1 z0 r1 pe0` as it arrives, and `1 FOLLOWING 2`. */
  readonly transcript: string[] = [];
  options: NetworkOptions;
  nowMs = 0;
  readonly #shape: EnsembleShape;
  readonly #random: SimRandom;
  readonly #ways = new Map<string, Way>();
  readonly #cut = new Set<number>();

  constructor(shape: EnsembleShape, random: SimRandom, options: NetworkOptions) {
    this.#shape = shape;
    this.#random = random;
    this.options = options;
  }

  get sids(): number[] {
    return [...this.#shape.voters, ...(this.#shape.observers ?? [])];
  }

  /** A process starts: it knows no round. What others say to it again may be old. */
  boot(sid: number, candidate: Partial<Candidate> = {}): void {
    this.candidates.set(sid, {
      zxid: 0,
      currentEpoch: 0,
      isEmpty: false,
      isDiverged: false,
      ...candidate,
    });
    const bench = new ElectionBench({
      ...this.#shape,
      sid,
      maxIntervalMs: 2000,
      send: (to, notification) => this.#send(sid, to, notification),
    });
    this.servers.set(sid, bench);
    for (const other of this.servers.keys()) {
      if (other === sid) continue;
      this.#ways.delete(`${sid}>${other}`);
      this.#connect(sid, other);
    }
    this.elect(sid);
  }

  /** Ends a process, and all its connections. */
  kill(sid: number): void {
    this.servers.delete(sid);
    for (const [other, bench] of this.servers) {
      this.#way(other, sid).flying.length = 0;
      this.#way(sid, other).flying.length = 0;
      bench.links.live.delete(sid);
      bench.nowMs = this.nowMs;
      bench.core.tick(this.nowMs);
      this.#note(other);
    }
  }

  elect(sid: number): void {
    const bench = this.servers.get(sid);
    const candidate = this.candidates.get(sid);
    if (bench === undefined || candidate === undefined) throw new Error("no such server");
    bench.nowMs = this.nowMs;
    bench.core.start(this.nowMs, candidate);
    this.#note(sid);
  }

  /** Nothing goes to or comes from these servers; nobody is told. */
  cut(...sids: readonly number[]): void {
    for (const sid of sids) this.#cut.add(sid);
  }

  heal(): void {
    this.#cut.clear();
  }

  isCut(sid: number): boolean {
    return this.#cut.has(sid);
  }

  /** Lets time pass in steps of a millisecond. */
  run(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.nowMs++;
      for (const way of this.#ways.values()) {
        if (way.waiting !== undefined || way.flying.length > 0) this.#carry(way);
      }
      for (const [sid, bench] of this.servers) {
        if (bench.core.wakeAtMs > this.nowMs) continue;
        bench.nowMs = this.nowMs;
        bench.core.tick(this.nowMs);
        this.#note(sid);
      }
    }
  }

  #carry(way: Way): void {
    const { from, to } = way;
    if (way.waiting !== undefined && this.servers.has(to)) {
      const atMs = this.nowMs + 1 + this.#random.below(this.options.delayMaxMs);
      const after = way.flying.at(-1)?.atMs ?? 0;
      way.flying.push({ atMs: Math.max(atMs, after), notification: way.waiting });
      way.waiting = undefined;
    }
    const first = way.flying[0];
    const bench = this.servers.get(to);
    if (first === undefined || bench === undefined || first.atMs > this.nowMs) return;
    way.flying.shift();
    const isCut = this.#cut.has(from) || this.#cut.has(to);
    if (isCut || this.#random.chance(this.options.lost)) return;
    if (this.#random.chance(this.options.repeated)) way.flying.unshift(first);
    this.transcript.push(`${from}→${to} ${notificationText(first.notification)}`);
    bench.nowMs = this.nowMs;
    bench.core.receive(from, first.notification, this.nowMs);
    this.#note(to);
  }

  #send(from: number, to: number, notification: Notification): void {
    const way = this.#way(from, to);
    way.waiting = notification;
    way.last = notification;
  }

  /** E-11: both sides repeat what they said last, however old. */
  #connect(one: number, other: number): void {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const way = this.#way(from, to);
      way.waiting ??= way.last;
      this.servers.get(from)?.links.live.add(to);
    }
  }

  #way(one: number, other: number): Way {
    const key = `${one}>${other}`;
    let way = this.#ways.get(key);
    if (way === undefined) {
      way = { from: one, to: other, waiting: undefined, flying: [], last: undefined };
      this.#ways.set(key, way);
    }
    return way;
  }

  #note(sid: number): void {
    for (const line of this.servers.get(sid)?.said() ?? []) {
      if (!line.startsWith("→")) this.transcript.push(`${sid} ${line}`);
    }
  }
}
