/**
 * Cuts the stream of the quorum port into packets, which lie there without a length of their own:
 * only who follows every length inside a packet knows where the next one begins.
 *
 *     int type, long zxid, int n, n bytes, int ids, ids x (int s, s bytes, int i, i bytes)
 *     └────────── head ─────────┘ └ data ┘ └ tail, whose strings are followed one by one ┘
 *
 * As in frames.ts a chunk is passed over once, packets that lie whole in it are handed out in
 * place, and only the bytes of a torn packet are copied, into one buffer that is used again. No
 * object is made per packet: one view serves them all. Every length is checked as soon as its four
 * bytes are there, before anything behind it is kept, and what a torn packet occupies grows with
 * the bytes that came. How far its lengths were followed is remembered, so a stream that trickles
 * in costs no more than one that comes at once.
 *
 * Behind SNAP the stream is a tree, no packet: `readRaw` hands its bytes out as they come.
 */
import { PACKET_HEAD_BYTES, type Packet } from "./quorum.ts";
import { fromWords, type Zxid } from "./zxid.ts";

/** Of one packet: a client's server allows its client far fewer. */
const IDS_MAX = 4096;
/** Of one packet, all its strings together. */
const IDS_BYTES_MAX = 0x10_0000;

/** A buffer larger than this is given up once the packet that needed it has been handed out. */
const RETAINED_BYTES_MAX = 0x1_0000;

const EMPTY = Buffer.alloc(0);

/** The packet is the callee's until it returns. */
export type PacketHandler = (packet: Packet) => void;

/** The stream cannot be read on, and nothing is handed out after this. */
export type PacketRefusal = (reason: string) => void;

/** Takes bytes that are no packets, and returns how many were its own; -1: they are wrong. */
export type RawTaker = (bytes: Buffer, start: number, end: number) => number;

class PacketView implements Packet {
  type = 0;
  zxid: Zxid = 0;
  bytes: Buffer = EMPTY;
  dataStart = 0;
  dataLength = -1;
  idsStart = 0;
  end = 0;
}

export class PacketSplitter {
  readonly #dataMax: number;
  readonly #onPacket: PacketHandler;
  readonly #onRefused: PacketRefusal;
  readonly #packet = new PacketView();
  #taker: RawTaker | undefined;
  /** Bytes that came and were not handed out, from #start up to #end. */
  #kept: Buffer = EMPTY;
  /** Invariant: 0 <= #start <= #end <= #kept.length. Unless paused they are less than a packet. */
  #start = 0;
  #end = 0;
  /**
   * Of the packet at hand, from its first byte: how far its lengths were followed, and how many
   * bytes it needs for the next step. Invariant: #followed < #needed.
   */
  #followed = 0;
  #needed = PACKET_HEAD_BYTES;
  /** Where its ids start; 0 until its head was read. */
  #idsAt = 0;
  /** Strings of its ids that were not followed yet; -1 until they were counted. */
  #stringsLeft = -1;
  #paused = false;
  #stopped = false;
  #dispatching = false;

  /** @param dataMax The most bytes of data that a packet may have. */
  constructor(dataMax: number, onPacket: PacketHandler, onRefused: PacketRefusal) {
    this.#dataMax = dataMax;
    this.#onPacket = onPacket;
    this.#onRefused = onRefused;
  }

  /** Bytes that wait for the rest of their packet, or for `resume`. */
  get keptBytes(): number {
    return this.#end - this.#start;
  }

