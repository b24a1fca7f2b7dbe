/**
 * A disk with a page cache. What `datasync` has not confirmed may be lost or torn in a power cut,
 * what `syncDirectory` has not confirmed may be lost of the names. It can be full, slow, failing
 * and decaying. Errors carry Linux's codes.
 */
import { assert } from "../../protocol/assert.ts";
import type {
  Disk,
  DiskDone,
  DiskFile,
  HostError,
  OpenMode,
  PathStat,
} from "../../protocol/host.ts";
import { Directory } from "./sim-directory.ts";
import { SimError } from "./sim-error.ts";
import { BLOCK_BYTES, Inode } from "./sim-file.ts";
import type { SimRandom } from "./sim-random.ts";

/** How long operations take: mostly the first, at times up to the second. */
const USUAL_US = { write: 60, sync: 900, name: 120 };
const RARE_US = { write: 2000, sync: 12_000, name: 4000 };

/** What an operation that was under way when the process ended may still have done. */
interface Underway {
  readonly apply: () => void;
}

export interface DiskLosses {
  /** Blocks that went back to an earlier content. */
  lostBlocks: number;
  /** Blocks of which some sectors went back. */
  tornBlocks: number;
  /** Creations, renames and removals that did not last. */
  lostNames: number;
}

/** What the disk's time passes by, and what is left to chance. */
export interface DiskPace {
  readonly draw: SimRandom;
  /** Runs `run` in the process, after `delayUs` or what stands for it; never once that has ended. */
  after(delayUs: number, run: () => void): void;
}

export class SimDisk implements Disk {
  readonly losses: DiskLosses = { lostBlocks: 0, tornBlocks: 0, lostNames: 0 };
  readonly #pace: DiskPace;
  #root = new Directory();
  readonly #underway = new Set<Underway>();
  #times = 1;
  #freeBlocks = Number.POSITIVE_INFINITY;
  /** Operations until one fails; undefined: none will. */
  #failAfter: { left: number; readonly code: string } | undefined;

  constructor(pace: DiskPace) {
    this.#pace = pace;
  }

  /** Every operation takes `times` as long. */
  slow(times: number): void {
    this.#times = times;
  }

  /** Leaves room for `blocks` more blocks of 4 KiB: then ENOSPC. */
  fill(blocks: number): void {
    this.#freeBlocks = blocks;
  }

  /** After `operations` more, one fails with this code. */
  failAfter(operations: number, code: string): void {
    this.#failAfter = { left: operations, code };
  }

  /** Room, speed and health again. */
  heal(): void {
    this.#times = 1;
    this.#freeBlocks = Number.POSITIVE_INFINITY;
    this.#failAfter = undefined;
  }

  /** The names in a directory, for who looks from outside: it never fails. */
  names(directory: string): string[] {
    const found = this.#lookup(directory);
    return found instanceof Directory ? [...found.names.keys()] : [];
  }

  /** A file's content, likewise. */
  look(path: string): Pick<DiskFile, "readNow"> {
    const inode = this.#lookup(path);
    assert(inode instanceof Inode, "only a file has content");
    return { readNow: (target, position) => inode.read(target, position) };
  }

  /** Puts an empty disk in its place. The machine is off. */
  replace(): void {
    this.#root = new Directory();
    this.heal();
  }

  /** Flips a bit on the medium. The same call again mends it. */
  flip(path: string, position: number, bit: number): void {
    const inode = this.#lookup(path);
    assert(inode instanceof Inode, "only a file has bits to flip");
    inode.flip(position, bit);
  }

