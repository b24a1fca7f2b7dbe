/**
 * What servers say to each other on the election port; jute leaves it out (quorum-protocol 2, 3).
 */

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
