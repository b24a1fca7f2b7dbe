// One learner's core on a replica whose disk works by hand. Everything the core does is a line:
//
//     → ACK 200000000        a packet for the leader
//     disk: currentEpoch 2   asked of the disk; `release("currentEpoch")` makes it done
//     tree: deliver 200000001
//     serve 2, step down: ..., redial: ..., exit 12: ..., hand over to 3
//
// What the leader sends is bytes, cut by the splitter of the real link.

import { Writer } from "../../../protocol/jute.ts";
import { OpCode } from "../../../protocol/opcodes.ts";
import { PacketSplitter } from "../../../protocol/packet-splitter.ts";
import {
  PACKET_HEAD_BYTES,
  type Packet,
  PacketType,
  readAckEpoch,
  readLearnerInfo,
  writeBarePacket,
  writeLeaderInfo,
  writeNewLeader,
  writePacket,
} from "../../../protocol/quorum.ts";
import { makeZxid, type Zxid, zxidHex } from "../../../protocol/zxid.ts";
import type {
  Installation,
  LeaderAccess,
  LearnerEffects,
  LearnerService,
  QuorumLink,
  QuorumLinkHandlers,
  Replica,
} from "../../../server/zab/effects.ts";
import { Learner, type LearnerOptions } from "../../../server/zab/learner.ts";
import { TxnWindow } from "../../../server/zab/txn-window.ts";

/** Shorter to read than makeZxid: (1, 5) is 0x100000005. */
export const z: (epoch: number, counter: number) => Zxid = makeZxid;

/** The bytes of a txn: its header, and a body that tells two of the same zxid apart. */
export function txn(zxid: Zxid, body = "txn"): Buffer {
  const out = new Writer();
  out.words(0x0100_0000, 7);
  out.int(3);
  out.long(zxid);
  out.long(1_700_000_000_000);
  out.int(OpCode.setData);
  out.string("/a");
  out.buffer(Buffer.from(body));
  out.int(1);
  return out.take();
}

/** A tree on the wire, as the replica here reads it; the last byte is the signature. */
export const TREE: Buffer = Buffer.from("tree!");
const BAD_TREE_BYTE = 0xff;

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(PacketType).map(([name, type]) => [type, name]),
);

type Work = "acceptedEpoch" | "currentEpoch" | "logged" | "delivered" | "truncate" | "saveTree";

/** What a crash would leave, and what memory says. */
export class FakeReplica implements Replica {
  window: TxnWindow;
  lastZxid: Zxid;
  acceptedEpoch: number;
  currentEpoch: number;
  isEmpty = false;
  isDiverged = false;
  /** Zxids of what a crash leaves in the log, after the snapshot. */
  durableLog: Zxid[] = [];
  durableSnapshot: Zxid;
  durableAcceptedEpoch: number;
  durableCurrentEpoch: number;
  /** Applied to the tree, in order, since the tree is this one. */
  applied: Zxid[] = [];
  readonly #say: (line: string) => void;
  readonly #waiting: { work: string; done: (outcome: string) => void }[] = [];
  #queued: Zxid[] = [];
  #loggedTo: Zxid;

  constructor(lastZxid: Zxid, acceptedEpoch: number, epoch: number, say: (line: string) => void) {
    this.window = new TxnWindow(500, lastZxid);
    this.lastZxid = lastZxid;
    this.durableSnapshot = lastZxid;
    this.#loggedTo = lastZxid;
    this.acceptedEpoch = acceptedEpoch;
    this.durableAcceptedEpoch = acceptedEpoch;
    this.currentEpoch = epoch;
    this.durableCurrentEpoch = epoch;
    this.#say = say;
  }

  get waiting(): string[] {
    return this.#waiting.map(({ work }) => work);
  }

  /** The last zxid that a crash leaves. */
  get durableZxid(): Zxid {
    return this.durableLog.at(-1) ?? this.durableSnapshot;
  }

  complete(work: string, outcome: string): void {
    const i = this.#waiting.findIndex((each) => each.work === work);
    const [found] = i < 0 ? [] : this.#waiting.splice(i, 1);
    if (found === undefined)
      throw new Error(`nothing waits for ${work}, only ${this.waiting.join(" ")}`);
    found.done(outcome);
  }

