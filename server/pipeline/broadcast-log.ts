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

export class BroadcastLog implements DurableLog {
  readonly #log: DurableLog;
  readonly #broadcast: Broadcast;
  /** Of the txn that is being written. */
  #writer: Writer | undefined;
  #start = 0;

  constructor(log: DurableLog, broadcast: Broadcast) {
    this.#log = log;
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
    this.#broadcast.propose(writer.bytes, this.#start, end, zxid);
  }

  flush(): void {
    this.#log.flush();
  }
}
