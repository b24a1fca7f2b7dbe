/**
 * Every key of `zoo.cfg`: what it sets, or why it sets nothing. ZooKeeper's spelling on the left,
 * our settings with their units on the right.
 *
 * A plain table instead of a schema library: each value needs its line and column, ZooKeeper's own
 * idea of its type, and a mask where it is a secret; what a library checks would be the small rest.
 *
 * @see operations 2.3 and 2.4 in the groups named here
 */
import { knownWords } from "../admin/four-letter.ts";
import type { ServerConfig } from "./config.ts";
import { ENSEMBLE_KEYS, type EnsembleKeys } from "./ensemble-keys.ts";
import type { ValueType } from "./values.ts";
import * as values from "./values.ts";

/** What was said; what was not keeps its default. */
export interface Settings {
  readonly server: ServerKeys;
  readonly ensemble: EnsembleKeys;
}

type ServerKeys = {
  -readonly [K in Exclude<keyof ServerConfig, "ensemble">]?: ServerConfig[K];
};

type NumberField = "clientPortListenBacklog" | "minSessionTimeoutMs" | "maxSessionTimeoutMs";

/** What a rule reports of a value; the reader of the file knows where it stands. */
export interface ValueReport {
  warning(message: string): void;
}

export type KeyRule =
  | SettingRule
  /** Says who belongs to an ensemble: `member-lines.ts` reads it. */
  | { readonly kind: "members" }
  /** Checked; what it says is asked for where modes are decided, or is how things are anyway. */
  | { readonly kind: "checked"; readonly type: ValueType<unknown> }
  /** Nothing here works the way this key tunes. */
  | { readonly kind: "ignored" }
  /**
   * Something useful that this release lacks, and whose lack harms nothing that is stored.
   * `absent` is the value that asks for nothing.
   */
  | { readonly kind: "later"; readonly absent?: string }
  /** To go on without it would open, lose or hide something: only `harmless` is taken. */
  | { readonly kind: "refused"; readonly harmless: RegExp; readonly why: string };

/** A setting of this server. */
interface SettingRule {
  readonly kind: "setting";
  readonly expected: string;
  /** False: the value is not of the expected form, and nothing was set. */
  read(text: string, into: Settings, report: ValueReport): boolean;
}

const NEVER = /^(?!)/;
const FALSE_OR_EMPTY = /^(false)?$/i;

