/**
 * The port that clients connect to: who is let in, how long a silent connection stays, and the
 * end of each turn, when every connection that has something to send writes once.
 *
 * It lives as long as the process; who serves changes with every term:
 *
 *     suspended ──serve──▶ serving: those who came meanwhile are greeted
 *         ◀──suspend────── every connection of the term is closed (quorum-protocol T-9, T-10)
 */
import type { Clock, HostError, Link, Listener, Network, Timer } from "../../protocol/host.ts";
import type { EndDetails } from "../pipeline/requester.ts";
import type { Adding, PipelineStats } from "../pipeline/stats.ts";
import type { WaitingFrames } from "../pipeline/waiting.ts";
import type { ExpiryQueue } from "../session/expiry.ts";
import type { AuthSettings } from "./auth.ts";
import { Connection } from "./connection.ts";
import type { ClientService, ConnectionContext, WordDesk } from "./connection-context.ts";
import type { ConnectionThrottle, HandshakeKind } from "./connection-throttle.ts";
import { Guesses } from "./guesses.ts";
import { Offences } from "./offences.ts";

export interface ClientPortOptions {
  readonly host: string | undefined;
  readonly port: number;
  readonly backlog: number;
  readonly maxBufferBytes: number;
  /** Per address; 0: no limit. */
  readonly maxClientConnections: number;
  /** In all; 0: no limit. */
  readonly maxConnections: number;
  readonly sessionlessTimeoutMs: number;
  /** Who asks for a session while nobody serves is closed after this time. */
  readonly heldTimeoutMs: number;
  readonly auth: AuthSettings;
}

/** What the port asks of the server around it. */
export interface ClientPortContext {
  readonly words: WordDesk;
  readonly stats: PipelineStats<Adding>;
  /** For the log: the server closed a connection, or turned it away. */
  report(reason: string, details: EndDetails): void;
}

/** Makes what belongs to another room. */
export interface ClientPortParts {
  waiting(): WaitingFrames;
  deadlines: ExpiryQueue<Connection>;
  throttle: ConnectionThrottle;
}

/** Silent connections that are cut in one turn: thousands may have fallen silent at once. */
const EXPIRE_MAX = 32;

/** Beyond the limits, so that a probe is heard when the server is full. */
const PROBE_CONNECTIONS = 8;
/** What all connections together may make the server keep before they have a session. */
const SESSIONLESS_BYTES_MAX: number = 64 * 1024 * 1024;

/** Connections that may wait for somebody to serve, and those greeted in one turn once one does. */
const HELD_MAX = 10_000;
const GREETED_MAX = 256;

/** Connections that are written to in one turn: a few milliseconds. */
const FLUSH_MAX = 512;

const TURNED_AWAY = "there are as many connections as maxClientCnxns or maxCnxns allows";

export class ClientPort implements ConnectionContext {
  readonly clock: Clock;
  readonly stats: PipelineStats<Adding>;
  readonly maxBufferBytes: number;
  readonly auth: AuthSettings;
  readonly words: WordDesk;
  /** Undefined: suspended. */
  service: ClientService | undefined;
  /** Connections that were turned away at accept. */
  rejected = 0;
  /** Connections that were closed by the server. */
  dropped = 0;
  /** Of those, the ones that never asked for a session. */
  sessionlessExpired = 0;

  readonly #network: Network;
  readonly #options: ClientPortOptions;
  readonly #parts: ClientPortParts;
  readonly #connections = new Set<Connection>();
  /** Those who asked for a session while nobody served, in the order in which they did. */
  readonly #held = new Set<Connection>();
  /** A leader that leaves clients to others: none are held. */
  #declines = false;
  readonly #perAddress = new Map<string, number>();
  readonly #offences: Offences;
  readonly #guesses: Guesses;
  /** Invariant: the sum of `sessionlessBytes` over the connections. */
  #sessionlessBytes = 0;
  #dirty: Connection[] = [];
  /** The other array: the two change places, so that a turn makes no garbage. */
  #flushing: Connection[] = [];
  readonly #flush: () => void;
  readonly #expire: () => void;
  /** Connections whose deadline passed, cut in this turn. */
  #expiring = 0;
  /** Connections beyond the limits. */
  #probes = 0;
  #listener: Listener | undefined;
  /** Undefined: deadlines are not looked at, not even by what already waits for the turn's end. */
  #timer: Timer | undefined;

