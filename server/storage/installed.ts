/**
 * How a leader's tree takes the place of a whole history (storage ST-31): a snapshot becomes
 * durable first, then everything older leaves the directory, since it may hold txns of an epoch
 * that nobody knows any more.
 *
 *     snapshot.z.tmp ──rename──▶ installed.z      from here on the old history is over
 *     snapshot.*  log.*   ─────▶ replaced/z.*     as often as it takes
 *     installed.z ──rename─────▶ snapshot.z       from here on the log goes on behind z
 *
 * The first rename decides, atomically. A crash before it leaves the old history; after it, start-up
 * finds `installed.z` and goes on where the crash came. So there is no moment in which the new tree
 * could be loaded with old txns over it, which may have the very zxids that come next, nor one in
 * which an older snapshot could be fallen back to.
 *
 * Differs from ZooKeeper, which leaves the history there (S-6, ZOOKEEPER-2846). If it is started on
 * a directory in between it finds the old history, or logs without a snapshot, which it refuses.
 */
import type { Disk, DiskDone, HostError } from "../../protocol/host.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import { zxidHex } from "../../protocol/zxid.ts";
import { isHostError } from "./disk-errors.ts";
import {
  fileZxid,
  isInstalledName,
  isLogName,
  isSnapshotName,
  REPLACED_DIRECTORY,
  type StorageDirectories,
  snapshotName,
  UNFINISHED,
} from "./files.ts";

type Step =
  | { readonly kind: "makeDirectory" | "syncDirectory" | "remove"; readonly path: string }
  | { readonly kind: "rename"; readonly path: string; readonly to: string };

/** A tree that was installed and has not taken its place yet. */
interface Unsettled {
  readonly zxid: Zxid;
  readonly steps: readonly Step[];
}

/**
 * Lets an installed tree take its place, while nothing is purged. `done` gets the error of the disk
 * that prevented it.
 */
export function settleInstalled(
  disk: Disk,
  directories: StorageDirectories,
  done: (error: HostError | undefined) => void,
): void {
  let steps: Step[] = [];
  const next = (error: HostError | undefined): void => {
    const step = steps.shift();
    if (error !== undefined || step === undefined) done(error);
    else run(disk, step, next);
  };
  try {
    steps = [...(findUnsettled(disk, directories)?.steps ?? [])];
  } catch (error) {
    if (!isHostError(error)) throw error;
    done(error);
    return;
  }
  next(undefined);
}

/** As `settleInstalled`, at start. Returns the zxid of the tree, undefined if there was none. */
export function settleInstalledNow(disk: Disk, directories: StorageDirectories): Zxid | undefined {
  const unsettled = findUnsettled(disk, directories);
  for (const step of unsettled?.steps ?? []) runNow(disk, step);
  return unsettled?.zxid;
}

/** What lies in `replaced`, by the zxid of the tree that replaced it, in no order. */
export function listReplaced(
  disk: Disk,
  directories: StorageDirectories,
): { readonly path: string; readonly zxid: Zxid }[] {
  return parents(directories).flatMap((parent) => {
    const directory = `${parent}/${REPLACED_DIRECTORY}`;
    if (disk.stat(directory)?.isDirectory !== true) return [];
    return disk
      .list(directory)
      .map((name) => ({ path: `${directory}/${name}`, zxid: fileZxid(`.${name}`) }))
      .filter(({ zxid }) => zxid >= 0);
  });
}

/** Every step may be repeated: what was done before a crash is found done. */
function findUnsettled(disk: Disk, directories: StorageDirectories): Unsettled | undefined {
  const { snapshots } = directories;
  const installed = disk
    .list(snapshots)
    .filter((name) => isInstalledName(name) && fileZxid(name) >= 0)
    .toSorted((a, b) => fileZxid(a) - fileZxid(b))
    .at(-1);
  if (installed === undefined) return undefined;
  const zxid = fileZxid(installed);
  const prefix = `${zxidHex(zxid)}.`;
  const steps: Step[] = [];
  for (const parent of parents(directories)) {
    const target = `${parent}/${REPLACED_DIRECTORY}`;
    steps.push({ kind: "makeDirectory", path: target }, { kind: "syncDirectory", path: parent });
    const names = disk.list(parent).filter((name) => name !== installed && isHistory(name));
    // Snapshots first: logs that lack some of theirs are loaded without a word by ZooKeeper.
    for (const name of names.toSorted((a, b) => rank(a) - rank(b))) {
      steps.push({ kind: "rename", path: `${parent}/${name}`, to: `${target}/${prefix}${name}` });
    }
    // Where a file went before whence it came: at worst it is in both.
    steps.push({ kind: "syncDirectory", path: target }, { kind: "syncDirectory", path: parent });
  }
  steps.push(
    {
      kind: "rename",
      path: `${snapshots}/${installed}`,
      to: `${snapshots}/${snapshotName(zxid)}`,
    },
    { kind: "syncDirectory", path: snapshots },
  );
  // One set is kept for whoever wants to look into it; a purge removes it too, in time.
  for (const older of listReplaced(disk, directories)) {
    if (older.zxid !== zxid) steps.push({ kind: "remove", path: older.path });
  }
  return { zxid, steps };
}

function isHistory(name: string): boolean {
  if (name.endsWith(UNFINISHED)) return false;
  return isSnapshotName(name) || isLogName(name) || isInstalledName(name);
}

function rank(name: string): number {
  return isSnapshotName(name) ? 0 : 1;
}

function parents({ snapshots, logs }: StorageDirectories): string[] {
  return snapshots === logs ? [snapshots] : [snapshots, logs];
}

function run(disk: Disk, step: Step, done: DiskDone): void {
  switch (step.kind) {
    case "makeDirectory":
      done(makeDirectory(disk, step.path));
      break;
    case "syncDirectory":
      disk.syncDirectory(step.path, done);
      break;
    case "rename":
      disk.rename(step.path, step.to, done);
      break;
    case "remove":
      disk.remove(step.path, done);
      break;
  }
}

function makeDirectory(disk: Disk, path: string): HostError | undefined {
  try {
    disk.makeDirectory(path);
    return undefined;
  } catch (error) {
    if (!isHostError(error)) throw error;
    return error;
  }
}

function runNow(disk: Disk, step: Step): void {
  switch (step.kind) {
    case "makeDirectory":
      disk.makeDirectory(step.path);
      break;
    case "syncDirectory":
      disk.syncDirectoryNow(step.path);
      break;
    case "rename":
      disk.renameNow(step.path, step.to);
      break;
    case "remove":
      disk.removeNow(step.path);
      break;
  }
}
