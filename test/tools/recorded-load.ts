// Continuous writes from several clients on several servers, each acknowledgement recorded, and
// afterwards the question to any server's tree: is all of it there, once, and in order?
//
// Each client has one request in flight and a number for each of its writes. Half of them set the
// client's own znode, half create a sequential child; the data is client and number. A write whose
// reply was lost may be there or not, but not twice, and never behind a later one. Between writes
// it reads its own znode and those of others; nothing it was ever shown may step back.

import { readStat, type Stat } from "../../protocol/data.ts";
import { Reader } from "../../protocol/jute.ts";
import { CreateFlag, OpCode } from "../../protocol/opcodes.ts";
import {
  readGetDataResponse,
  writeCreateRequest,
  writeSetDataRequest,
  writeVersionedRequest,
  writeWatchableRequest,
} from "../../protocol/proto.ts";
import { ClientMemory } from "./client-memory.ts";
import { type LoadReply, LoadSession, ReplyLost } from "./load-session.ts";
import type { SeenZnode } from "./tree-dump.ts";
import { pause, until } from "./until.ts";
import { type Acknowledged, LOAD_ROOT, token, WriteLedger } from "./write-ledger.ts";

export interface LoadOptions {
  /** Default: 4. */
  readonly clients?: number;
  /** Of all clients together; what the servers make of it is another matter. Default: 400. */
  readonly writesPerSecond?: number;
  /** How long a client waits for a reply before it goes elsewhere. Default: 3000. */
  readonly replyLimitMs?: number;
  /** Children that a client keeps: with each further one the oldest is deleted. Default: all. */
  readonly childrenKept?: number;
}

const ANYONE = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
/** Children of one parent; then comes the next parent. */
const CHILDREN = 500;
/** Each so many writes the client's own znode is read, and halfway between one of another's. */
const READ_EVERY = 8;
const RESTING_READ_MS = 200;
const PROBLEMS_TOLD = 20;

export class RecordedLoad {
  readonly #writers: readonly LoadWriter[];
  readonly #record: WriteLedger;
  #running: Promise<void>[] = [];

