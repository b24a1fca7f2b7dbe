/**
 * Listening on a port that other servers of the ensemble dial, at each of a server's addresses or at
 * every address of the machine. A port may still be held by the term before, so binding is tried
 * again; where one of several addresses can be had that is enough, since the others dial them all.
 */
import type {
  Address,
  Clock,
  HostError,
  Link,
  ListenAddress,
  Listener,
  Network,
  Timer,
} from "../../protocol/host.ts";

export interface ListeningOptions {
  readonly at: readonly ListenAddress[];
  /** How often all addresses are tried before it is given up; Infinity: never. */
  readonly triesMax: number;
  readonly pauseMs: number;
}

/** Connections that the kernel keeps until they are accepted. */
const BACKLOG = 511;

/** Where to listen for those who dial `addresses`. @param everywhere Whatever the hosts are (quorumListenOnAllIPs). */
export function listenAddresses(
  addresses: readonly Address[],
  everywhere: boolean,
): readonly ListenAddress[] {
  if (!everywhere) return addresses.map(({ host, port }) => ({ host, port, backlog: BACKLOG }));
  const ports = new Set(addresses.map(({ port }) => port));
  return [...ports].map((port) => ({ host: undefined, port, backlog: BACKLOG }));
}

export class Listening {
  readonly #clock: Clock;
  readonly #network: Network;
  readonly #options: ListeningOptions;
  readonly #accept: (link: Link) => void;
  /** Told once: listening at one address at least, or the last error. */
  readonly #settled: (error: HostError | undefined) => void;
  /** An address cannot be had, for now. */
  readonly #refused: (at: ListenAddress, error: HostError) => void;
  readonly #listeners: Listener[] = [];
  #error: HostError | undefined;
  #tries = 0;
  /** Addresses of this try that were not answered yet. */
  #waiting = 0;
  #pause: Timer | undefined;
  #isClosed = false;

  constructor(
    clock: Clock,
    network: Network,
    options: ListeningOptions,
    accept: (link: Link) => void,
    settled: (error: HostError | undefined) => void,
    refused: (at: ListenAddress, error: HostError) => void = () => {},
  ) {
    this.#clock = clock;
    this.#network = network;
    this.#options = options;
    this.#accept = accept;
    this.#settled = settled;
    this.#refused = refused;
    this.#try();
  }

  /** The ports, once settled. */
  get ports(): readonly number[] {
    return this.#listeners.map(({ port }) => port);
  }

  /** Accepts no more, and tells nobody anything from now on. */
  close(): void {
    this.#isClosed = true;
    this.#pause?.cancel();
    for (const listener of this.#listeners) listener.close(() => {});
    this.#listeners.length = 0;
  }

  #try(): void {
    this.#tries++;
    this.#waiting = this.#options.at.length;
    for (const at of this.#options.at) {
      this.#network.listen(
        at,
        (link) => this.#take(link),
        (error, listener) => this.#answered(at, error, listener),
      );
    }
  }

  #take(link: Link): void {
    if (this.#isClosed) link.destroy();
    else this.#accept(link);
  }

  #answered(at: ListenAddress, error: HostError | undefined, listener: Listener | undefined): void {
    if (this.#isClosed) {
      listener?.close(() => {});
      return;
    }
    if (listener !== undefined) this.#listeners.push(listener);
    else if (error !== undefined) {
      this.#error = error;
      this.#refused(at, error);
    }
    if (--this.#waiting > 0) return;
    if (this.#listeners.length > 0) this.#settled(undefined);
    else if (this.#tries >= this.#options.triesMax) this.#settled(this.#error);
    else this.#pause = this.#clock.after(this.#options.pauseMs, () => this.#try());
  }
}
