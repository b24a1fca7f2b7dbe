/** How many files and connections the process may have open. */
import type { Disk } from "../protocol/host.ts";

/** Where Linux tells the limit: "Max open files  <soft>  <hard>  files". */
const LIMITS = "/proc/self/limits";
const LIMITS_BYTES_MAX = 4096;

/** -1 where nobody tells. */
export function descriptorLimit(disk: Disk): number {
  if (disk.stat(LIMITS) === undefined) return -1;
  const file = disk.openNow(LIMITS, "read");
  const text = Buffer.alloc(LIMITS_BYTES_MAX);
  const length = file.readNow(text, 0);
  file.closeNow();
  const soft = /^Max open files +(\d+)/m.exec(text.toString("latin1", 0, length))?.[1];
  return soft === undefined ? -1 : Number(soft);
}

/** Of the limit: the rest is for the log, snapshots and those who ask how the server is. */
const CONNECTIONS_SHARE = 0.9;

/**
 * The connections that are taken in all: a server without a descriptor left could not even write
 * its snapshot.
 *
 * @param configured 0: no limit.
 */
export function connectionLimit(disk: Disk, configured: number): number {
  const limit = descriptorLimit(disk);
  if (limit < 0) return configured;
  const most = Math.max(1, Math.floor(limit * CONNECTIONS_SHARE));
  return configured === 0 ? most : Math.min(configured, most);
}
