/**
 * The wires between simulated hosts, and what can be wrong with them. A packet to a host that is
 * cut off or switched off is not lost for the connection: TCP sends it again, so it arrives
 * once the way is free; for the process it is silence.
 */
import type {
  Address,
  HostError,
  Link,
  LinkHandlers,
  ListenAddress,
  Listener,
  Network,
} from "../../protocol/host.ts";
import { EventKind } from "./event-queue.ts";
import { SimError } from "./sim-error.ts";
import type { SimHost } from "./sim-host.ts";
import { type Packet, SimLink } from "./sim-link.ts";
import type { SimRandom } from "./sim-random.ts";
import type { World } from "./world.ts";

/** When the kernel sends its SYN, counted from the call; after the last comes ETIMEDOUT. */
const SYN_AT_US = [0, 1_000_000, 3_000_000, 7_000_000, 15_000_000];
const CONNECT_TIMEOUT_US = 31_000_000;
/** After a cut has healed, when TCP tries again at the latest. */
const RETRANSMIT_MAX_US = 800_000;
/** Of a world, so that two numbers make one. */
const HOSTS_MAX = 1 << 20;
const WINDOWS_BYTES = [2048, 16_384, 65_536, 262_144];

export class SimFabric {
  readonly #world: World;
  readonly #draw: SimRandom;
  readonly #listeners = new Map<string, SimListener>();
  readonly #links = new Set<SimLink>();
  /** Ways that carry nothing, as "from>to". */
  readonly #cuts = new Set<string>();
  /** Hosts whose listeners refuse. */
  readonly #refusing = new Set<string>();
  /** How many times slower than usual a way is, as "from>to". */
  readonly #slow = new Map<string, number>();
  /** What every packet takes from one host to another, by their numbers. */
  readonly #baseUs = new Map<number, number>();
  #nextPort = 32_768;

  constructor(world: World, draw: SimRandom) {
    this.#world = world;
    this.#draw = draw;
  }

  /** The ends of connections that processes hold open. */
  get openEnds(): number {
    return this.#links.size;
  }

  /** Cuts one way: nothing that `from` sends reaches `to`, and nobody is told. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
  }

  /** Cuts both ways between two hosts. */
  partition(one: string, other: string): void {
    this.cut(one, other);
    this.cut(other, one);
  }

  /** Mends every cut, slowness and refusal. */
  heal(): void {
    this.#cuts.clear();
    this.#slow.clear();
    this.#refusing.clear();
    this.retry();
  }

  /** Makes one way `times` slower. */
  slow(from: string, to: string, times: number): void {
    this.#slow.set(`${from}>${to}`, times);
  }

  /** New connections to this host are refused until `heal`. */
  refuse(name: string): void {
    this.#refusing.add(name);
  }

