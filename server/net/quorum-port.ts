/**
 * The quorum port: where a leader is reached by its learners, and how a learner reaches its leader.
 *
 * A connection is nobody's until its first packet says that it is a learner's (D-1). Until then it
 * may not say much, nor take long, and there are not many of them, so that whatever else knocks here
 * costs little: the longest silent one goes when there are too many.
 */
import type {
  Address,
  Clock,
  HostError,
  Link,
  ListenAddress,
  Network,
  Timer,
} from "../../protocol/host.ts";
import { type Packet, PacketType, readLearnerInfo } from "../../protocol/quorum.ts";
import type { EndDetails } from "../pipeline/requester.ts";
import type { QuorumLink, QuorumLinkHandlers } from "../zab/effects.ts";
import { Dial } from "./dial.ts";
import { Listening } from "./listening.ts";
import { Offences } from "./offences.ts";
import { PacketLink } from "./quorum-link.ts";

export interface QuorumPortOptions {
  readonly listenAt: readonly ListenAddress[];
  /** The most bytes of data in a packet: jute.maxbuffer and what it allows beyond. */
  readonly dataMax: number;
  /** How long a connection has for its first packet: initLimit ticks. */
  readonly firstPacketMs: number;
  /** The longest pause between two tries to reach a leader. */
  readonly dialPauseMs: number;
}

/** The port of the term before is closed in a turn of its own. */
const BIND_TRIES_MAX = 300;
const BIND_PAUSE_MS = 10;

/**
 * A leader that was just elected may not listen yet, and will in a moment: clients wait for that.
 * Half a second in all.
 *
 * Differs from ZooKeeper: there it is five tries, each of them 100 ms after the one before (C-2).
 */
const DIAL_TRIES_MAX = 14;
const DIAL_FIRST_PAUSE_MS = 2;

/** Connections that have not said whose they are. */
const STRANGERS_MAX = 128;
/** FOLLOWERINFO takes some fifty bytes. */
const FIRST_PACKET_BYTES_MAX = 4096;
/** Connections in all. */
const LINKS_MAX = 1024;
/** How often it is looked who has been silent for too long. */
const SWEEP_MS = 1000;

type Accept = (link: QuorumLink) => QuorumLinkHandlers;

export class QuorumPort {
  readonly #clock: Clock;
  readonly #network: Network;
  readonly #options: QuorumPortOptions;
  readonly #offences: Offences;
  #listening: Listening | undefined;
  #dial: Dial | undefined;
  /** In the order in which they came. */
  readonly #strangers = new Set<Stranger>();
  /** Connections that were let in, or that still may be, until the last byte of them. */
  #links = 0;
  #timer: Timer | undefined;
  readonly #gone: () => void = () => this.#links--;

  /** @param report For the log: a connection was turned away, at most a line a minute for each reason. */
  constructor(
    clock: Clock,
    network: Network,
    options: QuorumPortOptions,
    report: (reason: string, details: EndDetails) => void,
  ) {
    this.#clock = clock;
    this.#network = network;
    this.#options = options;
    this.#offences = new Offences(report);
  }

  /** The ports that it listens on. */
  get ports(): readonly number[] {
    return this.#listening?.ports ?? [];
  }

  /**
   * Lets learners in until `close`: `accept` is called for each whose first packet is a learner's,
   * and is given that packet next. @param settled Called once: it listens, or why it cannot.
   */
  open(accept: Accept, settled: (error: HostError | undefined) => void): void {
    this.#listening = new Listening(
      this.#clock,
      this.#network,
      { at: this.#options.listenAt, triesMax: BIND_TRIES_MAX, pauseMs: BIND_PAUSE_MS },
      (link) => this.#take(link, accept),
      settled,
    );
    this.#arm();
  }

  /** Lets nobody in any more. Learners that were let in stay. */
  close(): void {
    this.#listening?.close();
    this.#listening = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const { link } of this.#strangers) link.cut("");
    this.#strangers.clear();
  }

