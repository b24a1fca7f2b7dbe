/** What surrounds a connection: its port, and who answers four-letter words. */
import type { Clock } from "../../protocol/host.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import type { EndDetails } from "../pipeline/requester.ts";
import type { Adding, PipelineStats } from "../pipeline/stats.ts";
import type { AuthSettings } from "./auth.ts";
import type { Connection } from "./connection.ts";
import type { HandshakeKind } from "./connection-throttle.ts";

/** Who serves clients for a term: a port outlives it, and is given the next one. */
export interface ClientService {
  readonly pipeline: Pipeline;
  /** The pipeline, or a throttle before it. */
  readonly requests: RequestTaker;
  /** What a new session is to the throttle of connections. */
  readonly newSession: HandshakeKind;
}

/** What its port does for a connection. */
export interface ConnectionContext {
  readonly clock: Clock;
  readonly stats: PipelineStats<Adding>;
  /** Undefined: nobody serves at the moment. A connection keeps the one that greeted it. */
  readonly service: ClientService | undefined;
  readonly maxBufferBytes: number;
  readonly auth: AuthSettings;
  readonly words: WordDesk;
  /** The connection has something to send at the end of this turn. */
  markDirty(connection: Connection): void;
  /** Bytes came: its deadline moves on. */
  touch(connection: Connection, nowMs: number): void;
  /** The connection is gone. */
  closed(connection: Connection): void;
  /** It asked for a session and nobody serves; `served` follows, or its end. */
  awaitsService(connection: Connection): void;
  /** Whether a handshake may go on, as fast as they come. */
  admits(kind: HandshakeKind): boolean;
  /** Refuses a session to who does not know its password: at once, or later where many guess. */
  afterGuess(address: string, refuse: () => void): void;
  /** What is kept of a handshake that is not complete. */
  keepsSessionless(connection: Connection, bytes: number): void;
  /** What made the server close it, for the log. */
  report(connection: Connection, reason: string, details: EndDetails): void;
}

/** Where requests go. */
export type RequestTaker = Pick<Pipeline, "request">;

/** Answers four-letter words: a piece at a time, as fast as the peer takes it. */
export interface WordDesk {
  /** False: these bytes are no word. */
  ask(firstFourBytes: number, asker: Connection): boolean;
  /** What came behind its word. */
  heard(asker: Connection, bytes: Buffer): void;
  /** It has taken what was written. */
  taken(asker: Connection): void;
  gone(asker: Connection): void;
}
