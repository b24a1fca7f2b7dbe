/**
 * One connection of the quorum port, from either side: packets in, packets out.
 *
 *     open ──close, the other side's end, bytes that are no packets──▶ closing ──link gone──▶ closed
 *       └──────────────────── the connection broke ───────────────────────────────────────────▶┘
 *
 * What a turn has to say leaves in one write at its end: `fill` is called then, once, and adds what
 * is due from the window. A link that has not got rid of its last write is not filled again until it
 * has, so a slow learner costs two buffers and lags; the window keeps what it still needs.
 */
import type { Clock, HostError, Link, LinkHandlers, Timer } from "../../protocol/host.ts";
import { Writer } from "../../protocol/jute.ts";
import { PacketSplitter } from "../../protocol/packet-splitter.ts";
import type { QuorumLink, QuorumLinkHandlers } from "../zab/effects.ts";

const INITIAL_BYTES = 1024;
/** What `fill` is asked for. */
const FILL_BYTES: number = 256 * 1024;
/** Memory larger than this is given up once what it held has left. */
const RETAINED_BYTES: number = 4 * FILL_BYTES;
/** What may be written to a link that takes nothing, without waiting for `fill`. */
const UNSENT_BYTES_MAX: number = 64 * 1024 * 1024;
/** How long the last words of a closed link have to leave, and its other side to close as well. */
const LINGER_MS = 2000;

const NOBODY: QuorumLinkHandlers = { packet() {}, fill() {}, closed() {} };

export class PacketLink implements QuorumLink, LinkHandlers {
  /** Who hears of it: nobody until it is set. */
  handlers: QuorumLinkHandlers = NOBODY;
  readonly out: Writer = new Writer(INITIAL_BYTES);
  /** What a packet may make it keep before it is whole. */
  keptBytesMax: number = Number.POSITIVE_INFINITY;

  readonly #clock: Clock;
  readonly #link: Link;
  readonly #gone: (() => void) | undefined;
  readonly #splitter: PacketSplitter;
  #state: "open" | "closing" | "closed" = "open";
  #reason = "";
  /** `closed` was told to the handlers. */
  #isTold = false;
  #blocked = false;
  /** Marked, and not filled since. */
  #isDue = false;
  /** The end of this turn is waited for. */
  #isScheduled = false;
  /** The memory that takes turns with that of `out`. While blocked it is the link's. */
  #other: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #linger: Timer | undefined;
  readonly #flush: () => void = () => this.#endTurn();

  /**
   * @param dataMax The most bytes of data that one packet may have.
   * @param gone The connection is no more, lingering included.
   */
  constructor(clock: Clock, link: Link, dataMax: number, gone?: () => void) {
    this.#clock = clock;
    this.#link = link;
    this.#gone = gone;
    this.#splitter = new PacketSplitter(
      dataMax,
      (packet) => this.handlers.packet(packet),
      (reason) => this.close(reason),
    );
    link.handlers = this;
  }

  get remoteAddress(): string {
    return this.#link.remoteAddress;
  }

  get isBlocked(): boolean {
    return this.#blocked;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  // From consensus.

  mark(): void {
    if (!this.isOpen) return;
    this.#isDue = true;
    if (!this.#blocked) this.#schedule();
    else if (this.out.length > UNSENT_BYTES_MAX) {
      this.cut("more waits for it than is kept for a server that takes nothing");
    }
  }

  readRaw(take: (bytes: Buffer, start: number, end: number) => number): void {
    this.#splitter.readRaw(take);
  }

  pause(): void {
    if (!this.isOpen) return;
    this.#splitter.pause();
    this.#link.pause();
  }

  resume(): void {
    if (!this.isOpen) return;
    this.#link.resume();
    this.#splitter.resume();
  }

  close(reason: string): void {
    if (!this.isOpen) return;
    this.#end(reason);
    // The other side's end has to be noticed, whatever still comes before it.
    this.#link.resume();
    this.#schedule();
  }

  /** Drops it now, with all that waits to be sent; `closed` follows. */
  cut(reason: string): void {
    if (!this.isOpen) return;
    this.#end(reason);
    this.#link.destroy();
  }

  // From the link.

  data(bytes: Buffer): void {
    this.#splitter.push(bytes);
    if (this.#splitter.keptBytes > this.keptBytesMax) this.cut("a packet larger than is believed");
  }

  ended(): void {
    this.close("the other side closed the connection");
  }

  drained(): void {
    this.#blocked = false;
    if (this.#other.length > RETAINED_BYTES) this.#other = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    if (this.#isDue) this.#schedule();
  }

  closed(error: HostError | undefined): void {
    this.#splitter.stop();
    this.#linger?.cancel();
    if (this.isOpen) this.#reason = `the connection broke: ${error?.code ?? "it was closed"}`;
    this.#state = "closed";
    this.#tell();
    this.#gone?.();
  }

  #end(reason: string): void {
    this.#state = "closing";
    this.#reason = reason;
    this.#splitter.stop();
  }

  #tell(): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.handlers.closed(this.#reason);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.endOfTurn(this.#flush);
  }

  #endTurn(): void {
    this.#isScheduled = false;
    switch (this.#state) {
      case "open":
        if (!this.#blocked) this.#fill();
        return;
      case "closing":
        this.#sayLast();
        return;
      case "closed":
        return;
    }
  }

  #fill(): void {
    this.#isDue = false;
    this.handlers.fill(FILL_BYTES);
    const { out } = this;
    if (out.length === 0 || !this.isOpen) return;
    const { bytes } = out;
    this.#blocked = !this.#link.write(out.written());
    if (this.#blocked) {
      out.take(this.#other);
      this.#other = bytes;
    } else if (bytes.length > RETAINED_BYTES) {
      out.take(Buffer.allocUnsafeSlow(INITIAL_BYTES));
    } else {
      out.clear();
    }
  }

  /** It closes: what was written leaves, if the other side takes it soon. */
  #sayLast(): void {
    if (this.out.length > 0) this.#link.write(this.out.take());
    this.#link.end();
    this.#linger = this.#clock.after(LINGER_MS, () => this.#link.destroy());
    this.#tell();
  }
}
