/**
 * One other server, as the election port knows it: what it is to be told, the connection to it, and
 * the way to a connection where there is none.
 *
 * Of a pair it is the greater sid that dials (E-3, E-4). The smaller one dials too, but only to say
 * who it is and hang up: a doorbell, upon which the greater one dials.
 *
 *                 notify, dialAll                opened
 *     apart ─────────────────────────▶ dialling ────────▶ connected     a smaller sid
 *                                               ────────▶ ringing       a greater sid: handshake, end
 *     apart, dialling, ringing ── accepted from a greater sid ─▶ connected
 *     dialling, ringing ── nobody there, hung up, too late ─▶ apart
 *     connected ── closed, or mute for too long ─▶ apart
 *
 * Only the newest notification waits for it (E-10). What is said on a new connection is the present
 * one, if it was ever told anything.
 *
 * Differs from ZooKeeper, which says the old one again, however old (E-10, E-11): one that was true
 * in another epoch, such as "I am empty", helps nobody.
 */
import {
  type ElectionAddress,
  type Notification,
  writeNotification,
} from "../../protocol/election.ts";
import type { Clock, HostError, Link, LinkHandlers, Network, Timer } from "../../protocol/host.ts";
import { Writer } from "../../protocol/jute.ts";
import { Dial } from "./dial.ts";
import { ElectionLink, type ElectionLinkOwner } from "./election-link.ts";

/**
 * Who is told something again after having said nothing for so long may have lost the connection
 * without our knowing: a firewall that forgot it drops what is sent, and TCP tries for a quarter of
 * an hour. Another one costs nothing.
 */
const MUTE_MS = 10_000;

/** What all peers share. */
export interface ElectionPeerContext extends ElectionLinkOwner {
  readonly clock: Clock;
  readonly network: Network;
  /** What is said to dialled servers first. */
  readonly handshake: Uint8Array;
  readonly connectTimeoutMs: number;
  readonly keepAlive: boolean;
  /** What this server has to say now. */
  answerTo(sid: number): Notification;
  /** A connection was made, or there is no way to one at present. */
  changed(peer: ElectionPeer): void;
}

export class ElectionPeer {
  readonly sid: number;
  /** From the configuration; empty where that does not know it. */
  readonly #configured: readonly ElectionAddress[];
  readonly #context: ElectionPeerContext;
  /** Whether it waits for this server to dial, and not the other way round. */
  readonly #isDialled: boolean;
  /** Where it said that it can be reached, wildcards left out. */
  #heard: readonly ElectionAddress[] = [];
  #link: ElectionLink | undefined;
  /** Invariant: at most one of `#link`, `#dial` and `#bell` is set. */
  #dial: Dial | undefined;
  #bell: Doorbell | undefined;
  /** The connection ended, and nothing was heard from it since. */
  #isLost = false;
  #hasBeenTold = false;
  /** Why it was not reached the last time. */
  #failure: string | undefined;
  #waiting: Notification | undefined;
  /** When it was told something on its connection first of which it has said nothing yet. */
  #muteSinceMs = Number.POSITIVE_INFINITY;

  constructor(
    sid: number,
    me: number,
    configured: readonly ElectionAddress[],
    context: ElectionPeerContext,
  ) {
    this.sid = sid;
    this.#isDialled = sid < me;
    this.#configured = configured;
    this.#context = context;
  }

  get isConnected(): boolean {
    return this.#link !== undefined;
  }

  /**
   * It is not known to be dead. Who has not been met since this process began may just be slow to
   * start, and is worth the usual wait; whose connection was lost is not: where a host is switched
   * off nobody says so for long.
   */
  get isLive(): boolean {
    return !this.#isLost;
  }

  get isEmptyQueue(): boolean {
    return this.#waiting === undefined;
  }

  /** There is neither a connection nor a way to one. */
  get isApart(): boolean {
    return this.#link === undefined && this.#dial === undefined && this.#bell === undefined;
  }

  get whyApart(): string | undefined {
    return this.#link === undefined ? this.#failure : undefined;
  }

  get remoteAddress(): string | undefined {
    return this.#link?.remoteAddress;
  }

  /** Whether `link` is the connection to it. */
  has(link: ElectionLink): boolean {
    return this.#link === link;
  }

