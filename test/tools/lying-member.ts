// A member of an ensemble that lies: it speaks as a learner or as a leader should, up to a moment,
// and says anything from then on. Whoever drives it carries its bytes: sockets, or simulated links.

import { Writer } from "../../protocol/jute.ts";
import {
  PacketType,
  writeAckEpoch,
  writeLeaderInfo,
  writeLearnerInfo,
} from "../../protocol/quorum.ts";
import { EPOCH_MAX, makeZxid, type Zxid } from "../../protocol/zxid.ts";
import type { SimRandom } from "../../server/testing/index.ts";
import {
  anyPacket,
  fittingTxn,
  forwarded,
  packet,
  revalidate,
  spoilt,
  spoiltTxn,
  touched,
  txn,
} from "./spoilt-packets.ts";

/** One side of a connection of the quorum port. */
export interface Liar {
  /** Connected: what it says first. */
  greet(): Buffer | undefined;
  /** What was said to it; returns what it says to that. */
  hear(bytes: Buffer): readonly Buffer[];
}

/** How often a liar is right to the end of what its peer waits for. */
const RIGHT = 0.8;

/** Says `parts` in order, spoilt somewhere or not at all. */
function corrupted(draw: SimRandom, parts: readonly Buffer[]): readonly Buffer[] {
  if (parts.length === 0 || draw.chance(RIGHT)) return parts;
  const said = [...parts];
  const at = draw.below(said.length);
  const found = said[at] ?? Buffer.alloc(0);
  switch (draw.below(4)) {
    case 0:
      said[at] = spoilt(draw, found);
      break;
    case 1:
      said.splice(at, 1);
      break;
    case 2:
      said.splice(at, 0, anyPacket(draw));
      break;
    default:
      said.splice(at, 0, said[draw.below(said.length)] ?? found);
  }
  return said;
}

/** Of REQUEST: its type, and the zxid that it has not. */
const REQUEST_HEAD: Buffer = Buffer.from("00000001ffffffffffffffff", "hex");

/** Where the first packet of this type may begin; -1: nowhere. */
function find(bytes: Buffer, type: number): number {
  const head = Buffer.alloc(4);
  head.writeInt32BE(type);
  return bytes.indexOf(head);
}

/** What liars agree on: the epoch of the last of them who led, and its last txn. */
export interface History {
  epoch: number;
  last: Zxid;
}

/** A leader: its learner is led through discovery and a sync into what is no broadcast. */
export class LyingLeader implements Liar {
  readonly #draw: SimRandom;
  readonly #history: History;
  /** SNAP's packet, and the tree behind it up to its signature. */
  readonly #tree: Buffer;
  #hasPromised = false;
  /** It lies only about what it is asked. */
  readonly #isQuiet: boolean;

  constructor(draw: SimRandom, history: History, tree: Buffer) {
    this.#draw = draw;
    this.#history = history;
    this.#tree = tree;
    this.#isQuiet = draw.chance(0.4);
  }

  greet(): undefined {}

