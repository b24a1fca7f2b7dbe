/**
 * What servers say to each other on the election port; jute leaves it out (quorum-protocol 2, 3).
 * A connection begins with the handshake of who dialled; from then on both ways carry frames
 * (`int length`, then that many bytes) with one notification each.
 */
import type { Writer } from "./jute.ts";
import { fromWords } from "./zxid.ts";

/** As on the wire. */
export const PeerState = { LOOKING: 0, FOLLOWING: 1, LEADING: 2, OBSERVING: 3 } as const;

export type PeerState = (typeof PeerState)[keyof typeof PeerState];

/** What one server thinks of the election, or knows of its outcome. */
export interface Notification {
  /** Of the sender. */
  readonly state: PeerState;
  /** The sid it votes for or follows. -2^63: nobody, from one who may not be voted for. */
  readonly leader: number;
  /** The last zxid of that leader. -1: an empty server that must not be counted. */
  readonly zxid: number;
  /** The sender's round. */
  readonly electionEpoch: number;
  /** The leader's current epoch. */
  readonly peerEpoch: number;
  /** The sender's committed configuration; undefined: its format had none. */
  readonly config: string | undefined;
}

/** Frames of the election port are from 1 to this many bytes long (E-9). */
export const ELECTION_FRAME_BYTES_MIN = 1;
export const ELECTION_FRAME_BYTES_MAX = 0x8_0000;

/** The leader of a vote for nobody, from a server that may not be voted for (F-3). */
export const NOBODY: number = -(2 ** 63);

// Notification, behind its frame's length:
//   int state, long leader, long zxid, long electionEpoch          28 bytes: the first format
//   [long peerEpoch, int version]                                  40 bytes: version does not count
//   [int version >= 2: int n, n bytes of config]

const FIRST_FORMAT_BYTES = 28;
const SECOND_FORMAT_BYTES = 40;
/** Of the second format, as servers before ZooKeeper 3.5 wrote it. */
const SECOND_FORMAT_VERSION = 1;
const CONFIG_VERSION = 2;

/** Writes a frame. Without a configuration it is of the format that had none. */
export function writeNotification(out: Writer, notification: Notification): void {
  const { config } = notification;
  const at = out.reserve(4);
  out.int(notification.state);
  out.long(notification.leader);
  out.long(notification.zxid);
  out.long(notification.electionEpoch);
  out.long(notification.peerEpoch);
  if (config === undefined) {
    out.int(SECOND_FORMAT_VERSION);
  } else {
    out.int(CONFIG_VERSION);
    out.string(config);
  }
  out.patchInt(at, out.length - at - 4);
}

/**
 * Reads the notification that is bytes[start, end). A text instead says why it is none, or one that
 * nobody heeds: the connection lives on (N-1, N-4).
 */
export function readNotification(bytes: Buffer, start: number, end: number): Notification | string {
  const length = end - start;
  if (length < FIRST_FORMAT_BYTES) return "a notification shorter than any format";
  const state = bytes.readInt32BE(start);
  if (!isPeerState(state)) return "a notification of an unknown state";
  const leader = longAt(bytes, start + 4);
  const zxid = longAt(bytes, start + 12);
  const electionEpoch = longAt(bytes, start + 20);
  let peerEpoch = Math.floor(zxid / 0x1_0000_0000);
  let config: string | undefined;
  if (length > FIRST_FORMAT_BYTES) {
    if (length < SECOND_FORMAT_BYTES) return "a notification that ends inside a field";
    peerEpoch = longAt(bytes, start + 28);
    if (length > SECOND_FORMAT_BYTES && bytes.readInt32BE(start + 36) >= CONFIG_VERSION) {
      const from = start + 44;
      const configLength = from > end ? -1 : bytes.readInt32BE(start + 40);
      if (configLength < 0 || configLength > end - from) {
        return "a notification that ends inside its configuration";
      }
      config = bytes.toString("utf8", from, from + configLength);
    }
  }
  if (!isExact(leader) || !isExact(zxid) || !isExact(electionEpoch) || !isExact(peerEpoch)) {
    return "a notification with a number beyond 2^53";
  }
  return { state, leader, zxid, electionEpoch, peerEpoch, config };
}

function isPeerState(state: number): state is PeerState {
  return state >= PeerState.LOOKING && state <= PeerState.OBSERVING;
}

