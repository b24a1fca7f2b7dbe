/**
 * Sends the answers to four-letter words without holding up the server, however long they are:
 * CVE-2017-5637 was `wchp` as a bomb.
 *
 * A long answer is made in slices of a millisecond or two, with turns for everybody else between
 * them, and no faster than those who asked for it take it: what waits in memory is one slice. Of
 * each word there is one answer in the making at a time, and ten begin in a second at most. Who asks
 * meanwhile waits for the next one, which all of them share:
 *
 *     asks: a        b c            d
 *     makes: [── for a ──][── for b, c, d ──]
 */
import type { Clock, Timer } from "../../protocol/host.ts";
import type { Logger } from "../log.ts";
import { fourLetterAnswer, fourLetterWord } from "./four-letter.ts";
import type { AdminSource } from "./source.ts";

/** A connection that asked, and hears nothing but its answer any more. */
export interface Asker {
  readonly remoteAddress: string;
  /** What it was sent has not all left. */
  readonly isBlocked: boolean;
  answer(piece: Buffer): void;
  /** Ends it, the answer being complete. */
  answerDone(): void;
  /** Ends it without an answer; nothing is reported for "". */
  finish(reason: string): void;
  cut(reason: string): void;
  /** It is made to wait: its deadline moves on. */
  stay(): void;
}

/** What telnet sends for an interrupt. */
const TELNET_INTERRUPT: number = 0xfff4fffd | 0;

/** A slice ends at whichever comes first; the clock is looked at every so many pieces. */
const SLICE_MS = 2;
const SLICE_CHARS = 0x1_0000;
const PIECES_PER_LOOK = 16;

/** From the beginning of an answer to that of the next one to the same word. */
const INTERVAL_MS = 100;

/** Who has not taken an answer by then is cut off, so that nobody holds the word for long. */
const ANSWER_MAX_MS = 20_000;
const WATCH_MS = 1000;

/** `stmk` is followed by a long. */
const MASK_BYTES = 8;
const MASK_WAIT_MS = 1000;

/** An answer in the making. */
interface Making {
  readonly word: string;
  readonly pieces: Iterator<string>;
  readonly startedMs: number;
  /** Who gets it, and who gets the next one. */
  readonly askers: Set<Asker>;
  readonly next: Set<Asker>;
  isScheduled: boolean;
}

interface AwaitedMask {
  readonly bytes: Buffer;
  /** Invariant: < MASK_BYTES */
  length: number;
  readonly timer: Timer;
}

export class Answering {
  /** How often each word was asked, refusals included. */
  readonly counts: Map<string, number> = new Map();
  /** Slices that were made, for tests of what one costs. */
  slices = 0;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #source: () => AdminSource;
  /** By word: at most one each. */
  readonly #making = new Map<string, Making>();
  readonly #masks = new Map<Asker, AwaitedMask>();
  /** Looks after what is in the making, while there is any. */
  #isWatching = false;

  constructor(clock: Clock, log: Logger, source: () => AdminSource) {
    this.#clock = clock;
    this.#log = log;
    this.#source = source;
  }

  /** Answers a connection whose first four bytes are a word; false: they are none. */
  ask(firstFourBytes: number, asker: Asker): boolean {
    if (firstFourBytes === TELNET_INTERRUPT) {
      asker.finish("");
      return true;
    }
    const word = fourLetterWord(firstFourBytes);
    if (word === undefined) return false;
    this.counts.set(word, (this.counts.get(word) ?? 0) + 1);
    this.#log.debug({ word, address: asker.remoteAddress }, "a four-letter word was asked");
    const source = this.#source();
    const answer = fourLetterAnswer(word, source, asker.remoteAddress);
    switch (answer.kind) {
      case "text":
        reply(asker, answer.text(source));
        break;
      case "mask":
        this.#awaitMask(asker);
        break;
      case "pieces": {
        const making = this.#making.get(word);
        if (making === undefined) this.#begin(word, answer.pieces(source), new Set([asker]));
        else making.next.add(asker);
      }
    }
    return true;
  }

  /** What follows a word; only `stmk` listens. */
  heard(asker: Asker, bytes: Buffer): void {
    const mask = this.#masks.get(asker);
    if (mask === undefined) return;
    mask.length += bytes.copy(mask.bytes, mask.length);
    if (mask.length < MASK_BYTES) return;
    this.#forgetMask(asker);
    const value = mask.bytes.readBigInt64BE(0);
    this.#source().traceMask = value;
    reply(asker, String(value));
  }

