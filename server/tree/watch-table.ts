/**
 * One table of watches: from a path to its connections, each with a set of modes, and back from a
 * connection to its paths, so that a lost connection costs what it watched and no more.
 */
import type { Watcher } from "./watches.ts";

/** Bits: several may hold for one path and connection. */
export const WatchMode = { standard: 1, persistent: 2, recursive: 4 } as const;

/** Invariant: has at least one watcher, and no watcher without a mode. */
export interface WatchedPath {
  readonly path: string;
  readonly watchers: ReadonlyMap<Watcher, number>;
}

interface OwnPath extends WatchedPath {
  readonly watchers: Map<Watcher, number>;
}

export class WatchTable {
  readonly #byPath = new Map<string, OwnPath>();
  readonly #byWatcher = new Map<Watcher, Set<OwnPath>>();
  /** (path, connection) pairs. */
  #size = 0;
  /** Those of them with the recursive mode. */
  #recursive = 0;

  get size(): number {
    return this.#size;
  }

  get pathCount(): number {
    return this.#byPath.size;
  }

  get watcherCount(): number {
    return this.#byWatcher.size;
  }

  /** The same watch registered twice is one. */
  add(path: string, watcher: Watcher, mode: number): void {
    let watched = this.#byPath.get(path);
    if (watched === undefined) {
      watched = { path, watchers: new Map() };
      this.#byPath.set(path, watched);
    }
    const modes = watched.watchers.get(watcher) ?? 0;
    if (modes === 0) this.#link(watcher, watched);
    this.#setModes(watched, watcher, modes, modes | mode);
  }

  /** The modes with which a connection watches a path. */
  modes(path: string, watcher: Watcher): number {
    return this.#byPath.get(path)?.watchers.get(watcher) ?? 0;
  }

  /** Takes away `modes`; false if none of them was there. */
  remove(path: string, watcher: Watcher, modes: number): boolean {
    const watched = this.#byPath.get(path);
    const before = watched?.watchers.get(watcher) ?? 0;
    if (watched === undefined || (before & modes) === 0) return false;
    this.#setModes(watched, watcher, before, before & ~modes);
    return true;
  }

  /** Takes away up to `max` watches of a connection. True: there are more. */
  removeWatcher(watcher: Watcher, max: number): boolean {
    let left = max;
    for (const watched of this.#byWatcher.get(watcher) ?? []) {
      if (left-- === 0) return true;
      this.#setModes(watched, watcher, watched.watchers.get(watcher) ?? 0, 0);
    }
    return false;
  }

  /**
   * Calls `told` for whoever watches `path`, and for whoever watches one of its ancestors
   * recursively; a connection with several of these is named as often. Standard watches of the
   * path are used up.
   */
  collect(path: string, told: (watcher: Watcher) => void): void {
    const watched = this.#byPath.get(path);
    if (watched !== undefined) {
      for (const [watcher, modes] of watched.watchers) {
        this.#setModes(watched, watcher, modes, modes & ~WatchMode.standard);
        told(watcher);
      }
    }
    if (this.#recursive === 0 || path === "/") return;
    for (let slash = path.lastIndexOf("/"); ; slash = path.lastIndexOf("/", slash - 1)) {
      const ancestor = this.#byPath.get(slash <= 0 ? "/" : path.slice(0, slash));
      for (const [watcher, modes] of ancestor?.watchers ?? []) {
        if ((modes & WatchMode.recursive) !== 0) told(watcher);
      }
      if (slash <= 0) return;
    }
  }

  /** Live: what is added while this is walked comes last. */
  paths(): Iterable<WatchedPath> {
    return this.#byPath.values();
  }

  /** Connections, each with what it watches; live as well. */
  watchers(): Iterable<readonly [Watcher, ReadonlySet<WatchedPath>]> {
    return this.#byWatcher.entries();
  }

  /** Calls `found` for each (path, connection). */
  forEach(found: (path: string, watcher: Watcher) => void): void {
    for (const { path, watchers } of this.#byPath.values()) {
      for (const watcher of watchers.keys()) found(path, watcher);
    }
  }

  #setModes(watched: OwnPath, watcher: Watcher, before: number, after: number): void {
    if (before === after) return;
    if (before === 0) this.#size++;
    this.#recursive += ((after & WatchMode.recursive) - (before & WatchMode.recursive)) >> 2;
    if (after !== 0) {
      watched.watchers.set(watcher, after);
      return;
    }
    this.#size--;
    watched.watchers.delete(watcher);
    if (watched.watchers.size === 0) this.#byPath.delete(watched.path);
    this.#unlink(watcher, watched);
  }

  #link(watcher: Watcher, watched: OwnPath): void {
    const paths = this.#byWatcher.get(watcher);
    if (paths === undefined) this.#byWatcher.set(watcher, new Set([watched]));
    else paths.add(watched);
  }

  #unlink(watcher: Watcher, watched: OwnPath): void {
    const paths = this.#byWatcher.get(watcher);
    paths?.delete(watched);
    if (paths?.size === 0) this.#byWatcher.delete(watcher);
  }
}