  /** The process is gone; with a power cut also what was not synced, wholly or in part. */
  crash(how: "kill" | "power"): void {
    for (const { apply } of this.#underway) {
      // Whatever becomes of it, nobody is there to be told.
      if (this.#pace.draw.chance(0.5)) outcome(apply);
    }
    this.#underway.clear();
    if (how === "kill") return;
    const draw = this.#pace.draw;
    this.#root.powerCut(draw, this.losses);
  }

  list(directory: string): string[] {
    this.#attempt();
    return [...this.#directory(directory).names.keys()];
  }

  stat(path: string): PathStat | undefined {
    const found = this.#lookup(path);
    if (found === undefined) return undefined;
    return found instanceof Inode
      ? { isDirectory: false, size: found.size }
      : { isDirectory: true, size: BLOCK_BYTES };
  }

  makeDirectory(path: string): void {
    this.#attempt();
    let at = this.#root;
    for (const name of parts(path)) {
      let next = at.names.get(name);
      if (next === undefined) {
        next = new Directory();
        at.change({ put: name, entry: next });
      }
      if (next instanceof Inode) throw new SimError("ENOTDIR", path);
      at = next;
    }
  }

  openNow(path: string, mode: OpenMode): DiskFile {
    this.#attempt();
    return this.#openFile(path, mode);
  }

  renameNow(from: string, to: string): void {
    this.#attempt();
    this.#rename(from, to);
  }

  removeNow(path: string): void {
    this.#attempt();
    this.#remove(path);
  }

  syncDirectoryNow(path: string): void {
    this.#attempt();
    this.#directory(path).sync();
  }

  open(
    path: string,
    mode: OpenMode,
    done: (error: HostError | undefined, file: DiskFile | undefined) => void,
  ): void {
    let file: DiskFile | undefined;
    this.operate(
      "name",
      () => {
        file = this.#openFile(path, mode);
      },
      (error) => done(error, file),
    );
  }

  rename(from: string, to: string, done: DiskDone): void {
    this.operate("name", () => this.#rename(from, to), done);
  }

  remove(path: string, done: DiskDone): void {
    this.operate("name", () => this.#remove(path), done);
  }

  syncDirectory(path: string, done: DiskDone): void {
    // What is changed while the sync is under way is not covered by it.
    const covered = this.#lookup(path);
    const mark = covered instanceof Directory ? covered.mark() : 0;
    this.operate("sync", () => this.#directory(path).sync(mark), done, false);
  }

  /** Counts down to the failure that was asked for. @throws SimError */
  #attempt(): void {
    const failure = this.#failAfter;
    if (failure === undefined || failure.left-- > 0) return;
    this.#failAfter = undefined;
    throw new SimError(failure.code, "the disk failed as it was told to");
  }

  /**
   * Does `apply` after a while and then calls back. If the process ends before, it may still
   * happen, unless `outlives` is false.
   */
  operate(pace: keyof typeof USUAL_US, apply: () => void, done: DiskDone, outlives = true): void {
    const draw = this.#pace.draw;
    const usualUs = draw.chance(0.1) ? RARE_US[pace] : USUAL_US[pace];
    const underway = { apply };
    if (outlives) this.#underway.add(underway);
    const delayUs = (10 + draw.below(usualUs)) * this.#times;
    this.#pace.after(delayUs, () => {
      this.#underway.delete(underway);
      done(
        outcome(() => {
          this.#attempt();
          apply();
        }),
      );
    });
  }

  /** Takes blocks from the free space. @returns how many of them there were */
  allocate(blocks: number): number {
    const got = Math.min(blocks, Math.max(0, this.#freeBlocks));
    this.#freeBlocks -= got;
    return got;
  }

  #lookup(path: string): Inode | Directory | undefined {
    let at: Inode | Directory | undefined = this.#root;
    for (const name of parts(path)) {
      if (!(at instanceof Directory)) return undefined;
      at = at.names.get(name);
    }
    return at;
  }

  #directory(path: string): Directory {
    const found = this.#lookup(path);
    if (found === undefined) throw new SimError("ENOENT", path);
    if (found instanceof Inode) throw new SimError("ENOTDIR", path);
    return found;
  }

  #openFile(path: string, mode: OpenMode): DiskFile {
    const [parent, name] = split(path);
    const directory = this.#directory(parent);
    let inode = directory.names.get(name);
    if (inode instanceof Directory) throw new SimError("EISDIR", path);
    if (mode === "create") {
      if (inode === undefined) {
        if (this.allocate(1) === 0) throw new SimError("ENOSPC", path);
        inode = new Inode();
        directory.change({ put: name, entry: inode });
      } else {
        inode.truncate(0);
      }
    }
    if (inode === undefined) throw new SimError("ENOENT", path);
    return new SimFile(this, inode, () => this.#attempt());
  }

  #rename(from: string, to: string): void {
    const [parent, name] = split(from);
    const [target, newName] = split(to);
    const directory = this.#directory(parent);
    const entry = directory.names.get(name);
    if (entry === undefined) throw new SimError("ENOENT", from);
    if (parent === target) {
      directory.change({ put: newName, entry, remove: name });
      return;
    }
    // Two changes: a power cut may leave the file in both directories, or in none.
    this.#directory(target).change({ put: newName, entry });
    directory.change({ remove: name });
  }

  #remove(path: string): void {
    const [parent, name] = split(path);
    const directory = this.#directory(parent);
    const entry = directory.names.get(name);
    if (entry === undefined) throw new SimError("ENOENT", path);
    if (entry instanceof Directory) throw new SimError("EISDIR", path);
    directory.change({ remove: name });
    this.#freeBlocks += entry.blockCount;
  }
}