const SETTINGS: Readonly<Record<string, KeyRule>> = {
  dataDir: setting("dataDir", values.path),
  dataLogDir: setting("dataLogDir", values.path),
  "datadir.autocreate": setting("dataDirAutocreate", values.flag),
  "db.autocreate": setting("dbAutocreate", values.flag),
  clientPort: setting("clientPort", values.port),
  clientPortAddress: setting("clientPortAddress", values.host),
  clientPortListenBacklog: settingOrDefault("clientPortListenBacklog", values.integer(1)),
  maxClientCnxns: setting("maxClientConnections", values.limit(values.integer(-1))),
  maxCnxns: setting("maxConnections", values.limit(values.looseInteger(-1))),
  globalOutstandingLimit: setting("globalOutstandingLimit", values.looseInteger(1)),
  "jute.maxbuffer": setting("maxBufferBytes", values.looseInteger(1)),
  "jute.maxbuffer.extrasize": setting("maxBufferExtraBytes", values.looseInteger(0)),
  "nio.sessionlessCnxnTimeout": setting("sessionlessTimeoutMs", values.looseInteger(1)),
  tickTime: setting("tickTimeMs", values.integer(1)),
  minSessionTimeout: settingOrDefault("minSessionTimeoutMs", values.integer(1)),
  maxSessionTimeout: settingOrDefault("maxSessionTimeoutMs", values.integer(1)),
  snapCount: setting("snapCount", values.raisedTo(2, values.looseInteger(-1))),
  snapSizeLimitInKb: setting(
    "snapSizeLimitBytes",
    values.kilobytes(values.limit(values.looseInteger(-1))),
  ),
  txnLogSizeLimitInKb: setting(
    "txnLogSizeLimitBytes",
    values.kilobytes(values.limit(values.looseInteger(-1))),
  ),
  preAllocSize: setting("preAllocBytes", values.kilobytes(values.looseInteger(1))),
  forceSync: warnedSetting(
    "forceSync",
    values.yesOrNo("no"),
    false,
    "a write is acknowledged before it is on disk: a power cut loses it",
  ),
  "fsync.warningthresholdms": setting("fsyncWarningMs", values.looseInteger(0)),
  "autopurge.purgeInterval": setting("purgeIntervalMs", values.interval),
  "autopurge.snapRetainCount": setting("purgeRetainCount", values.raisedTo(3, values.integer(-1))),
  "snapshot.trust.empty": setting("snapshotTrustEmpty", values.flag),
  "digest.enabled": setting("digestEnabled", values.flag),
  "closeSessionTxn.enabled": setting("closeSessionTxnEnabled", values.flag),
  "serializeLastProcessedZxid.enabled": setting("serializeLastProcessedZxid", values.flag),
  extendedTypesEnabled: setting("extendedTypes", values.flag),
  reconfigEnabled: setting("reconfigEnabled", values.flag),
  "znode.container.checkIntervalMs": setting("containerCheckIntervalMs", values.looseInteger(1)),
  "znode.container.maxPerMinute": setting("containerMaxPerMinute", values.looseInteger(1)),
  "znode.container.maxNeverUsedIntervalMs": setting(
    "containerMaxNeverUsedMs",
    values.looseInteger(0),
  ),
  connection_throttle_tokens: setting("connectionTokens", values.limit(values.looseInteger(-1))),
  connection_throttle_fill_time: setting("connectionTokenFillMs", values.looseInteger(1)),
  connection_throttle_fill_count: setting("connectionTokenFillCount", values.looseInteger(1)),
  connection_throttle_freeze_time: setting("connectionFreezeMs", values.looseInteger(-1)),
  connection_throttle_drop_increase: setting("connectionDropIncrease", values.fraction),
  connection_throttle_drop_decrease: setting("connectionDropDecrease", values.fraction),
  connection_throttle_decrease_ratio: setting("connectionDecreaseRatio", values.fraction),
  connection_throttle_weight_enabled: setting("connectionWeightsEnabled", values.flag),
  connection_throttle_global_session_weight: setting("newSessionWeight", values.looseInteger(1)),
  connection_throttle_renew_session_weight: setting("renewSessionWeight", values.looseInteger(1)),
  request_throttle_max_requests: setting(
    "requestThrottleMax",
    values.limit(values.looseInteger(-1)),
  ),
  request_throttle_drop_stale: setting("requestThrottleDropStale", values.flag),
  request_stale_connection_check: setting("staleConnectionCheck", values.flag),
  request_stale_latency_check: setting("staleLatencyCheck", values.flag),
  throttled_op_wait_time: setting("throttledOpWaitMs", values.limit(values.looseInteger(-1))),
  largeRequestThreshold: setting(
    "largeRequestThresholdBytes",
    values.limit(values.looseInteger(-1)),
  ),
  largeRequestMaxBytes: setting("largeRequestMaxBytes", values.looseInteger(1)),
  skipACL: warnedSetting(
    "skipAcl",
    values.yesOrNo("yes"),
    true,
    "no ACL is checked: every client may do everything",
  ),
  enforceQuota: setting("enforceQuota", values.flag),
  "DigestAuthenticationProvider.superDigest": setting("superDigest", values.digestId),
  "DigestAuthenticationProvider.enabled": setting("digestAuthEnabled", values.flag),
  ensembleAuthName: setting("ensembleNames", values.names),
  "enforce.auth.enabled": setting("enforceAuthEnabled", values.flag),
  "enforce.auth.schemes": setting("enforceAuthSchemes", values.schemes),
  "DigestAuthenticationProvider.digestAlg": setting("digestAlgorithm", values.digestAlgorithm),
  "4lw.commands.whitelist": setting("fourLetterWords", values.words(knownWords)),
  "quorate.4lw.loopbackWhitelist": setting("loopbackFourLetterWords", values.words(knownWords)),
  "quorate.log.level": setting("logLevel", values.logLevel),
};

