// Listens in on the quorum ports of a run: every packet at both ends of every link. It shares the
// splitter of packets with the servers, whose bytes other tests hold against Apache's, and nothing else.

import { PacketSplitter } from "../../../protocol/packet-splitter.ts";
import {
  type Packet,
  PacketType,
  REQUEST_HEAD_BYTES,
  readAckEpoch,
  readLearnerInfo,
  TOUCH_BYTES,
} from "../../../protocol/quorum.ts";
import { wordsHex, zxidEpoch } from "../../../protocol/zxid.ts";
import { type Connection, isWrite, type Moment, type Sent } from "../history.ts";
import type { Recorder } from "../tap.ts";
import { settledBy } from "./zab-facts.ts";
import type { Durable, Established, ZabLink, ZabPacket, ZabTrace } from "./zab-trace.ts";

const DATA_MAX_BYTES = 0x1000_0000;
/** What ends a tree on the stream: a string of ten bytes. */
const SIGNATURE = Buffer.from("\0\0\0\nBenWasHere", "latin1");

interface MutableLink extends ZabLink {
  readonly packets: ZabPacket[];
}

/** Shows every txn of a server's log. */
type LogReader = (each: (payload: Buffer, zxid: number) => void) => void;

interface Txn {
  readonly zxid: number;
  readonly content: string;
}

/** Writes down what a run's servers say to each other. */
export class ZabRecorder implements ZabTrace {
  readonly links: MutableLink[] = [];
  readonly durable: Map<string, Durable[]> = new Map();
  /** Called when something has become durable. */
  onDurable: (server: string, what: Durable) => void = () => {};
  /** The leader heard of a session. */
  readonly hear: (session: string, server: string) => void;
  readonly #now: () => Moment;
  readonly established: Established[] = [];
  /** What made the last tree that each server was sent. */
  readonly #inherited = new Map<string, readonly Txn[]>();
  /** What each server has in its log. */
  readonly #logs = new Map<string, LogReader>();
  /** In the order in which they left. */
  readonly #requests: {
    readonly server: string;
    readonly when: Moment;
    readonly session: string;
    readonly cxid: number;
    readonly record: Buffer;
  }[] = [];

  constructor(clients: Recorder) {
    this.#now = () => clients.now();
    this.hear = (session, server) => {
      clients.hear(session, server, clients.now());
    };
  }

  now(): Moment {
    return this.#now();
  }

  /** A server whose log can be read from outside. */
  register(server: string, log: LogReader): void {
    this.#logs.set(server, log);
  }

  /** A leader tells the first of its learners that it has taken office. */
  establish(leader: string, epoch: number): void {
    if (this.established.some((one) => one.leader === leader && one.epoch === epoch)) return;
    const txns = this.#historyOf(leader).filter(({ zxid }) => zxidEpoch(zxid) < epoch);
    this.established.push({ leader, epoch, when: this.#now(), txns });
  }

  /** A server sends its tree: who takes it in has no log of what made it. */
  sendsTree(from: string, to: string, upTo: number): void {
    this.#inherited.set(
      to,
      this.#historyOf(from).filter(({ zxid }) => zxid <= upTo),
    );
  }

  #historyOf(server: string): Txn[] {
    const logged: Txn[] = [];
    this.#logs.get(server)?.((payload, zxid) => {
      logged.push({ zxid, content: contentOf(payload) });
    });
    // A tree that was taken in has ended the log before it.
    const first = logged[0]?.zxid ?? Number.POSITIVE_INFINITY;
    const inherited = this.#inherited.get(server) ?? [];
    return [...inherited.filter(({ zxid }) => zxid < first), ...logged];
  }

  /** One end of a new link. */
  link(server: string, side: ZabLink["side"], peer: string): QuorumEnd {
    const link: MutableLink = { server, side, peer, opened: this.#now(), packets: [] };
    this.links.push(link);
    return new QuorumEnd(link, this);
  }

  /** The bytes of every txn that was settled, by zxid. */
  settled(): Map<number, Buffer> {
    const found = new Map<number, Buffer>();
    for (const { zxid, content } of settledBy(this)) {
      if (content !== undefined) found.set(zxid, Buffer.from(content, "latin1"));
    }
    return found;
  }

  /** Which of the clients' requests each REQUEST was, by session and cxid. */
  forwarded(connections: readonly Connection[]): Map<string, Sent> {
    const found = new Map<string, Sent>();
    const taken = new Set<Sent>();
    for (const { server, session, cxid, record, when } of this.#requests) {
      // Of two connections of a session the later one is the session's.
      const connection = connections.findLast(
        (one) =>
          one.session === session &&
          one.server === server &&
          (one.sent[0]?.when.order ?? Number.POSITIVE_INFINITY) < when.order,
      );
      const sent = connection?.sent.find(
        (one) => !taken.has(one) && isWrite(one.op) && one.record.equals(record),
      );
      if (sent === undefined) continue;
      taken.add(sent);
      found.set(`${session}:${cxid}`, sent);
    }
    return found;
  }

  /** A learner has forwarded something. */
  request(server: string, packet: Packet): void {
    const data = dataOf(packet);
    this.#requests.push({
      server,
      when: this.#now(),
      session: wordsHex(data.readInt32BE(0), data.readInt32BE(4)),
      cxid: data.readInt32BE(8),
      record: Buffer.from(data.subarray(REQUEST_HEAD_BYTES)),
    });
  }

  /** Epochs in which a leader got as far as to offer its history. */
  get epochs(): number {
    const offered = this.links.flatMap(({ packets }) =>
      packets.filter(({ type }) => type === PacketType.NEWLEADER).map(({ zxid }) => zxid),
    );
    return new Set(offered).size;
  }

  hasBecomeDurable(server: string, what: Durable): void {
    const there = this.durable.get(server);
    if (there === undefined) this.durable.set(server, [what]);
    else there.push(what);
    this.onDurable(server, what);
  }
}