  private constructor(ports: readonly number[], options: LoadOptions) {
    const { clients = 4, writesPerSecond = 400, replyLimitMs = 3000 } = options;
    const { childrenKept = Number.POSITIVE_INFINITY } = options;
    this.#record = new WriteLedger();
    const intervalMs = (1000 * clients) / writesPerSecond;
    this.#writers = Array.from({ length: clients }, (_, client) => {
      const session = new LoadSession(ports, client, replyLimitMs);
      return new LoadWriter(client, session, intervalMs, this.#record, clients, childrenKept);
    });
  }

  /** Begins to write, the clients on different servers as far as there are. */
  static start(ports: readonly number[], options: LoadOptions = {}): RecordedLoad {
    const load = new RecordedLoad(ports, options);
    load.#running = load.#writers.map((each) => each.run());
    return load;
  }

  get acknowledged(): number {
    return this.#record.acknowledged.length;
  }

  /** Writes whose reply was lost. */
  get unknown(): number {
    return this.#record.unknown.size;
  }

  /** Sessions that were over when their client came back. */
  get expiredSessions(): number {
    return this.#writers.reduce((sum, each) => sum + each.session.expired, 0);
  }

  /** The longest time between two acknowledgements, since the beginning or the last call. */
  takeLongestGapMs(): number {
    return this.#record.takeLongestGapMs();
  }

  /** Waits for so many more acknowledgements. */
  async more(count: number): Promise<void> {
    const enough = this.acknowledged + count;
    await until(`${count} more writes are acknowledged`, () => {
      if (this.#record.surprises.length > 0) throw new Error(this.#record.surprises.join("\n"));
      return this.acknowledged >= enough;
    });
  }

  /** Waits until every client has been acknowledged another write. */
  async allClients(): Promise<void> {
    const before = this.#writers.map((each) => each.acknowledged);
    await until("every client is acknowledged a write", () =>
      this.#writers.every((each, at) => each.acknowledged > (before[at] ?? 0)),
    );
  }

  /** Resolves when no write is in flight any more; the sessions are kept alive by reads. */
  async pause(): Promise<void> {
    for (const each of this.#writers) each.isPaused = true;
    await until("no write is in flight", () => this.#writers.every((each) => each.isResting));
  }

  resume(): void {
    for (const each of this.#writers) each.isPaused = false;
  }

  /** Ends the writing; what is in flight is waited for. */
  async stop(): Promise<void> {
    for (const each of this.#writers) each.stop();
    await Promise.all(this.#running);
  }

  /** What is wrong with a tree that was read after `stop`, and with what the clients saw. */
  problems(tree: ReadonlyMap<string, SeenZnode>): string[] {
    return [...this.#record.surprises, ...this.#record.check(tree)].slice(0, PROBLEMS_TOLD);
  }
}

class LoadWriter {
  readonly session: LoadSession;
  acknowledged = 0;
  isPaused = false;
  /** It has seen that it is paused. */
  isResting = false;
  readonly #client: number;
  readonly #intervalMs: number;
  readonly #record: WriteLedger;
  readonly #clients: number;
  readonly #childrenKept: number;
  readonly #memory: ClientMemory;
  /** Its children that were acknowledged, the oldest first. */
  readonly #kept: string[] = [];
  #number = 0;
  #parents = 0;
  #children = CHILDREN;
  #setVersion = -1;
  #isStopped = false;

  constructor(
    client: number,
    session: LoadSession,
    intervalMs: number,
    record: WriteLedger,
    clients: number,
    childrenKept: number,
  ) {
    this.#client = client;
    this.session = session;
    this.#intervalMs = intervalMs;
    this.#record = record;
    this.#clients = clients;
    this.#childrenKept = childrenKept;
    this.#memory = new ClientMemory((text) => record.surprise(`client ${client}: ${text}`));
  }

  async run(): Promise<void> {
    await this.#insist(LOAD_ROOT);
    await this.#insist(this.#own);
    const startedMs = performance.now();
    while (!this.#isStopped) {
      this.isResting = this.isPaused;
      if (this.isResting) {
        await this.#readOwn();
        await pause(RESTING_READ_MS);
        continue;
      }
      const number = this.#number++;
      if (number % READ_EVERY === 0) await this.#readOwn();
      if (number % READ_EVERY === READ_EVERY / 2) {
        await this.#read(ownOf(Math.floor(number / READ_EVERY) % this.#clients));
      }
      if (number % 2 === 0) await this.#set(number);
      else await this.#create(number);
      if (this.#kept.length > this.#childrenKept) await this.#deleteOldest();
      // A pace, not a pause: what was missed in a gap is not made up for.
      const aheadMs = startedMs + this.#number * this.#intervalMs - performance.now();
      await pause(Math.min(Math.max(0, aheadMs), this.#intervalMs));
    }
    this.session.stop();
  }

  stop(): void {
    this.#isStopped = true;
  }

  get #own(): string {
    return ownOf(this.#client);
  }

  async #set(number: number): Promise<void> {
    const path = this.#own;
    const data = token(this.#client, number);
    const reply = await this.#write(number, path, OpCode.setData, (writer) => {
      writeSetDataRequest(writer, { path, data, version: -1 });
    });
    if (reply === undefined) return;
    const stat = readStat(new Reader().reset(reply.body));
    this.#memory.znode(path, stat);
    const { version } = stat;
    if (version <= this.#setVersion) {
      this.#record.surprise(`${path}: version ${version} after ${this.#setVersion}`);
    }
    this.#setVersion = version;
    this.#keep({ number, path, version, ...reply });
  }

  async #create(number: number): Promise<void> {
    if (this.#children >= CHILDREN) {
      this.#children = 0;
      this.#parents++;
      await this.#insist(this.#parent);
    }
    const path = `${this.#parent}/n-`;
    const data = token(this.#client, number);
    const reply = await this.#write(number, path, OpCode.create, (writer) => {
      writeCreateRequest(writer, {
        path,
        data,
        acl: ANYONE,
        flags: CreateFlag.persistentSequential,
      });
    });
    this.#children++;
    if (reply === undefined) return;
    const created = new Reader().reset(reply.body).string() ?? "";
    this.#kept.push(created);
    this.#keep({ number, path: created, version: undefined, ...reply });
  }

  get #parent(): string {
    return `${this.#own}/p${this.#parents}`;
  }

  async #deleteOldest(): Promise<void> {
    const path = this.#kept.shift() ?? "";
    const reply = await this.#ask(OpCode.delete, (writer) => {
      writeVersionedRequest(writer, { path, version: -1 });
    });
    if (reply === undefined || reply.err === 0) this.#record.deleted(path, reply !== undefined);
    else this.#refused(path, reply.err);
  }

  /** Nobody else writes it: what was acknowledged must be there. */
  async #readOwn(): Promise<void> {
    const stat = await this.#read(this.#own);
    if (stat !== undefined && stat.version < this.#setVersion) {
      const { version } = stat;
      this.#record.surprise(
        `${this.#own}: ${version} is read after ${this.#setVersion} was written`,
      );
    }
  }

  /** Undefined: no reply came, or it is not there. */
  async #read(path: string): Promise<Stat | undefined> {
    const reply = await this.#ask(OpCode.getData, (writer) => {
      writeWatchableRequest(writer, { path, watch: false });
    });
    if (reply === undefined) return undefined;
    if (reply.err !== 0 && reply.err !== NO_NODE) this.#refused(path, reply.err);
    const stat =
      reply.err === 0 ? readGetDataResponse(new Reader().reset(reply.body)).stat : undefined;
    if (stat !== undefined || reply.err === NO_NODE) this.#memory.znode(path, stat);
    return stat;
  }

  /** Creates a znode, however often it takes. */
  async #insist(path: string): Promise<void> {
    for (;;) {
      const reply = await this.#ask(OpCode.create, (writer) => {
        writeCreateRequest(writer, { path, data: Buffer.alloc(0), acl: ANYONE, flags: 0 });
      });
      if (reply?.err === 0 || reply?.err === NODE_EXISTS || this.#isStopped) return;
    }
  }

  async #write(
    number: number,
    path: string,
    opcode: number,
    body: Parameters<LoadSession["ask"]>[1],
  ): Promise<{ zxid: number; after: number; body: Buffer } | undefined> {
    const after = this.#record.highestZxid;
    const reply = await this.#ask(opcode, body);
    if (reply === undefined) {
      this.#record.lost(this.#client, number);
    } else if (reply.err !== 0) {
      this.#refused(path, reply.err);
    } else {
      return { zxid: reply.zxid, after, body: reply.body };
    }
    return undefined;
  }

  async #ask(...request: Parameters<LoadSession["ask"]>): Promise<LoadReply | undefined> {
    try {
      const reply = await this.session.ask(...request);
      if (reply.err === 0) this.#memory.zxid(reply.zxid);
      return reply;
    } catch (error) {
      if (error instanceof ReplyLost) return undefined;
      throw error;
    }
  }

  /** The session was over, or moved: nothing was done, as it says. Anything else has no reason. */
  #refused(path: string, err: number): void {
    if (!HARMLESS.has(err)) this.#record.surprise(`${path}: error ${err}`);
  }

  #keep(write: Omit<Acknowledged, "client">): void {
    this.acknowledged++;
    this.#record.keep({ ...write, client: this.#client });
  }
}

function ownOf(client: number): string {
  return `${LOAD_ROOT}/c${client}`;
}

const NO_NODE = -101;
const NODE_EXISTS = -110;
/** SessionExpired, SessionMoved. */
const HARMLESS: ReadonlySet<number> = new Set([-112, -118]);
