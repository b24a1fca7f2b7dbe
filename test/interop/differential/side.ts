// The sessions of a run at one server: plays rounds and tells what was heard in them.

import { wordsHex } from "../../../protocol/zxid.ts";
import { createdPath, eventPath, eventText, isEvent, isWrite, replyText } from "./answers.ts";
import { Connection, type Heard, type Identity, isAboutWho, NO_IDENTITY } from "./connection.ts";
import { type Ending, type Request, type Round, SLOTS } from "./script.ts";

/** One thing that a session heard. */
export interface Line {
  readonly slot: number;
  readonly text: string;
  /** What the text was made of; undefined for what is not a reply or an event. */
  readonly heard: Heard | undefined;
}

/** What a round brought, in an order that is every server's. */
export interface Transcript {
  readonly lines: readonly Line[];
  /** Paths that creates made. */
  readonly created: readonly string[];
}

/** A character beyond the BMP, as UTF-8 has it or as Java writes it (habits.ts). */
const BEYOND_BMP = /[\u{10000}-\u{10ffff}]|\ufffd{6}/gu;

/** The subtree that is one session's in a round of all together. */
export function ownRoot(slot: number): string {
  return `/s${slot}`;
}

export class Side {
  readonly #port: number;
  readonly #isApache: boolean;
  readonly #connections: Connection[] = [];
  readonly #identities: Identity[] = [];
  readonly #sessionNames = new Map<string, string>();
  readonly #zxidNames = new Map<number, string>();
  /** The last zxid at the end of each round. */
  readonly #boundaries: number[] = [0];
  #lines: Line[] = [];
  /** Replies to auth packets: where they come among the others is a habit of Apache 3.8.0's. */
  #authLines: Line[] = [];
  #created: string[] = [];

  constructor(port: number, isApache: boolean) {
    this.#port = port;
    this.#isApache = isApache;
  }

