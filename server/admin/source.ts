/** What operators are told of a server, as the words and whatever else tells them ask for it. */
import type { MachineDescription } from "../../protocol/host.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { FourLetterWhitelist } from "../config/config.ts";
import type { SummaryView } from "./summary.ts";

/** What the words tell of a server. Read at the moment of asking, and only then. */
export interface AdminSource {
  /** Version and date, as `server/version.ts` words them for the tools that parse it. */
  readonly versionText: string;
  /** That of this package. */
  readonly quorateVersion: string;
  /** False while nothing is answered to clients: most words say so then. */
  readonly serving: boolean;
  readonly mode: ServerMode;
  /** What it tells of its ensemble; undefined: it stands alone. */
  readonly ensemble: EnsembleView | undefined;
  /** Since this server began to serve. */
  readonly uptimeMs: number;
  readonly fourLetterWords: FourLetterWhitelist;
  readonly loopbackFourLetterWords: FourLetterWhitelist;

  readonly lastZxid: Zxid;
  /** As ZooKeeper counts them, the root twice. */
  readonly znodeCount: number;
  readonly ephemeralCount: number;
  readonly watchCount: number;
  /** Bytes of all paths and data. */
  readonly approximateDataBytes: number;
  readonly sessionCount: number;
  /** Those that this server alone knows. */
  readonly localSessionCount: number;

  /** Open connections, the one that asks included. */
  readonly connectionCount: number;
  /** The same, one by one. Like every iterable here it is live: what comes meanwhile comes last. */
  connections(): Iterable<ConnectionView>;
  /** Frames and words that came in; replies and notifications that went out. */
  readonly packetsReceived: number;
  readonly packetsSent: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Requests in work. */
  readonly outstandingRequests: number;
  /** Connections that asked for a session, and those refused for a limit or its lack. */
  readonly connectionRequestCount: number;
  readonly connectionRejectedCount: number;
  readonly connectionDropCount: number;
  readonly sessionlessExpiredCount: number;
  readonly staleSessionsExpiredCount: number;
  readonly authFailedCount: number;
  readonly digestMismatchCount: number;
  /** Sizes of responses to clients; -1 before the first. */
  readonly lastResponseBytes: number;
  readonly minResponseBytes: number;
  readonly maxResponseBytes: number;

  /** From a request's arrival to its reply, milliseconds: all, reads, writes. */
  readonly requestLatency: SummaryView;
  readonly readLatency: SummaryView;
  readonly updateLatency: SummaryView;
  /** Milliseconds. */
  readonly fsyncTime: SummaryView;
  readonly snapshotTime: SummaryView;

  readonly settings: SettingsView;
  machine(): MachineDescription;
  /** What the four-letter words `gtmk` and `stmk` read and write. 64 bits, signed. */
  traceMask: bigint;
  /** What the trees of an ensemble's servers are compared by, oldest first. */
  digests(): readonly DigestView[];

  /** Data watches, as `wchs` counts them: child watches are not among them. */
  readonly dataWatches: WatchesView;
  /** Sessions by the moment at which they expire unless they are heard of, nearest first. */
  sessionDeadlines(): readonly DeadlineView[];
  /** The same of those that this server alone knows; undefined: it makes none. */
  localSessionDeadlines(): readonly DeadlineView[] | undefined;
  /** Of a learner, in the place of deadlines: every session that all servers know, by id. */
  globalSessions(): readonly GlobalSessionView[] | undefined;
  /** The same of connections; what is named is "ip: /address:port sessionId: 0x..". */
  connectionDeadlines(): readonly DeadlineView[];
  /** Sessions that own ephemerals. */
  readonly ephemeralOwnerCount: number;
  ephemeralOwners(): Iterable<OwnerView>;

  /**
   * Bytes in the directories of snapshots and of logs, at most 10 seconds old; measured a file at a
   * time, with a turn wherever the generator yields.
   */
  directoryBytes(): Generator<"", DirectoryBytes>;

  /** What `crst` and `srst` do. */
  resetConnections(): void;
  resetStatistics(): void;

  /** False: acknowledged writes may be lost, and whoever watches must see it. */
  readonly forceSync: boolean;
  /** -1 where the system does not tell. */
  openFileDescriptorCount(): number;
  readonly maxFileDescriptorCount: number;
}

/** As `srvr` and `mntr` print it. */
export type ServerMode = "standalone" | "leader" | "follower" | "observer" | "read-only";

