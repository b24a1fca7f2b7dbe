/**
 * The election port: one connection with each other server (quorum-protocol 2), kept for as long as
 * both live, whatever state they are in.
 *
 * Anybody who says a sid is heard, also one that no configuration names, since it may be on its way
 * to join (E-6). So that this costs little, there are bounds: for connections that have not said who
 * they are, and for servers that nobody knows.
 */
import type { ElectionAddress, ElectionHandshake, Notification } from "../../protocol/election.ts";
import { writeHandshake } from "../../protocol/election.ts";
import type { Clock, HostError, Link, ListenAddress, Network, Timer } from "../../protocol/host.ts";
import { Writer } from "../../protocol/jute.ts";
import type { EndDetails } from "../pipeline/requester.ts";
import type { ElectionLinks } from "../zab/effects.ts";
import { ElectionLink } from "./election-link.ts";
import { ElectionPeer, type ElectionPeerContext } from "./election-peer.ts";
import { Listening } from "./listening.ts";
import { Offences } from "./offences.ts";

export interface ElectionPortOptions {
  readonly sid: number;
  readonly listenAt: readonly ListenAddress[];
  /** How often the port is tried, a second apart (`electionPortBindRetry`); Infinity: for ever. */
  readonly listenTriesMax: number;
  /** Where others reach this server: what its handshake says. */
  readonly ownAddresses: readonly ElectionAddress[];
  /** The other members of the ensemble, by sid. */
  readonly members: ReadonlyMap<number, readonly ElectionAddress[]>;
  /** `cnxTimeout`. */
  readonly connectTimeoutMs: number;
  /** How long an accepted connection may take to say who it is: syncLimit ticks. */
  readonly handshakeTimeoutMs: number;
  /** `tcpKeepAlive`. */
  readonly keepAlive: boolean;
}

export interface ElectionPortHandlers {
  /** A server said something. What an observer without sid is called is below zero (E-7). */
  received(sid: number, notification: Notification): void;
  /** What this server has to say now. */
  answerTo(sid: number): Notification;
  /** A connection with this server was made or lost. */
  changed(sid: number): void;
  /** For the log: a connection was turned away or what it said was left out; few lines a minute. */
  report(reason: string, details: EndDetails): void;
}

const LISTEN_PAUSE_MS = 1000;
const CANNOT_LISTEN =
  "this server cannot listen there, so no server with a greater number reaches it, and tries again " +
  "every second: its own line server.N must have an address of this machine, or " +
  "quorumListenOnAllIPs be true";
/** Connections that have not said who they are; the oldest goes when there is one more. */
const STRANGERS_MAX = 128;
/** Servers that no configuration names. */
const UNKNOWN_MAX = 64;

export class ElectionPort implements ElectionLinks, ElectionPeerContext {
  readonly clock: Clock;
  readonly network: Network;
  readonly handshake: Uint8Array;
  readonly connectTimeoutMs: number;
  readonly keepAlive: boolean;
  readonly #options: ElectionPortOptions;
  readonly #handlers: ElectionPortHandlers;
  readonly #offences: Offences;
  /** Members, for good, and unknown servers while they are connected or about to be. */
  readonly #peers = new Map<number, ElectionPeer>();
  /** In the order in which they came, with the end of their time. */
  readonly #strangers = new Map<ElectionLink, Timer>();
  #listening: Listening | undefined;
  /** Observers without a sid that there have been. */
  #nameless = 0;
  #isClosed = false;

  constructor(
    clock: Clock,
    network: Network,
    options: ElectionPortOptions,
    handlers: ElectionPortHandlers,
  ) {
    this.clock = clock;
    this.network = network;
    this.connectTimeoutMs = options.connectTimeoutMs;
    this.keepAlive = options.keepAlive;
    this.#options = options;
    this.#handlers = handlers;
    this.#offences = new Offences((reason, details) => handlers.report(reason, details));
    const out = new Writer();
    writeHandshake(out, options.sid, options.ownAddresses);
    this.handshake = out.written();
    for (const [sid, addresses] of options.members) {
      if (sid !== options.sid) this.#addPeer(sid, addresses);
    }
  }

  /** The ports that it listens on. */
  get ports(): readonly number[] {
    return this.#listening?.ports ?? [];
  }

