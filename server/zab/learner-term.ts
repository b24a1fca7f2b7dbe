/**
 * What the parts of a learner's term share: synchronization and broadcast read the same link, and
 * tell the term how it goes on.
 */
import type { Packet } from "../../protocol/quorum.ts";
import { isWholeTxn } from "../../protocol/txn-shape.ts";
import { highWord, lowWord } from "../../protocol/zxid.ts";
import type { QuorumLink, Replica } from "./effects.ts";

/** One link to the leader, and what may become of it. After `end` or `needTree`: nothing. */
export interface LearnerTerm {
  readonly link: QuorumLink;
  readonly replica: Replica;
  /** The leader's, promised by this server. */
  readonly epoch: number;
  /** It presented itself with OBSERVERINFO: it is fed with INFORM. */
  readonly isObserver: boolean;
  /** The leader named itself as one of ours. */
  readonly isLeaderOurs: boolean;
  /** Bytes came that are no packet. */
  heard(): void;
  /** Closes the link; the term is over once memory and disk agree. */
  end(reason: string): void;
  /** The history here cannot be led on to the leader's: the whole tree has to come. */
  needTree(reason: string): void;
  /** UPTODATE: a quorum has this epoch's history. */
  upToDate(): void;
  handover(sid: number): void;
  /** For what may come a thousand times a second: one line a tick is enough. */
  warn(details: Readonly<Record<string, unknown>>, message: string): void;
}

// TxnHeader: long clientId, int cxid, long zxid, long time, int type

const TXN_ZXID_OFFSET = 12;

/** Whether a txn with the packet's zxid lies `offset` bytes into its data, and could be replayed. */
export function carriesTxn(packet: Packet, offset: number): boolean {
  const { bytes, zxid, dataStart, dataLength } = packet;
  const start = dataStart + offset;
  if (!isWholeTxn(bytes, start, dataStart + dataLength)) return false;
  const at = start + TXN_ZXID_OFFSET;
  return bytes.readInt32BE(at) === highWord(zxid) && bytes.readInt32BE(at + 4) === lowWord(zxid);
}