const CHECKED: Readonly<Record<string, KeyRule>> = {
  standaloneEnabled: { kind: "checked", type: values.flag },
  peerType: { kind: "checked", type: oneOf(["participant", "observer"]) },
  electionAlg: { kind: "checked", type: oneOf(["3"]) },
  syncEnabled: {
    kind: "checked",
    type: values.alwaysOn("observers keep a log and snapshots here"),
  },
  ...rules(
    "enableEagerACLCheck sslQuorumReloadCertFiles multiAddress.reachabilityCheckEnabled " +
      "messageTracker.Enabled",
    { kind: "checked", type: values.flag },
  ),
  ...rules("multiAddress.reachabilityCheckTimeoutMs messageTracker.BufferSize", {
    kind: "checked",
    type: values.looseInteger(1),
  }),
};

const WITHOUT_CONSEQUENCE: Readonly<Record<string, KeyRule>> = {
  ...rules(
    "serverCnxnFactory nio.numSelectorThreads nio.numWorkerThreads nio.directBufferBytes nio.shutdownTimeout " +
      "netty.advancedFlowControl.enabled watchManagerName maxInProcessingDeadWatchers bitHashCacheSize " +
      "intBufferStartingSizeBytes learner.asyncSending learner.closeSocketAsync leader.closeSocketAsync " +
      "leader.ackLoggingFrequency follower.skipLearnerRequestToNextProcessor " +
      "forward_learner_requests_to_commit_processor_disabled leader.nodelay follower.nodelay " +
      "quorum.cnxn.threads.size fips-mode client.secure failLimit clientTcpKeepAlive " +
      "flushDelay maxWriteQueuePollTime maxBatchSize maxResponseCacheSize maxGetChildrenResponseCacheSize " +
      "X509AuthenticationProvider.superUser admin.httpVersion client.certReload letAnySaslUserDoX " +
      "kerberos.removeHostFromPrincipal kerberos.removeRealmFromPrincipal allowSaslFailedClients " +
      "IPAuthenticationProvider.usexforwardedfor jdk.tls.rejectClientInitiatedRenegotiation " +
      "request_throttle_stall_time request_throttler.shutdownTimeout",
    { kind: "ignored" },
  ),
  "admin.enableServer": { kind: "later", absent: "false" },
  "jvm.pause.monitor": { kind: "later" },
  observerMasterPort: { kind: "later", absent: "0" },
  "observerMaster.sizeLimit": { kind: "later" },
};

export const LATER_TLS = "TLS comes with a later release, and the port would stay closed";
const LATER_AUTH =
  "this way to authenticate comes with a later release, and the port would stay open";