  async open(timeoutMs: number): Promise<void> {
    for (let slot = 0; slot < SLOTS; slot++) await this.#open(slot, NO_IDENTITY, timeoutMs);
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  /** @throws Error when the server ends a connection that should stay, or says nothing. */
  async play(round: Round): Promise<Transcript> {
    this.#lines = [];
    this.#authLines = [];
    this.#created = [];
    switch (round.kind) {
      case "burst":
        await this.#burst(round.slot, round.requests);
        break;
      case "together":
        await this.#together(round.bursts);
        break;
      case "ending":
        await this.#burst(round.slot, round.requests);
        await this.#end(round.slot, round.ending, round.timeoutMs);
        break;
      case "move":
        await this.#move(round.slot, round.withIntruder, round.timeoutMs);
        break;
    }
    return { lines: [...this.#lines, ...this.#authLines], created: this.#created };
  }

  async #burst(slot: number, requests: readonly Request[]): Promise<void> {
    const asker = this.#connection(slot);
    asker.send(requests, this.#zxidAt);
    await asker.barrier();
    await this.#othersBarrier(slot);
    this.#hear((heard) => String(heard.zxid));
    this.#boundaries.push(this.#lastZxid());
  }

  /**
   * Zxids of writes are called by slot and place, and which they were as a whole is told at the
   * end; what a session reads has the zxid of that moment, which is nobody's promise; events of
   * others' subtrees come apart, in their own order.
   */
  async #together(bursts: readonly (readonly Request[])[]): Promise<void> {
    const round = this.#boundaries.length;
    for (const [slot, burst] of bursts.entries()) {
      this.#connection(slot).send(burst, this.#zxidAt);
    }
    await Promise.all(this.#connections.map((connection) => connection.barrier()));
    await this.#othersBarrier(-1);
    const writes: number[] = [];
    for (const [slot, connection] of this.#connections.entries()) {
      const heard = connection.take();
      const isForeign = (one: Heard): boolean =>
        isEvent(one) && !eventPath(one).startsWith(`${ownRoot(slot)}/`);
      let before = 0;
      for (const one of heard.filter((each) => !isForeign(each))) {
        if (!isEvent(one) && one.zxid > 0) {
          if (one.zxid < before) this.#say(slot, `zxid ${one.zxid} after ${before}`);
          before = one.zxid;
        }
        if (isWrite(one)) {
          this.#zxidNames.set(one.zxid, `${round}.${slot}.${writes.push(one.zxid)}`);
        }
        this.#tell(slot, one, isWrite(one) || one.zxid <= 0 ? this.#zxidName(one.zxid) : "~");
      }
      const foreign = heard.filter(isForeign).map((one) => [rootOf(eventPath(one)), one] as const);
      for (const [, one] of foreign.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
        this.#tell(slot, one, "");
      }
    }
    this.#say(-1, `zxids ${writes.toSorted((a, b) => a - b).join()}`);
    this.#boundaries.push(this.#boundaries.at(-1) ?? 0);
    await this.#burst(0, []);
  }

  async #end(slot: number, ending: Ending, timeoutMs: number): Promise<void> {
    const connection = this.#connection(slot);
    const identity = this.#identity(slot);
    if (Buffer.isBuffer(ending.last)) connection.sendRaw(ending.last);
    else connection.send([...ending.ahead, ending.last], this.#zxidAt);
    if (this.#isApache) await connection.untilClosedOrLeft();
    else await connection.untilClosed();
    await this.#othersBarrier(slot);
    this.#hear((heard) => String(heard.zxid), true);
    await this.#open(slot, identity, timeoutMs);
    this.#boundaries.push(this.#boundaries.at(-1) ?? 0);
  }

  async #move(slot: number, withIntruder: boolean, timeoutMs: number): Promise<void> {
    const identity = this.#identity(slot);
    const old = this.#connection(slot);
    if (withIntruder) {
      const password = Buffer.from(identity.password);
      password.writeUInt8(password.readUInt8(0) ^ 1, 0);
      const { connection, response } = await this.#greet({ ...identity, password }, timeoutMs);
      this.#say(slot, `an intruder is given ${response?.timeoutMs ?? "no answer"}`);
      await connection.untilClosed();
    }
    await this.#open(slot, identity, timeoutMs);
    // There the end of an earlier connection may have made the server forget this one.
    if (this.#isApache) old.close();
    else await old.untilClosed();
    this.#boundaries.push(this.#boundaries.at(-1) ?? 0);
  }

  /** Comes back to a session, or has a new one where that is over. */
  async #open(slot: number, identity: Identity, timeoutMs: number): Promise<void> {
    const { connection, response } = await this.#greet(identity, timeoutMs);
    if (response === undefined) throw new Error("a handshake had no answer");
    if (response.timeoutMs <= 0 && identity.high !== 0) {
      await connection.untilClosed();
      this.#say(slot, `the session is over: id ${response.sessionHigh},${response.sessionLow}`);
      await this.#open(slot, NO_IDENTITY, timeoutMs);
      return;
    }
    const { sessionHigh: high, sessionLow: low } = response;
    const hex = wordsHex(high, low);
    if (!this.#sessionNames.has(hex)) {
      this.#sessionNames.set(hex, `session-${this.#sessionNames.size}`);
    }
    this.#connections[slot] = connection;
    this.#identities[slot] = { high, low, password: response.password ?? Buffer.alloc(0) };
    this.#say(slot, `${this.#sessionName(hex)} for ${response.timeoutMs} ms`);
  }

  #greet(identity: Identity, timeoutMs: number): ReturnType<typeof Connection.open> {
    return Connection.open(this.#port, identity, timeoutMs, this.#isApache);
  }

  async #othersBarrier(slot: number): Promise<void> {
    await Promise.all(
      this.#connections.flatMap((connection, at) => (at === slot ? [] : [connection.barrier()])),
    );
  }

  /** @param isEnd The events of a session's end come in no promised order among themselves. */
  #hear(zxidOf: (heard: Heard) => string, isEnd = false): void {
    for (const [slot, connection] of this.#connections.entries()) {
      const heard = connection.take();
      const told = isEnd ? withEventsSorted(heard) : heard;
      for (const one of told) this.#tell(slot, one, zxidOf(one));
    }
  }

  #tell(slot: number, heard: Heard, zxid: string): void {
    const names = { session: this.#sessionName, zxid: this.#zxidName };
    const whole = isEvent(heard) ? eventText(heard) : replyText(heard, zxid, names);
    const text = whole.replaceAll(BEYOND_BMP, "\ufffd");
    const lines = isAboutWho(heard.request?.type ?? 0) ? this.#authLines : this.#lines;
    lines.push({ slot, text, heard });
    const created = createdPath(heard);
    if (created !== undefined) this.#created.push(created);
  }

  #say(slot: number, text: string): void {
    this.#lines.push({ slot, text, heard: undefined });
  }

  #lastZxid(): number {
    const zxids = this.#lines.flatMap(({ heard }) =>
      heard === undefined || isEvent(heard) ? [] : [heard.zxid],
    );
    return zxids.reduce((last, zxid) => Math.max(last, zxid), this.#boundaries.at(-1) ?? 0);
  }

  readonly #sessionName = (hex: string): string => this.#sessionNames.get(hex) ?? hex;
  readonly #zxidName = (zxid: number): string => this.#zxidNames.get(zxid) ?? String(zxid);
  readonly #zxidAt = (roundsAgo: number): number =>
    this.#boundaries.at(Math.max(-1 - roundsAgo, -this.#boundaries.length)) ?? 0;

  #connection(slot: number): Connection {
    const connection = this.#connections[slot];
    if (connection === undefined) throw new Error(`no session ${slot}`);
    return connection;
  }

  #identity(slot: number): Identity {
    return this.#identities[slot] ?? NO_IDENTITY;
  }
}

/** `/s1` of `/s1/a/b`. */
function rootOf(path: string): string {
  return path.split("/", 2).join("/");
}

/** Each run of events that nothing interrupts, in the order of their text. */
function withEventsSorted(heard: readonly Heard[]): Heard[] {
  const sorted: Heard[] = [];
  let run: Heard[] = [];
  const endRun = (): void => {
    sorted.push(...run.toSorted((a, b) => (eventText(a) < eventText(b) ? -1 : 1)));
    run = [];
  };
  for (const one of heard) {
    if (isEvent(one)) {
      run.push(one);
    } else {
      endRun();
      sorted.push(one);
    }
  }
  endRun();
  return sorted;
}
