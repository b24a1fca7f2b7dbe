/**
 * The search for a server that serves our session: addresses one after the other, a pause with
 * full jitter after each round, a handshake. It resumes the session at hand, opens a new one, or
 * first closes one that we gave up ourselves, so that no ephemeral znode of our own past is in the
 * way (recipes CL-7).
 *
 * A server that closes the connection instead of answering the handshake is not serving, or has
 * seen less than we have. After two rounds of that one handshake claims to have seen nothing: only
 * a server that serves answers it, and if it does not know the session either, the data was lost
 * (CL-9).
 */
import type { Address } from "../protocol/host.ts";
import { OpCode } from "../protocol/opcodes.ts";
import type { ConnectResponse } from "../protocol/proto.ts";
import { Connection, type ConnectionHandlers } from "./connection.ts";
import type { Hosts } from "./hosts.ts";
import type { SessionIdentity } from "./identity.ts";
import { type Moment, momentOf } from "./moments.ts";
import type { ClientHost } from "./options.ts";

/** What the session wants, asked when a handshake is about to be sent. */
export interface ConnectorGoal {
  /** Undefined: a new session. */
  readonly identity: SessionIdentity | undefined;
  readonly lastZxid: number;
  readonly sessionTimeoutMs: number;
  readonly readOnly: boolean;
}

export interface ConnectorEvents {
  readonly goal: ConnectorGoal;
  /** Compares the session's deadlines with the clocks: something is about to be sent. */
  checkDeadlines(): void;
  /** `dueMs` is another. */
  rescheduled(): void;
  /**
   * A server serves the session: the connection and its handlers are the session's now.
   * `lastZxid` is what the handshake said we had seen: 0 if that was given up.
   */
  found(connection: Connection, response: ConnectResponse, sentAt: Moment, lastZxid: number): void;
  /** The server at `address` does not know the session that was to be resumed: the search ends. */
  expired(cause: "server" | "server-data-loss", address: Address): void;
  /** Trying an address failed. The search goes on. */
  failed(address: Address, why: Error): void;
  /** The ensemble provider threw. The search goes on with the addresses it gave before. */
  providerFailed(error: unknown): void;
}

export interface ConnectorLimits {
  readonly connectTimeoutMs: number;
  readonly replyMaxBytes: number;
}

/** - `resume`: go on with the session; `open`: a new one; `reap`: close the old one.
 *  - `probe`: find out whether the data was lost. */
type Purpose = "resume" | "open" | "reap" | "probe";

interface Attempt {
  readonly connection: Connection;
  /** When it is given up. */
  readonly untilMs: number;
  /** Undefined until the handshake is sent. */
  purpose: Purpose | undefined;
  sentAt: Moment | undefined;
  /** What the handshake says we have seen. */
  lastZxid: number;
}

type Phase =
  | { readonly name: "stopped" }
  | { readonly name: "pausing"; readonly untilMs: number }
  | { readonly name: "trying"; readonly attempt: Attempt };

const ATTEMPT_MIN_MS = 500;

/** The longest pause after a clean loss of a connection. */
const FIRST_PAUSE_MAX_MS = 250;

const PAUSE_BASE_MS = 100;
const PAUSE_MAX_MS = 5000;

/** Rounds of silent refusals before we doubt our zxid. */
const REFUSED_ROUNDS = 2;

const NEW_SESSION_PASSWORD = Buffer.alloc(16);
const NOTHING = Buffer.alloc(0);

export class Connector {
  readonly #host: ClientHost;
  readonly #hosts: Hosts;
  readonly #limits: ConnectorLimits;
  readonly #events: ConnectorEvents;
  #phase: Phase = { name: "stopped" };
  /** A session that we gave up and that may live: closed before anything else. */
  #toReap: SessionIdentity | undefined;
  #triedInRound = 0;
  /** Rounds without success: the pause doubles with each. */
  #failedRounds = 0;
  /** Handshakes in a row that were sent and answered by a closed connection. */
  #refusals = 0;

  constructor(host: ClientHost, hosts: Hosts, limits: ConnectorLimits, events: ConnectorEvents) {
    this.#host = host;
    this.#hosts = hosts;
    this.#limits = limits;
    this.#events = events;
  }

  /** Starts at once with the next address: the first connection of a client. */
  start(): void {
    this.#tryNext();
  }

  /** Starts after a short random pause: a connection was lost. */
  startAgain(): void {
    this.#pause(FIRST_PAUSE_MAX_MS);
  }

  /** Starts with a given address. */
  startAt(address: Address): void {
    this.stop();
    this.#try(address);
  }

