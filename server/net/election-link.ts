/**
 * One connection of the election port (quorum-protocol 2). Who accepted it hears first who dialled;
 * from then on both ways carry notifications.
 *
 *     accepted ── handshake ──▶ introduced ─▶ closed
 *     dialled ────────────────▶
 *
 * A notification that is none is left out, bytes that are no frame end the connection.
 */
import {
  ELECTION_FRAME_BYTES_MAX,
  ELECTION_FRAME_BYTES_MIN,
  type ElectionHandshake,
  HandshakeReader,
  type Notification,
  readNotification,
} from "../../protocol/election.ts";
import { FrameSplitter } from "../../protocol/frames.ts";
import type { HostError, Link, LinkHandlers } from "../../protocol/host.ts";

/** Who hears of a connection. */
export interface ElectionLinkOwner {
  /** Only for one that was accepted. */
  introduced(link: ElectionLink, handshake: ElectionHandshake): void;
  received(link: ElectionLink, notification: Notification): void;
  /** For the log: something was said that is left out. */
  ignored(link: ElectionLink, reason: string): void;
  /** All that was written has left. */
  drained(link: ElectionLink): void;
  /** The last call, and none after `cut`. @param reason For the log; "" where nothing is wrong. */
  closed(link: ElectionLink, reason: string): void;
}

export class ElectionLink implements LinkHandlers {
  readonly remoteAddress: string;
  readonly #link: Link;
  readonly #owner: ElectionLinkOwner;
  readonly #frames: FrameSplitter;
  /** Undefined once it is known who dialled. */
  #handshake: HandshakeReader | undefined;
  #isOpen = true;

  /** @param isAccepted The other side says first who it is. */
  constructor(link: Link, owner: ElectionLinkOwner, isAccepted: boolean) {
    this.remoteAddress = link.remoteAddress;
    this.#link = link;
    this.#owner = owner;
    if (isAccepted) this.#handshake = new HandshakeReader();
    this.#frames = new FrameSplitter(
      ELECTION_FRAME_BYTES_MAX,
      (bytes, start, end) => this.#frame(bytes, start, end),
      () => this.#close("a notification of no length that one may have"),
      ELECTION_FRAME_BYTES_MIN,
    );
    link.handlers = this;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** What was written last has not all left. */
  get isBlocked(): boolean {
    return this.#link.pendingBytes > 0;
  }

  /** @param bytes The link's from now on. */
  write(bytes: Uint8Array): void {
    if (this.#isOpen) this.#link.write(bytes);
  }

  /** Drops the connection; nobody is told. */
  cut(): void {
    this.#isOpen = false;
    this.#frames.stop();
    this.#link.destroy();
  }

  data(chunk: Buffer): void {
    if (!this.#isOpen) return;
    const handshake = this.#handshake;
    if (handshake === undefined) {
      this.#frames.push(chunk);
      return;
    }
    const taken = handshake.push(chunk);
    if (handshake.problem !== undefined) {
      this.#close(handshake.problem);
    } else if (handshake.handshake !== undefined) {
      this.#handshake = undefined;
      this.#owner.introduced(this, handshake.handshake);
      if (taken < chunk.length) this.data(chunk.subarray(taken));
    }
  }

  ended(): void {
    this.#close(this.#handshake === undefined ? "" : "it ended before it said who it is");
  }

  drained(): void {
    if (this.#isOpen) this.#owner.drained(this);
  }

  closed(_error: HostError | undefined): void {
    this.#close("");
  }

  #frame(bytes: Buffer, start: number, end: number): void {
    const notification = readNotification(bytes, start, end);
    if (typeof notification === "string") this.#owner.ignored(this, notification);
    else this.#owner.received(this, notification);
  }

  #close(reason: string): void {
    if (!this.#isOpen) return;
    this.cut();
    this.#owner.closed(this, reason);
  }
}