/** A server among others. */
export interface EnsembleView {
  /** "leading - broadcast": its role, and how far its term has come. */
  readonly peerState: string;
  /** Those that vote. */
  readonly quorumSize: number;
  readonly initLimitTicks: number;
  readonly syncLimitTicks: number;
  readonly electionPort: number;
  readonly quorumPort: number;
  readonly isObserver: boolean;
  /** A line for each server, and "version=0" without a line's end. */
  readonly membership: string;
  /** Without a quorum it may serve reads. */
  readonly isReadOnlyModeEnabled: boolean;
  /** Undefined: it does not lead. */
  readonly leading: LeadingView | undefined;
  /** From the end of one leader to the beginning of the next one, milliseconds. */
  readonly electionTime: SummaryView;
  readonly lookingCount: number;
  /** Learners that were sent their history, and the whole tree. */
  readonly diffCount: number;
  readonly snapCount: number;
  /** As a leader, and as a learner. */
  readonly proposalCount: number;
  readonly commitCount: number;
  readonly learnerCommitCount: number;
  readonly revalidateCount: number;
  readonly connectionRevalidateCount: number;
}

export interface LeadingView {
  readonly learners: number;
  readonly syncedFollowers: number;
  readonly syncedNonVotingFollowers: number;
  readonly syncedObservers: number;
  readonly pendingSyncs: number;
  readonly uptimeMs: number;
  readonly proposals: SizesView;
}

/** In bytes; -1 before the first. */
export interface SizesView {
  readonly last: number;
  readonly min: number;
  readonly max: number;
}

export interface GlobalSessionView {
  /** "0x" and digits. */
  readonly session: string;
  readonly timeoutMs: number;
}

export interface DirectoryBytes {
  readonly snapshots: number;
  readonly logs: number;
}

/** The settings that `conf` shows. */
export interface SettingsView {
  readonly clientPort: number;
  /** The version-2 directories. */
  readonly snapshotDirectory: string;
  readonly logDirectory: string;
  readonly tickTimeMs: number;
  readonly maxClientConnections: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  readonly clientPortListenBacklog: number;
  readonly serverId: number;
}

export interface DigestView {
  readonly zxid: Zxid;
  readonly high: number;
  readonly low: number;
}

/** Live, as the iterables are. */
export interface WatchesView {
  /** Connections that watch, paths that are watched, pairs of them. */
  readonly watcherCount: number;
  readonly pathCount: number;
  readonly size: number;
  paths(): Iterable<WatchedPathView>;
  watchers(): Iterable<readonly [WatcherView, ReadonlySet<WatchedPathView>]>;
}

export interface WatchedPathView {
  readonly path: string;
  readonly watchers: ReadonlyMap<WatcherView, number>;
}

export interface WatcherView {
  readonly session: { readonly high: number; readonly low: number } | undefined;
}

/** What ends at one moment. */
export interface DeadlineView {
  /** Milliseconds since 1970. */
  readonly wallMs: number;
  readonly count: number;
  names(): Iterable<string>;
}

export interface OwnerView {
  /** "0x" and digits. */
  readonly session: string;
  readonly count: number;
  paths(): Iterable<string>;
}

/** A connection as `stat` and `cons` list it. */
export interface ConnectionView {
  /** Without brackets. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** What the connection waits for: 1 to read, 4 to write, their sum; 0 while a word is answered. */
  readonly interest: number;
  /** Requests that came and have no reply yet. */
  readonly queued: number;
  readonly received: number;
  readonly sent: number;
  /** Undefined before the handshake. */
  readonly session: SessionUseView | undefined;
}

/** A session as `cons` tells of it. */
export interface SessionUseView {
  readonly high: number;
  readonly low: number;
  readonly timeoutMs: number;
  /** When the connection came, milliseconds since 1970. */
  readonly sinceMs: number;
  readonly usage: UsageView;
}

/** How a session's requests fared. Latencies are milliseconds. */
export interface UsageView {
  /** Of the last request that was answered; 0: none. */
  readonly lastType: number;
  /** -1: none. */
  readonly lastXid: number;
  readonly lastZxid: Zxid;
  /** On the monotonic clock; 0: never. */
  readonly lastResponseMs: number;
  readonly lastLatencyMs: number;
  readonly minLatencyMs: number;
  readonly maxLatencyMs: number;
  readonly totalLatencyMs: number;
  readonly answers: number;
}
