/**
 * One end of a simulated TCP connection.
 *
 *   write -> [kept: the caller's own buffers] -> kernel -> wire -> peer's received -> data()
 *
 * The kernel takes `windowBytes` per direction, counted until the peer's process has read them, so
 * a slow reader is felt as `write` returning false. What is kept is read from the caller's buffer
 * only when the kernel takes it, and what is delivered is scribbled over afterwards: code that
 * breaks the rules of `Link` about buffers sees garbage here.
 */
import { assert } from "../../protocol/assert.ts";
import type { HostError, Link, LinkHandlers } from "../../protocol/host.ts";
import { EventKind } from "./event-queue.ts";
import { SimError } from "./sim-error.ts";
import type { SimHost } from "./sim-host.ts";
import type { SimFabric } from "./sim-network.ts";
import type { World } from "./world.ts";

/** What one read takes at most. */
const READ_MAX_BYTES = 0x1_0000;
const SCRIBBLE = 0xdb;

/** What travels: bytes, the end of the stream, or the refusal to have one. */
export type Packet =
  | { readonly kind: "data"; readonly bytes: Buffer }
  | { readonly kind: "fin" }
  | { readonly kind: "reset" };

/** One direction of a wire. Invariant: packets arrive in the order they left. */
export class Direction {
  readonly queue: { readonly atUs: number; readonly packet: Packet }[] = [];
  lastUs = 0;
  /** Whether an arrival is scheduled; a queue without one waits for a cut to heal. */
  pumping = false;
}

type LinkState = "connecting" | "open" | "closed";

const PROBE: Packet = { kind: "data", bytes: Buffer.alloc(0) };

/** Until `accept` has set its own. */
const NO_HANDLERS: LinkHandlers = { data() {}, ended() {}, drained() {}, closed() {} };

export class SimLink implements Link {
  handlers: LinkHandlers = NO_HANDLERS;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly host: SimHost;
  readonly life: number;
  /** The other end; undefined until a listener has answered. */
  peer: SimLink | undefined;
  readonly outgoing: Direction = new Direction();
  readonly #world: World;
  readonly #fabric: SimFabric;
  readonly #windowBytes: number;
  #state: LinkState = "connecting";
  /** Accepted by the process, or opened: data may be delivered. */
  #ready = false;
  #paused = false;
  /** Invariant: `#keptBytes` is the sum of what is left of them; the first is taken from `#keptFrom`. */
  readonly #kept: Uint8Array[] = [];
  #keptFrom = 0;
  #keptBytes = 0;
  /** Bytes of ours that the kernels hold. Invariant: at most the window. */
  #travelling = 0;
  readonly #received: Buffer[] = [];
  #receivedFrom = 0;
  #reading = false;
  #endAsked = false;
  #finSent = false;
  #finReceived = false;
  #endedTold = false;
  /** Bytes read whose acknowledgement a cut holds back. */
  #ackHeld = 0;

  constructor(
    world: World,
    fabric: SimFabric,
    host: SimHost,
    remoteAddress: string,
    remotePort: number,
    windowBytes: number,
  ) {
    this.#world = world;
    this.#fabric = fabric;
    this.host = host;
    this.life = host.life;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.#windowBytes = windowBytes;
  }

  get pendingBytes(): number {
    return this.#keptBytes;
  }

  get open(): boolean {
    return this.#state === "open";
  }

  get closed(): boolean {
    return this.#state === "closed";
  }

  /** The two ends know each other; the kernels talk from now on. */
  establish(peer: SimLink): void {
    this.peer = peer;
    this.#state = "open";
  }

  /** The process has it: received bytes may be delivered, kept ones leave. */
  begin(): void {
    this.#ready = true;
    this.#pushKept();
    this.#scheduleRead();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#state === "closed" || this.#endAsked || bytes.length === 0) return true;
    const room =
      this.#state === "open" && this.#keptBytes === 0 ? this.#windowBytes - this.#travelling : 0;
    if (bytes.length <= room) {
      this.#send(copyOf(bytes));
      return true;
    }
    if (room > 0) this.#send(copyOf(bytes.subarray(0, room)));
    this.#kept.push(bytes.subarray(room));
    this.#keptBytes += bytes.length - room;
    if (this.peer?.closed === true) this.#probe();
    return false;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#scheduleRead();
  }

