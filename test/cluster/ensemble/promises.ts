// What servers promised each other and their clients, read off traces of all of them, and whether it
// was durable when the promise was handed to the kernel:
//
//     LEADERINFO(e), ACKEPOCH   acceptedEpoch e, and the history whose end ACKEPOCH names
//     NEWLEADER, UPTODATE       the leader's currentEpoch e
//     ACK of NEWLEADER          currentEpoch e, and all that the leader had called settled before
//     ACK of a txn              its record
//     COMMIT, a client's reply  its record on a quorum

import { PacketSplitter } from "../../../protocol/packet-splitter.ts";
import { type Packet, PacketType } from "../../../protocol/quorum.ts";
import { makeZxid, type Zxid, zxidCounter, zxidEpoch, zxidHex } from "../../../protocol/zxid.ts";
import { STREAM_SIGNATURE } from "../../../server/storage/snapshot-format.ts";
import { replyZxids } from "../strace.ts";
import { parseCalls, targetOf, written } from "../strace-calls.ts";
import { TracedDisk } from "./traced-disk.ts";

/** What one server did with one disk, in however many lives. */
export interface ServerTrace {
  readonly sid: number;
  readonly quorumPort: number;
  readonly clientPort: number;
  readonly text: string;
}

export type Promised =
  | "LEADERINFO"
  | "ACKEPOCH"
  | "NEWLEADER"
  | "UPTODATE"
  | "ACK of NEWLEADER behind DIFF"
  | "ACK of NEWLEADER behind TRUNC"
  | "ACK of NEWLEADER behind SNAP"
  | "ACK"
  | "COMMIT"
  | "reply";

export interface Verdict {
  /** How often each was looked at. */
  readonly kept: ReadonlyMap<Promised, number>;
  /** Promises that left too early, in words, by their kind. */
  readonly broken: ReadonlyMap<Promised, readonly string[]>;
}

interface Sent {
  readonly type: number;
  readonly zxid: Zxid;
  readonly line: number;
  readonly ms: number;
}

/** One server's side of a connection of the quorum port. */
interface Stream {
  readonly server: TracedServer;
  readonly packets: Sent[];
}

interface TracedServer extends ServerTrace {
  readonly disk: TracedDisk;
  readonly replies: Sent[];
}

const DATA_MAX = 4_000_000;
const SYNCS = new Map<number, "DIFF" | "TRUNC" | "SNAP">([
  [PacketType.DIFF, "DIFF"],
  [PacketType.TRUNC, "TRUNC"],
  [PacketType.SNAP, "SNAP"],
]);

export function judge(traces: readonly ServerTrace[], voters: number): Verdict {
  const streams = new Map<string, Stream>();
  const quorumPorts = new Set(traces.map(({ quorumPort }) => quorumPort));
  const servers = traces.map((trace) => follow(trace, quorumPorts, streams));
  const judgement = new Judgement(servers, voters);
  for (const [key, stream] of streams) {
    const [from = "", to = ""] = key.split(" ");
    const other = streams.get(`${to} ${from}`);
    const isLeaders = from.endsWith(`:${stream.server.quorumPort}`);
    if (isLeaders) judgement.leader(stream);
    else if (other !== undefined) judgement.learner(stream, other);
  }
  for (const server of servers) judgement.replies(server);
  return judgement;
}

/** Reads one server's trace: its disk, and what it sent. */
function follow(
  trace: ServerTrace,
  quorumPorts: ReadonlySet<number>,
  streams: Map<string, Stream>,
): TracedServer {
  const server: TracedServer = { ...trace, disk: new TracedDisk(), replies: [] };
  const splitters = new Map<string, (bytes: Buffer, at: Pick<Sent, "line" | "ms">) => void>();
  for (const call of parseCalls(trace.text)) {
    const target = targetOf(call);
    if (target?.kind !== "connection") {
      server.disk.take(call);
      continue;
    }
    const bytes = written(call);
    const at = { line: call.began, ms: call.beganMs };
    const [local, remote] = [portOf(target.local), portOf(target.remote)];
    if (local === trace.clientPort) {
      for (const zxid of replyZxids(bytes)) server.replies.push({ type: 0, zxid, ...at });
    }
    if (local !== trace.quorumPort && !quorumPorts.has(remote)) continue;
    const key = `${target.local} ${target.remote}`;
    let take = splitters.get(key);
    if (take === undefined) {
      const packets: Sent[] = [];
      streams.set(key, { server, packets });
      take = packetReader(packets);
      splitters.set(key, take);
    }
    take(bytes, at);
  }
  return server;
}

function packetReader(packets: Sent[]): (bytes: Buffer, at: Pick<Sent, "line" | "ms">) => void {
  let now: Pick<Sent, "line" | "ms"> = { line: 0, ms: 0 };
  const splitter = new PacketSplitter(
    DATA_MAX,
    ({ type, zxid }: Packet) => {
      packets.push({ type, zxid, ...now });
      if (type === PacketType.SNAP) splitter.readRaw(treeReader());
    },
    (reason) => {
      throw new Error(`a stream of the trace cannot be read: ${reason}`);
    },
  );
  return (bytes, at) => {
    now = at;
    splitter.push(bytes);
  };
}

