/**
 * Every setting of a server, with its unit. `zoo.cfg` keeps ZooKeeper's spelling; the keys gain
 * units once, in `keys.ts`, and nothing in the server reads a setting from elsewhere: no
 * environment, no module-level switch.
 */
import type { EnsembleSettings } from "./ensemble.ts";
import { DEFAULT_LIMITS, type LimitSettings } from "./limits.ts";

export interface ServerConfig extends LimitSettings {
  /** The ensemble that this server belongs to; undefined: it stands alone. */
  readonly ensemble: EnsembleSettings | undefined;

  /** Snapshots and the directory lock. Absolute, or relative to the working directory. */
  readonly dataDir: string;
  /** Transaction logs; often a disk of its own, else the same as `dataDir`. */
  readonly dataLogDir: string;
  /** Creates missing data directories at start. */
  readonly dataDirAutocreate: boolean;
  /** Without it, an empty data directory is a reason not to start. */
  readonly dbAutocreate: boolean;

  /** 0 to 65535; 0 takes any free port. */
  readonly clientPort: number;
  /** Undefined: every address of the machine. */
  readonly clientPortAddress: string | undefined;
  /** At least 1: connections that the kernel holds before they are accepted. */
  readonly clientPortListenBacklog: number;
  /** Connections from one address; 0: no limit. */
  readonly maxClientConnections: number;
  /** Connections in all; 0: no limit. */
  readonly maxConnections: number;
  /** Requests in work in the whole server, above which no more is read from the connections. */
  readonly globalOutstandingLimit: number;
  /** The largest frame taken from a client (`jute.maxbuffer`). */
  readonly maxBufferBytes: number;
  /** What a txn may be larger than the request that it came from (`jute.maxbuffer.extrasize`). */
  readonly maxBufferExtraBytes: number;
  /** A connection that has not asked for a session by then is closed. */
  readonly sessionlessTimeoutMs: number;

  /** The unit of session expiry. */
  readonly tickTimeMs: number;
  /** Invariant: `minSessionTimeoutMs <= maxSessionTimeoutMs`. */
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;

  /** Txns after which a new log file is begun and a snapshot taken, give or take a half. At least 2. */
  readonly snapCount: number;
  /** The same in bytes of log; 0: no limit. */
  readonly snapSizeLimitBytes: number;
  /** A log file is followed by another beyond this size; 0: no limit. */
  readonly txnLogSizeLimitBytes: number;
  /** The step in which a log file grows. */
  readonly preAllocBytes: number;
  /** Off: a write is acknowledged before it is on disk, and a power cut loses it. */
  readonly forceSync: boolean;
  /** An fdatasync longer than this is told in the log. */
  readonly fsyncWarningMs: number;
  /** Undefined: daily in a data directory that quorate created, never in an adopted one. 0: never. */
  readonly purgeIntervalMs: number | undefined;
  /** Snapshots that a purge leaves. At least 3. */
  readonly purgeRetainCount: number;
  /** Accepts logs without any snapshot, as ZooKeeper 3.5.3 and earlier may have left them. */
  readonly snapshotTrustEmpty: boolean;
  /** Txns and snapshots carry the digest of the tree. */
  readonly digestEnabled: boolean;
  /** The txn that closes a session names the ephemerals that it deletes. */
  readonly closeSessionTxnEnabled: boolean;
  /** Snapshots end with the zxid up to which they are complete. */
  readonly serializeLastProcessedZxid: boolean;

  /** Whether clients may ask for other members; a server that stands alone has none to change. */
  readonly reconfigEnabled: boolean;
  /** Znodes that end by themselves after a time (TTL) may be created. */
  readonly extendedTypes: boolean;
  /** How often containers and TTL znodes that are over are looked for. */
  readonly containerCheckIntervalMs: number;
  /** How many of them are deleted a minute at most. */
  readonly containerMaxPerMinute: number;
  /** A container that never had a child is deleted after this time; 0: never. */
  readonly containerMaxNeverUsedMs: number;