class SimFile implements DiskFile {
  readonly #disk: SimDisk;
  readonly #inode: Inode;
  readonly #attempt: () => void;

  constructor(disk: SimDisk, inode: Inode, attempt: () => void) {
    this.#disk = disk;
    this.#inode = inode;
    this.#attempt = attempt;
  }

  size(): number {
    return this.#inode.size;
  }

  readNow(target: Uint8Array, position: number): number {
    this.#attempt();
    return this.#inode.read(target, position);
  }

  truncateNow(size: number): void {
    this.#attempt();
    this.#inode.truncate(size);
  }

  datasyncNow(): void {
    const checkpoint = this.#inode.beginSync();
    this.#attempt();
    this.#inode.endSync(checkpoint, true);
  }

  closeNow(): void {
    this.#attempt();
  }

  write(bytes: Uint8Array, position: number, done: DiskDone): void {
    // The bytes are read when the kernel gets to it: who changes them before `done` sees it.
    this.#disk.operate("write", () => this.#take(bytes, position), done);
  }

  datasync(done: DiskDone): void {
    const checkpoint = this.#inode.beginSync();
    this.#disk.operate(
      "sync",
      () => {},
      (error) => {
        this.#inode.endSync(checkpoint, error === undefined);
        done(error);
      },
      false,
    );
  }

  close(done: DiskDone): void {
    this.#disk.operate("write", () => {}, done, false);
  }

  #take(bytes: Uint8Array, position: number): void {
    const missing = this.#inode.missingBlocks(position, bytes.length);
    const got = this.#disk.allocate(missing);
    if (got === missing) {
      this.#inode.write(bytes, position);
      return;
    }
    // The disk is full within this write: a part of it is there all the same.
    const fits = Math.min(bytes.length, got * BLOCK_BYTES);
    this.#inode.write(bytes.subarray(0, fits), position);
    throw new SimError("ENOSPC", "the disk is full");
  }
}

/** Runs an operation; a failure of the machine is its result, anything else is ours. */
function outcome(operation: () => void): HostError | undefined {
  try {
    operation();
    return undefined;
  } catch (error) {
    if (error instanceof SimError) return error;
    throw error;
  }
}

function parts(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function split(path: string): [parent: string, name: string] {
  const names = parts(path);
  const name = names.pop();
  if (name === undefined) throw new SimError("EISDIR", path);
  return [names.join("/"), name];
}
