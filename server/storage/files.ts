/**
 * Names in a data directory (storage 1). A file's zxid is in its name, in hexadecimal: of a log
 * that of its first record, of a snapshot the last zxid applied when its copying started.
 */
import type { Zxid } from "../../protocol/zxid.ts";
import { zxidHex } from "../../protocol/zxid.ts";

/** The version-2 directories: the same one twice where `dataLogDir` is not set. */
export interface StorageDirectories {
  readonly snapshots: string;
  readonly logs: string;
}

/** Ends the name of a file that is not complete; nothing reads it, and start-up removes it. */
export const UNFINISHED = ".tmp";

/** A directory in version-2, for what a leader's tree has replaced: its files are named z.name. */
export const REPLACED_DIRECTORY = "replaced";

export function logName(zxid: Zxid): string {
  return `log.${zxidHex(zxid)}`;
}

export function snapshotName(zxid: Zxid): string {
  return `snapshot.${zxidHex(zxid)}`;
}

/** A snapshot that replaces all history, and whose place is not free yet (installed.ts). */
export function installedName(zxid: Zxid): string {
  return `installed.${zxidHex(zxid)}`;
}

/**
 * The zxid between the first and the second dot, -1 where there is none that can be one.
 * What follows the second dot does not count, for Apache neither: `log.5.bak` is a log of zxid 5.
 */
export function fileZxid(name: string): Zxid {
  const text = name.split(".")[1] ?? "";
  if (!/^[0-9a-fA-F]{1,16}$/.test(text)) return -1;
  const zxid = Number.parseInt(text, 16);
  return Number.isSafeInteger(zxid) ? zxid : -1;
}

export function isLogName(name: string): boolean {
  return name.startsWith("log.");
}

export function isSnapshotName(name: string): boolean {
  return name.startsWith("snapshot.");
}

export function isInstalledName(name: string): boolean {
  return name.startsWith("installed.");
}
