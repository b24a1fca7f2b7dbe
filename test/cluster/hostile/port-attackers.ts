// Whoever should not be at the ports between servers: garbage, trickles, silence, floods, and
// members that lie. All of them come from an address of their own and come back once closed.

import { connect, type Socket } from "node:net";
import {
  type Notification,
  writeHandshake,
  writeNotification,
} from "../../../protocol/election.ts";
import { Writer } from "../../../protocol/jute.ts";
import { PacketType } from "../../../protocol/quorum.ts";
import type { SimRandom } from "../../../server/testing/index.ts";
import { LyingLearner } from "../../tools/lying-member.ts";
import { anyPacket, packet } from "../../tools/spoilt-packets.ts";

const FROM = "127.0.0.9";
const RETURN_MS = 60;
const TRICKLE_MS = 40;
const CONFIG_BYTES = 400_000;
const LARGE = 0x7fff_fff0;

/** What one attacker does with a connection. */
interface Part {
  readonly first: readonly Buffer[];
  readonly hear?: (bytes: Buffer) => readonly Buffer[];
  /** Its bytes come one by one. */
  readonly isTrickle?: boolean;
}

export class PortAttackers {
  connections = 0;
  readonly #draw: SimRandom;
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #isOver = false;

  constructor(draw: SimRandom) {
    this.#draw = draw;
  }

  /** So many at a time, each connection another attack. */
  onQuorumPort(port: number, sids: readonly number[], count: number): void {
    for (let n = 0; n < count; n++) this.#come(port, () => this.#quorumPart(sids));
  }

  onElectionPort(port: number, sids: readonly number[], count: number): void {
    for (let n = 0; n < count; n++) this.#come(port, () => this.#electionPart(sids));
  }

  end(): void {
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
  }

  #come(port: number, choose: () => Part): void {
    if (this.#isOver) return;
    const part = choose();
    const socket = connect({ port, host: "127.0.0.1", localAddress: FROM });
    this.#sockets.add(socket);
    this.connections++;
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      const said = part.hear?.(bytes) ?? [];
      if (said.length > 0) socket.write(Buffer.concat(said));
    });
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#later(RETURN_MS, () => this.#come(port, choose));
    });
    if (part.isTrickle === true) this.#trickle(socket, Buffer.concat(part.first));
    else for (const bytes of part.first) socket.write(bytes);
    // It stays open, whatever becomes of it, but not for ever.
    this.#later(this.#draw.between(300, 3000), () => socket.destroy());
  }

  #trickle(socket: Socket, bytes: Buffer, at = 0): void {
    if (at >= bytes.length || socket.destroyed) return;
    socket.write(bytes.subarray(at, at + 1));
    this.#later(TRICKLE_MS, () => this.#trickle(socket, bytes, at + 1));
  }

  #later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#isOver) run();
    }, ms);
    this.#timers.add(timer);
  }

  #quorumPart(sids: readonly number[]): Part {
    const draw = this.#draw;
    switch (draw.below(7)) {
      case 0:
        return { first: [this.#garbage()] };
      case 1:
        return { first: [Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")] };
      case 2:
        return { first: [] };
      case 3: {
        const head = packet(PacketType.FOLLOWERINFO, 0, Buffer.alloc(20));
        head.writeInt32BE(draw.pick([LARGE, 0xf_ffff, -2]), 12);
        return { first: [head, Buffer.alloc(100_000)] };
      }
      case 4: {
        const liar = new LyingLearner(draw, 1000 + draw.below(1000), 0);
        return { first: [liar.greet()], isTrickle: draw.chance(0.5), hear: (b) => liar.hear(b) };
      }
      case 5:
        return { first: [anyPacket(draw), anyPacket(draw)] };
      default: {
        const liar = new LyingLearner(draw, draw.pick(sids), draw.pick([0, 70_000, 2 ** 21 - 2]));
        return { first: [liar.greet()], hear: (bytes) => liar.hear(bytes) };
      }
    }
  }

  #electionPart(sids: readonly number[]): Part {
    const draw = this.#draw;
    switch (draw.below(7)) {
      case 0:
        return { first: [this.#garbage()] };
      case 1:
        return { first: [Buffer.from("GET / HTTP/1.0\r\n\r\n")] };
      case 2:
        return { first: [] };
      case 3: {
        const length = Buffer.alloc(4);
        length.writeInt32BE(draw.pick([LARGE, -1, 0, 0x8_0001]));
        return { first: [handshake(1000 + draw.below(1000)), length] };
      }
      case 4:
        return { first: [handshake(1000 + draw.below(1000))], isTrickle: true };
      case 5: {
        const votes = Array.from({ length: 50 }, () => this.#vote(draw.chance(0.05)));
        return { first: [handshake(1000 + draw.below(100)), ...votes] };
      }
      default:
        return { first: [handshake(draw.pick(sids)), this.#vote(false), this.#garbage()] };
    }
  }

  #vote(isLarge: boolean): Buffer {
    const draw = this.#draw;
    const odd = (): number => draw.pick([0, 1, -1, 2 ** 21 - 1, Number.MAX_SAFE_INTEGER]);
    const vote: Notification = {
      state: draw.pick([0, 1, 2, 3]),
      leader: draw.pick([1, 2, 3, odd()]),
      zxid: odd(),
      electionEpoch: odd(),
      peerEpoch: odd(),
      config: isLarge ? "x".repeat(CONFIG_BYTES) : "version=0",
    };
    const out = new Writer();
    writeNotification(out, vote);
    return out.take();
  }

  #garbage(): Buffer {
    const bytes = Buffer.alloc(this.#draw.below(4000));
    this.#draw.fill(bytes);
    return bytes;
  }
}

function handshake(sid: number): Buffer {
  const out = new Writer();
  writeHandshake(out, sid, [{ host: "127.0.0.1", port: 1 }]);
  return out.take();
}
