/**
 * One living process per data directory: two that write to one corrupt it. The lock is a file that
 * names its holder; when the holder is gone, however it went, the next one takes it over.
 *
 * Only for real processes: simulated servers own their disks.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const LOCK_NAME = "quorate.lock";
/** A copy of a directory in use has its lock: nothing tells the two apart for sure. */
const LOCK_ADVICE = `${LOCK_NAME}: delete it if this is a copy of another directory`;
/** Written by ZooKeeper's start script beside the data. */
const ZOOKEEPER_PID_NAME = "zookeeper_server.pid";
/** Whoever loses this often against others that start at the same moment gives up. */
const ATTEMPTS_MAX = 5;

/** The directory belongs to another process, which is alive. */
export class DirectoryInUseError extends Error {
  override readonly name = "DirectoryInUseError";
  readonly directory: string;
  readonly pid: number;

  constructor(directory: string, pid: number, witness: string) {
    super(`${directory} is in use by process ${pid} (${witness})`);
    this.directory = directory;
    this.pid = pid;
  }
}

/**
 * Takes a directory for this process and returns what gives it back. The file appears at once with
 * its content, as a hard link, so that nobody reads half of it.
 *
 * @throws DirectoryInUseError; HostError when the directory is not there or cannot be written to
 */
export function lockDirectory(directory: string): () => void {
  refuseBesideZooKeeper(directory);
  const path = join(directory, LOCK_NAME);
  const own = `${process.pid} ${identityOf(process.pid) ?? ""}\n`;
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, own);
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (appears(draft, path)) return () => giveBack(path, own);
      const holder = readIfThere(path);
      if (holder === undefined) continue;
      const pid = Number.parseInt(holder, 10);
      if (isHolding(holder)) throw new DirectoryInUseError(directory, pid, LOCK_ADVICE);
      setAside(path, holder);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  throw new DirectoryInUseError(directory, 0, `${LOCK_NAME} changes hands all the time`);
}

/** False: the name is taken. */
function appears(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/**
 * Removes what a dead process left. Another starter may have done so in between and stand there
 * already: then its file goes back under its name.
 */
function setAside(path: string, stale: string): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  if (readIfThere(aside) !== stale) appears(aside, path);
  rmSync(aside, { force: true });
}

function giveBack(path: string, own: string): void {
  if (readIfThere(path) === own) rmSync(path, { force: true });
}

/** True while the process that wrote this line lives, and is not a later one with its number. */
function isHolding(line: string): boolean {
  const match = /^(\d+) (.*)\n$/.exec(line);
  const pid = Number(match?.[1]);
  return match !== null && isAlive(pid) && (identityOf(pid) ?? match[2]) === match[2];
}

/**
 * Start time and boot: what sets a process apart from another of the same number, above all where
 * each container has a process 1. Undefined where the system does not tell.
 */
function identityOf(pid: number): string | undefined {
  const fields = statusFields(pid);
  const boot = readIfThere("/proc/sys/kernel/random/boot_id");
  return fields === undefined ? undefined : `${fields[19] ?? ""} ${boot?.trim() ?? ""}`;
}

/** A process that was killed stays in the table until its parent has asked for it: that is dead. */
function isAlive(pid: number): boolean {
  const state = statusFields(pid)?.[0];
  if (state !== undefined) return state !== "Z" && state !== "X";
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/** The fields of /proc/PID/stat from the third on; the second may contain anything. */
function statusFields(pid: number): string[] | undefined {
  const text = readIfThere(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** ZooKeeper keeps no lock: its pid file is all that shows that it runs here. */
function refuseBesideZooKeeper(directory: string): void {
  const pid = Number.parseInt(readIfThere(join(directory, ZOOKEEPER_PID_NAME)) ?? "", 10);
  if (!(pid > 0) || pid === process.pid) return;
  const command = readIfThere(`/proc/${pid}/cmdline`) ?? "";
  if (isAlive(pid) && /zookeeper/i.test(command)) {
    throw new DirectoryInUseError(directory, pid, ZOOKEEPER_PID_NAME);
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = codeOf(error);
    // ESRCH: a process that ended while its files were read.
    if (code === "ENOENT" || code === "ESRCH" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