  constructor(
    clock: Clock,
    network: Network,
    options: ClientPortOptions,
    context: ClientPortContext,
    parts: ClientPortParts,
  ) {
    this.clock = clock;
    this.stats = context.stats;
    this.maxBufferBytes = options.maxBufferBytes;
    this.auth = options.auth;
    this.words = context.words;
    this.#network = network;
    this.#options = options;
    this.#parts = parts;
    this.#guesses = new Guesses(clock);
    this.#offences = new Offences((reason, details) => context.report(reason, details));
    this.#flush = () => this.#flushAll();
    const mayExpire = (): boolean => this.#expiring < EXPIRE_MAX;
    const expired = (connection: Connection): void => this.#expireOne(connection);
    this.#expire = () => {
      if (this.#timer === undefined) return;
      const nowMs = clock.nowMs();
      this.#expiring = 0;
      parts.deadlines.expire(nowMs, mayExpire, expired);
      // Once a tick, not once for each slice of those who fell silent together.
      if (parts.deadlines.waitMs(nowMs) > 0) {
        for (const connection of this.#connections) connection.checkStall(nowMs);
        this.#offences.sweep(nowMs);
      }
      this.#arm();
    };
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  connections(): IterableIterator<Connection> {
    return this.#connections.values();
  }

  /** Deadlines with the connections that are cut then, the nearest first. The sets are live. */
  deadlines(): (readonly [endMs: number, connections: ReadonlySet<Connection>])[] {
    return this.#parts.deadlines.buckets();
  }

  /** What `srst` does to what the port counts. */
  resetCounts(): void {
    this.rejected = 0;
    this.dropped = 0;
    this.sessionlessExpired = 0;
  }

  open(done: (error: HostError | undefined, port: number) => void): void {
    const { host, port, backlog } = this.#options;
    this.#network.listen(
      { host, port, backlog },
      (link) => this.#accept(link),
      (error, listener) => {
        this.#listener = listener;
        if (listener !== undefined) this.#arm();
        done(error, listener?.port ?? 0);
      },
    );
  }

  /** A term begins: whoever waits, and whoever comes, is served by it. */
  serve(service: ClientService): void {
    this.#declines = false;
    this.service = service;
    this.#greetHeld();
  }

  /**
   * The term is over. Its connections are closed, with the replies that they were owed already;
   * what comes from now on is held until the next one.
   */
  suspend(): void {
    this.#declines = false;
    this.service = undefined;
    for (const connection of this.#connections) if (connection.isServed) connection.finish("");
  }

  /** Nobody will be served until a term begins or ends: whoever waits or comes goes elsewhere. */
  decline(): void {
    this.#declines = true;
    for (const connection of this.#held) connection.cut("");
  }

  /** Accepts no more; the connections that are open stay. */
  stopAccepting(done: () => void): void {
    const listener = this.#listener;
    this.#listener = undefined;
    if (listener === undefined) done();
    else listener.close(done);
  }

  /** Reads no more requests. */
  hold(): void {
    for (const connection of this.#connections) connection.hold(true);
  }

  /** Ends every connection after what was already answered. */
  close(): void {
    this.#stopTimer();
    for (const connection of this.#connections) connection.finish("");
  }

  /** Drops every connection now. */
  abort(): void {
    this.#stopTimer();
    for (const connection of this.#connections) connection.cut("");
  }

  // From a connection.

  markDirty(connection: Connection): void {
    if (connection.isDirty) return;
    connection.isDirty = true;
    if (this.#dirty.push(connection) === 1) this.clock.endOfTurn(this.#flush);
  }

  touch(connection: Connection, nowMs: number): void {
    const { session } = connection;
    // Without a session there is one deadline, however slowly the handshake trickles in.
    const isGreeting = session === undefined && !connection.isAsking;
    if (isGreeting && connection.expiresAtMs !== 0) return;
    const timeoutMs = session?.timeoutMs ?? this.#options.sessionlessTimeoutMs;
    this.#parts.deadlines.touch(connection, nowMs, timeoutMs);
  }

  awaitsService(connection: Connection): void {
    if (this.#declines) {
      connection.cut("");
      return;
    }
    if (this.#held.size >= HELD_MAX) {
      connection.cut("too many clients wait while nobody serves");
      return;
    }
    this.#held.add(connection);
    const nowMs = this.clock.nowMs();
    this.#parts.deadlines.touch(connection, nowMs, this.#options.heldTimeoutMs);
  }

  admits(kind: HandshakeKind): boolean {
    const admitted = this.#parts.throttle.admits(kind);
    if (!admitted) this.rejected++;
    return admitted;
  }

  afterGuess(address: string, refuse: () => void): void {
    this.#guesses.after(address, refuse);
  }

  keepsSessionless(connection: Connection, bytes: number): void {
    this.#sessionlessBytes += bytes - connection.sessionlessBytes;
    connection.sessionlessBytes = bytes;
    if (this.#sessionlessBytes > SESSIONLESS_BYTES_MAX) {
      connection.cut("too much is kept for connections without a session");
    }
  }

  closed(connection: Connection): void {
    this.#parts.deadlines.remove(connection);
    this.#held.delete(connection);
    if (!this.#connections.delete(connection)) return;
    this.#sessionlessBytes -= connection.sessionlessBytes;
    if (connection.isProbe) this.#probes--;
    const { remoteAddress } = connection.link;
    const count = (this.#perAddress.get(remoteAddress) ?? 1) - 1;
    if (count === 0) this.#perAddress.delete(remoteAddress);
    else this.#perAddress.set(remoteAddress, count);
  }

  report(connection: Connection, reason: string, details: EndDetails): void {
    this.dropped++;
    const { link, session, remoteAddress } = connection;
    const whose = { port: link.remotePort, session: session?.key, ...details };
    this.#offences.note(this.clock.nowMs(), remoteAddress, reason, whose);
  }

  #accept(link: Link): void {
    const { remoteAddress } = link;
    const isFull = this.#room(remoteAddress) <= 0;
    const isProbe = isFull && isLoopback(remoteAddress) && this.#probes < PROBE_CONNECTIONS;
    const connection = new Connection(link, this, this.#parts.waiting(), isProbe);
    link.handlers = connection;
    if (isFull && !isProbe) {
      this.rejected++;
      this.#offences.note(this.clock.nowMs(), remoteAddress, TURNED_AWAY, {});
      link.destroy();
      return;
    }
    if (isProbe) this.#probes++;
    this.#connections.add(connection);
    this.#perAddress.set(remoteAddress, (this.#perAddress.get(remoteAddress) ?? 0) + 1);
    this.touch(connection, this.clock.nowMs());
  }

  /** How many more connections the limits allow from an address. */
  #room(address: string): number {
    const { maxConnections, maxClientConnections } = this.#options;
    const inAll = maxConnections > 0 ? maxConnections - this.#connections.size : 1;
    const fromThere = this.#perAddress.get(address) ?? 0;
    const perClient = maxClientConnections > 0 ? maxClientConnections - fromThere : 1;
    return Math.min(inAll, perClient);
  }

  /** A fleet of clients may be waiting: some in each turn. */
  readonly #greetHeld = (): void => {
    const { service } = this;
    if (service === undefined) return;
    let greeted = 0;
    for (const connection of this.#held) {
      if (greeted++ === GREETED_MAX) {
        this.clock.endOfTurn(this.#greetHeld);
        return;
      }
      this.#held.delete(connection);
      connection.served(service);
    }
  };

  #flushAll(): void {
    const dirty = this.#dirty;
    // An event for thousands of watchers is sent in slices; each has what it is sent in order.
    const isLong = dirty.length > FLUSH_MAX;
    this.#dirty = isLong ? dirty.slice(FLUSH_MAX) : this.#flushing;
    this.#flushing = dirty;
    if (isLong) {
      dirty.length = FLUSH_MAX;
      this.clock.endOfTurn(this.#flush);
    }
    for (const connection of dirty) connection.flush();
    dirty.length = 0;
  }

  #expireOne(connection: Connection): void {
    this.#expiring++;
    if (connection.hasLongRead) {
      // It is we who do not listen.
      this.touch(connection, this.clock.nowMs());
      return;
    }
    if (this.#held.has(connection)) {
      connection.cut("nobody served it in time");
    } else if (connection.session !== undefined) {
      connection.cut("nothing was heard from it for its timeout");
    } else {
      this.sessionlessExpired++;
      connection.cut("no session was asked for in time");
    }
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    const waitMs = Math.ceil(this.#parts.deadlines.waitMs(this.clock.nowMs()));
    // What waits in the sockets of a server that was stopped for a while is read first.
    this.#timer = this.clock.after(waitMs, () => this.clock.endOfTurn(this.#expire));
  }
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}