  /** What was put into the log is durable; the last zxid of it. */
  flush(): Zxid {
    this.durableLog.push(...this.#queued);
    this.#queued = [];
    while (this.waiting.includes("logged")) this.complete("logged", "");
    return this.durableZxid;
  }

  /** Applies what is committed. */
  applyAll(): void {
    const { window } = this;
    window.beginSlice(Number.POSITIVE_INFINITY);
    while (window.next()) {
      this.applied.push(window.zxid);
      this.lastZxid = window.zxid;
    }
  }

  #ask(work: Work | "reload", what: string, done: (outcome: string) => void): void {
    this.#say(`disk: ${what}`);
    this.#waiting.push({ work, done });
  }

  saveAcceptedEpoch(epoch: number, done: () => void): void {
    this.#ask("acceptedEpoch", `acceptedEpoch ${epoch}`, () => {
      this.acceptedEpoch = epoch;
      this.durableAcceptedEpoch = epoch;
      done();
    });
  }

  saveCurrentEpoch(epoch: number, done: () => void): void {
    this.#ask("currentEpoch", `currentEpoch ${epoch}`, () => {
      this.currentEpoch = epoch;
      this.durableCurrentEpoch = epoch;
      this.isEmpty = false;
      done();
    });
  }

  logTo(zxid: Zxid): void {
    this.window.forEach(this.#loggedTo, zxid, (_bytes, _start, _end, each) => {
      this.#queued.push(each);
      this.#loggedTo = each;
      this.#say(`disk: log ${zxidHex(each)}`);
      return true;
    });
  }

  whenLogged(done: () => void): void {
    this.#waiting.push({ work: "logged", done });
  }

  deliver(): void {
    this.#say(`tree: deliver ${zxidHex(this.window.committedZxid)}`);
  }

  whenDelivered(done: () => void): void {
    this.#waiting.push({
      work: "delivered",
      done: () => {
        this.applyAll();
        done();
      },
    });
  }

  beginEpoch(): void {
    throw new Error("a learner begins no epoch");
  }

  truncate(zxid: Zxid, done: (outcome: "done" | "unreachable") => void): void {
    this.#ask("truncate", `truncate ${zxidHex(zxid)}`, (outcome) => {
      if (outcome === "unreachable" || zxid > this.lastZxid) {
        done("unreachable");
        return;
      }
      this.durableLog = this.durableLog.filter((each) => each <= zxid);
      this.durableSnapshot = Math.min(this.durableSnapshot, zxid);
      this.#become(zxid);
      done("done");
    });
  }

  install(zxid: Zxid): Installation {
    this.#say(`tree: install ${zxidHex(zxid)}`);
    let taken = 0;
    const installation = {
      zxid,
      isComplete: false,
      problem: undefined as string | undefined,
      take: (bytes: Buffer, start: number, end: number): number => {
        const length = Math.min(end - start, TREE.length - taken);
        if (bytes.subarray(start, start + length).includes(BAD_TREE_BYTE)) {
          installation.problem = "no signature";
          return -1;
        }
        taken += length;
        installation.isComplete = taken === TREE.length;
        return length;
      },
    };
    return installation;
  }

  adopt(installation: Installation & { readonly zxid?: Zxid }): void {
    const zxid = installation.zxid ?? -1;
    this.#say(`tree: adopt ${zxidHex(zxid)}`);
    this.isDiverged = false;
    this.#become(zxid);
  }

  #become(zxid: Zxid): void {
    this.window.reset(zxid);
    this.lastZxid = zxid;
    this.#loggedTo = zxid;
    this.applied = [];
  }

  saveTree(done: () => void): void {
    const zxid = this.lastZxid;
    this.#ask("saveTree", `snapshot ${zxidHex(zxid)}`, () => {
      this.durableSnapshot = zxid;
      this.durableLog = [];
      this.#loggedTo = zxid;
      done();
    });
  }

  reload(done: () => void): void {
    this.#ask("reload", "reload", () => {
      this.#become(this.durableZxid);
      done();
    });
  }

  streamTree(): never {
    throw new Error("a learner sends no tree");
  }

  readLog(): undefined {
    return undefined;
  }
}

export interface BenchOptions extends Partial<LearnerOptions> {
  readonly lastZxid?: Zxid;
  readonly acceptedEpoch?: number;
  readonly currentEpoch?: number;
  readonly isEmpty?: boolean;
  /** The leader is one of ours. */
  readonly isLeaderOurs?: boolean;
}

export const TICK_MS = 1000;

