/**
 * A connection's handshake, from its ConnectRequest to the answer (client-protocol 3):
 *
 *     ConnectRequest ──somebody serves──▶ asked ──the session is there──▶ answered
 *         └──nobody does──▶ held ──somebody serves──▶ asked ──there is none──▶ answered, closed
 *
 * Holding what comes while servers elect their leader makes a failover short: clients that lost
 * their server are here already when the next term begins.
 */
import { assert } from "../../protocol/assert.ts";
import { Reader, type Writer } from "../../protocol/jute.ts";
import type { ConnectRequest } from "../../protocol/proto.ts";
import { sessionHex } from "../../protocol/zxid.ts";
import type { EndDetails, Requester } from "../pipeline/requester.ts";
import type { Session } from "../session/sessions.ts";
import type { ClientService, ConnectionContext } from "./connection-context.ts";
import { knowsPassword, readHandshake, writeHandshakeReply, zxidDetails } from "./handshake.ts";

/** Whose handshake it is. */
export interface Greeted extends Requester {
  /** It takes nothing more before the answer: `service` does what it asks for. */
  beginAttaching(service: ClientService): void;
  /** The session is known, though it may not be there yet. */
  takeSession(session: Session<Requester>): void;
}

export class Greeting {
  readonly #owner: Greeted;
  readonly #context: ConnectionContext;
  /** What came while nobody served. */
  #held: Buffer | undefined;
  /** The peer sent the field that asks for a read-only server, so it gets the answer's. */
  #wantsReadOnlyFlag = false;
  #isReadOnly = false;

  constructor(owner: Greeted, context: ConnectionContext) {
    this.#owner = owner;
    this.#context = context;
  }

  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** The first frame has come. */
  take(bytes: Buffer, start: number, end: number): void {
    const request = readHandshake(
      new Reader(this.#context.maxBufferBytes).reset(bytes, start, end),
    );
    if (request === undefined) {
      this.#owner.cut("a handshake that does not decode");
      return;
    }
    this.#context.stats.connectionRequests++;
    const { service } = this.#context;
    if (service !== undefined) this.#ask(request, service);
    else this.#held = Buffer.from(bytes.subarray(start, end));
  }

  /** Somebody serves again. */
  served(service: ClientService): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    const request = readHandshake(new Reader(this.#context.maxBufferBytes).reset(held));
    assert(request !== undefined, "what was a handshake is one");
    this.#ask(request, service);
  }

  forget(): void {
    this.#held = undefined;
  }

  /** Writes the answer: the session, or zeros. */
  answer(session: Session<Requester> | undefined, out: Writer): void {
    writeHandshakeReply(out, session, this.#wantsReadOnlyFlag ? this.#isReadOnly : undefined);
  }

  #ask(request: ConnectRequest, service: ClientService): void {
    const owner = this.#owner;
    const { pipeline } = service;
    this.#wantsReadOnlyFlag = request.readOnly !== undefined;
    this.#isReadOnly = pipeline.isReadOnly;
    owner.beginAttaching(service);
    const { sessionHigh, sessionLow, lastZxidSeen } = request;
    const isNew = sessionHigh === 0 && sessionLow === 0;
    if (!this.#context.admits(isNew ? service.newSession : "renewed")) {
      owner.cut("more clients connect at once than connection_throttle_tokens allows");
    } else if (pipeline.isReadOnly && request.readOnly !== true) {
      owner.cut("only who takes a read-only server is served without a quorum");
    } else if (lastZxidSeen > pipeline.lastZxid) {
      // Any answer would be taken for one about the session: the client must try another server.
      const details = zxidDetails(lastZxidSeen, pipeline.lastZxid);
      owner.cut("the client has seen what this server has not", details);
    } else if (isNew) {
      owner.takeSession(pipeline.createSession(owner, pipeline.negotiate(request.timeoutMs)));
    } else if (knowsPassword(request)) {
      const timeoutMs = pipeline.negotiate(request.timeoutMs);
      pipeline.attachSession(owner, sessionHigh, sessionLow, timeoutMs);
    } else {
      const refused = refusal(sessionHigh, sessionLow);
      this.#context.afterGuess(owner.remoteAddress, () => owner.sessionReady(undefined, refused));
    }
  }
}

/** For the log. */
function refusal(high: number, low: number): EndDetails {
  return { asked: sessionHex(high, low) };
}