  notify(notification: Notification): void {
    this.#hasBeenTold = true;
    this.#waiting = notification;
    const nowMs = this.#context.clock.nowMs();
    if (nowMs - this.#muteSinceMs >= MUTE_MS) this.disconnect();
    this.#muteSinceMs = Math.min(this.#muteSinceMs, nowMs);
    if (this.#link === undefined) this.dial();
    else this.flush();
  }

  /** It said something. */
  heard(): void {
    this.#muteSinceMs = Number.POSITIVE_INFINITY;
  }

  /** Writes what waits, once the connection is free. */
  flush(): void {
    const link = this.#link;
    if (link === undefined || link.isBlocked || this.#waiting === undefined) return;
    const out = new Writer();
    writeNotification(out, this.#waiting);
    this.#waiting = undefined;
    link.write(out.written());
  }

  /** Unless there is a connection (E-5) or a way to one already. */
  dial(): void {
    if (this.isApart) this.#dialAt(this.#configured.length > 0 ? this.#configured : this.#heard);
  }

  /** It rang the doorbell: it has no connection to us, whatever we think (E-3). */
  dialBack(addresses: readonly ElectionAddress[]): void {
    this.#heard = addresses.filter(({ host }) => !isWildcard(host));
    this.#isLost = false;
    this.disconnect();
    this.#dialAt(this.#heard.length > 0 ? this.#heard : this.#configured);
  }

  /** The connection to it is this one from now on. */
  adopt(link: ElectionLink): void {
    this.disconnect();
    this.#link = link;
    this.#isLost = false;
    this.#failure = undefined;
    this.#muteSinceMs = Number.POSITIVE_INFINITY;
    if (this.#hasBeenTold) this.#waiting = this.#context.answerTo(this.sid);
    this.flush();
    this.#context.changed(this);
  }

  /** Its connection has been closed. */
  lost(): void {
    this.#link = undefined;
    this.#isLost = true;
    this.#context.changed(this);
  }

  disconnect(): void {
    this.#link?.cut();
    this.#link = undefined;
    this.#dial?.cancel();
    this.#dial = undefined;
    this.#bell?.cancel();
    this.#bell = undefined;
  }

  #dialAt(addresses: readonly ElectionAddress[]): void {
    if (addresses.length === 0) return;
    const { clock, network, connectTimeoutMs } = this.#context;
    this.#dial = new Dial(
      clock,
      network,
      addresses,
      { limitMs: connectTimeoutMs, triesMax: 1, firstPauseMs: 0, pauseMs: 0 },
      (link) => this.#reached(link),
      (reason) => {
        this.#dial = undefined;
        this.#failure = reason;
        this.#context.changed(this);
      },
    );
  }

  #reached(link: Link): void {
    const { clock, handshake, connectTimeoutMs, keepAlive } = this.#context;
    this.#dial = undefined;
    this.#failure = undefined;
    if (this.#isDialled) {
      if (keepAlive) link.keepAlive();
      const adopted = new ElectionLink(link, this.#context, false);
      adopted.write(handshake);
      this.adopt(adopted);
    } else {
      this.#bell = new Doorbell(link, clock, connectTimeoutMs, () => {
        this.#bell = undefined;
        this.#context.changed(this);
      });
      this.#bell.ring(handshake);
    }
  }
}

/** A connection to a server that is to dial us: it takes our name and is hung up. */
class Doorbell implements LinkHandlers {
  readonly #link: Link;
  readonly #limit: Timer;
  #gone: (() => void) | undefined;

  constructor(link: Link, clock: Clock, limitMs: number, gone: () => void) {
    this.#link = link;
    this.#gone = gone;
    this.#limit = clock.after(limitMs, () => link.destroy());
    link.handlers = this;
  }

  ring(handshake: Uint8Array): void {
    this.#link.write(handshake);
    this.#link.end();
  }

  cancel(): void {
    this.#gone = undefined;
    this.#limit.cancel();
    this.#link.destroy();
  }

  data(): void {}

  ended(): void {}

  drained(): void {}

  closed(_error: HostError | undefined): void {
    this.#limit.cancel();
    this.#gone?.();
  }
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || /^[0:]+$/.test(host);
}