  /** Takes the next bytes of the stream; they are the caller's again when this returns. */
  push(chunk: Buffer): void {
    if (this.#stopped) return;
    if (this.#paused) {
      this.#keep(chunk, 0, chunk.length);
      return;
    }
    this.#dispatching = true;
    const at = this.#split(chunk, this.#completeTorn(chunk), chunk.length);
    this.#dispatching = false;
    this.#keepRest(chunk, at);
  }

  /**
   * Hands out nothing until `resume`; callable from inside a handler. What the stream still brings
   * is kept: pause the link as well, then that is the rest of one chunk.
   */
  pause(): void {
    this.#paused = true;
  }

  /** Hands out the packets that were kept. */
  resume(): void {
    this.#paused = false;
    // Inside a handler the loop that called it goes on by itself.
    if (this.#dispatching || this.#stopped) return;
    this.#dispatching = true;
    this.#start = this.#split(this.#kept, this.#start, this.#end);
    this.#dispatching = false;
    this.#forgetSpent();
  }

  /** Hands out nothing ever again, not even what the chunk at hand still holds. */
  stop(): void {
    this.#stopped = true;
    if (!this.#dispatching) this.#forget();
  }

  /**
   * What follows the packet at hand is no packet: goes to `take`, until that takes fewer bytes than
   * it was given. Called from inside a packet's handler.
   */
  readRaw(take: RawTaker): void {
    this.#taker = take;
  }

  /** Hands out what lies whole in `bytes` and returns where it stopped. */
  #split(bytes: Buffer, from: number, end: number): number {
    let at = from;
    while (at < end && !this.#paused && !this.#stopped) {
      if (this.#taker !== undefined) {
        at = this.#handRaw(this.#taker, bytes, at, end);
        continue;
      }
      if (!this.#follow(bytes, at, end - at)) return at;
      at += this.#handOut(bytes, at);
    }
    return at;
  }

  #handRaw(take: RawTaker, bytes: Buffer, start: number, end: number): number {
    const taken = take(bytes, start, end);
    if (taken < 0) this.#refuse("the bytes behind SNAP are no tree");
    if (taken === end - start) return end;
    this.#taker = undefined;
    return start + Math.max(0, taken);
  }

  /**
   * Adds to a torn packet what it lacks, step by step, so that no length is passed unchecked;
   * hands it out when whole. Returns how much that took.
   */
  #completeTorn(chunk: Buffer): number {
    if (this.#start === this.#end) return 0;
    let taken = 0;
    for (;;) {
      const more = Math.min(this.#needed - this.keptBytes, chunk.length - taken);
      this.#keep(chunk, taken, taken + more);
      taken += more;
      if (this.keptBytes < this.#needed) return taken;
      if (this.#follow(this.#kept, this.#start, this.keptBytes)) break;
      if (this.#stopped) return taken;
    }
    const start = this.#start;
    const bytes = this.#kept;
    this.#forget();
    this.#handOut(bytes, start);
    return taken;
  }

  /**
   * Follows the lengths of the packet at `at`, of which `there` bytes are there. True: it is whole,
   * and `#followed` long. False: it is torn, or was refused.
   */
  #follow(bytes: Buffer, at: number, there: number): boolean {
    if (this.#idsAt === 0) {
      if (there < PACKET_HEAD_BYTES) return false;
      if (!this.#acceptsHead(bytes, at)) return false;
      this.#idsAt = PACKET_HEAD_BYTES + Math.max(0, this.#packet.dataLength);
      this.#followed = this.#idsAt;
      this.#needed = this.#idsAt + 4;
    }
    if (this.#stringsLeft === -1) {
      if (there < this.#needed) return false;
      const count = bytes.readInt32BE(at + this.#idsAt);
      if (count < -1 || count > IDS_MAX) return this.#refuse("more ids than a packet may have");
      this.#stringsLeft = Math.max(0, count) * 2;
      this.#followed = this.#needed;
      this.#needed += 4;
    }
    while (this.#stringsLeft > 0) {
      if (there < this.#needed) return false;
      const length = bytes.readInt32BE(at + this.#needed - 4);
      if (length < -1) return this.#refuse("an id of a negative length");
      const end = this.#needed + Math.max(0, length);
      if (end - this.#idsAt > IDS_BYTES_MAX) return this.#refuse("ids longer than they may be");
      this.#followed = end;
      this.#stringsLeft--;
      this.#needed = this.#stringsLeft > 0 ? end + 4 : end;
    }
    return there >= this.#followed;
  }

  #acceptsHead(bytes: Buffer, at: number): boolean {
    const zxid = fromWords(bytes.readInt32BE(at + 4), bytes.readInt32BE(at + 8));
    if (zxid < -1 || !Number.isSafeInteger(zxid)) {
      return this.#refuse("a zxid beyond every epoch");
    }
    const length = bytes.readInt32BE(at + 12);
    if (length < -1) return this.#refuse("data of a negative length");
    if (length > this.#dataMax) return this.#refuse("more data than jute.maxbuffer allows");
    const packet = this.#packet;
    packet.type = bytes.readInt32BE(at);
    packet.zxid = zxid;
    packet.dataLength = length;
    return true;
  }

  /** Hands out the packet at `at`, which was followed to its end, and returns its length. */
  #handOut(bytes: Buffer, at: number): number {
    const length = this.#followed;
    const packet = this.#packet;
    packet.bytes = bytes;
    packet.dataStart = at + PACKET_HEAD_BYTES;
    packet.idsStart = at + this.#idsAt;
    packet.end = at + length;
    this.#followed = 0;
    this.#needed = PACKET_HEAD_BYTES;
    this.#idsAt = 0;
    this.#stringsLeft = -1;
    this.#onPacket(packet);
    return length;
  }

  #refuse(reason: string): false {
    // Whoever takes raw bytes may have closed the link already, and said why.
    if (!this.#stopped) {
      this.#stopped = true;
      this.#onRefused(reason);
    }
    return false;
  }

  #keepRest(chunk: Buffer, from: number): void {
    if (this.#stopped) this.#forget();
    else if (from < chunk.length) this.#keep(chunk, from, chunk.length);
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    const bytes = to - from;
    if (this.#end + bytes > this.#kept.length) this.#makeRoom(bytes);
    chunk.copy(this.#kept, this.#end, from, to);
    this.#end += bytes;
  }

  #makeRoom(bytes: number): void {
    const kept = this.keptBytes;
    const capacity = Math.max(kept + bytes, this.#kept.length * 2);
    const target = kept + bytes > this.#kept.length ? Buffer.allocUnsafeSlow(capacity) : this.#kept;
    this.#kept.copy(target, 0, this.#start, this.#end);
    this.#kept = target;
    this.#start = 0;
    this.#end = kept;
  }

  #forgetSpent(): void {
    if (this.#stopped || this.#start === this.#end) this.#forget();
  }

  #forget(): void {
    this.#start = 0;
    this.#end = 0;
    if (this.#kept.length > RETAINED_BYTES_MAX) this.#kept = EMPTY;
  }
}
