// How learners were brought up to date, read from what Apache's servers log: as leaders they tell
// what they send to whom, as learners what they get, and where they connected to.

export type SyncKind = "DIFF" | "TRUNC" | "SNAP";

/** As one Apache server tells of it. */
export interface LoggedSync {
  readonly kind: SyncKind;
  readonly side: "leader" | "learner";
  /** The learner's number where a leader tells, the leader's quorum port where a learner tells. */
  readonly other: number;
}

const BEGINS = /\[(LearnerHandler-[^\]]*)\].* - Synchronizing with Learner sid: (\d+)/;
const SENDS = /\[(LearnerHandler-[^\]]*)\].* - Sending (DIFF|TRUNC|snapshot)\b/;
const CONNECTED = /- Successfully connected to leader, using address: .*:(\d+)$/;
const GETS = /- (Getting a diff from|Getting a snapshot from|Truncating log to get in sync with)/;

const KINDS: Readonly<Record<string, SyncKind>> = {
  DIFF: "DIFF",
  TRUNC: "TRUNC",
  snapshot: "SNAP",
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
      syncs.push({ kind: sent, side: "leader", other: learners.get(sends?.[1] ?? "") ?? 0 });
    }
    const got = KINDS[GETS.exec(line)?.[1] ?? ""];
    if (got !== undefined) syncs.push({ kind: got, side: "learner", other: leaderPort });
  }
  return syncs;
}