export class LearnerBench {
  readonly replica: FakeReplica;
  readonly learner: Learner;
  /** The newest. */
  link!: QuorumLink;
  access: LeaderAccess | undefined;
  /** Sessions that the pipeline heard of: (session, timeout) pairs. */
  touched: readonly (readonly [number, number])[] = [];
  isPaused = false;
  /** Bytes that `fill` may write in one turn. */
  room = 1_000_000;
  /** Hears of each line at the moment when it happens. */
  onLine: (line: string) => void = () => {};
  readonly #lines: string[] = [];
  readonly #isLeaderOurs: boolean;
  #nowMs = 0;
  #out = new Writer();
  #isMarked = false;
  #splitter: PacketSplitter | undefined;
  #handlers: QuorumLinkHandlers | undefined;

  constructor(options: BenchOptions = {}) {
    const { lastZxid = 0, acceptedEpoch = 0, currentEpoch = acceptedEpoch, ...rest } = options;
    const say = (line: string): void => this.#say(line);
    this.replica = new FakeReplica(lastZxid, acceptedEpoch, currentEpoch, say);
    this.replica.isEmpty = options.isEmpty ?? false;
    this.#isLeaderOurs = options.isLeaderOurs ?? false;
    const effects: LearnerEffects = {
      replica: this.replica,
      log: {
        info: () => {},
        warn: (_details, message) => say(`warning: ${message}`),
        error: (_details, message) => say(`error: ${message}`),
      },
      follow: (leader, epoch) => {
        say(`serve ${epoch}`);
        this.access = leader;
        return this.#service();
      },
      handover: (sid) => say(`hand over to ${sid}`),
      redial: (reason) => say(`redial: ${reason}`),
      stepDown: (reason) => say(`step down: ${reason}`),
    };
    const defaults: LearnerOptions = {
      sid: 1,
      role: "follower",
      isVoter: true,
      leaderSid: 2,
      tickMs: TICK_MS,
      initLimitTicks: 10,
      syncLimitTicks: 5,
      configVersion: 0,
    };
    this.learner = new Learner({ ...defaults, ...rest }, effects, this.#nowMs);
  }

  /** What was done since the last call. */
  lines(): string[] {
    this.#endTurn();
    return this.#lines.splice(0);
  }

  // The link

  connect(): this {
    this.#endTurn();
    this.#out = new Writer();
    this.isPaused = false;
    const splitter = new PacketSplitter(
      1_000_000,
      (packet) => this.#handlers?.packet(packet),
      (reason) => this.cut(reason),
    );
    this.link = {
      remoteAddress: "s2",
      isBlocked: false,
      out: this.#out,
      mark: () => {
        this.#isMarked = true;
      },
      readRaw: (take) => {
        splitter.readRaw(take);
      },
      pause: () => {
        this.isPaused = true;
        splitter.pause();
      },
      resume: () => {
        this.isPaused = false;
        splitter.resume();
      },
      close: () => {
        this.#endTurn();
        splitter.stop();
        this.#handlers = undefined;
        this.#say("link closed");
      },
    };
    this.#splitter = splitter;
    const handlers = this.learner.connected(this.link);
    if (this.learner.phase === "discovery") this.#handlers = handlers;
    return this;
  }

  /** The link breaks. */
  cut(reason = "reset"): this {
    this.#splitter?.stop();
    const handlers = this.#handlers;
    this.#handlers = undefined;
    handlers?.closed(reason);
    return this;
  }

  /** What the leader writes, in one chunk. */
  receive(...parts: readonly Buffer[]): this {
    this.#splitter?.push(Buffer.concat(parts));
    this.#endTurn();
    return this;
  }

  leaderInfo(epoch: number): Buffer {
    const out = new Writer();
    if (this.#isLeaderOurs) writeLeaderInfo(out, z(epoch, 0));
    else writePacket(out, PacketType.LEADERINFO, z(epoch, 0), Buffer.from("00010000", "hex"));
    return out.take();
  }

  // The disk

  /** Makes something durable, or applied. */
  release(work: Work | "reload", outcome = "done"): this {
    if (work === "logged") this.learner.logged(this.replica.flush());
    else this.replica.complete(work, outcome);
    this.#endTurn();
    return this;
  }

  /** What has waited for longest. */
  releaseNext(): this {
    return this.release(this.replica.waiting[0] as Work);
  }

  /** All of them, until nothing waits. */
  releaseAll(): this {
    while (this.replica.waiting.length > 0) this.releaseNext();
    return this;
  }

  ticks(halfTicks: number): this {
    for (let i = 0; i < halfTicks; i++) this.tickAt(this.#nowMs + TICK_MS / 2);
    return this;
  }

  tickAt(nowMs: number): this {
    this.#nowMs = nowMs;
    this.learner.tick(nowMs);
    this.#endTurn();
    return this;
  }

  // Ways through the phases

  /** Up to where the leader says how the histories become one. */
  discover(epoch: number): this {
    this.connect().receive(this.leaderInfo(epoch));
    if (this.replica.waiting.includes("acceptedEpoch")) this.release("acceptedEpoch");
    this.lines();
    return this;
  }

  /** In step with the leader, after a DIFF without txns. */
  follow(epoch: number): this {
    this.discover(epoch).receive(bare("DIFF", 0), newLeader(epoch)).releaseAll();
    this.receive(bare("UPTODATE", -1));
    this.lines();
    return this;
  }

  #service(): LearnerService {
    return {
      revalidated: (_high, low, isValid) => this.#say(`session ${low} is ${isValid}`),
      synced: () => this.#say("synced"),
      takeTouched: (out) => {
        for (const [low, timeoutMs] of this.touched) {
          out.words(0, low);
          out.int(timeoutMs);
        }
        this.touched = [];
      },
    };
  }

  #say(line: string): void {
    this.#flushOut();
    this.#push(line);
  }

  #push(line: string): void {
    this.#lines.push(line);
    this.onLine(line);
  }

