// One leader's core on a replica whose disk works by hand, with learners whose every byte a test
// writes. Everything the core does is a line:
//
//     2 ← NEWLEADER 200000000   a packet for learner 2
//     2 closed: ...             its link, by the leader
//     disk: currentEpoch 2      asked of the disk; `release("currentEpoch")` makes it done
//     deliver 200000001         settled
//     lead 2, step down: ...
//
// A turn of the loop ends with every call of the bench: only then links are filled.

import { Writer } from "../../../protocol/jute.ts";
import { PacketSplitter } from "../../../protocol/packet-splitter.ts";
import {
  type Packet,
  PacketType,
  readDesignation,
  writeAckEpoch,
  writeBarePacket,
  writeLearnerInfo,
  writePacket,
  writeRequest,
  writeRevalidate,
} from "../../../protocol/quorum.ts";
import { makeZxid, type Zxid, zxidEpoch, zxidHex } from "../../../protocol/zxid.ts";
import type {
  ForwardedRequest,
  LeaderEffects,
  LeaderOffice,
  LeaderService,
  LogRange,
  QuorumLink,
  QuorumLinkHandlers,
  Replica,
  TreeStream,
} from "../../../server/zab/effects.ts";
import { Leader, type LeaderOptions } from "../../../server/zab/leader.ts";
import { QuorumVerifier } from "../../../server/zab/quorum-verifier.ts";
import { TxnWindow } from "../../../server/zab/txn-window.ts";

/** Shorter to read than makeZxid: (1, 5) is 0x100000005. */
export const z: (epoch: number, counter: number) => Zxid = makeZxid;

/** The zxids of an epoch from one counter to another. */
export function range(epoch: number, from: number, to: number): Zxid[] {
  return Array.from({ length: to - from + 1 }, (_, i) => z(epoch, from + i));
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(PacketType).map(([name, type]) => [type, name]),
);
const TREE: Buffer = Buffer.from("tree!");

/** The bytes of a txn: a header, and something behind it. */
function txn(zxid: Zxid, length = 20): Buffer {
  const out = new Writer();
  out.words(0, 1);
  out.int(0);
  out.long(zxid);
  out.long(0);
  out.int(5);
  out.raw(Buffer.alloc(length, zxid % 251));
  return out.take();
}

class FakeReplica implements Replica {
  readonly window: TxnWindow;
  acceptedEpoch: number;
  currentEpoch: number;
  readonly isEmpty = false;
  readonly isDiverged = false;
  /** Txns that only the log on disk still has. */
  log: Zxid[] = [];
  /** Reading the log ends with this. */
  logProblem: string | undefined;
  openRanges = 0;
  openTrees = 0;
  readonly #say: (line: string) => void;
  readonly waiting: { work: string; done: () => void }[] = [];

  constructor(options: BenchOptions, say: (line: string) => void) {
    const { base = 0, history = [], acceptedEpoch, currentEpoch } = options;
    this.#say = say;
    this.window = new TxnWindow(options.keep ?? 500, base);
    for (const zxid of history) {
      const bytes = txn(zxid);
      this.window.append(bytes, 0, bytes.length, zxid);
    }
    this.window.commitTo(this.window.lastZxid);
    this.applyAll();
    this.currentEpoch = currentEpoch ?? zxidEpoch(this.window.lastZxid);
    this.acceptedEpoch = acceptedEpoch ?? this.currentEpoch;
  }

  get lastZxid(): Zxid {
    return this.window.appliedZxid;
  }

  applyAll(): void {
    this.window.beginSlice(Number.POSITIVE_INFINITY);
    while (this.window.next());
  }