const REFUSED: Readonly<Record<string, KeyRule>> = {
  secureClientPort: refused(/^0$/, LATER_TLS),
  secureClientPortAddress: refused(NEVER, LATER_TLS),
  "client.portUnification": refused(FALSE_OR_EMPTY, LATER_TLS),
  sslQuorum: refused(FALSE_OR_EMPTY, LATER_TLS),
  portUnification: refused(FALSE_OR_EMPTY, LATER_TLS),
  sessionRequireClientSASLAuth: refused(FALSE_OR_EMPTY, LATER_AUTH),
  "java.security.auth.login.config": refused(/^$/, LATER_AUTH),
  "quorum.auth.enableSasl": refused(FALSE_OR_EMPTY, LATER_AUTH),
  "quorum.auth.learnerRequireSasl": refused(FALSE_OR_EMPTY, LATER_AUTH),
  "quorum.auth.serverRequireSasl": refused(FALSE_OR_EMPTY, LATER_AUTH),
  "audit.enable": refused(FALSE_OR_EMPTY, "the audit log comes with a later release"),
  "audit.impl.class": refused(/^$/, "the audit log comes with a later release"),
  "ssl.context.supplier.class": refused(NEVER, "Java classes cannot be loaded"),
  "ssl.quorum.context.supplier.class": refused(NEVER, "Java classes cannot be loaded"),
  "ssl.authProvider": refused(/^x509$/i, "Java classes cannot be loaded"),
  dynamicConfigFile: refused(
    /^$/,
    "members that change come with a later release: copy its lines into this file",
  ),
  oraclePath: refused(NEVER, "quorums with an external oracle are not offered"),
  emulate353TTLNodes: refused(
    FALSE_OR_EMPTY,
    "the TTL znodes of ZooKeeper 3.5.3 are not known here, and would never end",
  ),
  "snapshot.compression.method": refused(/^$/, "compressed snapshots come with a later release"),
  "metricsProvider.className": refused(
    /^(|org\.apache\.zookeeper\.metrics\.(prometheus\.PrometheusMetricsProvider|impl\.(Default|Null)MetricsProvider))$/,
    "Java classes cannot be loaded",
  ),
};

/** Families of keys, asked after the tables. */
const FAMILIES: readonly (readonly [RegExp, KeyRule])[] = [
  [/^(server|group|weight)\./, { kind: "members" }],
  [
    /^authProvider\./,
    refused(
      /^org\.apache\.zookeeper\.server\.auth\.(IP|Digest|Ensemble)AuthenticationProvider$/,
      "Java classes cannot be loaded",
    ),
  ],
  [/^(superUser(\..+)?|SASLAuthenticationProvider\.superPassword)$/, { kind: "ignored" }],
  [/^(admin|metricsProvider|pathStats|jvm\.pause)\./, { kind: "later" }],
  [/^(ssl|quorum\.auth|netty|commitProcessor|jmx\.log4j)\./, { kind: "ignored" }],
  [/^watcherClean/, { kind: "ignored" }],
];

const TABLE: ReadonlyMap<string, KeyRule> = new Map(
  [SETTINGS, ENSEMBLE_KEYS, CHECKED, WITHOUT_CONSEQUENCE, REFUSED].flatMap((table) =>
    Object.entries(table),
  ),
);

/** The manual's spelling on the left, the one that works in ZooKeeper on the right. */
const MANUAL_SPELLINGS: ReadonlyMap<string, string> = new Map([
  ["requestThrottleLimit", "request_throttle_max_requests"],
  ["requestThrottleStallTime", "request_throttle_stall_time"],
  ["requestThrottleDropStale", "request_throttle_drop_stale"],
  ["requestStaleLatencyCheck", "request_stale_latency_check"],
  ["requestStaleConnectionCheck", "request_stale_connection_check"],
  ["throttledOpWaitTime", "throttled_op_wait_time"],
  ["connectionMaxTokens", "connection_throttle_tokens"],
  ["connectionTokenFillTime", "connection_throttle_fill_time"],
  ["connectionTokenFillCount", "connection_throttle_fill_count"],
  ["connectionFreezeTime", "connection_throttle_freeze_time"],
  ["connectionDropIncrease", "connection_throttle_drop_increase"],
  ["connectionDropDecrease", "connection_throttle_drop_decrease"],
  ["connectionDecreaseRatio", "connection_throttle_decrease_ratio"],
  ["maxConcurrentSnapSyncs", "leader.maxConcurrentSnapSyncs"],
  ["maxConcurrentDiffSyncs", "leader.maxConcurrentDiffSyncs"],
  ["maxTimeToWaitForEpoch", "leader.maxTimeToWaitForEpoch"],
  ["observer.syncEnabled", "syncEnabled"],
  ["advancedFlowControlEnabled", "netty.advancedFlowControl.enabled"],
  ["outstandingHandshake.limit", "netty.server.outstandingHandshake.limit"],
]);