  #endTurn(): void {
    if (this.#isMarked) {
      this.#isMarked = false;
      this.#handlers?.fill(this.room);
    }
    this.#flushOut();
  }

  #flushOut(): void {
    if (this.#out.length === 0) return;
    const bytes = Buffer.from(this.#out.written());
    this.#out.clear();
    const splitter = new PacketSplitter(
      1_000_000,
      (packet) => this.#push(`→ ${described(packet)}`),
      (reason) => this.#push(`→ garbage: ${reason}`),
    );
    splitter.push(bytes);
  }
}

function described(packet: Packet): string {
  const { type, zxid, bytes, dataStart, dataLength } = packet;
  const head = `${NAMES.get(type) ?? type} ${zxidHex(zxid)}`;
  const info = readLearnerInfo(packet);
  switch (type) {
    case PacketType.FOLLOWERINFO:
    case PacketType.OBSERVERINFO:
      return `${head} sid ${info?.sid} config ${info?.configVersion} ours ${info?.isOurs}`;
    case PacketType.ACKEPOCH:
      return `${head} epoch ${readAckEpoch(packet)}`;
    default:
      if (dataLength === -1) return head;
      return `${head} [${bytes.toString("hex", dataStart, dataStart + dataLength)}]`;
  }
}

// What a leader sends

export function bare(name: keyof typeof PacketType, zxid: Zxid): Buffer {
  const out = new Writer();
  writeBarePacket(out, PacketType[name], zxid);
  return out.take();
}

export function withData(type: number, zxid: Zxid, data: Buffer): Buffer {
  const out = new Writer();
  writePacket(out, type, zxid, data);
  return out.take();
}

export function proposal(zxid: Zxid): Buffer {
  return withData(PacketType.PROPOSAL, zxid, txn(zxid));
}

export function inform(zxid: Zxid): Buffer {
  return withData(PacketType.INFORM, zxid, txn(zxid));
}

export function commit(zxid: Zxid): Buffer {
  return bare("COMMIT", zxid);
}

/** PROPOSAL and COMMIT of each, as a sync has them. */
export function pairs(...zxids: readonly Zxid[]): Buffer {
  return Buffer.concat(zxids.flatMap((zxid) => [proposal(zxid), commit(zxid)]));
}

export function newLeader(epoch: number): Buffer {
  const out = new Writer();
  writeNewLeader(out, z(epoch, 0), "server.1=s1:2888:3888:participant\nversion=0");
  return out.take();
}

export function snap(zxid: Zxid): Buffer {
  return Buffer.concat([bare("SNAP", zxid), TREE]);
}

/** The bytes of a packet whose data is cut short. */
export function truncatedTxn(name: "PROPOSAL" | "INFORM", zxid: Zxid): Buffer {
  return withData(PacketType[name], zxid, txn(zxid).subarray(0, PACKET_HEAD_BYTES));
}
