/**
 * The keys of `zoo.cfg` that matter to a member of an ensemble only. On a server that stands alone
 * they are checked and of no consequence.
 *
 * @see operations 2.3 (Ensemble), 2.4
 */

import type { EnsembleSettings } from "./ensemble.ts";
import type { KeyRule, ValueReport } from "./keys.ts";
import type { ValueType } from "./values.ts";
import * as values from "./values.ts";

/** What was said of the settings that are keys; number and members come from elsewhere. */
export type EnsembleKeys = {
  -readonly [K in Exclude<keyof EnsembleSettings, "sid" | "config">]?: EnsembleSettings[K];
};

export const ENSEMBLE_KEYS: Readonly<Record<string, KeyRule>> = {
  initLimit: setting("initLimitTicks", values.integer(0)),
  syncLimit: setting("syncLimitTicks", values.integer(0)),
  connectToLearnerMasterLimit: settingOrDefault("connectLimitTicks", "0", values.integer(1)),
  leaderConnectDelayDuringRetryMs: setting("leaderRetryDelayMs", values.looseInteger(0)),
  "leader.maxTimeToWaitForEpoch": settingOrDefault("epochLimitMs", "-1", values.looseInteger(1)),
  leaderServes: setting("leaderServes", values.yesOrNo("no")),

  quorumListenOnAllIPs: setting("listenOnAllAddresses", values.flag),
  electionPortBindRetry: setting("electionBindRetries", values.looseInteger(0)),
  cnxTimeout: setting("electionConnectTimeoutMs", values.looseInteger(1)),
  quorumCnxnTimeoutMs: settingOrDefault("electionReadTimeoutMs", "-1", values.looseInteger(1)),
  "multiAddress.enabled": setting("multiAddress", values.flag),
  tcpKeepAlive: setting("tcpKeepAlive", values.flag),
  "fastleader.minNotificationInterval": setting("minNotificationMs", values.looseInteger(1)),
  "fastleader.maxNotificationInterval": setting("maxNotificationMs", values.looseInteger(1)),

  "leader.maxConcurrentSnapSyncs": setting("maxSnapSyncs", values.looseInteger(1)),
  "leader.maxConcurrentDiffSyncs": setting("maxDiffSyncs", values.looseInteger(1)),
  forceSnapshotSync: setting("forceSnapSync", values.flag),
  commitLogCount: setting("commitLogCount", values.raisedTo(500, values.looseInteger(-1))),
  snapshotSizeFactor: setting("snapshotSizeFactor", values.factor),

  "observer.reconnectDelayMs": setting("observerReconnectDelayMs", values.looseInteger(0)),
  "observer.election.DelayMs": setting("observerElectionDelayMs", values.looseInteger(0)),

  localSessionsEnabled: setting("localSessionsEnabled", values.flag),
  localSessionsUpgradingEnabled: setting("localSessionsUpgradingEnabled", values.flag),
  connection_throttle_local_session_weight: setting("localSessionWeight", values.looseInteger(1)),
  "quorate.quorum.allowUnlistedObservers": setting("allowUnlistedObservers", values.flag),
  "readonlymode.enabled": setting("readOnlyModeEnabled", values.flag),
};

function setting<K extends keyof EnsembleKeys>(
  field: K,
  type: ValueType<NonNullable<EnsembleKeys[K]>>,
): KeyRule & { readonly kind: "setting" } {
  return {
    kind: "setting",
    expected: type.expected,
    read(text: string, { ensemble }: { ensemble: EnsembleKeys }, report: ValueReport) {
      const value = type.parse(text, (message) => {
        report.warning(message);
      });
      if (value === undefined) return false;
      ensemble[field] = value;
      return true;
    },
  };
}

/** @param word The default said aloud. */
function settingOrDefault<K extends keyof EnsembleKeys>(
  field: K,
  word: string,
  type: ValueType<NonNullable<EnsembleKeys[K]>>,
): KeyRule {
  const plain = setting(field, type);
  return {
    ...plain,
    expected: `${type.expected}, or ${word} for the default`,
    read: (text, into, report) => text === word || plain.read(text, into, report),
  };
}