  saveAcceptedEpoch(epoch: number, done: () => void): void {
    this.#say(`disk: acceptedEpoch ${epoch}`);
    this.#wait("acceptedEpoch", () => {
      this.acceptedEpoch = epoch;
      done();
    });
  }

  saveCurrentEpoch(epoch: number, done: () => void): void {
    this.#say(`disk: currentEpoch ${epoch}`);
    this.#wait("currentEpoch", () => {
      this.currentEpoch = epoch;
      done();
    });
  }

  whenLogged(done: () => void): void {
    this.#wait("logged", done);
  }

  whenDelivered(done: () => void): void {
    this.#wait("delivered", () => {
      this.applyAll();
      done();
    });
  }

  deliver(): void {
    this.#say(`deliver ${zxidHex(this.window.committedZxid)}`);
  }

  beginEpoch(epoch: number): void {
    this.window.beginEpoch(epoch);
  }

  streamTree(link: QuorumLink, done: () => void): TreeStream {
    this.openTrees++;
    let sent = 0;
    return {
      zxid: this.window.appliedZxid,
      fill: (room) => {
        const end = Math.min(TREE.length, sent + room);
        link.out.raw(TREE.subarray(sent, end));
        sent = end;
        if (sent < TREE.length) link.mark();
        else if (end === TREE.length) {
          sent = Number.POSITIVE_INFINITY;
          this.#wait("tree", () => {
            this.openTrees--;
            done();
          });
        }
      },
      abandon: () => {
        this.openTrees--;
      },
    };
  }

  readLog(after: Zxid, upTo: Zxid): LogRange | undefined {
    const zxids = this.log.filter((zxid) => zxid > after && zxid <= upTo);
    if (!this.log.includes(after)) return undefined;
    this.openRanges++;
    const bytes: Buffer = Buffer.alloc(0);
    const entry = { bytes, start: 0, end: 0, zxid: 0, problem: this.logProblem };
    return Object.assign(entry, {
      next: (): boolean => {
        const zxid = zxids.shift();
        if (zxid === undefined) return false;
        entry.bytes = txn(zxid);
        entry.end = entry.bytes.length;
        entry.zxid = zxid;
        return true;
      },
      close: (): void => {
        this.openRanges--;
      },
    });
  }

  #wait(work: string, done: () => void): void {
    this.waiting.push({ work, done });
  }

  logTo: () => never = never;
  truncate: () => never = never;
  install: () => never = never;
  adopt: () => never = never;
  saveTree: () => never = never;
  reload: () => never = never;
}

function never(): never {
  throw new Error("a leader does not ask for this");
}

export interface BenchOptions extends Partial<LeaderOptions> {
  readonly voters?: readonly number[];
  readonly observers?: readonly number[];
  readonly configVersion?: Zxid;
  /** What the history has before the window. */
  readonly base?: Zxid;
  readonly history?: readonly Zxid[];
  /** Applied txns that the window keeps. */
  readonly keep?: number;
  readonly acceptedEpoch?: number;
  readonly currentEpoch?: number;
}

export class LeaderBench {
  readonly replica: FakeReplica;
  readonly leader: Leader;
  office: LeaderOffice | undefined;
  readonly requests: ForwardedRequest[] = [];
  /** Sessions that asked for a sync, and at which learner. */
  readonly asked: string[] = [];
  /** Sessions that the leader's pipeline knows, by their low word. */
  readonly sessions: Set<number> = new Set<number>();
  /** Of histories with which voters stood for election. */
  readonly claimedEpochs: Map<number, number> = new Map();
  readonly #lines: string[] = [];
  readonly #learners = new Set<FakeLearner>();

  constructor(options: BenchOptions = {}) {
    const { voters = [1, 2, 3], observers = [], configVersion = 0 } = options;
    this.replica = new FakeReplica(options, this.say);
    const members = [
      ...voters.map((sid) => ({ sid, role: "participant" as const })),
      ...observers.map((sid) => ({ sid, role: "observer" as const })),
    ].map((member) => [member.sid, { ...member, addresses: [], client: undefined }] as const);
    const verifier = new QuorumVerifier({
      version: configVersion,
      members: new Map(members),
      groups: new Map(),
      weights: new Map(),
    });
    const defaults: LeaderOptions = {
      sid: 1,
      verifier,
      configText: "config",
      initLimitTicks: 10,
      syncLimitTicks: 5,
      forceSnapshotSync: false,
      maxConcurrentSnapSyncs: 10,
      maxConcurrentDiffSyncs: 100,
      allowUnlistedObservers: false,
    };
    const effects: LeaderEffects = {
      replica: this.replica,
      log: {
        info: () => {},
        // Their links say the same.
        warn: (_details, message) => {
          if (!/^a learner (is sent away|has left)/.test(message)) this.say(`warning: ${message}`);
        },
        error: (_details, message) => this.say(`error: ${message}`),
      },
      claimedEpochOf: (sid) => this.claimedEpochs.get(sid),
      lead: (office) => {
        this.say(`lead ${office.epoch}`);
        this.office = office;
        return this.#service();
      },
      stepDown: (reason) => this.say(`step down: ${reason}`),
    };
    this.leader = new Leader({ ...defaults, ...options }, effects);
  }

  readonly say = (line: string): void => {
    this.#lines.push(line);
  };

  /** What was done since the last call. */
  lines(): string[] {
    return this.#lines.splice(0);
  }

  /** A link is accepted. @param name What its lines begin with. */
  accept(name: string | number): FakeLearner {
    const learner = new FakeLearner(this, String(name));
    this.#learners.add(learner);
    learner.handlers = this.leader.learnerConnected(learner.link);
    this.endTurn();
    return learner;
  }

