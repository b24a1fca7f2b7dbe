/**
 * A real TCP connection of a server that can be stopped, ended and cut off. Where a wire is cut,
 * bytes are held back, not lost: TCP would send them again until the wire is whole. A connection
 * that is ended meanwhile ends for its peer when the wire is whole.
 */
import type { HostError, Link, LinkHandlers } from "../../protocol/host.ts";
import type { LiveProcess } from "./live-process.ts";
import type { Wired } from "./live-wires.ts";

/** What the wire under a link lets through now. */
export interface Passage {
  readonly isOutCut: () => boolean;
  readonly isInCut: () => boolean;
}

export const OPEN_PASSAGE: Passage = { isOutCut: () => false, isInCut: () => false };

export class LiveLink implements Link, Wired {
  handlers: LinkHandlers;
  readonly #process: LiveProcess;
  readonly #passage: Passage;
  /** The link is gone. */
  readonly #forgotten: (link: LiveLink) => void;
  readonly #dial: ((handlers: LinkHandlers) => Link) | undefined;
  /** Undefined: the first packet of the handshake is held back. */
  #real: Link | undefined;
  /** Events that the cut wire holds back, the oldest first. */
  readonly #inbox: (() => void)[] = [];
  readonly #outbox: Uint8Array[] = [];
  #outboxBytes = 0;
  #isEnding = false;
  #isPausedByOwner = false;
  /** The owner has dropped it, or is gone. */
  #isDropped = false;
  /** The owner has heard that it is closed. */
  #isTold = false;
  #isGone = false;

  constructor(
    process: LiveProcess,
    passage: Passage,
    from: Link | ((handlers: LinkHandlers) => Link),
    handlers: LinkHandlers,
    forgotten: (link: LiveLink) => void,
  ) {
    this.#process = process;
    this.#passage = passage;
    this.handlers = handlers;
    this.#forgotten = forgotten;
    if (typeof from === "function") {
      this.#dial = from;
    } else {
      this.#dial = undefined;
      this.#real = from;
      from.handlers = this.#events;
    }
    this.rewired();
  }

  get remoteAddress(): string {
    return this.#real?.remoteAddress ?? "";
  }

  get remotePort(): number {
    return this.#real?.remotePort ?? 0;
  }

  get pendingBytes(): number {
    return this.#outboxBytes + (this.#real?.pendingBytes ?? 0);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isDropped) return true;
    const real = this.#real;
    if (real === undefined || this.#outbox.length > 0 || this.#passage.isOutCut()) {
      this.#outbox.push(bytes);
      this.#outboxBytes += bytes.length;
      return false;
    }
    return real.write(bytes);
  }

  pause(): void {
    this.#isPausedByOwner = true;
    this.#regulate();
  }

  resume(): void {
    this.#isPausedByOwner = false;
    this.#regulate();
  }

  keepAlive(): void {
    this.#real?.keepAlive();
  }

  end(): void {
    this.#isEnding = true;
    if (this.#real !== undefined && !this.#passage.isOutCut()) this.#real.end();
  }

  destroy(): void {
    if (this.#isDropped) return;
    this.#isDropped = true;
    if (this.#real !== undefined && !this.#passage.isOutCut()) {
      this.#real.destroy();
      return;
    }
    this.#process.endOfTurn(() => this.#closed(undefined));
    if (this.#real === undefined) this.#gone();
  }

  /** The process is gone: its kernel closes what it had, its peers hear of it where they can. */
  abandon(): void {
    if (this.#isGone) return;
    this.#isDropped = true;
    this.#outbox.length = 0;
    this.#inbox.length = 0;
    if (this.#real === undefined) this.#gone();
    else if (!this.#passage.isOutCut()) this.#real.destroy();
  }

  /** As when a box between the two forgets the connection. */
  break(): void {
    this.#real?.destroy();
  }

  /** The wire, or whether the process runs, is another than before. */
  rewired(): void {
    this.#regulate();
    const isOutCut = this.#passage.isOutCut();
    if (isOutCut) return;
    if (this.#isDropped) {
      this.#real?.destroy();
      return;
    }
    this.#real ??= this.#dial?.(this.#events);
    this.#flush();
    if (this.#passage.isInCut()) return;
    for (const event of this.#inbox.splice(0)) this.#process.pass(event);
  }

  /** Bytes stay in the kernel while nobody may read them; a full window is felt by the peer. */
  #regulate(): void {
    const real = this.#real;
    if (real === undefined) return;
    const isHeld = this.#isPausedByOwner || this.#process.isStanding || this.#passage.isInCut();
    if (isHeld) real.pause();
    else real.resume();
  }

  #flush(): void {
    const real = this.#real;
    if (real === undefined || this.#outbox.length === 0) return;
    let isTaken = true;
    for (const bytes of this.#outbox.splice(0)) isTaken = real.write(bytes);
    this.#outboxBytes = 0;
    if (this.#isEnding) real.end();
    if (isTaken) this.#process.endOfTurn(() => this.#drained());
  }

  #drained(): void {
    if (!this.#isDropped && this.#outbox.length === 0) this.handlers.drained();
  }

  /** What comes from the wire, or from beyond it. */
  #arrive(event: () => void): void {
    if (this.#isDropped) return;
    if (this.#inbox.length > 0 || this.#passage.isInCut()) this.#inbox.push(event);
    else this.#process.pass(event);
  }

  #closed(error: HostError | undefined): void {
    this.#isDropped = true;
    this.#gone();
    if (this.#isTold) return;
    this.#isTold = true;
    this.handlers.closed(error);
  }

  #gone(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#forgotten(this);
  }

  readonly #events: LinkHandlers = {
    opened: () => {
      this.#regulate();
      this.#arrive(() => this.handlers.opened?.());
    },
    data: (bytes) => {
      if (this.#isDropped) return;
      const isHeld = this.#process.isStanding || this.#passage.isInCut();
      if (!isHeld && this.#inbox.length === 0) {
        this.#process.pass(() => this.handlers.data(bytes));
        return;
      }
      const kept = Buffer.from(bytes);
      this.#arrive(() => {
        if (!this.#isDropped) this.handlers.data(kept);
      });
    },
    ended: () => {
      this.#arrive(() => {
        if (!this.#isDropped) this.handlers.ended();
      });
    },
    drained: () => this.#process.pass(() => this.#drained()),
    closed: (error: HostError | undefined) => {
      // Who dropped it hears of its end at once, whatever the wire does.
      if (this.#isDropped) this.#process.pass(() => this.#closed(error));
      else this.#arrive(() => this.#closed(error));
      if (this.#isDropped) this.#gone();
    },
  };
}