  /** An asker has taken what it was sent. */
  taken(asker: Asker): void {
    for (const making of this.#making.values()) {
      if (making.askers.has(asker)) this.#schedule(making);
    }
  }

  gone(asker: Asker): void {
    this.#forgetMask(asker);
    for (const making of this.#making.values()) {
      making.next.delete(asker);
      // The others may have waited for it alone.
      if (making.askers.delete(asker)) this.#schedule(making);
    }
  }

  #begin(word: string, pieces: Iterator<string>, askers: Set<Asker>): void {
    const startedMs = this.#clock.nowMs();
    const making = { word, pieces, startedMs, askers, next: new Set<Asker>(), isScheduled: false };
    this.#making.set(word, making);
    this.#slice(making);
  }

  #schedule(making: Making): void {
    if (making.isScheduled) return;
    making.isScheduled = true;
    this.#clock.after(0, () => {
      making.isScheduled = false;
      this.#slice(making);
    });
  }

  /** Makes the next slice, once everybody has taken the last one. */
  #slice(making: Making): void {
    const { askers } = making;
    for (const asker of askers) if (asker.isBlocked) return;
    if (askers.size === 0) {
      this.#end(making);
      return;
    }
    const { text, isLast } = this.#pieces(making.pieces);
    const bytes = Buffer.from(text);
    // Its end takes an asker out of the set.
    for (const asker of [...askers]) {
      asker.answer(bytes);
      if (isLast) asker.answerDone();
    }
    if (isLast) {
      this.#end(making);
    } else {
      this.#schedule(making);
      if (!this.#isWatching) this.#lookLater();
    }
  }

  #pieces(pieces: Iterator<string>): { text: string; isLast: boolean } {
    this.slices++;
    const endMs = this.#clock.nowMs() + SLICE_MS;
    let text = "";
    for (let made = 1; text.length < SLICE_CHARS; made++) {
      const piece = pieces.next();
      if (piece.done === true) return { text, isLast: true };
      text += piece.value;
      if (made % PIECES_PER_LOOK === 0 && this.#clock.nowMs() >= endMs) break;
    }
    return { text, isLast: false };
  }

  #end(making: Making): void {
    making.askers.clear();
    const restMs = making.startedMs + INTERVAL_MS - this.#clock.nowMs();
    if (restMs <= 0) this.#makeNext(making);
    else this.#clock.after(restMs, () => this.#makeNext(making));
  }

  /** Begins the next answer for those who came meanwhile, as things are by then. */
  #makeNext({ word, next }: Making): void {
    this.#making.delete(word);
    if (next.size === 0) return;
    const [any] = next;
    const source = this.#source();
    const answer = fourLetterAnswer(word, source, any?.remoteAddress ?? "");
    if (answer.kind === "pieces") this.#begin(word, answer.pieces(source), next);
    else if (answer.kind === "text") for (const asker of next) reply(asker, answer.text(source));
  }

  readonly #look = (): void => {
    this.#isWatching = false;
    const nowMs = this.#clock.nowMs();
    for (const making of this.#making.values()) {
      for (const asker of making.next) asker.stay();
      if (nowMs - making.startedMs < ANSWER_MAX_MS) continue;
      for (const asker of [...making.askers]) {
        if (asker.isBlocked) asker.cut("it does not take the answer to its word");
      }
    }
    if (this.#making.size > 0) this.#lookLater();
  };

  #lookLater(): void {
    this.#isWatching = true;
    this.#clock.after(WATCH_MS, this.#look);
  }

  #awaitMask(asker: Asker): void {
    const timer = this.#clock.after(MASK_WAIT_MS, () => {
      this.#masks.delete(asker);
      asker.finish("");
    });
    this.#masks.set(asker, { bytes: Buffer.alloc(MASK_BYTES), length: 0, timer });
  }

  #forgetMask(asker: Asker): void {
    this.#masks.get(asker)?.timer.cancel();
    this.#masks.delete(asker);
  }
}

function reply(asker: Asker, text: string): void {
  asker.answer(Buffer.from(text));
  asker.answerDone();
}