/** What passes one end of a link. */
export class QuorumEnd {
  readonly #link: MutableLink;
  readonly #recorder: ZabRecorder;
  readonly #sent: PacketSplitter;
  readonly #got: PacketSplitter;
  #epoch = 0;
  #hasLeft = false;

  constructor(link: MutableLink, recorder: ZabRecorder) {
    this.#link = link;
    this.#recorder = recorder;
    this.#sent = this.#splitter(true);
    this.#got = this.#splitter(false);
  }

  wrote(bytes: Buffer): void {
    this.#sent.push(bytes);
  }

  got(bytes: Buffer): void {
    this.#got.push(bytes);
  }

  left(): void {
    this.#hasLeft = true;
  }

  #splitter(isSent: boolean): PacketSplitter {
    const splitter = new PacketSplitter(
      DATA_MAX_BYTES,
      (packet) => {
        this.#packet(packet, isSent);
        if (packet.type === PacketType.SNAP) splitter.readRaw(upToSignature());
      },
      (reason) => {
        throw new Error(`between ${this.#link.server} and ${this.#link.peer}: ${reason}`);
      },
    );
    return splitter;
  }

  /** What a leader hears of sessions elsewhere. */
  #hear(packet: Packet): void {
    for (const session of sessionsIn(packet)) {
      this.#recorder.hear(session, this.#link.server);
    }
  }

  #packet(packet: Packet, isSent: boolean): void {
    const { type, zxid } = packet;
    const carriesTxn = type === PacketType.PROPOSAL || type === PacketType.INFORM;
    if (!isSent && this.#link.side === "leader" && !this.#hasLeft) this.#hear(packet);
    if (isSent && type === PacketType.REQUEST) this.#recorder.request(this.#link.server, packet);
    if (type === PacketType.LEADERINFO) this.#epoch = zxidEpoch(zxid);
    if (isSent && type === PacketType.SNAP) {
      this.#recorder.sendsTree(this.#link.server, this.#link.peer, zxid);
    }
    if (isSent && type === PacketType.UPTODATE) {
      this.#recorder.establish(this.#link.server, this.#epoch);
    }
    this.#link.packets.push({
      when: this.#recorder.now(),
      isSent,
      type,
      zxid,
      content: carriesTxn ? contentOf(dataOf(packet)) : undefined,
      value: valueOf(packet),
    });
  }
}

/** The sessions that a packet of a learner speaks of. */
function sessionsIn({ type, bytes, dataStart, dataLength }: Packet): string[] {
  const at = (offset: number): string =>
    wordsHex(bytes.readInt32BE(dataStart + offset), bytes.readInt32BE(dataStart + offset + 4));
  switch (type) {
    case PacketType.REQUEST:
    case PacketType.REVALIDATE:
      return [at(0)];
    case PacketType.PING:
      return Array.from({ length: Math.max(0, dataLength) / TOUCH_BYTES }, (_, index) =>
        at(index * TOUCH_BYTES),
      );
    default:
      return [];
  }
}

/** What tells one txn from another, whatever their zxids: all of its bytes, a character each. */
export function contentOf(payload: Buffer): string {
  return payload.toString("latin1");
}

function dataOf({ bytes, dataStart, dataLength }: Packet): Buffer {
  return bytes.subarray(dataStart, dataStart + dataLength);
}

function valueOf(packet: Packet): number | undefined {
  switch (packet.type) {
    case PacketType.ACKEPOCH:
      return readAckEpoch(packet);
    case PacketType.FOLLOWERINFO:
    case PacketType.OBSERVERINFO:
      return readLearnerInfo(packet)?.sid;
    default:
      return undefined;
  }
}

/** Takes a tree off the stream. The names and data of a run have no signature in them. */
function upToSignature(): (bytes: Buffer, start: number, end: number) => number {
  let tail = Buffer.alloc(0);
  let isOver = false;
  return (bytes, start, end) => {
    if (isOver) return 0;
    const seen = Buffer.concat([tail, bytes.subarray(start, end)]);
    const at = seen.indexOf(SIGNATURE);
    isOver = at >= 0;
    if (isOver) return at + SIGNATURE.length - tail.length;
    tail = seen.subarray(Math.max(0, seen.length - SIGNATURE.length + 1));
    return end - start;
  };
}