/** A tree is over behind its signature. */
function treeReader(): (bytes: Buffer, start: number, end: number) => number {
  let seen: Buffer = Buffer.alloc(0);
  let isOver = false;
  return (bytes, start, end) => {
    if (isOver) return 0;
    const before = seen.length;
    seen = Buffer.concat([seen, bytes.subarray(start, end)]);
    const at = seen.indexOf(STREAM_SIGNATURE);
    isOver = at >= 0;
    return isOver ? at + STREAM_SIGNATURE.length - before : end - start;
  };
}

class Judgement implements Verdict {
  readonly kept = new Map<Promised, number>();
  readonly broken = new Map<Promised, string[]>();
  readonly #servers: readonly TracedServer[];
  readonly #quorum: number;

  constructor(servers: readonly TracedServer[], voters: number) {
    this.#servers = servers;
    this.#quorum = Math.floor(voters / 2) + 1;
  }

  learner({ server, packets }: Stream, leader: Stream): void {
    const info = leader.packets.find(({ type }) => type === PacketType.LEADERINFO);
    if (info === undefined) return;
    const epoch = zxidEpoch(info.zxid);
    const newLeader = leader.packets.findIndex(({ type }) => type === PacketType.NEWLEADER);
    const marker = makeZxid(epoch, 0);
    let isAdopted = false;
    for (const sent of packets) {
      const { disk } = server;
      if (sent.type === PacketType.ACKEPOCH) {
        const isPromised = disk.promised("acceptedEpoch", epoch, sent.line);
        const isHeld = disk.holds(sent.zxid, sent.line);
        this.#judge("ACKEPOCH", server, sent, isPromised && isHeld);
      } else if (sent.type === PacketType.ACK && sent.zxid === marker) {
        // The second one answers UPTODATE and promises nothing more.
        if (isAdopted) continue;
        isAdopted = true;
        this.#adopted(server, sent, epoch, leader.packets.slice(0, newLeader));
      } else if (sent.type === PacketType.ACK) {
        this.#judge("ACK", server, sent, disk.holds(sent.zxid, sent.line));
      }
    }
  }

  #adopted(server: TracedServer, ack: Sent, epoch: number, history: readonly Sent[]): void {
    const { disk } = server;
    const opening = history.find(({ type }) => SYNCS.has(type));
    const mode = SYNCS.get(opening?.type ?? 0) ?? "DIFF";
    const settled = history.filter(({ type }) => type === PacketType.COMMIT);
    const all = mode === "SNAP" && opening !== undefined ? [opening, ...settled] : settled;
    const isHeld = all.every(({ zxid }) => disk.holds(zxid, ack.line));
    const isAdopted = disk.promised("currentEpoch", epoch, ack.line);
    this.#judge(`ACK of NEWLEADER behind ${mode}`, server, ack, isHeld && isAdopted);
  }

  leader({ server, packets }: Stream): void {
    const { disk } = server;
    const info = packets.find(({ type }) => type === PacketType.LEADERINFO);
    const epoch = zxidEpoch(info?.zxid ?? 0);
    for (const sent of packets) {
      if (sent.type === PacketType.LEADERINFO) {
        const isPromised = disk.promised("acceptedEpoch", epoch, sent.line);
        this.#judge("LEADERINFO", server, sent, isPromised);
      } else if (sent.type === PacketType.NEWLEADER || sent.type === PacketType.UPTODATE) {
        const name = sent.type === PacketType.NEWLEADER ? "NEWLEADER" : "UPTODATE";
        this.#judge(name, server, sent, disk.promised("currentEpoch", epoch, sent.line));
      } else if (sent.type === PacketType.COMMIT) {
        this.#judge("COMMIT", server, sent, this.#isOnQuorum(sent));
      }
    }
  }

  replies(server: TracedServer): void {
    for (const sent of server.replies) {
      if (zxidCounter(sent.zxid) === 0) continue;
      this.#judge("reply", server, sent, this.#isOnQuorum(sent));
    }
  }

  #isOnQuorum({ zxid, ms }: Sent): boolean {
    const holders = this.#servers.filter(({ disk }) => disk.recordedMs(zxid) <= ms);
    return new Set(holders.map(({ sid }) => sid)).size >= this.#quorum;
  }

  #judge(kind: Promised, { sid }: TracedServer, sent: Sent, isKept: boolean): void {
    this.kept.set(kind, (this.kept.get(kind) ?? 0) + 1);
    if (isKept) return;
    const broken = this.broken.get(kind) ?? [];
    this.broken.set(kind, broken);
    broken.push(`server ${sid}, line ${sent.line}: ${kind} ${zxidHex(sent.zxid)} left too early`);
  }
}

function portOf(end: string): number {
  return Number(end.slice(end.lastIndexOf(":") + 1));
}
