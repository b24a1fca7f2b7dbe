/**
 * A way to another server: all of its addresses at once, each as often as is asked for. The first
 * connection wins.
 */
import type {
  Address,
  Clock,
  HostError,
  Link,
  LinkHandlers,
  Network,
  Timer,
} from "../../protocol/host.ts";

export interface DialOptions {
  /** In all. */
  readonly limitMs: number;
  /** At each address, at least 1. */
  readonly triesMax: number;
  /** Between the first two; each is longer by half from then on ... */
  readonly firstPauseMs: number;
  /** ... up to this. */
  readonly pauseMs: number;
}

export class Dial {
  readonly #clock: Clock;
  readonly #network: Network;
  /** The connection is the callee's, who sets its handlers before this returns. */
  readonly #opened: (link: Link) => void;
  readonly #failed: (reason: string) => void;
  readonly #ways: readonly Way[];
  readonly #options: DialOptions;
  readonly #limit: Timer;
  #isSettled = false;

  /** One of `opened` and `failed` is called once, in a later turn, unless it is cancelled. */
  constructor(
    clock: Clock,
    network: Network,
    addresses: readonly Address[],
    options: DialOptions,
    opened: (link: Link) => void,
    failed: (reason: string) => void,
  ) {
    this.#clock = clock;
    this.#network = network;
    this.#opened = opened;
    this.#failed = failed;
    this.#options = options;
    this.#limit = clock.after(options.limitMs, () => this.#fail("no answer in time"));
    this.#ways = addresses.map((address) => new Way(this, address, options.triesMax));
    for (const way of this.#ways) way.dial();
  }

  cancel(): void {
    this.#isSettled = true;
    this.#limit.cancel();
    for (const way of this.#ways) way.abandon();
  }

  // From a way.

  connect(to: Address, way: Way): Link {
    return this.#network.connect(to, way);
  }

  /** @param failures Of this way, at least 1. */
  afterPause(failures: number, callback: () => void): Timer {
    const { firstPauseMs, pauseMs } = this.#options;
    return this.#clock.after(Math.min(firstPauseMs * GROWTH ** (failures - 1), pauseMs), callback);
  }

  won(way: Way, link: Link): void {
    way.release();
    this.cancel();
    this.#opened(link);
  }

  gaveUp(reason: string): void {
    if (this.#ways.every((way) => way.isSpent)) this.#fail(reason);
  }

  #fail(reason: string): void {
    if (this.#isSettled) return;
    this.cancel();
    this.#failed(reason);
  }
}

const GROWTH = 1.5;

/** One address. */
class Way implements LinkHandlers {
  readonly #dial: Dial;
  readonly #address: Address;
  #link: Link | undefined;
  #pause: Timer | undefined;
  #triesLeft: number;
  #failures = 0;

  constructor(dial: Dial, address: Address, triesMax: number) {
    this.#dial = dial;
    this.#address = address;
    this.#triesLeft = triesMax;
  }

  /** All its tries have failed. */
  get isSpent(): boolean {
    return this.#triesLeft === 0 && this.#link === undefined;
  }

  dial(): void {
    this.#triesLeft--;
    this.#link = this.#dial.connect(this.#address, this);
  }

  /** The connection is somebody else's now. */
  release(): void {
    this.#link = undefined;
  }

  abandon(): void {
    this.#triesLeft = 0;
    this.#pause?.cancel();
    this.#link?.destroy();
    this.#link = undefined;
  }

  opened(): void {
    if (this.#link !== undefined) this.#dial.won(this, this.#link);
  }

  data(): void {}

  ended(): void {}

  drained(): void {}

  closed(error: HostError | undefined): void {
    if (this.#link === undefined) return;
    this.#link = undefined;
    if (this.#triesLeft > 0) {
      this.#pause = this.#dial.afterPause(++this.#failures, () => this.dial());
      return;
    }
    const { host, port } = this.#address;
    this.#dial.gaveUp(`${host}:${port}: ${error?.code ?? "closed"}`);
  }
}