  stop(): void {
    if (this.#phase.name === "trying") this.#phase.attempt.connection.close();
    this.#phase = { name: "stopped" };
  }

  /** The goal has changed: a handshake that is under way asks for the wrong thing. */
  goalChanged(): void {
    if (this.#phase.name !== "trying" || this.#phase.attempt.purpose === undefined) return;
    this.startAt(this.#phase.attempt.connection.address);
  }

  /** Closes this session before another is opened. */
  reap(identity: SessionIdentity): void {
    this.#toReap = identity;
  }

  /** When `tick` has something to do. */
  get dueMs(): number {
    switch (this.#phase.name) {
      case "stopped":
        return Number.POSITIVE_INFINITY;
      case "pausing":
        return this.#phase.untilMs;
      case "trying":
        return this.#phase.attempt.untilMs;
    }
  }

  tick(nowMs: number): void {
    if (nowMs < this.dueMs) return;
    if (this.#phase.name === "pausing") this.#tryNext();
    else if (this.#phase.name === "trying") this.#failed(new Error("no answer in time"));
  }

  #tryNext(): void {
    if (this.#triedInRound === 0) this.#refresh();
    this.#triedInRound++;
    this.#try(this.#hosts.next());
  }

  #refresh(): void {
    try {
      this.#hosts.refresh();
    } catch (error) {
      this.#events.providerFailed(error);
    }
  }

  #try(address: Address): void {
    const { replyMaxBytes } = this.#limits;
    const connection = new Connection(this.#host, address, replyMaxBytes, this.#handlers());
    const shareMs = this.#events.goal.sessionTimeoutMs / this.#hosts.count;
    const limitMs = Math.max(ATTEMPT_MIN_MS, Math.min(shareMs, this.#limits.connectTimeoutMs));
    const untilMs = this.#host.clock.nowMs() + limitMs;
    this.#phase = {
      name: "trying",
      attempt: { connection, untilMs, purpose: undefined, sentAt: undefined, lastZxid: 0 },
    };
    this.#events.rescheduled();
  }

  #handlers(): ConnectionHandlers {
    return {
      opened: () => this.#shakeHands(),
      handshake: (response) => this.#answered(response),
      heard: () => {},
      reply: () => this.#reaped(),
      idle: () => {},
      oversized: (length) => this.#failed(new Error(`a frame of ${length} bytes`)),
      closed: (why) => this.#closed(why),
    };
  }

  #shakeHands(): void {
    this.#events.checkDeadlines();
    const attempt = this.#attempt();
    if (attempt === undefined) return;
    const { goal } = this.#events;
    const doubtful = this.#refusals >= REFUSED_ROUNDS * this.#hosts.count;
    attempt.purpose = this.#purpose(goal, doubtful);
    attempt.sentAt = momentOf(this.#host.clock);
    attempt.lastZxid = doubtful ? 0 : goal.lastZxid;
    const identity = attempt.purpose === "reap" ? this.#toReap : goal.identity;
    attempt.connection.shakeHands({
      protocolVersion: 0,
      lastZxidSeen: attempt.lastZxid,
      timeoutMs: goal.sessionTimeoutMs,
      sessionHigh: identity?.high ?? 0,
      sessionLow: identity?.low ?? 0,
      password: identity?.password ?? NEW_SESSION_PASSWORD,
      readOnly: goal.readOnly && attempt.purpose !== "reap",
    });
  }

  #purpose(goal: ConnectorGoal, doubtful: boolean): Purpose {
    if (this.#toReap !== undefined) return "reap";
    if (goal.identity === undefined) return "open";
    return doubtful ? "probe" : "resume";
  }

  #answered(response: ConnectResponse): void {
    const attempt = this.#attempt();
    if (attempt?.sentAt === undefined) return;
    const { connection, sentAt } = attempt;
    const known = response.timeoutMs > 0;
    switch (attempt.purpose) {
      case "reap":
        if (known) connection.write(1, OpCode.closeSession, NOTHING);
        if (known) connection.flush();
        else this.#reaped();
        return;
      case "probe":
        this.#refusals = 0;
        if (known) this.#failed(new Error("the server has seen less than this client"));
        else this.#expired(connection.address, "server-data-loss");
        return;
      case "resume":
        if (known) this.#found(attempt, response, sentAt);
        else this.#expired(connection.address, "server");
        return;
      case "open":
        if (known) this.#found(attempt, response, sentAt);
        else this.#failed(new Error("the server refused a new session"));
        return;
      case undefined:
    }
  }

  #found(attempt: Attempt, response: ConnectResponse, sentAt: Moment): void {
    this.#phase = { name: "stopped" };
    this.#triedInRound = 0;
    this.#failedRounds = 0;
    this.#refusals = 0;
    this.#events.found(attempt.connection, response, sentAt, attempt.lastZxid);
  }

  #expired(address: Address, cause: "server" | "server-data-loss"): void {
    this.stop();
    this.#events.expired(cause, address);
  }

  /** The old session is closed, or was over before. */
  #reaped(): void {
    const attempt = this.#attempt();
    if (attempt?.purpose !== "reap") return;
    this.#toReap = undefined;
    this.#refusals = 0;
    this.startAt(attempt.connection.address);
  }

  #closed(why: Error): void {
    const attempt = this.#attempt();
    if (attempt?.sentAt !== undefined) this.#refusals++;
    this.#failed(why);
  }

  #failed(why: Error): void {
    const attempt = this.#attempt();
    if (attempt === undefined) return;
    const { address } = attempt.connection;
    this.stop();
    if (this.#triedInRound < this.#hosts.count) {
      this.#tryNext();
    } else {
      this.#triedInRound = 0;
      this.#pause(Math.min(PAUSE_MAX_MS, PAUSE_BASE_MS * 2 ** this.#failedRounds));
      this.#failedRounds++;
    }
    this.#events.failed(address, why);
  }

  #pause(longestMs: number): void {
    this.stop();
    const pauseMs = this.#host.random.fraction() * longestMs;
    this.#phase = { name: "pausing", untilMs: this.#host.clock.nowMs() + pauseMs };
    this.#events.rescheduled();
  }

  #attempt(): Attempt | undefined {
    return this.#phase.name === "trying" ? this.#phase.attempt : undefined;
  }
}
