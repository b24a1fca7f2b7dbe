/** Adds up milliseconds on the hot path; `admin/summary.ts` has the one that is used. */
export interface Adding {
  add(value: number): void;
  /** Begins again from nothing. */
  reset(): void;
}

/** What the pipeline counts for operators. */
export class PipelineStats<S extends Adding> {
  /** Frames that came in; replies and events that went out. */
  packetsReceived = 0;
  packetsSent = 0;
  bytesReceived = 0;
  bytesSent = 0;
  /** Handshakes. */
  connectionRequests = 0;
  authFailures = 0;
  expiredSessions = 0;
  /** Of an ensemble: txns proposed and settled as a leader, settled as a learner. */
  proposals = 0;
  commits = 0;
  learnerCommits = 0;
  /** Sessions that learners asked the leader for, here as a leader, and as a learner. */
  revalidations = 0;
  ownRevalidations = 0;
  /** From a request's arrival to its reply. */
  readonly requestLatency: S;
  readonly readLatency: S;
  readonly updateLatency: S;

  /** Sizes of replies, header included; -1 before the first. */
  lastResponseBytes = -1;
  minResponseBytes = -1;
  maxResponseBytes = -1;

  constructor(summary: () => S) {
    this.requestLatency = summary();
    this.readLatency = summary();
    this.updateLatency = summary();
  }

  /** What `srst` does. */
  reset(): void {
    this.packetsReceived = 0;
    this.packetsSent = 0;
    this.bytesReceived = 0;
    this.bytesSent = 0;
    this.connectionRequests = 0;
    this.authFailures = 0;
    this.expiredSessions = 0;
    this.proposals = 0;
    this.commits = 0;
    this.learnerCommits = 0;
    this.revalidations = 0;
    this.ownRevalidations = 0;
    this.requestLatency.reset();
    this.readLatency.reset();
    this.updateLatency.reset();
    this.lastResponseBytes = -1;
    this.minResponseBytes = -1;
    this.maxResponseBytes = -1;
  }

  countResponse(bytes: number): void {
    this.lastResponseBytes = bytes;
    if (bytes > this.maxResponseBytes) this.maxResponseBytes = bytes;
    if (this.minResponseBytes < 0 || bytes < this.minResponseBytes) this.minResponseBytes = bytes;
  }
}
