/**
 * Requests that became txns, here or at the leader, and wait for their commit, in zxid order: a
 * ring whose entries are used again, so that a request makes no garbage.
 */
import { assert } from "../../protocol/assert.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { Session } from "../session/sessions.ts";
import { ZXID_UNKNOWN } from "./proposer.ts";
import type { Requester } from "./requester.ts";

const INITIAL_ENTRIES = 256;
// TxnHeader: long clientId, int cxid, long zxid, long time, int type
const TXN_CXID_AT = 8;

/** One request on its way. */
export class InFlight {
  /** Its txn's; ZXID_UNKNOWN while the leader alone knows it. */
  zxid: Zxid = 0;
  type = 0;
  xid = 0;
  /** In its txn. */
  cxid = 0;
  /** Undefined: the entry waits to be used again. */
  session: Session<Requester> | undefined;
  /** Where the reply goes, if it is still there. */
  requester: Requester | undefined;
  arrivedMs = 0;
  /** Of its frame; 0: there was none. */
  bytes = 0;
  /** Of a multi: what its parts were asked as. */
  askedTypes: readonly number[] = [];
  /** What this server knows to be wrong with it, and the leader does not; 0: nothing. */
  code = 0;
}

export class InFlightRing {
  #entries: InFlight[] = [];
  /** Invariant: #mask + 1 is the number of entries, a power of two. */
  #mask = 0;
  #head = 0;
  #length = 0;
  readonly #lost: () => void;

  /** @param lost The oldest will never come: one behind it did. */
  constructor(lost: () => void) {
    this.#lost = lost;
    this.#fill(INITIAL_ENTRIES);
  }

  get length(): number {
    return this.#length;
  }

  /** The entry behind the last one, to be filled in by the caller. */
  push(): InFlight {
    if (this.#length > this.#mask) this.#grow();
    const entry = this.#at(this.#head + this.#length);
    this.#length++;
    return entry;
  }

  /** The oldest, or undefined: none is on its way. */
  first(): InFlight | undefined {
    return this.#length === 0 ? undefined : this.#at(this.#head);
  }

  /**
   * Takes out the oldest if the txn at `start` was made of it; undefined: somebody asked for it at
   * another server, or nobody. It is known by its zxid where that was given out here, else by its
   * session and cxid (quorum-protocol B-16).
   *
   * @param lastCxid That of the newest.
   */
  settledBy(bytes: Buffer, start: number, zxid: Zxid, lastCxid: number): InFlight | undefined {
    const entry = this.first();
    if (entry === undefined) return undefined;
    if (entry.zxid !== ZXID_UNKNOWN) {
      if (zxid < entry.zxid) return undefined;
      assert(zxid === entry.zxid, "commits come in the order of proposals");
      return this.shift();
    }
    const high = bytes.readInt32BE(start);
    const low = bytes.readInt32BE(start + 4);
    const cxid = bytes.readInt32BE(start + TXN_CXID_AT);
    if (cxid === entry.cxid && high === entry.session?.high && low === entry.session.low) {
      return this.shift();
    }
    // One of ours that is not the oldest: the leader has left out what is ahead of it.
    const behind = (lastCxid - cxid) | 0;
    const mayBeOurs = behind >= 0 && behind < this.#length;
    if (mayBeOurs && this.#has(high, low, cxid)) this.#lost();
    return undefined;
  }

  /** Takes out the oldest. It holds until as many more have been pushed as the ring has room for. */
  shift(): InFlight {
    assert(this.#length > 0, "a commit nobody waits for");
    const entry = this.#at(this.#head);
    this.#head = (this.#head + 1) & this.#mask;
    this.#length--;
    return entry;
  }

  /** Whether a request with this txn's header is among them. */
  #has(sessionHigh: number, sessionLow: number, cxid: number): boolean {
    for (let i = 0; i < this.#length; i++) {
      const entry = this.#at(this.#head + i);
      const { session } = entry;
      if (entry.cxid !== cxid || session === undefined) continue;
      if (session.high === sessionHigh && session.low === sessionLow) return true;
    }
    return false;
  }

  #at(index: number): InFlight {
    const entry = this.#entries[index & this.#mask];
    assert(entry !== undefined, "the ring is full of entries");
    return entry;
  }

  #grow(): void {
    const ordered: InFlight[] = [];
    for (let i = 0; i < this.#length; i++) ordered.push(this.#at(this.#head + i));
    this.#entries = ordered;
    this.#head = 0;
    this.#fill(ordered.length * 2);
  }

  #fill(size: number): void {
    while (this.#entries.length < size) this.#entries.push(new InFlight());
    this.#mask = size - 1;
  }
}
