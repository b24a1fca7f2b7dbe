import type { IpAddress } from "../../protocol/ip-network.ts";
import type { Writer } from "../../protocol/jute.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { Session, SessionHolder } from "../session/sessions.ts";
import type { Watcher } from "../tree/watches.ts";
import type { WaitingFrames } from "./waiting.ts";

/** Who a connection has proven to be. */
export interface AuthId {
  readonly scheme: string;
  readonly id: string;
  /** What the id of scheme `ip` says; undefined for others. */
  readonly address: IpAddress | undefined;
}

/** What there is to say of a connection's end besides its reason, for the log. */
export type EndDetails = Readonly<Record<string, string | number | undefined>>;

/** The reply to a read that took several turns: its body, if `code` is 0, is `pieces`, then `rest`. */
export interface LongAnswer {
  readonly xid: number;
  readonly zxid: Zxid;
  readonly code: number;
  readonly pieces: readonly Buffer[];
  readonly rest: Buffer;
}

/** A client's connection as the pipeline knows it: where a request came from and its reply goes. */
export interface Requester extends SessionHolder, Watcher {
  /** Where it comes from. */
  readonly remoteAddress: string;
  /** Undefined until the handshake is done. */
  readonly session: Session<Requester> | undefined;
  /** Grows only, at its end. A request takes the ids that were there when it was read. */
  readonly authIds: readonly AuthId[];
  /** Its last auth packet was refused; nothing behind that was read. */
  readonly authFailed: boolean;
  /** False once the connection is gone: replies have nowhere to go. */
  readonly isOpen: boolean;
  /** Between `longReadBegins` and `longReadEnds`. */
  readonly hasLongRead: boolean;
  /** Bytes of replies and events that it has not taken. */
  readonly unsentBytes: number;
  /** Its requests that wait until fewer are in work. */
  throttled: number;
  /** Reads that wait for a write of their session. */
  readonly waiting: WaitingFrames;
  /** Where replies are written; they leave together at the end of the turn. */
  readonly out: Writer;

  /** Starts a reply; its body, if it succeeds, is written to `out` before `endReply`. */
  beginReply(xid: number): void;
  /** Completes the reply. With an error code, whatever body was written is dropped. */
  endReply(zxid: Zxid, code: number): void;
  /**
   * A request was answered; for the statistics of the connection.
   *
   * @param type 0: it failed, and the txn that says so tells not what it was.
   */
  answered(type: number, xid: number, zxid: Zxid, latencyMs: number, nowMs: number): void;
  /**
   * The answer to the handshake: the session is there and holds this connection.
   *
   * @param session Undefined: there is none of the id and password that were asked for.
   */
  sessionReady(session: Session<Requester> | undefined, details?: EndDetails): void;
  /** Reads no more requests from it, or does so again. */
  hold(held: boolean): void;
  /** A read of its takes several turns: nothing behind that is taken up before it is answered. */
  longReadBegins(): void;
  /** From here on everything is sent behind the answer to that read. */
  holdBack(): void;
  /** @param answer Undefined: it was answered as any other read, or nobody is left to hear. */
  longReadEnds(answer: LongAnswer | undefined): void;
  /** Takes nothing behind the request at hand, whose answer will be the last. */
  readNoFurther(): void;
  /** Closes after the replies so far have left; what still arrives is not read. */
  finish(reason: string, details?: EndDetails): void;
  /** Closes at once. */
  cut(reason: string, details?: EndDetails): void;
}
