// What servers said to each other in a run, and what reached their disks: seen from outside, in one
// order. The checkers of the specification's invariants read this and nothing else.

import type { Moment } from "../history.ts";

/** One packet of the quorum port at one of its two ends. */
export interface ZabPacket {
  readonly when: Moment;
  /** Whether this end wrote it; the other one gets it later, or never. */
  readonly isSent: boolean;
  readonly type: number;
  readonly zxid: number;
  /** Of a txn: its bytes, a character each. */
  readonly content: string | undefined;
  /** Of ACKEPOCH: the epoch, or -1. Of FOLLOWERINFO and OBSERVERINFO: the sid. */
  readonly value: number | undefined;
}

/** One end of a connection between a leader and a learner. */
export interface ZabLink {
  /** The host whose end this is. */
  readonly server: string;
  readonly side: "leader" | "learner";
  /** The host at the other end; "" before it is known. */
  readonly peer: string;
  readonly opened: Moment;
  readonly packets: readonly ZabPacket[];
}

/** Something that survives whatever happens to a server from now on. */
export type Durable =
  | { readonly kind: "txn"; readonly when: Moment; readonly zxid: number; readonly content: string }
  | { readonly kind: "acceptedEpoch"; readonly when: Moment; readonly epoch: number }
  | { readonly kind: "currentEpoch"; readonly when: Moment; readonly epoch: number }
  | { readonly kind: "snapshot"; readonly when: Moment; readonly zxid: number }
  /** An empty disk was put in: nothing of the above holds any more. */
  | { readonly kind: "wiped"; readonly when: Moment };

/** A leader has taken office: what it has logged until then is settled (S-3). */
export interface Established {
  readonly leader: string;
  readonly epoch: number;
  readonly when: Moment;
  /** Its log, as far as there are files of it. */
  readonly txns: readonly { readonly zxid: number; readonly content: string }[];
}

export interface ZabTrace {
  /** In order. */
  readonly established: readonly Established[];
  /** In the order in which they were opened. */
  readonly links: readonly ZabLink[];
  /** By server, in order. */
  readonly durable: ReadonlyMap<string, readonly Durable[]>;
}