  hear(bytes: Buffer): readonly Buffer[] {
    const draw = this.#draw;
    if (!this.#hasPromised) {
      this.#hasPromised = true;
      const epoch = draw.chance(0.02)
        ? draw.pick([EPOCH_MAX, EPOCH_MAX - 1, 0])
        : ++this.#history.epoch;
      const out = new Writer();
      writeLeaderInfo(out, makeZxid(epoch, 0));
      return corrupted(draw, [out.take()]);
    }
    if (find(bytes, PacketType.ACKEPOCH) === 0) {
      const last = bytes.length >= 12 ? Number(bytes.readBigInt64BE(4)) : 0;
      return corrupted(draw, this.#lead(last));
    }
    const answers = this.#answer(bytes);
    return draw.chance(this.#isQuiet ? 0.01 : 0.3) ? [...answers, this.#anything()] : answers;
  }

  /** Requests are settled in order, as something else than was asked; now and then one is left out. */
  #answer(bytes: Buffer): Buffer[] {
    const draw = this.#draw;
    const history = this.#history;
    const said: Buffer[] = [];
    for (let at = bytes.indexOf(REQUEST_HEAD); at >= 0; at = bytes.indexOf(REQUEST_HEAD, at + 1)) {
      if (at + REQUEST_HEAD.length + 16 > bytes.length || draw.chance(0.05)) continue;
      const answer = fittingTxn(draw, ++history.last);
      // long session, int cxid
      const asked = at + REQUEST_HEAD.length + 4;
      bytes.copy(answer, 0, asked, asked + 12);
      said.push(
        packet(PacketType.PROPOSAL, history.last, answer),
        packet(PacketType.COMMIT, history.last),
      );
    }
    return said;
  }

  #lead(from: Zxid): readonly Buffer[] {
    const draw = this.#draw;
    const { epoch } = this.#history;
    const marker = makeZxid(epoch, 0);
    if (this.#isQuiet) {
      this.#history.last = marker;
      const end = packet(PacketType.NEWLEADER, marker, Buffer.from("version=0"));
      return [packet(PacketType.DIFF, from), end, packet(PacketType.UPTODATE, -1)];
    }
    const said: Buffer[] = [];
    let last = from;
    const opening = draw.below(4);
    if (opening < 2) {
      said.push(packet(PacketType.DIFF, from));
    } else if (opening === 2) {
      last = draw.pick([makeZxid(epoch - 1, draw.below(9)), from, Number.MAX_SAFE_INTEGER, 0, -1]);
      const tree = draw.chance(0.3) ? spoilt(draw, this.#tree) : this.#tree;
      said.push(packet(PacketType.SNAP, last), tree);
    } else {
      last = draw.pick([from, from - 1, 0, -1, makeZxid(epoch, 9)]);
      said.push(packet(PacketType.TRUNC, last));
    }
    last = Math.max(0, last);
    const next = (): Zxid => {
      last = last < marker ? marker + 1 : last + 1;
      if (draw.chance(0.03)) last += draw.below(5);
      return last;
    };
    const propose = (type: number): void => {
      const zxid = next();
      const bytes = draw.chance(0.05) ? spoiltTxn(draw, zxid) : txn(draw, zxid);
      said.push(packet(type, zxid, bytes));
      if (type === PacketType.PROPOSAL && draw.chance(0.95))
        said.push(packet(PacketType.COMMIT, zxid));
    };
    for (let n = draw.below(4); n > 0; n--)
      propose(draw.chance(0.9) ? PacketType.PROPOSAL : PacketType.INFORM);
    said.push(packet(PacketType.NEWLEADER, marker, Buffer.from("version=0")));
    for (let n = draw.below(3); n > 0; n--) propose(PacketType.PROPOSAL);
    said.push(packet(PacketType.UPTODATE, -1));
    for (let n = draw.below(8); n > 0; n--) propose(PacketType.PROPOSAL);
    for (let n = draw.below(4); n > 0; n--) said.push(this.#anything());
    this.#history.last = last;
    return said;
  }

  #anything(): Buffer {
    const draw = this.#draw;
    const bytes = Buffer.alloc(draw.pick([8, 9, 12]));
    draw.fill(bytes);
    switch (draw.below(5)) {
      case 0:
        return packet(PacketType.PING, makeZxid(1, 0));
      case 1:
        return packet(PacketType.REVALIDATE, -1, bytes);
      case 2:
        return packet(PacketType.SYNC, 0);
      case 3:
        return packet(PacketType.HANDOVER, -1, bytes);
      default:
        return anyPacket(draw);
    }
  }
}

/** A learner: once its leader serves it, it forwards, answers and acknowledges anything. */
export class LyingLearner implements Liar {
  readonly #draw: SimRandom;
  readonly #sid: number;
  readonly #acceptedEpoch: number;
  #state: "greeting" | "agreeing" | "syncing" | "served" = "greeting";

  constructor(draw: SimRandom, sid: number, acceptedEpoch = 0) {
    this.#draw = draw;
    this.#sid = sid;
    this.#acceptedEpoch = acceptedEpoch;
  }

  greet(): Buffer {
    const draw = this.#draw;
    const out = new Writer();
    const type = draw.chance(0.95) ? PacketType.FOLLOWERINFO : PacketType.OBSERVERINFO;
    writeLearnerInfo(out, type, makeZxid(this.#acceptedEpoch, 0), this.#sid, 0);
    this.#state = "agreeing";
    const whole = out.take();
    return draw.chance(0.1) ? spoilt(draw, whole) : whole;
  }

  hear(bytes: Buffer): readonly Buffer[] {
    const draw = this.#draw;
    switch (this.#state) {
      case "greeting":
        return [];
      case "agreeing": {
        if (find(bytes, PacketType.LEADERINFO) !== 0) return [];
        this.#state = "syncing";
        const out = new Writer();
        const epoch = draw.chance(0.9) ? 0 : draw.pick([-1, -2, 0x1f_ffff, 0x7fff_ffff]);
        writeAckEpoch(
          out,
          draw.chance(0.9) ? 0 : draw.pick([1, -1, makeZxid(1, 3), Number.MAX_SAFE_INTEGER]),
          epoch,
        );
        return corrupted(draw, [out.take()]);
      }
      case "syncing": {
        const at = find(bytes, PacketType.NEWLEADER);
        if (at < 0 || at + 12 > bytes.length) return [];
        this.#state = "served";
        const zxid = Number(bytes.readBigInt64BE(at + 4));
        return corrupted(draw, [
          packet(PacketType.ACK, Number.isSafeInteger(zxid) ? Math.max(zxid, 0) : 0),
        ]);
      }
      case "served": {
        const said: Buffer[] = [];
        for (let at = 0; at + 20 <= bytes.length && said.length < 20; at++) {
          const type = bytes.readInt32BE(at);
          if (type === PacketType.PING)
            said.push(
              draw.chance(0.9) ? packet(PacketType.PING, 0, Buffer.alloc(0)) : touched(draw),
            );
          else if (type === PacketType.PROPOSAL) {
            const zxid = Number(bytes.readBigInt64BE(at + 4));
            if (zxid > 0 && Number.isSafeInteger(zxid)) said.push(packet(PacketType.ACK, zxid));
          } else continue;
          at += 15;
        }
        for (let n = draw.below(6); n > 0; n--) said.push(this.#anything());
        return said;
      }
    }
  }

  #anything(): Buffer {
    const draw = this.#draw;
    const kind = draw.below(20);
    if (kind < 12) return forwarded(draw);
    if (kind < 16) return revalidate(draw);
    if (kind < 17) return touched(draw);
    if (kind < 18) return spoilt(draw, forwarded(draw));
    return anyPacket(draw);
  }
}
