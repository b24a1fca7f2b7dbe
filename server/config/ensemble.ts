/**
 * The settings of a server that belongs to an ensemble. Some must be the same on all of them, or
 * they would disagree about who votes: the members, and what makes a quorum of them.
 *
 * @see operations 2.3 (Ensemble) and 2.4
 */
import type { EnsembleConfig } from "../../protocol/ensemble.ts";

export interface EnsembleSettings extends EnsembleOptions {
  /** This server's number, from the file `myid`. Invariant: a member of `config`. */
  readonly sid: number;
  /** As the file has it: version 0. */
  readonly config: EnsembleConfig;
  /** What connecting, epochs and synchronisation may take. At least 1. */
  readonly initLimitTicks: number;
  /** What one message and its answer may take. At least 1. */
  readonly syncLimitTicks: number;
}

/** What has a default. */
export interface EnsembleOptions {
  /** What dialling the leader may take in all; undefined: `initLimitTicks`. */
  readonly connectLimitTicks: number | undefined;
  /** The pause between two attempts to dial the leader. */
  readonly leaderRetryDelayMs: number;
  /** How long a leader waits for the epochs of a majority; undefined: `initLimitTicks`. */
  readonly epochLimitMs: number | undefined;
  /** The leader takes clients too. */
  readonly leaderServes: boolean;

  /** Quorum and election ports listen on every address instead of those of the own line. */
  readonly listenOnAllAddresses: boolean;
  /** Attempts to listen on the election port, a second apart; 0: until it works. */
  readonly electionBindRetries: number;
  /** What dialling an election port may take. */
  readonly electionConnectTimeoutMs: number;
  /** What the election port's greeting may take; undefined: `syncLimitTicks`. */
  readonly electionReadTimeoutMs: number | undefined;
  /** Several addresses of a member: greetings of the election port list them all (version 2). */
  readonly multiAddress: boolean;
  /** Links of both ports ask a silent peer whether it is there. */
  readonly tcpKeepAlive: boolean;
  /** An election's notifications are sent again after this, each time twice as late ... */
  readonly minNotificationMs: number;
  /** ... and at least this often. Invariant: not below `minNotificationMs`. */
  readonly maxNotificationMs: number;

  /** Learners that the leader sends a tree at one time. */
  readonly maxSnapSyncs: number;
  /** Learners that it sends a part of the history at one time. */
  readonly maxDiffSyncs: number;
  /** Learners are always sent the whole tree. */
  readonly forceSnapSync: boolean;
  /** Txns that stay in memory for learners that come back. At least 500. */
  readonly commitLogCount: number;
  /** The log on disk serves them as long as it is smaller than this share of a snapshot; 0: never. */
  readonly snapshotSizeFactor: number;

  /** At most this long, at random, an observer waits before it dials the leader again. */
  readonly observerReconnectDelayMs: number;
  /** How long an observer lets an election's result settle. */
  readonly observerElectionDelayMs: number;

  /** Sessions begin without a txn, known to their server only. */
  readonly localSessionsEnabled: boolean;
  /** ... and become global with their first ephemeral. */
  readonly localSessionsUpgradingEnabled: boolean;
  /** What such a session costs in the throttle of connections. */
  readonly localSessionWeight: number;
  /** Observers that no line names may join, and read everything. */
  readonly allowUnlistedObservers: boolean;
  /** Without a leader the last tree is shown to clients that asked for that. */
  readonly readOnlyModeEnabled: boolean;
}

/**
 * Differs from ZooKeeper: the election port is tried for ever instead of three times, keep-alive is
 * on, and notifications are never more than 10 seconds apart instead of 60.
 */
const DEFAULT_OPTIONS: EnsembleOptions = {
  connectLimitTicks: undefined,
  leaderRetryDelayMs: 100,
  epochLimitMs: undefined,
  leaderServes: true,
  listenOnAllAddresses: false,
  electionBindRetries: 0,
  electionConnectTimeoutMs: 5000,
  electionReadTimeoutMs: undefined,
  multiAddress: false,
  tcpKeepAlive: true,
  minNotificationMs: 200,
  maxNotificationMs: 10_000,
  maxSnapSyncs: 10,
  maxDiffSyncs: 100,
  forceSnapSync: false,
  commitLogCount: 500,
  snapshotSizeFactor: 0.33,
  observerReconnectDelayMs: 0,
  observerElectionDelayMs: 200,
  localSessionsEnabled: false,
  localSessionsUpgradingEnabled: false,
  localSessionWeight: 1,
  allowUnlistedObservers: false,
  readOnlyModeEnabled: false,
};

/** What holds where nothing else is said; the limits have no default and are asked for. */
export function ensembleSettings(
  sid: number,
  config: EnsembleConfig,
  initLimitTicks: number,
  syncLimitTicks: number,
  options: Partial<EnsembleOptions> = {},
): EnsembleSettings {
  return { ...DEFAULT_OPTIONS, ...options, sid, config, initLimitTicks, syncLimitTicks };
}