  /** Breaks all connections between two hosts; `oneSided`: only `one` learns of it now. */
  reset(one: string, other: string, oneSided: boolean): void {
    for (const link of [...this.#links]) {
      if (link.host.name !== one || link.peer?.host.name !== other) continue;
      const peer = link.peer;
      link.fail(new SimError("ECONNRESET", "the connection was reset"));
      if (!oneSided) peer.fail(new SimError("ECONNRESET", "the connection was reset"));
    }
  }

  /**
   * What is between two hosts forgets their connections, as firewalls do: whatever is sent on them is
   * lost, and neither end is told. New ones work.
   */
  loseTrack(one: string, other: string): void {
    for (const link of this.#links) {
      const { name } = link.host;
      const peer = link.peer?.host.name;
      if ((name === one && peer === other) || (name === other && peer === one)) link.isolate();
    }
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(`${from}>${to}`);
  }

  delayUs(from: SimHost, to: SimHost): number {
    const way = from.number * HOSTS_MAX + to.number;
    let baseUs = this.#baseUs.get(way);
    if (baseUs === undefined) {
      baseUs = this.#draw.between(20, 400);
      this.#baseUs.set(way, baseUs);
    }
    const jitterUs = this.#draw.chance(0.05) ? this.#draw.below(5000) : this.#draw.below(100);
    if (this.#slow.size === 0) return baseUs + jitterUs;
    return (baseUs + jitterUs) * (this.#slow.get(`${from.name}>${to.name}`) ?? 1);
  }

  /** Sends a packet to the other end of a link. */
  transmit(from: SimLink, packet: Packet): void {
    const to = from.peer;
    if (to === undefined) return;
    const direction = from.outgoing;
    const atUs = Math.max(direction.lastUs, this.#world.nowUs + this.delayUs(from.host, to.host));
    direction.lastUs = atUs;
    direction.queue.push({ atUs, packet });
    if (!direction.pumping) this.#pumpLater(from, to, atUs - this.#world.nowUs);
  }

  /** Lets everything that a cut or a machine switched off held back try again. */
  retry(): void {
    for (const link of this.#links) {
      link.releaseAcks();
      const peer = link.peer;
      if (peer === undefined) continue;
      this.#retryWay(link, peer);
      this.#retryWay(peer, link);
    }
  }

  listen(owner: SimHost, port: number, accept: (link: Link) => void): SimListener | undefined {
    const chosen = port === 0 ? this.#nextPort++ : port;
    const key = `${owner.name}:${chosen}`;
    if (this.#listeners.has(key)) return undefined;
    const listener = new SimListener(this.#world, this, owner, chosen, accept);
    this.#listeners.set(key, listener);
    return listener;
  }

  unlisten(listener: SimListener): void {
    this.#listeners.delete(`${listener.owner.name}:${listener.port}`);
  }

  /** A process ends, with all it held open. */
  crash(host: SimHost, how: "kill" | "power"): void {
    for (const listener of [...this.#listeners.values()]) {
      if (listener.owner === host) this.unlisten(listener);
    }
    for (const link of [...this.#links]) {
      if (link.host !== host) continue;
      if (how === "kill") link.abandon();
      else link.vanish();
    }
  }

  forget(link: SimLink): void {
    this.#links.delete(link);
  }

  connect(from: SimHost, to: Address, handlers: LinkHandlers): SimLink {
    const window = this.#draw.pick(WINDOWS_BYTES);
    const link = new SimLink(this.#world, this, from, to.host, to.port, window);
    link.handlers = handlers;
    this.#links.add(link);
    for (const atUs of SYN_AT_US) {
      this.#world.schedule(undefined, atUs, EventKind.wire, () => this.#syn(link, to, window));
    }
    this.#world.schedule(undefined, CONNECT_TIMEOUT_US, EventKind.wire, () => {
      if (link.peer === undefined) link.fail(new SimError("ETIMEDOUT", "nobody answered"));
    });
    return link;
  }

  #syn(link: SimLink, to: Address, window: number): void {
    if (link.closed || link.peer !== undefined) return;
    const target = this.#world.findHost(to.host);
    if (target === undefined) {
      link.fail(new SimError("ENOTFOUND", `no host is called ${to.host}`));
      return;
    }
    const delayUs = this.delayUs(link.host, target);
    this.#world.schedule(undefined, delayUs, EventKind.wire, () => {
      if (link.closed || link.peer !== undefined || !target.running) return;
      if (this.isCut(link.host.name, to.host) || this.isCut(to.host, link.host.name)) return;
      const listener = this.#listeners.get(`${to.host}:${to.port}`);
      if (listener === undefined || this.#refusing.has(to.host)) {
        link.fail(new SimError("ECONNREFUSED", `nobody listens on ${to.host}:${to.port}`));
        return;
      }
      const port = this.#nextPort++;
      const end = new SimLink(this.#world, this, target, link.host.name, port, window);
      this.#links.add(end);
      link.establish(end);
      end.establish(link);
      this.#world.schedule(target, 0, EventKind.accept, () => listener.take(end));
      this.#world.schedule(link.host, this.delayUs(target, link.host), EventKind.opened, () => {
        if (link.closed) return;
        link.handlers.opened?.();
        link.begin();
      });
    });
  }

  #pumpLater(from: SimLink, to: SimLink, delayUs: number): void {
    from.outgoing.pumping = true;
    this.#world.schedule(undefined, delayUs, EventKind.wire, () => this.#pump(from, to));
  }

  #pump(from: SimLink, to: SimLink): void {
    const direction = from.outgoing;
    direction.pumping = false;
    if (this.isCut(from.host.name, to.host.name) || !to.host.running) return;
    const head = direction.queue.shift();
    if (head === undefined) return;
    to.arrive(head.packet);
    const next = direction.queue[0];
    if (next !== undefined) {
      this.#pumpLater(from, to, Math.max(0, next.atUs - this.#world.nowUs));
    }
  }

  #retryWay(from: SimLink, to: SimLink): void {
    if (from.outgoing.pumping || from.outgoing.queue.length === 0) return;
    this.#pumpLater(from, to, this.#draw.below(RETRANSMIT_MAX_US));
  }
}

export class SimListener implements Listener {
  readonly owner: SimHost;
  readonly port: number;
  readonly #world: World;
  readonly #fabric: SimFabric;
  readonly #accept: (link: Link) => void;
  #closed = false;

  constructor(
    world: World,
    fabric: SimFabric,
    owner: SimHost,
    port: number,
    accept: (link: Link) => void,
  ) {
    this.#world = world;
    this.#fabric = fabric;
    this.owner = owner;
    this.port = port;
    this.#accept = accept;
  }

  /** Hands a connection that the kernel made to the process. */
  take(link: SimLink): void {
    if (this.#closed) {
      link.abandon();
      return;
    }
    this.#accept(link);
    link.begin();
  }

  close(done: () => void): void {
    this.#closed = true;
    this.#fabric.unlisten(this);
    this.#world.schedule(this.owner, 0, EventKind.closed, done);
  }
}

/** The network as one host's process sees it. */
export class SimNetwork implements Network {
  readonly #world: World;
  readonly #host: SimHost;

  constructor(world: World, host: SimHost) {
    this.#world = world;
    this.#host = host;
  }

  listen(
    at: ListenAddress,
    accept: (link: Link) => void,
    done: (error: HostError | undefined, listener: Listener | undefined) => void,
  ): void {
    const listener = this.#world.fabric.listen(this.#host, at.port, accept);
    this.#world.schedule(this.#host, 0, EventKind.opened, () => {
      if (listener === undefined) done(new SimError("EADDRINUSE", `port ${at.port}`), undefined);
      else done(undefined, listener);
    });
  }

  connect(to: Address, handlers: LinkHandlers): Link {
    return this.#world.fabric.connect(this.#host, to, handlers);
  }

  crash(how: "kill" | "power"): void {
    this.#world.fabric.crash(this.#host, how);
  }

  restart(): void {
    this.#world.fabric.retry();
  }
}
