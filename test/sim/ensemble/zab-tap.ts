// Listens in on the quorum ports of a run: every packet at both ends of every link. It shares the
// splitter of packets with the servers, whose bytes other tests hold against Apache's, and nothing else.

import { createHash } from "node:crypto";
import { PacketSplitter } from "../../../protocol/packet-splitter.ts";
import {
  type Packet,
  PacketType,
  readAckEpoch,
  readLearnerInfo,
} from "../../../protocol/quorum.ts";
import type { Moment } from "../history.ts";
import { settledBy } from "./zab-checkers.ts";
import type { Durable, ZabLink, ZabPacket, ZabTrace } from "./zab-trace.ts";

const DATA_MAX_BYTES = 0x1000_0000;
/** What ends a tree on the stream: a string of ten bytes. */
const SIGNATURE = Buffer.from("\0\0\0\nBenWasHere", "latin1");

interface MutableLink extends ZabLink {
  readonly packets: ZabPacket[];
}

/** Writes down what a run's servers say to each other. */
export class ZabRecorder implements ZabTrace {
  readonly links: MutableLink[] = [];
  readonly durable: Map<string, Durable[]> = new Map();
  readonly #now: () => Moment;
  /** By hash. */
  readonly #payloads = new Map<string, Buffer>();

  constructor(now: () => Moment) {
    this.#now = now;
  }

  now(): Moment {
    return this.#now();
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
    for (const { zxid, hash } of settledBy(this)) {
      const payload = hash === undefined ? undefined : this.#payloads.get(hash);
      if (payload !== undefined) found.set(zxid, payload);
    }
    return found;
  }

  /** Epochs in which a leader got as far as to offer its history. */
  get epochs(): number {
    const offered = this.links.flatMap(({ packets }) =>
      packets.filter(({ type }) => type === PacketType.NEWLEADER).map(({ zxid }) => zxid),
    );
    return new Set(offered).size;
  }

  /** A txn was seen on a wire. */
  keep(payload: Buffer): string {
    const hash = txnHash(payload);
    if (!this.#payloads.has(hash)) this.#payloads.set(hash, Buffer.from(payload));
    return hash;
  }

  hasBecomeDurable(server: string, what: Durable): void {
    const there = this.durable.get(server);
    if (there === undefined) this.durable.set(server, [what]);
    else there.push(what);
  }
}

/** What passes one end of a link. */
export class QuorumEnd {
  readonly #link: MutableLink;
  readonly #recorder: ZabRecorder;
  readonly #sent: PacketSplitter;
  readonly #got: PacketSplitter;

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

  #packet(packet: Packet, isSent: boolean): void {
    const { type, zxid } = packet;
    const carriesTxn = type === PacketType.PROPOSAL || type === PacketType.INFORM;
    this.#link.packets.push({
      when: this.#recorder.now(),
      isSent,
      type,
      zxid,
      hash: carriesTxn ? this.#recorder.keep(dataOf(packet)) : undefined,
      value: valueOf(packet),
    });
  }
}

export function txnHash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
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
