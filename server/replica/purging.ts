/** The purge of a data directory, and who is told of it. */
import type { Clock, Disk } from "../../protocol/host.ts";
import { AutoPurge } from "../storage/auto-purge.ts";
import { wasCreatedHere } from "../storage/directories.ts";
import type { StorageDirectories } from "../storage/files.ts";
import type { ZabLog } from "../zab/effects.ts";

/** How often a data directory of our own making is purged, where nothing else is said. */
const PURGE_INTERVAL_MS = 86_400_000;

export interface PurgeOptions {
  readonly dataDir: string;
  /** Undefined: nothing is said. 0: never. */
  readonly purgeIntervalMs: number | undefined;
  readonly purgeRetainCount: number;
}

/** Automatic only where the history is ours: an adopted directory may have its own keeper. */
export function introducePurge(
  host: { readonly clock: Clock; readonly disk: Disk },
  directories: StorageDirectories,
  options: PurgeOptions,
  log: Pick<ZabLog, "info" | "warn">,
): AutoPurge {
  const { dataDir, purgeIntervalMs, purgeRetainCount } = options;
  const isOurs = wasCreatedHere(host.disk, dataDir);
  const intervalMs = purgeIntervalMs ?? (isOurs ? PURGE_INTERVAL_MS : 0);
  const auto = { intervalMs, retainCount: purgeRetainCount };
  return new AutoPurge(host, directories, auto, (error, report) => {
    if (error !== undefined || report?.refusal !== undefined) {
      log.warn({}, `nothing was purged: ${error?.message ?? report?.refusal}`);
    } else if (report !== undefined && report.removed.length > 0) {
      log.info({ removed: report.removed }, "purged what newer files have replaced");
    }
  });
}
