/** The data directories at start: what belongs where, and what a crash left (storage 1). */
import type { Disk } from "../../protocol/host.ts";
import { isLogName, isSnapshotName, type StorageDirectories, UNFINISHED } from "./files.ts";
import { RecoveryError } from "./recovery-error.ts";

/** Below `dataDir` and `dataLogDir`; the format's version, not ours. */
const VERSION_DIRECTORY = "version-2";
/** In `dataDir`: quorate made what lies here, so it may clean up too. */
const CREATED_MARKER = "quorate.created";

/**
 * The version-2 directories, made if they are missing and `autocreate` allows it.
 *
 * @throws RecoveryError MissingDirectory, Misplaced; HostError.
 */
export function openDirectories(
  disk: Disk,
  dataDir: string,
  dataLogDir: string,
  autocreate: boolean,
): StorageDirectories {
  const snapshots = openDirectory(disk, dataDir, autocreate);
  if (dataLogDir === dataDir) return { snapshots, logs: snapshots };
  const logs = openDirectory(disk, dataLogDir, autocreate);
  refuseMisplaced(disk, logs, snapshots, isSnapshotName, "snapshot");
  refuseMisplaced(disk, snapshots, logs, isLogName, "log");
  return { snapshots, logs };
}

function openDirectory(disk: Disk, parent: string, autocreate: boolean): string {
  const path = `${parent}/${VERSION_DIRECTORY}`;
  const found = disk.stat(path);
  if (found?.isDirectory === true) return path;
  if (found !== undefined || !autocreate) {
    throw new RecoveryError(
      "MissingDirectory",
      found === undefined
        ? `${path} is missing: create it, or allow it with datadir.autocreate=true`
        : `${path} is no directory`,
    );
  }
  makeDirectoryDurably(disk, path);
  return path;
}

/**
 * Makes a directory and its parents so that a power cut does not take them back, and with them
 * whatever is synced in them later. Harmless if it is there. @throws HostError
 */
export function makeDirectoryDurably(disk: Disk, path: string): void {
  const parents: string[] = [];
  for (let at = path; disk.stat(at) === undefined; at = parentOf(at)) parents.unshift(parentOf(at));
  disk.makeDirectory(path);
  for (const each of parents) disk.syncDirectoryNow(each);
}

function parentOf(path: string): string {
  const bare = path.replace(/(?<=.)\/+$/, "");
  const end = bare.lastIndexOf("/");
  return end > 0 ? bare.slice(0, end) : end === 0 ? "/" : ".";
}

/** storage ST-3: with two directories, a file in the wrong one would not be read. */
function refuseMisplaced(
  disk: Disk,
  found: string,
  wanted: string,
  isOne: (name: string) => boolean,
  what: string,
): void {
  const names = disk.list(found).filter(isOne);
  if (names.length === 0) return;
  throw new RecoveryError(
    "Misplaced",
    `${found} holds ${names.length} ${what} files, such as ${names[0]}, that belong into ` +
      `${wanted}: mv ${found}/${what}.* ${wanted}/`,
  );
}

/** Notes that the history in `dataDir` begins with us. */
export function markCreated(disk: Disk, dataDir: string): void {
  disk.openNow(`${dataDir}/${CREATED_MARKER}`, "create").closeNow();
  disk.syncDirectoryNow(dataDir);
}

/** Whether it does; otherwise the directory was adopted from Apache ZooKeeper. */
export function wasCreatedHere(disk: Disk, dataDir: string): boolean {
  return disk.stat(`${dataDir}/${CREATED_MARKER}`) !== undefined;
}

/** Removes what a crash left unfinished. Returns the names. */
export function removeUnfinished(disk: Disk, directory: string): string[] {
  const names = disk.list(directory).filter(isUnfinished).toSorted();
  for (const name of names) disk.removeNow(`${directory}/${name}`);
  if (names.length > 0) disk.syncDirectoryNow(directory);
  return names;
}

function isUnfinished(name: string): boolean {
  return name.endsWith(UNFINISHED) && (isSnapshotName(name) || isLogName(name));
}
