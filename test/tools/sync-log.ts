// How learners were brought up to date, read from what servers log. Apache's tell as leaders what
// they send to whom, as learners what they get, and where they connected to; ours tell as learners
// what they got, and from whom.

export type SyncKind = "DIFF" | "TRUNC" | "SNAP";

/** As one server tells of it: the number of the other one, or the quorum port that it was found at. */
export type LoggedSync =
  | { readonly kind: SyncKind; readonly learner: number }
  | { readonly kind: SyncKind; readonly leader: number }
  | { readonly kind: SyncKind; readonly leaderPort: number };

const BEGINS = /\[(LearnerHandler-[^\]]*)\].* - Synchronizing with Learner sid: (\d+)/;
const SENDS = /\[(LearnerHandler-[^\]]*)\].* - Sending (DIFF|TRUNC|snapshot)\b/;
const CONNECTED = /- Successfully connected to leader, using address: .*:(\d+)$/;
const OURS = /"leader":(\d+),.*"sync":"(DIFF|TRUNC|SNAP)"/;
const GETS = /- (Getting a diff from|Getting a snapshot from|Truncating log to get in sync with)/;

const KINDS: Readonly<Record<string, SyncKind>> = {
  DIFF: "DIFF",
  TRUNC: "TRUNC",
  snapshot: "SNAP",
  SNAP: "SNAP",
  "Getting a diff from": "DIFF",
  "Getting a snapshot from": "SNAP",
  "Truncating log to get in sync with": "TRUNC",
};

export function loggedSyncs(log: string): LoggedSync[] {
  const syncs: LoggedSync[] = [];
  /** By the thread that serves it; its sentences come in order. */
  const learners = new Map<string, number>();
  let leaderPort = 0;
  for (const line of log.split("\n")) {
    const begins = BEGINS.exec(line);
    if (begins !== null) learners.set(begins[1] ?? "", Number(begins[2]));
    const connected = CONNECTED.exec(line);
    if (connected !== null) leaderPort = Number(connected[1]);
    const sends = SENDS.exec(line);
    const sent = KINDS[sends?.[2] ?? ""];
    if (sent !== undefined) {
      syncs.push({ kind: sent, learner: learners.get(sends?.[1] ?? "") ?? 0 });
    }
    const got = KINDS[GETS.exec(line)?.[1] ?? ""];
    if (got !== undefined) syncs.push({ kind: got, leaderPort });
    const ours = OURS.exec(line);
    const had = KINDS[ours?.[2] ?? ""];
    if (had !== undefined) syncs.push({ kind: had, leader: Number(ours?.[1]) });
  }
  return syncs;
}