  /**
   * Connects to a leader, at whichever of its addresses answers first. One of the two callbacks
   * follows within `limitMs`, unless `hangUp` comes first.
   */
  dial(
    addresses: readonly Address[],
    limitMs: number,
    opened: Accept,
    failed: (reason: string) => void,
  ): void {
    this.hangUp();
    this.#dial = new Dial(
      this.#clock,
      this.#network,
      addresses,
      {
        limitMs,
        triesMax: DIAL_TRIES_MAX,
        firstPauseMs: DIAL_FIRST_PAUSE_MS,
        pauseMs: this.#options.dialPauseMs,
      },
      (raw) => {
        this.#dial = undefined;
        const link = new PacketLink(this.#clock, raw, this.#options.dataMax);
        link.handlers = opened(link);
      },
      (reason) => {
        this.#dial = undefined;
        failed(reason);
      },
    );
  }

  /** Gives up dialling. A connection that was made already is not touched. */
  hangUp(): void {
    this.#dial?.cancel();
    this.#dial = undefined;
  }

  #take(raw: Link, accept: Accept): void {
    if (this.#links >= LINKS_MAX) {
      this.#note(raw.remoteAddress, "there are as many connections as the quorum port takes");
      raw.destroy();
      return;
    }
    if (this.#strangers.size >= STRANGERS_MAX) {
      for (const oldest of this.#strangers) {
        this.#strangers.delete(oldest);
        oldest.link.cut("too many connections have not said whose they are");
        break;
      }
    }
    this.#links++;
    const dueMs = this.#clock.nowMs() + this.#options.firstPacketMs;
    const link = new PacketLink(this.#clock, raw, this.#options.dataMax, this.#gone);
    link.keptBytesMax = FIRST_PACKET_BYTES_MAX;
    const stranger = new Stranger(link, accept, dueMs, (reason) => {
      this.#strangers.delete(stranger);
      if (reason !== "") this.#note(link.remoteAddress, reason);
    });
    this.#strangers.add(stranger);
    link.handlers = stranger;
  }

  #note(address: string, reason: string): void {
    this.#offences.note(this.#clock.nowMs(), address, reason, {});
  }

  #arm(): void {
    // What came while this process stood still is heard first.
    this.#timer = this.#clock.after(SWEEP_MS, () => this.#clock.endOfTurn(this.#sweep));
  }

  readonly #sweep = (): void => {
    if (this.#timer === undefined) return;
    const nowMs = this.#clock.nowMs();
    for (const { link, dueMs } of this.#strangers) {
      if (nowMs < dueMs) break;
      link.cut("it did not say in time whose connection it is");
    }
    this.#offences.sweep(nowMs);
    this.#arm();
  };
}

/** A connection whose first packet has not come. */
class Stranger implements QuorumLinkHandlers {
  readonly link: PacketLink;
  readonly dueMs: number;
  readonly #accept: Accept;
  readonly #noLonger: (reason: string) => void;

  /** @param noLonger It is known now (no reason), or gone. */
  constructor(link: PacketLink, accept: Accept, dueMs: number, noLonger: (reason: string) => void) {
    this.link = link;
    this.dueMs = dueMs;
    this.#accept = accept;
    this.#noLonger = noLonger;
  }

  packet(packet: Packet): void {
    const { link } = this;
    if (!introduces(packet)) {
      link.close("its first packet is not that of a learner");
      return;
    }
    this.#noLonger("");
    link.keptBytesMax = Number.POSITIVE_INFINITY;
    link.handlers = this.#accept(link);
    if (link.isOpen) link.handlers.packet(packet);
  }

  fill(): void {}

  closed(reason: string): void {
    this.#noLonger(reason);
  }
}

function introduces(packet: Packet): boolean {
  const { type } = packet;
  const isInfo = type === PacketType.FOLLOWERINFO || type === PacketType.OBSERVERINFO;
  return isInfo && readLearnerInfo(packet) !== undefined;
}