  end(): void {
    if (this.#state === "closed" || this.#endAsked) return;
    this.#endAsked = true;
    this.#finishSending();
  }

  /** A simulated peer that is gone is found out by nobody who does not write to it. */
  keepAlive(): void {}

  destroy(): void {
    if (this.#state === "closed") return;
    this.abandon();
    this.#tellClosed(undefined);
  }

  /** The process lets go of it without a word to its handlers; its kernel tells the peer. */
  abandon(): void {
    if (this.#state === "closed") return;
    const unread = this.#received.length > 0;
    const told = this.#finSent;
    this.#close();
    if (this.peer === undefined) return;
    if (unread) this.#fabric.transmit(this, { kind: "reset" });
    else if (!told) this.#fabric.transmit(this, { kind: "fin" });
  }

  /** The machine lost its power: nobody is told. */
  vanish(): void {
    this.#close();
    if (this.peer !== undefined) this.peer.#probe();
  }

  /** What is sent from here on is lost on the way. */
  isolate(): void {
    this.peer = undefined;
  }

  /** The connection broke, as seen from this end. */
  fail(error: SimError): void {
    if (this.#state === "closed") return;
    this.#close();
    this.#tellClosed(error);
  }

  /** The kernel of this end gets a packet. */
  arrive(packet: Packet): void {
    switch (packet.kind) {
      case "data":
        if (this.#state === "closed") {
          // Nobody is here: the sender is told, as by any kernel.
          this.#fabric.transmit(this, { kind: "reset" });
          return;
        }
        this.#received.push(packet.bytes);
        this.#scheduleRead();
        return;
      case "fin":
        this.#finReceived = true;
        this.#scheduleRead();
        return;
      case "reset":
        this.fail(new SimError("ECONNRESET", "the peer reset the connection"));
        return;
    }
  }

  /** The peer's process has read `bytes`. */
  acknowledged(bytes: number): void {
    this.#travelling -= bytes;
    assert(this.#travelling >= 0, "more was read than was sent");
    if (this.#state !== "open") return;
    this.#pushKept();
  }

  /** A cut has healed: acknowledgements that it held may go. */
  releaseAcks(): void {
    if (this.#ackHeld === 0) return;
    const bytes = this.#ackHeld;
    this.#ackHeld = 0;
    this.#acknowledge(bytes);
  }

  #send(bytes: Buffer): void {
    this.#travelling += bytes.length;
    this.#fabric.transmit(this, { kind: "data", bytes });
  }

  /**
   * Asks a peer whose window is full whether it has room again. Who lives says so unasked; who came
   * back after a power cut knows of no connection, and says that.
   */
  #probe(): void {
    if (this.#state === "open" && this.#keptBytes > 0) this.#fabric.transmit(this, PROBE);
  }

  #pushKept(): void {
    if (this.#keptBytes === 0) {
      this.#finishSending();
      return;
    }
    while (this.#keptBytes > 0 && this.#travelling < this.#windowBytes) {
      const chunk = this.#kept[0] as Uint8Array;
      const room = this.#windowBytes - this.#travelling;
      const upTo = Math.min(chunk.length, this.#keptFrom + room);
      const part = copyOf(chunk.subarray(this.#keptFrom, upTo));
      this.#keptBytes -= part.length;
      if (upTo === chunk.length) {
        this.#kept.shift();
        this.#keptFrom = 0;
      } else {
        this.#keptFrom = upTo;
      }
      this.#send(part);
    }
    if (this.#keptBytes > 0) return;
    this.#finishSending();
    this.#world.schedule(this.host, 0, EventKind.drained, () => {
      if (this.#state === "open" && this.#keptBytes === 0) this.handlers.drained();
    });
  }

  #finishSending(): void {
    if (!this.#endAsked || this.#finSent || this.#keptBytes > 0 || this.#state !== "open") return;
    this.#finSent = true;
    this.#fabric.transmit(this, { kind: "fin" });
    this.#closeIfBothEnded();
  }

  #scheduleRead(): void {
    if (this.#reading || !this.#ready || this.#state !== "open") return;
    if (this.#received.length === 0 && (!this.#finReceived || this.#endedTold)) return;
    this.#reading = true;
    this.#world.schedule(this.host, this.host.draw.below(40), EventKind.read, this.#read);
  }

  readonly #read = (): void => {
    this.#reading = false;
    if (this.#state !== "open" || this.#paused) return;
    if (this.#received.length > 0) {
      const bytes = this.#take();
      this.#world.trace.bytes(bytes);
      this.#acknowledge(bytes.length);
      this.handlers.data(bytes);
      bytes.fill(SCRIBBLE);
    } else if (this.#finReceived && !this.#endedTold) {
      this.#endedTold = true;
      this.handlers.ended();
      this.#closeIfBothEnded();
    }
    this.#scheduleRead();
  };

  /** What one read brings: often all that is there, at times cut at any byte. */
  #take(): Buffer {
    let there = -this.#receivedFrom;
    for (const chunk of this.#received) there += chunk.length;
    const most = Math.min(there, READ_MAX_BYTES);
    const wanted = this.host.draw.chance(0.75) ? most : this.host.draw.between(1, most);
    const first = this.#received[0] as Buffer;
    if (this.#receivedFrom === 0 && first.length === wanted) {
      // Most often one packet is read as it came: its memory is nobody else's.
      this.#received.shift();
      return first;
    }
    const bytes = Buffer.allocUnsafe(wanted);
    let filled = 0;
    while (filled < wanted) {
      const chunk = this.#received[0] as Buffer;
      const upTo = Math.min(chunk.length, this.#receivedFrom + wanted - filled);
      bytes.set(chunk.subarray(this.#receivedFrom, upTo), filled);
      filled += upTo - this.#receivedFrom;
      if (upTo === chunk.length) {
        this.#received.shift();
        this.#receivedFrom = 0;
      } else {
        this.#receivedFrom = upTo;
      }
    }
    return bytes;
  }

  #acknowledge(bytes: number): void {
    const peer = this.peer;
    if (peer === undefined) return;
    if (this.#fabric.isCut(this.host.name, peer.host.name)) {
      this.#ackHeld += bytes;
      return;
    }
    const delayUs = this.#fabric.delayUs(this.host, peer.host);
    this.#world.schedule(undefined, delayUs, EventKind.wire, () => peer.acknowledged(bytes));
  }

  #closeIfBothEnded(): void {
    if (this.#state !== "open" || !this.#finSent || !this.#endedTold) return;
    this.#close();
    this.#tellClosed(undefined);
  }

  #close(): void {
    this.#state = "closed";
    this.#kept.length = 0;
    this.#keptBytes = 0;
    this.#received.length = 0;
    this.#fabric.forget(this);
  }

  #tellClosed(error: HostError | undefined): void {
    this.#world.schedule(this.host, 0, EventKind.closed, () => this.handlers.closed(error));
  }
}

/** From Node's pool, where it fits: most packets are small, and there are millions of them. */
function copyOf(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafe(bytes.length);
  copy.set(bytes);
  return copy;
}