  /** A link whose server says who it is. */
  join(sid: number, acceptedEpoch = 0, kind: Joining = {}): FakeLearner {
    return this.accept(sid).hello(sid, acceptedEpoch, kind);
  }

  /** A follower that has what the leader has, acknowledged and up to date. */
  joinWhole(sid: number, kind: Joining = {}): FakeLearner {
    const learner = this.join(sid, 0, kind);
    this.releaseAll();
    learner.ackEpoch(this.replica.window.committedZxid, -1);
    this.releaseAll();
    learner.ack(z(this.leader.epoch, 0));
    this.releaseAll();
    return learner;
  }

  /** Takes office with these followers, which have the leader's history. */
  establish(...sids: readonly number[]): FakeLearner[] {
    const learners = sids.map((sid) => this.join(sid, 0, { isOurs: true }));
    this.releaseAll();
    const { lastZxid, currentEpoch } = this.replica;
    for (const learner of learners) learner.ackEpoch(lastZxid, currentEpoch);
    this.releaseAll();
    for (const learner of learners) learner.ack(z(this.leader.epoch, 0));
    this.releaseAll();
    this.lines();
    return learners;
  }

  // The disk

  release(work: string): this {
    const i = this.replica.waiting.findIndex((each) => each.work === work);
    const [found] = i < 0 ? [] : this.replica.waiting.splice(i, 1);
    if (found === undefined) throw new Error(`nothing waits for ${work}`);
    found.done();
    this.endTurn();
    return this;
  }

  releaseAll(): this {
    for (let first = this.replica.waiting[0]; first; first = this.replica.waiting[0]) {
      this.release(first.work);
    }
    return this;
  }

  /** The leader's log is durable up to there. */
  logged(zxid: Zxid): this {
    this.leader.logged(zxid);
    this.endTurn();
    return this;
  }

  // The pipeline

  /** The next `count` txns of the epoch. */
  propose(count = 1, length = 20): this {
    for (let i = 0; i < count; i++) {
      const zxid = this.replica.window.lastZxid + 1;
      const bytes = txn(zxid, length);
      this.office?.propose(bytes, 0, bytes.length, zxid);
    }
    this.endTurn();
    return this;
  }

  sync(name: string): this {
    this.office?.sync(() => this.say(`synced ${name}`));
    this.endTurn();
    return this;
  }

  ticks(halfTicks: number): this {
    for (let i = 0; i < halfTicks; i++) {
      this.leader.tick();
      this.endTurn();
    }
    return this;
  }

  handOver(): this {
    this.leader.handOver();
    this.endTurn();
    return this;
  }

  endTurn(): void {
    for (const learner of this.#learners) learner.endTurn();
  }

  #service(): LeaderService {
    return {
      // The packet's bytes are the link's again afterwards.
      request: (request) =>
        this.requests.push({
          ...request,
          bytes: Buffer.from(request.bytes.subarray(request.start, request.end)),
        }),
      asksForSync: (sid, _high, low) => this.asked.push(`${low} at ${sid}`),
      touch: (_high, low, timeoutMs) => this.say(`touch ${low} ${timeoutMs}`),
      revalidate: (sid, _high, low, timeoutMs) => {
        this.say(`revalidate ${low} ${timeoutMs} for ${sid}`);
        return this.sessions.has(low);
      },
      reported: (sid) => this.say(`reported ${sid}`),
      left: (sid) => this.say(`left ${sid}`),
    };
  }
}

interface Joining {
  readonly isObserver?: boolean;
  readonly isOurs?: boolean;
  readonly configVersion?: Zxid;
}

/** What a test says in a learner's place. */
export class FakeLearner {
  handlers: QuorumLinkHandlers | undefined;
  readonly link: QuorumLink;
  isBlocked = false;
  /** Bytes that one `fill` may write. */
  room = 1_000_000;
  readonly #bench: LeaderBench;
  readonly #name: string;
  readonly #out = new Writer();
  readonly #received: PacketSplitter;
  readonly #sent: PacketSplitter;
  #isMarked = false;
  #isClosed = false;

