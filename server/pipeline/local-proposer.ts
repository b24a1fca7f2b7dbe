/**
 * Txns made here: prep, and the log's batch that it writes them into. A server that leads makes
 * them for its own clients, for those of its learners (leader-desk.ts), and unasked: it ends
 * sessions that expired and znodes whose time is over.
 *
 * What is made in a turn goes to the disk at its end.
 */

import { ErrorCode } from "../../protocol/errors.ts";
import type { Clock } from "../../protocol/host.ts";
import type { Reader } from "../../protocol/jute.ts";
import { keyHighWord, keyLowWord, type Zxid } from "../../protocol/zxid.ts";
import { OWNER_UNKNOWN, type Session } from "../session/sessions.ts";
import type { DataTree } from "../tree/data-tree.ts";
import { Prep, type PrepOptions, type TxnSink } from "./prep.ts";
import type { Proposer } from "./proposer.ts";
import type { AuthId } from "./requester.ts";

/** The log as txns are made into it. */
export interface DurableLog extends TxnSink {
  /** It takes no more for now. */
  readonly isFull: boolean;
  /** Starts what was committed on its way to the disk. */
  flush(): void;
}

/** What a leader has that a server does not have which stands alone. */
export interface Office {
  /** Of the epoch: what the first txn will be, unless there are some. */
  readonly firstZxid: Zxid;
  /** It may have been deposed and not know it: calls back once all that was proposed before is settled, by a quorum that is still ours. */
  sync(done: () => void): void;
}

/**
 * Sessions are expired while less than this is on its way: the paths of their ephemerals and
 * SESSION_BYTES each. It is a millisecond or two of work, or one session that owns more.
 */
const EXPIRING_BYTES_MAX = 4 * 1024;
/** What the end of a session without ephemerals is taken for. */
const SESSION_BYTES = 64;

/** The end of a session that expired, on its way. */
interface Ending {
  readonly zxid: Zxid;
  readonly bytes: number;
}

export class LocalProposer implements Proposer {
  readonly isReadOnly = false;
  /** Of a leader: a sync is confirmed. */
  onSynced: (() => void) | undefined;
  cxid = 0;
  readonly #clock: Clock;
  readonly #tree: DataTree;
  readonly #log: DurableLog;
  readonly #prep: Prep;
  /** Whose clients are served here. */
  readonly #serverId: number;
  readonly #office: Office | undefined;
  #flushScheduled = false;
  /** In zxid order. Invariant: their bytes add up to `#endingBytes`. */
  #endings: Ending[] = [];
  #endingBytes = 0;

  /**
   * @param serverId This server's number as sessions name their owner.
   * @param office Undefined: this server stands alone.
   */
  constructor(
    clock: Clock,
    tree: DataTree,
    log: DurableLog,
    options: PrepOptions,
    serverId: number,
    office?: Office,
  ) {
    this.#clock = clock;
    this.#tree = tree;
    this.#log = log;
    this.#prep = new Prep(tree, log, clock, options);
    this.#serverId = serverId;
    this.#office = office;
    if (office !== undefined) {
      this.#prep.lastZxid = Math.max(this.#prep.lastZxid, office.firstZxid - 1);
    }
  }

  get isFull(): boolean {
    return this.#log.isFull;
  }

  get lastZxid(): Zxid {
    return this.#prep.lastZxid;
  }

  get askedTypes(): readonly number[] {
    return this.#prep.askedTypes;
  }

  get confirmsSyncs(): boolean {
    return this.#office !== undefined;
  }

  request(
    type: number,
    session: Session,
    xid: number,
    ids: readonly AuthId[],
    reader: Reader,
  ): Zxid {
    const { high, low } = session;
    if (session.isLocal) {
      const refusal = ErrorCode.EphemeralOnLocalSession;
      return this.requestOf(high, low, type, xid, ids, reader, ErrorCode.Ok, refusal);
    }
    if (session.owner === OWNER_UNKNOWN) session.owner = this.#serverId;
    const refusal = session.owner === this.#serverId ? ErrorCode.Ok : ErrorCode.SessionMoved;
    return this.requestOf(high, low, type, xid, ids, reader, refusal);
  }

  /**
   * The same for whomever.
   *
   * @param refusal A code that the request fails with, whatever it asks; 0: none.
   * @param ephemeralRefusal The same for what makes an ephemeral.
   */
  requestOf(
    high: number,
    low: number,
    type: number,
    cxid: number,
    ids: readonly AuthId[],
    reader: Reader,
    refusal: number,
    ephemeralRefusal = 0,
  ): Zxid {
    this.cxid = cxid;
    const prep = this.#prep;
    return this.#made(prep.request(type, high, low, cxid, ids, reader, refusal, ephemeralRefusal));
  }

  createSession({ high, low, timeoutMs }: Session): Zxid {
    return this.createSessionOf(high, low, timeoutMs);
  }

  createSessionOf(high: number, low: number, timeoutMs: number): Zxid {
    this.cxid = 0;
    return this.#made(this.#prep.createSession(high, low, timeoutMs));
  }

  closeSession({ high, low }: Session, xid: number): Zxid {
    return this.closeSessionOf(high, low, xid);
  }

  /** Ends a session, whether it is known or not. */
  closeSessionOf(high: number, low: number, cxid: number): Zxid {
    this.cxid = cxid;
    return this.#made(this.#prep.closeSession(high, low, cxid));
  }

  sync(): void {
    this.#office?.sync(this.#synced);
  }

  revalidate(high: number, low: number): boolean {
    return this.#tree.sessions.has(high, low);
  }

  applied(zxid: Zxid): void {
    this.#prep.applied(zxid);
    if (this.#endings.length > 0) this.#forgetEndings(zxid);
  }

  // Unasked.

  /**
   * Whether one more session may be expired: thousands may be due at once, and all that is deleted
   * with them is applied in the turn in which it is durable.
   */
  mayExpire(): boolean {
    return this.#endingBytes < EXPIRING_BYTES_MAX;
  }

  /** A session has expired: nothing revives it any more. */
  expire({ high, low }: Session): void {
    const bytes = SESSION_BYTES + this.#prep.ephemeralPathBytes(high, low);
    const zxid = this.closeSessionOf(high, low, 0);
    this.#endings.push({ zxid, bytes });
    this.#endingBytes += bytes;
  }

  /** Closes the sessions that own ephemerals and that nobody knows any more (storage F-5). */
  closeOrphans(): void {
    for (const key of this.#tree.ephemerals.sessions()) {
      const high = keyHighWord(key);
      const low = keyLowWord(key);
      if (!this.#tree.sessions.has(high, low)) this.closeSessionOf(high, low, 0);
    }
  }

  /** Deletes a container or a TTL znode that is over, unless another has taken its place. */
  reap(path: string, czxid: Zxid): void {
    this.#made(this.#prep.reap(path, czxid));
  }

  readonly #synced = (): void => this.onSynced?.();

  #made(zxid: Zxid): Zxid {
    if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      this.#clock.endOfTurn(this.#flush);
    }
    return zxid;
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false;
    this.#log.flush();
  };

  #forgetEndings(zxid: Zxid): void {
    let passed = 0;
    for (const ending of this.#endings) {
      if (ending.zxid > zxid) break;
      this.#endingBytes -= ending.bytes;
      passed++;
    }
    if (passed > 0) this.#endings = this.#endings.slice(passed);
  }
}