/** Those who may not be voted for fill a vote with it. */
function isExact(value: number): boolean {
  return Number.isSafeInteger(value) || value === NOBODY;
}

// The handshake:
//   V1, V2  long version, long sid, int n, n bytes of addresses joined by "|" (V1 has one)
//   V0      long sid

const VERSION_1 = -0x1_0000;
const VERSION_2 = -0xffff;
const HEAD_BYTES = 20;
const ADDRESSES_BYTES_MAX = 2048;
/** All of them are dialled at once. */
const ADDRESSES_MAX = 16;
/** What an observer that has no sid says instead (E-7). Java's Long.MAX_VALUE; a number rounds it. */
const NO_SID: number = 2 ** 63;

/** Where a server listens for the others. */
export interface ElectionAddress {
  /** IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Who dialled. */
export interface ElectionHandshake {
  /** Undefined: it has none, as an observer may. */
  readonly sid: number | undefined;
  /** Where to dial it back; none in the oldest format. */
  readonly addresses: readonly ElectionAddress[];
}

/**
 * What a dialler sends, to be written at once: ZooKeeper reads the addresses with a single read (E-2).
 * With one address that is V1, as every server since 3.5 reads it; with several it is V2, which
 * servers before 3.6 refuse.
 */
export function writeHandshake(
  out: Writer,
  sid: number,
  addresses: readonly ElectionAddress[],
): void {
  out.long(addresses.length > 1 ? VERSION_2 : VERSION_1);
  out.long(sid);
  out.string(addresses.map(addressText).join("|"));
}

/** Reads a handshake however it trickles in. */
export class HandshakeReader {
  /** Who it is, once that is known. */
  handshake: ElectionHandshake | undefined;
  /** Why it is no handshake: nothing is read after this. */
  problem: string | undefined;
  readonly #bytes: Buffer = Buffer.allocUnsafe(HEAD_BYTES + ADDRESSES_BYTES_MAX);
  #length = 0;
  /** What has to be there for the next step. Invariant: #length <= #needed <= #bytes.length. */
  #needed = 8;

  /** Takes what belongs to the handshake, and returns how many bytes that was. */
  push(chunk: Buffer): number {
    let at = 0;
    while (this.handshake === undefined && this.problem === undefined) {
      const more = Math.min(this.#needed - this.#length, chunk.length - at);
      chunk.copy(this.#bytes, this.#length, at, at + more);
      this.#length += more;
      at += more;
      if (this.#length < this.#needed) return at;
      this.#step();
    }
    return at;
  }

  #step(): void {
    const bytes = this.#bytes;
    if (this.#needed === 8) {
      const first = longAt(bytes, 0);
      if (first >= 0) this.#identify(first, []);
      else if (first === VERSION_1 || first === VERSION_2) this.#needed = HEAD_BYTES;
      else this.problem = "a handshake of an unknown version";
    } else if (this.#needed === HEAD_BYTES) {
      const length = bytes.readInt32BE(16);
      if (length > 0 && length <= ADDRESSES_BYTES_MAX) this.#needed = HEAD_BYTES + length;
      else this.problem = "a handshake with addresses of an unreasonable length";
    } else {
      const texts = bytes.toString("utf8", HEAD_BYTES, this.#needed).split("|");
      const addresses = texts.map(parseElectionAddress);
      if (texts.length > ADDRESSES_MAX) {
        this.problem = "a handshake with more addresses than a server has";
      } else if (addresses.every((address) => address !== undefined)) {
        this.#identify(longAt(bytes, 8), addresses);
      } else {
        this.problem = "a handshake with an address that is none";
      }
    }
  }

  #identify(sid: number, addresses: readonly ElectionAddress[]): void {
    if (sid === NO_SID) this.handshake = { sid: undefined, addresses };
    else if (sid >= 0 && Number.isSafeInteger(sid)) this.handshake = { sid, addresses };
    else this.problem = "a handshake of a sid that none may have";
  }
}

/** `host:port`, an IPv6 address in brackets. */
function addressText({ host, port }: ElectionAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseElectionAddress(text: string): ElectionAddress | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port === 0 || port > 0xffff) return undefined;
  return { host, port };
}

function longAt(bytes: Buffer, at: number): number {
  return fromWords(bytes.readInt32BE(at), bytes.readInt32BE(at + 4));
}
