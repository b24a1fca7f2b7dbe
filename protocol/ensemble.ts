/**
 * Who belongs to an ensemble: what the lines `server.N`, `group.N` and `weight.N` say, in a file,
 * in a notification, in NEWLEADER and in the znode /zookeeper/config (quorum-protocol 12.1).
 */
import type { Zxid } from "./zxid.ts";

export interface EnsembleConfig {
  /** The zxid of the reconfiguration that made it; 0: the one from the file. */
  readonly version: Zxid;
  /** By sid. */
  readonly members: ReadonlyMap<number, Member>;
  /** By number; empty: any majority of the participants is a quorum. */
  readonly groups: ReadonlyMap<number, readonly number[]>;
  /** Those that were said; the others weigh 1. */
  readonly weights: ReadonlyMap<number, number>;
}

export interface Member {
  /** 0 to 2^53 - 1. Session ids carry its low 8 bits. */
  readonly sid: number;
  readonly role: "participant" | "observer";
  /** At least one. */
  readonly addresses: readonly MemberAddress[];
  /** What follows the semicolon; undefined where nothing does. */
  readonly client: ClientAddress | undefined;
}

export interface MemberAddress {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
  readonly quorumPort: number;
  readonly electionPort: number;
}

export interface ClientAddress {
  /** Undefined: every address of the machine. */
  readonly host: string | undefined;
  readonly port: number;
}