  /** @param settled Called once: it listens, or why it cannot (exit code 14). */
  open(settled: (error: HostError | undefined) => void): void {
    const { listenAt, listenTriesMax } = this.#options;
    this.#listening = new Listening(
      this.clock,
      this.network,
      { at: listenAt, triesMax: listenTriesMax, pauseMs: LISTEN_PAUSE_MS },
      (link) => this.#accept(link),
      settled,
      ({ host, port }, error) => {
        const details = { error: error.message };
        this.#offences.note(this.clock.nowMs(), `${host ?? "*"}:${port}`, CANNOT_LISTEN, details);
      },
    );
  }

  /** Ends everything. */
  close(): void {
    this.#isClosed = true;
    this.#listening?.close();
    for (const link of this.#strangers.keys()) link.cut();
    for (const timer of this.#strangers.values()) timer.cancel();
    this.#strangers.clear();
    for (const peer of this.#peers.values()) peer.disconnect();
  }

  // For the election.

  notify(sid: number, notification: Notification): void {
    if (!this.#isClosed) this.#peers.get(sid)?.notify(notification);
  }

  dialAll(): void {
    if (this.#isClosed) return;
    for (const peer of this.#peers.values()) if (!peer.isEmptyQueue) peer.dial();
  }

  get hasEmptyQueue(): boolean {
    if (this.#peers.size === 0) return true;
    for (const peer of this.#peers.values()) if (peer.isEmptyQueue) return true;
    return false;
  }

  isConnected(sid: number): boolean {
    return this.#peers.get(sid)?.isConnected ?? false;
  }

  isLive(sid: number): boolean {
    return this.#peers.get(sid)?.isLive ?? false;
  }

  whyApart(sid: number): string | undefined {
    return this.#peers.get(sid)?.whyApart;
  }

  // From connections and peers.

  introduced(link: ElectionLink, { sid, addresses }: ElectionHandshake): void {
    this.#noLongerStrange(link);
    const me = this.#options.sid;
    if (sid === me) {
      this.#turnAway(link, "another server has the sid of this one: see myid on both", { sid });
      return;
    }
    const known = sid ?? -++this.#nameless;
    const peer = this.#peers.get(known) ?? this.#admit(known);
    if (peer === undefined) {
      this.#turnAway(link, "too many servers that no configuration names", { sid: known });
    } else if (sid !== undefined && sid < me) {
      link.cut();
      peer.dialBack(addresses);
      this.changed(peer);
    } else {
      this.#checkNamesake(peer, link);
      peer.adopt(link);
    }
  }

  received(link: ElectionLink, notification: Notification): void {
    const peer = this.#peerOf(link);
    if (peer === undefined) return;
    peer.heard();
    this.#handlers.received(peer.sid, notification);
  }

  ignored(link: ElectionLink, reason: string): void {
    this.#note(link, reason, { sid: this.#peerOf(link)?.sid });
  }

  drained(link: ElectionLink): void {
    this.#peerOf(link)?.flush();
  }

  closed(link: ElectionLink, reason: string): void {
    this.#noLongerStrange(link);
    const peer = this.#peerOf(link);
    if (reason !== "") this.#note(link, reason, { sid: peer?.sid });
    peer?.lost();
  }

  answerTo(sid: number): Notification {
    return this.#handlers.answerTo(sid);
  }

  changed(peer: ElectionPeer): void {
    const { sid } = peer;
    if (peer.isApart && !this.#options.members.has(sid)) this.#peers.delete(sid);
    this.#handlers.changed(sid);
  }

  #accept(raw: Link): void {
    if (this.#strangers.size >= STRANGERS_MAX) {
      for (const oldest of this.#strangers.keys()) {
        this.#noLongerStrange(oldest);
        this.#turnAway(oldest, "too many connections have not said who they are", {});
        break;
      }
    }
    if (this.keepAlive) raw.keepAlive();
    const link = new ElectionLink(raw, this, true);
    const late = (): void => {
      this.#strangers.delete(link);
      this.#turnAway(link, "it did not say in time who it is", {});
    };
    this.#strangers.set(link, this.clock.after(this.#options.handshakeTimeoutMs, late));
  }

  #noLongerStrange(link: ElectionLink): void {
    this.#strangers.get(link)?.cancel();
    this.#strangers.delete(link);
  }

  #admit(sid: number): ElectionPeer | undefined {
    const members =
      this.#options.members.size - (this.#options.members.has(this.#options.sid) ? 1 : 0);
    if (this.#peers.size - members >= UNKNOWN_MAX) return undefined;
    return this.#addPeer(sid, []);
  }

  #addPeer(sid: number, addresses: readonly ElectionAddress[]): ElectionPeer {
    const peer = new ElectionPeer(sid, this.#options.sid, addresses, this);
    this.#peers.set(sid, peer);
    return peer;
  }

  #peerOf(link: ElectionLink): ElectionPeer | undefined {
    for (const peer of this.#peers.values()) if (peer.has(link)) return peer;
    return undefined;
  }

  /** Two servers with one sid take the connection from each other. */
  #checkNamesake(peer: ElectionPeer, link: ElectionLink): void {
    const { sid, remoteAddress } = peer;
    if (remoteAddress === undefined || remoteAddress === link.remoteAddress) return;
    const details = { sid, before: remoteAddress };
    this.#note(link, "a server at another address has this sid too, or has moved", details);
  }

  #turnAway(link: ElectionLink, reason: string, details: EndDetails): void {
    this.#note(link, reason, details);
    link.cut();
  }

  #note(link: ElectionLink, reason: string, details: EndDetails): void {
    this.#offences.note(this.clock.nowMs(), link.remoteAddress, reason, details);
  }
}
