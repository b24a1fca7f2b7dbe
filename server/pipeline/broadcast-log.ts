/**
 * The log of a leader as prep writes into it: each txn, once it is in the log's batch, goes to the
 * learners as well, from the very bytes that the disk will get (quorum-protocol B-3).
 */
import { assert } from "../../protocol/assert.ts";
import type { Writer } from "../../protocol/jute.ts";
import { type Zxid, zxidCounter } from "../../protocol/zxid.ts";
import type { DurableLog } from "./local-proposer.ts";

/** Who takes txns to the learners. */
export interface Broadcast {
  propose(bytes: Buffer, start: number, end: number, zxid: Zxid): void;
}

/** How large txns are, in bytes; -1 before the first. */
export class ProposalSizes {
  last = -1;
  min = -1;
  max = -1;

  add(bytes: number): void {
    this.last = bytes;
    if (bytes > this.max) this.max = bytes;
    if (this.min < 0 || bytes < this.min) this.min = bytes;
  }
}

export class BroadcastLog implements DurableLog {
  readonly sizes: ProposalSizes = new ProposalSizes();
  readonly #log: DurableLog;
  readonly #broadcast: Broadcast;
  readonly #stats: { proposals: number };
  /** Of the txn that is being written. */
  #writer: Writer | undefined;
  #start = 0;

  constructor(log: DurableLog, broadcast: Broadcast, stats: { proposals: number }) {
    this.#log = log;
    this.#stats = stats;
    this.#broadcast = broadcast;
  }

  get isFull(): boolean {
    return this.#log.isFull;
  }

  begin(): Writer {
    const writer = this.#log.begin();
    this.#writer = writer;
    this.#start = writer.length;
    return writer;
  }

  commit(zxid: Zxid): void {
    const writer = this.#writer;
    assert(writer !== undefined, "a txn that was not begun");
    // A leader steps down before its counter runs into the epoch (quorum-protocol P-6).
    assert(zxidCounter(zxid) !== 0, "an epoch has no txns left");
    const end = writer.length;
    this.#log.commit(zxid);
    this.sizes.add(end - this.#start);
    this.#stats.proposals++;
    this.#broadcast.propose(writer.bytes, this.#start, end, zxid);
  }

  flush(): void {
    this.#log.flush();
  }
}