  constructor(bench: LeaderBench, name: string) {
    this.#bench = bench;
    this.#name = name;
    const fail = (reason: string): never => {
      throw new Error(reason);
    };
    this.#received = new PacketSplitter(1_000_000, (packet) => this.#tell(packet), fail);
    this.#sent = new PacketSplitter(1_000_000, (packet) => this.handlers?.packet(packet), fail);
    const isBlocked = (): boolean => this.isBlocked;
    this.link = {
      remoteAddress: `host of ${name}`,
      get isBlocked(): boolean {
        return isBlocked();
      },
      out: this.#out,
      mark: () => {
        this.#isMarked = true;
      },
      readRaw: never,
      pause: never,
      resume: never,
      close: (reason) => {
        this.#flush();
        this.#isClosed = true;
        this.#bench.say(`${this.#name} closed: ${reason}`);
      },
    };
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  hello(sid: number, acceptedEpoch: number, kind: Joining = {}): this {
    const { isObserver = false, isOurs = false, configVersion = 0 } = kind;
    const out = new Writer();
    const type = isObserver ? PacketType.OBSERVERINFO : PacketType.FOLLOWERINFO;
    writeLearnerInfo(out, type, z(acceptedEpoch, 0), sid, configVersion);
    if (isOurs) return this.send(out.take());
    const info = out.take().subarray(16, 36);
    writePacket(out, type, z(acceptedEpoch, 0), info);
    return this.send(out.take());
  }

  ackEpoch(lastZxid: Zxid, currentEpoch: number): this {
    const out = new Writer();
    writeAckEpoch(out, lastZxid, currentEpoch);
    return this.send(out.take());
  }

  ack(...zxids: readonly Zxid[]): this {
    const out = new Writer();
    for (const zxid of zxids) writeBarePacket(out, PacketType.ACK, zxid);
    return this.send(out.take());
  }

  /** Answers the oldest ping. */
  pong(...touched: readonly (readonly [number, number])[]): this {
    const out = new Writer();
    const table = new Writer();
    for (const [low, timeoutMs] of touched) {
      table.words(0, low);
      table.int(timeoutMs);
    }
    writePacket(out, PacketType.PING, 0, table.take());
    return this.send(out.take());
  }

  request(low: number, cxid: number, type: number, record = ""): this {
    const out = new Writer();
    const bytes = Buffer.from(record);
    const ids = [{ scheme: "ip", id: "::1" }];
    writeRequest(out, 0, low, cxid, type, bytes, 0, bytes.length, ids);
    return this.send(out.take());
  }

  revalidate(low: number, timeoutMs: number): this {
    const out = new Writer();
    writeRevalidate(out, 0, low, timeoutMs);
    return this.send(out.take());
  }

  packet(type: number, zxid: Zxid, data: Uint8Array | undefined): this {
    const out = new Writer();
    if (data === undefined) writeBarePacket(out, type, zxid);
    else writePacket(out, type, zxid, data);
    return this.send(out.take());
  }

  send(bytes: Buffer): this {
    if (!this.#isClosed) this.#sent.push(bytes);
    this.#bench.endTurn();
    return this;
  }

  /** The link breaks. */
  cut(): this {
    this.#isClosed = true;
    this.handlers?.closed("reset");
    this.#bench.endTurn();
    return this;
  }

  /** It takes bytes again. */
  drain(): this {
    this.isBlocked = false;
    this.#bench.endTurn();
    return this;
  }

  endTurn(): void {
    for (let i = 0; this.#isMarked && !this.isBlocked && !this.#isClosed; i++) {
      if (i > 10_000) throw new Error("a link is filled for ever");
      this.#isMarked = false;
      this.handlers?.fill(this.room);
      this.#flush();
    }
  }

  #flush(): void {
    const bytes = Buffer.from(this.#out.written());
    this.#out.clear();
    if (bytes.length > 0 && !this.#isClosed) this.#received.push(bytes);
  }

  #tell(packet: Packet): void {
    const { type, zxid, bytes, dataStart, dataLength } = packet;
    const data = bytes.subarray(dataStart, dataStart + Math.max(0, dataLength));
    const head = `${this.#name} ← ${NAMES.get(type) ?? type}`;
    const named = `${head} ${zxid === -1 ? "-1" : zxidHex(zxid)}`;
    switch (type) {
      case PacketType.NEWLEADER:
        this.#bench.say(`${named} ${data.toString()}`);
        return;
      case PacketType.REVALIDATE:
        this.#bench.say(`${head} ${data.readInt32BE(4)} ${data[8] === 1}`);
        return;
      case PacketType.HANDOVER:
        this.#bench.say(`${head} ${readDesignation(packet)}`);
        return;
      case PacketType.PROPOSAL:
      case PacketType.INFORM:
        if (!data.equals(txn(zxid, data.length - 32))) throw new Error("not that txn's bytes");
        this.#bench.say(named);
        return;
      case PacketType.SNAP:
        this.#bench.say(named);
        this.#readTree();
        return;
      default:
        this.#bench.say(named);
    }
  }

  #readTree(): void {
    let left = TREE.length;
    this.#received.readRaw((_bytes, start, end) => {
      const taken = Math.min(left, end - start);
      left -= taken;
      if (left === 0 && taken > 0) this.#bench.say(`${this.#name} ← tree`);
      return taken;
    });
  }
}