  /** No ACL is ever checked. */
  readonly skipAcl: boolean;
  /** Hard limits of quotas refuse what passes them; else they are told in the log only. */
  readonly enforceQuota: boolean;
  /** `user:digest` of the super user; undefined: there is none. Never printed. */
  readonly superDigest: string | undefined;
  /** Clients may prove who they are with `digest`. */
  readonly digestAuthEnabled: boolean;
  readonly digestAlgorithm: DigestAlgorithm;
  /** What clients may call this ensemble; undefined: they may not ask. */
  readonly ensembleNames: ReadonlySet<string> | undefined;
  /** Nobody is served who has not proven, with one of the schemes, who it is. */
  readonly enforceAuthEnabled: boolean;
  /** Invariant: not empty where `enforceAuthEnabled`. */
  readonly enforceAuthSchemes: ReadonlySet<string>;

  /** The four-letter words that are answered; `srvr` always is. */
  readonly fourLetterWords: FourLetterWhitelist;
  /** Those that are answered, besides, to a peer on this machine. */
  readonly loopbackFourLetterWords: FourLetterWhitelist;

  readonly logLevel: LogLevel;
}

/** The names Node's crypto knows them by. */
export type DigestAlgorithm = "sha1" | "sha256" | "sha384" | "sha512";

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal";

/** `"*"`: every word. */
export type FourLetterWhitelist = ReadonlySet<string> | "*";

const DEFAULT_TICK_TIME_MS = 3000;
const MIN_SESSION_TIMEOUT_TICKS = 2;
const MAX_SESSION_TIMEOUT_TICKS = 20;
const KB = 1024;
/** Timeouts travel as 32 bits. */
const INT_MAX = 0x7fff_ffff;

/**
 * What holds where nothing is said. The session timeouts follow from the tick and the log
 * directory from the data directory, so these three are asked for.
 *
 * Differs from ZooKeeper: the listen backlog is 511 instead of 50, since a whole fleet reconnects
 * at once after a restart; a few words are answered on the loopback.
 */
export function defaultConfig(
  dataDir: string,
  clientPort: number,
  tickTimeMs: number = DEFAULT_TICK_TIME_MS,
): ServerConfig {
  return {
    ...DEFAULT_LIMITS,
    ensemble: undefined,
    dataDir,
    dataLogDir: dataDir,
    dataDirAutocreate: true,
    dbAutocreate: true,
    clientPort,
    clientPortAddress: undefined,
    clientPortListenBacklog: 511,
    maxClientConnections: 60,
    maxConnections: 0,
    globalOutstandingLimit: 1000,
    maxBufferBytes: 0xf_ffff,
    maxBufferExtraBytes: 0xf_ffff,
    sessionlessTimeoutMs: 10_000,
    tickTimeMs,
    minSessionTimeoutMs: Math.min(tickTimeMs * MIN_SESSION_TIMEOUT_TICKS, INT_MAX),
    maxSessionTimeoutMs: Math.min(tickTimeMs * MAX_SESSION_TIMEOUT_TICKS, INT_MAX),
    snapCount: 100_000,
    snapSizeLimitBytes: 4_194_304 * KB,
    txnLogSizeLimitBytes: 0,
    preAllocBytes: 65_536 * KB,
    forceSync: true,
    fsyncWarningMs: 1000,
    purgeIntervalMs: undefined,
    purgeRetainCount: 3,
    snapshotTrustEmpty: false,
    digestEnabled: true,
    closeSessionTxnEnabled: true,
    serializeLastProcessedZxid: true,
    reconfigEnabled: false,
    extendedTypes: false,
    containerCheckIntervalMs: 60_000,
    containerMaxPerMinute: 10_000,
    containerMaxNeverUsedMs: 0,
    skipAcl: false,
    enforceQuota: false,
    superDigest: undefined,
    digestAuthEnabled: true,
    digestAlgorithm: "sha1",
    ensembleNames: undefined,
    enforceAuthEnabled: false,
    enforceAuthSchemes: new Set(),
    fourLetterWords: new Set(["srvr"]),
    loopbackFourLetterWords: new Set(["ruok", "isro", "mntr", "srvr"]),
    logLevel: "info",
  };
}
