/** What a server of an ensemble holds, recovered as its settings say. */
import { ensembleText } from "../protocol/ensemble.ts";
import type { Host } from "../protocol/host.ts";
import { zxidHex } from "../protocol/zxid.ts";
import type { ServerConfig } from "./config/config.ts";
import type { EnsembleSettings } from "./config/ensemble.ts";
import type { Logger } from "./log.ts";
import { StoredReplica } from "./replica/replica.ts";
import type { ReplicaEvents } from "./replica/replica-options.ts";

/** @throws RecoveryError the server must not start; HostError. */
export function openReplica(
  host: Host,
  config: ServerConfig,
  { config: members, commitLogCount, snapshotSizeFactor }: EnsembleSettings,
  log: Logger,
  events: ReplicaEvents,
): StoredReplica {
  const { random, clock } = host;
  const startedMs = clock.nowMs();
  const replica = new StoredReplica(
    host,
    {
      ...config,
      tree: {
        hashSeed: Math.floor(random.fraction() * Number.MAX_SAFE_INTEGER),
        extendedTypes: config.extendedTypes,
      },
      ownWords: (tree) => {
        tree.setConfig(ensembleText(members), members.version, clock.wallMs());
      },
      trustEmpty: config.snapshotTrustEmpty,
      log: {
        preAllocBytes: config.preAllocBytes,
        logSizeLimitBytes: config.txnLogSizeLimitBytes,
        snapCount: config.snapCount,
        snapSizeLimitBytes: config.snapSizeLimitBytes,
        forceSync: config.forceSync,
        syncWarningMs: config.fsyncWarningMs,
      },
      commitLogCount,
      snapshotSizeFactor,
      comparesDigests: config.digestEnabled,
    },
    log,
    events,
  );
  log.info(
    {
      zxid: zxidHex(replica.lastZxid),
      acceptedEpoch: replica.acceptedEpoch,
      currentEpoch: replica.currentEpoch,
      znodes: replica.report.znodes,
      replayed: replica.report.replayed,
      ms: Math.round(clock.nowMs() - startedMs),
    },
    "recovered what is on disk",
  );
  return replica;
}
