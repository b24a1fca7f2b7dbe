/**
 * What a connection has to send. Replies and events of a turn gather in one buffer, which leaves in
 * one write at the turn's end; what the peer does not take then waits here, in pieces, so that a
 * peer that takes something can be told from one that takes nothing.
 *
 *     link ◀── #pieces ◀── #front, while a long answer is made ◀── out
 */
import type { Link } from "../../protocol/host.ts";
import { Writer } from "../../protocol/jute.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { LongAnswer } from "../pipeline/requester.ts";

const INITIAL_BYTES = 1024;
/** A buffer larger than this is given up once it has been sent. */
const RETAINED_BYTES = 0x1_0000;
/** What is written at once: progress is seen in steps of this. */
const PIECE_BYTES = 0x1_0000;

/** length, xid, zxid, err. */
const REPLY_HEADER_BYTES = 20;

export class Outbox {
  /** Where replies and events are written. */
  out: Writer = new Writer(INITIAL_BYTES);
  /** When the peer last took something, while it has not taken all. */
  progressMs = 0;
  readonly #link: Link;
  /** The link keeps a piece that the peer has not taken. */
  #blocked = false;
  /** Before `out`. Invariant: empty unless blocked. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  /** What was written before a long answer was begun: what is in `out` comes behind that. */
  #front: Writer | undefined;
  #replyStart = 0;

  constructor(link: Link) {
    this.#link = link;
  }

  get isBlocked(): boolean {
    return this.#blocked;
  }

  /** Bytes that wait for the peer, those that the link keeps included. */
  get unsentBytes(): number {
    const kept = this.#blocked ? this.#link.pendingBytes : 0;
    return this.out.length + (this.#front?.length ?? 0) + this.#pieceBytes + kept;
  }

  /** Bytes that were added since the peer stopped taking them. */
  get addedBytes(): number {
    return this.out.length + (this.#front?.length ?? 0);
  }

  beginReply(xid: number): void {
    const { out } = this;
    this.#replyStart = out.length;
    out.reserve(REPLY_HEADER_BYTES);
    out.patchInt(this.#replyStart + 4, xid);
  }

  /** Completes the reply and returns its length in bytes; with an error code its body is dropped. */
  endReply(zxid: Zxid, code: number): number {
    const { out } = this;
    const start = this.#replyStart;
    if (code !== 0) out.length = start + REPLY_HEADER_BYTES;
    out.patchInt(start, out.length - start - 4);
    out.patchLong(start + 8, zxid);
    out.patchInt(start + 16, code);
    return out.length - start;
  }

  /** From here on everything is sent behind an answer that is still to be made. */
  beginLongReply(): void {
    this.#front = this.out;
    this.out = new Writer(INITIAL_BYTES);
  }

  /** Puts the long answer in its place and returns its length in bytes. */
  endLongReply({ xid, zxid, code, pieces, rest }: LongAnswer): number {
    const behind = this.#front === undefined ? undefined : this.out;
    this.out = this.#front ?? this.out;
    this.#front = undefined;
    this.beginReply(xid);
    let bytes = this.endReply(zxid, code);
    if (code === 0) {
      const start = this.#replyStart;
      for (const piece of pieces) bytes += piece.length;
      bytes += rest.length;
      this.out.patchInt(start, bytes - 4);
      if (pieces.length > 0) this.#keep(this.out.take());
      for (const piece of pieces) this.#keep(piece);
      this.out.raw(rest);
    }
    if (behind !== undefined) this.out.raw(behind.written());
    return bytes;
  }

  /** Sends as much as the peer takes. Returns the bytes handed to the link. */
  flush(nowMs: number): number {
    const sent = this.#blocked ? 0 : this.#send();
    if (sent > 0 && this.#blocked) this.progressMs = nowMs;
    return sent;
  }

  /** Sends all that there is, whether the peer takes it or not: nothing follows. */
  flushAll(): number {
    let sent = 0;
    for (const piece of this.#pieces) {
      sent += piece.length;
      this.#link.write(piece);
    }
    this.#forgetPieces();
    const out = this.#front ?? this.out;
    sent += out.length;
    if (out.length > 0) this.#link.write(out.take());
    return sent;
  }

  /** The peer has taken what the link kept. */
  drained(nowMs: number): void {
    this.#blocked = false;
    this.progressMs = nowMs;
  }

  #send(): number {
    const sent = this.#sendPieces();
    return this.#blocked ? sent : sent + this.#sendOut();
  }

  /** What stands behind the pieces: at once where it is short, else in pieces of its own. */
  #sendOut(): number {
    const out = this.#front ?? this.out;
    const { length } = out;
    if (length === 0) return 0;
    if (length > PIECE_BYTES) {
      this.#keep(out.written());
      this.#renew(out);
      return this.#sendPieces();
    }
    this.#blocked = !this.#link.write(out.written());
    if (this.#blocked || out.bytes.length > RETAINED_BYTES) this.#renew(out);
    else out.clear();
    return length;
  }

  #sendPieces(): number {
    let sent = 0;
    let next = 0;
    while (!this.#blocked && next < this.#pieces.length) {
      const piece = this.#pieces[next++];
      if (piece === undefined) break;
      sent += piece.length;
      this.#blocked = !this.#link.write(piece);
    }
    if (next === this.#pieces.length) this.#forgetPieces();
    else if (next > 0) this.#pieces = this.#pieces.slice(next);
    this.#pieceBytes = Math.max(0, this.#pieceBytes - sent);
    return sent;
  }

  /** Takes the bytes over, in pieces. */
  #keep(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      this.#pieces.push(bytes.subarray(at, at + PIECE_BYTES));
    }
    this.#pieceBytes += bytes.length;
  }

  #forgetPieces(): void {
    this.#pieces = [];
    this.#pieceBytes = 0;
  }

  /** Its memory is the link's, or too much to be kept. */
  #renew(writer: Writer): void {
    if (writer === this.#front) this.#front = new Writer(INITIAL_BYTES);
    else this.out = new Writer(INITIAL_BYTES);
  }
}
