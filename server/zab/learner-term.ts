/**
 * What the parts of a learner's term share: synchronization and broadcast read the same link, and
 * tell the term how it goes on.
 */
import type { Packet } from "../../protocol/quorum.ts";
import { highWord, lowWord } from "../../protocol/zxid.ts";
import type { QuorumLink, Replica } from "./effects.ts";

/** One link to the leader, and what may become of it. After `end`, `needTree` or `fail`: nothing. */
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
  /** The server must stop. */
  fail(exitCode: number, message: string): void;
  handover(sid: number): void;
  /** For what may come a thousand times a second: one line a tick is enough. */
  warn(details: Readonly<Record<string, unknown>>, message: string): void;
}

// TxnHeader: long clientId, int cxid, long zxid, long time, int type

const TXN_HEADER_BYTES = 32;
const TXN_ZXID_OFFSET = 12;

/** Whether a txn with the packet's zxid lies `offset` bytes into its data. */
export function carriesTxn(packet: Packet, offset: number): boolean {
  if (packet.dataLength - offset < TXN_HEADER_BYTES) return false;
  const at = packet.dataStart + offset + TXN_ZXID_OFFSET;
  const high = packet.bytes.readInt32BE(at);
  return (
    high === highWord(packet.zxid) && packet.bytes.readInt32BE(at + 4) === lowWord(packet.zxid)
  );
}