/** Read by ZooKeeper under their own name, and so from `-D` only: in its file they do nothing. */
const UNPREFIXED =
  /^(jute\.maxbuffer|readonlymode\.enabled|znode\.container\.|(follower|leader)\.nodelay$)/;

/** Known to ZooKeeper's parser, which never looks for a property of that name. */
const FILE_ONLY = new RegExp(
  "^(dataDir|dataLogDir|clientPort|clientPortAddress|secureClientPort|secureClientPortAddress|observerMasterPort|" +
    "clientPortListenBacklog|tickTime|maxClientCnxns|minSessionTimeout|maxSessionTimeout|initLimit|syncLimit|" +
    "connectToLearnerMasterLimit|electionAlg|quorumListenOnAllIPs|peerType|dynamicConfigFile|standaloneEnabled|" +
    "reconfigEnabled|localSessions.*|sslQuorum|portUnification|sslQuorumReloadCertFiles|oraclePath|" +
    "(autopurge|quorum\\.auth|jvm\\.pause|metricsProvider|server|group|weight)\\..*|quorum\\.cnxn\\.threads\\.size)$",
);

/** The spelling under which a key is found in the tables. */
export function canonicalKey(key: string): string {
  return MANUAL_SPELLINGS.get(key) ?? key;
}

/** The rule of a key in its canonical spelling, or undefined for a key that nobody knows. */
export function ruleOf(key: string): KeyRule | undefined {
  return TABLE.get(key) ?? FAMILIES.find(([pattern]) => pattern.test(key))?.[1];
}

/** The key of a Java property, or undefined when ZooKeeper reads none of that name. */
export function keyOfProperty(property: string): string | undefined {
  if (UNPREFIXED.test(property) || property === "java.security.auth.login.config") return property;
  const key = property.startsWith("zookeeper.") ? property.slice("zookeeper.".length) : undefined;
  return key === undefined || FILE_ONLY.test(key) || UNPREFIXED.test(key) ? undefined : key;
}

/** True for what ZooKeeper honours from `-D` and ignores in its file. */
export function isDeadInZooKeepersFile(key: string): boolean {
  return UNPREFIXED.test(key);
}

/** Every key that a setting has, for the environment and for suggestions. */
export function knownKeys(): readonly string[] {
  return [...TABLE.keys(), ...MANUAL_SPELLINGS.keys()];
}

/** True where a value must not be shown. */
export function isSecret(key: string): boolean {
  return /password|superDigest|secret|token$/i.test(key);
}

function setting<K extends keyof ServerKeys>(
  field: K,
  type: ValueType<NonNullable<ServerKeys[K]>>,
): SettingRule {
  return {
    kind: "setting",
    expected: type.expected,
    read(text, into, report) {
      const value = type.parse(text, (message) => {
        report.warning(message);
      });
      if (value === undefined) return false;
      into.server[field] = value;
      return true;
    },
  };
}

/** -1 is the default said aloud. */
function settingOrDefault(field: NumberField, type: ValueType<number>): SettingRule {
  const plain = setting(field, type);
  return {
    ...plain,
    expected: `${type.expected}, or -1 for the default`,
    read: (text, into, report) => text === "-1" || plain.read(text, into, report),
  };
}

/** A switch that is dangerous in one position, and says so at each start. */
function warnedSetting(
  field: "forceSync" | "skipAcl",
  type: ValueType<boolean>,
  dangerous: boolean,
  danger: string,
): SettingRule {
  const plain = setting(field, type);
  return {
    ...plain,
    read(text, into, report) {
      const read = plain.read(text, into, report);
      if (into.server[field] === dangerous) report.warning(danger);
      return read;
    },
  };
}

function refused(harmless: RegExp, why: string): KeyRule {
  return { kind: "refused", harmless, why };
}

function oneOf(texts: readonly string[]): ValueType<string> {
  return { expected: texts.join(" or "), parse: (text) => texts.find((each) => each === text) };
}

function rules(keys: string, rule: KeyRule): Record<string, KeyRule> {
  return Object.fromEntries(keys.split(" ").map((key) => [key, rule]));
}
