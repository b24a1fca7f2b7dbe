/** Whom a server wants to lead, and what for: the history that it has (quorum-protocol 4). */
import { NOBODY } from "../../protocol/election.ts";
import { type Zxid, zxidHex } from "../../protocol/zxid.ts";
import type { QuorumVerifier } from "./quorum-verifier.ts";

export interface Vote {
  /** A sid, or `NOBODY`. */
  readonly leader: number;
  /** The last zxid of that leader; `UNCOUNTED`: whose vote this is does not want to be counted. */
  readonly zxid: Zxid;
  /** The round in which it was given. */
  readonly electionEpoch: number;
  /** The leader's current epoch; once an ensemble runs, its epoch (F-9). */
  readonly peerEpoch: number;
}

/** The zxid by which an empty server says that it has no vote to give (F-5, "unsafe"). */
export const UNCOUNTED = -1;

/** F-1: the later epoch wins, then the longer history, then the greater sid. */
export function beats(vote: Vote, other: Vote, quorum: QuorumVerifier): boolean {
  if (quorum.weight(vote.leader) === 0) return false;
  if (vote.peerEpoch !== other.peerEpoch) return vote.peerEpoch > other.peerEpoch;
  if (vote.zxid !== other.zxid) return vote.zxid > other.zxid;
  return vote.leader > other.leader;
}

export function isSameVote(vote: Vote, other: Vote): boolean {
  return (
    vote.leader === other.leader &&
    vote.zxid === other.zxid &&
    vote.electionEpoch === other.electionEpoch &&
    vote.peerEpoch === other.peerEpoch
  );
}

/** For the log. */
export function describeVote(vote: Vote): Readonly<Record<string, unknown>> {
  // An observer's has nothing to show.
  if (vote.zxid === NOBODY) return { leader: "nobody", round: vote.electionEpoch };
  return {
    leader: vote.leader === NOBODY ? "nobody" : vote.leader,
    zxid: vote.zxid === UNCOUNTED ? "none" : zxidHex(vote.zxid),
    round: vote.electionEpoch,
    epoch: vote.peerEpoch,
  };
}
