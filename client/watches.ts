/**
 * One-shot watches of a client. Each registration hears exactly one outcome. The server keeps one
 * watch for a path and list however many registrations there are, so it is told to drop it when
 * the last of them leaves, unless a read that arms it again is on its way (recipes A.10, Trap 29).
 * After a reconnect `rearm` gives the server the whole list again.
 */
import { EventType, WatcherType } from "../protocol/opcodes.ts";
import type { SetWatches } from "../protocol/proto.ts";
import type { Zxid } from "../protocol/zxid.ts";
import type { LossCause } from "./states.ts";

/** `exists` also hears of a creation; `children` only of children and of the deletion. */
export type WatchKind = "data" | "exists" | "children";

/** A change that a server told. Any event consumes a one-shot watch. */
export interface WatchEvent {
  readonly type: "created" | "deleted" | "data-changed" | "children-changed";
  /** Without the chroot. */
  readonly path: string;
  /** The txn that made the change; -1n from servers before 3.9 and for changes seen late. */
  readonly zxid: bigint;
}

/**
 * What a watcher hears, exactly once: the event, or why there will be none. `lost`: the session
 * that held the watch is over. `cancelled`: the watch was ended here, or the client was closed.
 */
export type WatchOutcome =
  | WatchEvent
  | { readonly type: "cancelled"; readonly path: string }
  | { readonly type: "lost"; readonly path: string; readonly cause: LossCause };

export type Watcher = (outcome: WatchOutcome) => void;

/**
 * A watcher on its way from a read to its outcome:
 *
 *     arming (the read is not answered) -> armed -> ended
 *            -> unwanted (cancelled before the answer) -> ended
 *            -> forsaken (the call has rejected: the watcher hears nothing)
 */
export interface WatchRegistration {
  readonly kind: WatchKind;
  /** With the chroot. */
  readonly serverPath: string;
  /** As the caller gave it. */
  readonly path: string;
  readonly watcher: Watcher;
  phase: "arming" | "unwanted" | "forsaken" | "armed" | "ended";
}

export function watchRegistration(
  kind: WatchKind,
  serverPath: string,
  path: string,
  watcher: Watcher,
): WatchRegistration {
  return { kind, serverPath, path, watcher, phase: "arming" };
}

/** Bytes of paths in one setWatches; a request must stay well under the servers' limit. */
const SET_WATCHES_MAX_BYTES = 128 * 1024;

const EVENT_NAMES: ReadonlyMap<number, WatchEvent["type"]> = new Map([
  [EventType.nodeCreated, "created"],
  [EventType.nodeDeleted, "deleted"],
  [EventType.nodeDataChanged, "data-changed"],
  [EventType.nodeChildrenChanged, "children-changed"],
]);

/** The kinds that an event of each type consumes (client-protocol 8.3). */
const CONSUMES: { readonly [T in WatchEvent["type"]]: readonly WatchKind[] } = {
  created: ["data", "exists"],
  deleted: ["data", "exists", "children"],
  "data-changed": ["data", "exists"],
  "children-changed": ["children"],
};

/** What watches ask of the session they hang on. */
export interface WatchKeeper {
  /** Calls a watcher, and survives it. */
  deliver(watcher: Watcher, outcome: WatchOutcome): void;
  /** Tells the server that nobody watches a path's list any more. */
  drop(serverPath: string, watcherType: number): void;
}

/** Knows whether a read is on its way that arms this list of this path. */
export interface ArmingReads {
  isArming(serverPath: string, list: WatchList): boolean;
}

/** A server has two lists for a path: of getData and exists, and of getChildren. */
export type WatchList = "data" | "children";

export function watchList(kind: WatchKind): WatchList {
  return kind === "children" ? "children" : "data";
}

type Table = Map<string, Set<WatchRegistration>>;

export class Watches {
  readonly #armed: { readonly [K in WatchKind]: Table } = {
    data: new Map(),
    exists: new Map(),
    children: new Map(),
  };
  /** Lists (`listKey`) that nobody watches, left at the server for a read that is on its way. */
  readonly #postponed = new Set<string>();
  readonly #keeper: WatchKeeper;
  readonly #reads: ArmingReads;

  constructor(keeper: WatchKeeper, reads: ArmingReads) {
    this.#keeper = keeper;
    this.#reads = reads;
  }

  get count(): number {
    let count = 0;
    for (const table of Object.values(this.#armed)) {
      for (const registrations of table.values()) count += registrations.size;
    }
    return count;
  }

  /** The read was answered, and the server has the watch: in the list that `kind` names. */
  arm(registration: WatchRegistration, kind: WatchKind): void {
    switch (registration.phase) {
      case "forsaken":
        this.#dropIfUnused(registration);
        return;
      case "unwanted":
        this.#end(registration, { type: "cancelled", path: registration.path });
        this.#dropIfUnused(registration);
        return;
      case "arming": {
        registration.phase = "armed";
        this.#postponed.delete(listKey(registration));
        const table = this.#armed[kind];
        const registrations = table.get(registration.serverPath);
        if (registrations === undefined) {
          table.set(registration.serverPath, new Set([registration]));
        } else {
          registrations.add(registration);
        }
        return;
      }
      case "armed":
      case "ended":
    }
  }

  /** The call rejected. Its read may still be answered. */
  forsake(registration: WatchRegistration): void {
    if (registration.phase !== "arming" && registration.phase !== "unwanted") return;
    registration.phase = "forsaken";
    if (this.#postponed.has(listKey(registration))) this.#dropIfUnused(registration);
  }

  /** The caller does not want it any more. Harmless once it has ended. */
  cancel(registration: WatchRegistration): void {
    if (registration.phase === "arming") {
      registration.phase = "unwanted";
    } else if (registration.phase === "armed") {
      this.#remove(registration);
      this.#end(registration, { type: "cancelled", path: registration.path });
      this.#dropIfUnused(registration);
    }
  }

  /** Cancels all that watch a list of a path; how many there were. The caller tells the server. */
  cancelList(serverPath: string, list: WatchList): number {
    const kinds: readonly WatchKind[] = list === "data" ? ["data", "exists"] : ["children"];
    const ended = this.#take(serverPath, kinds);
    for (const registration of ended) {
      this.#end(registration, { type: "cancelled", path: registration.path });
    }
    return ended.length;
  }

  /** A server told of a change. Types that no server sends are not for us. */
  fire(type: number, serverPath: string, zxid: Zxid): void {
    const name = EVENT_NAMES.get(type);
    if (name === undefined) return;
    for (const registration of this.#take(serverPath, CONSUMES[name])) {
      this.#end(registration, { type: name, path: registration.path, zxid: BigInt(zxid) });
    }
  }

  /** The session is over: so is every watch. */
  lose(cause: LossCause): void {
    for (const registration of this.#takeAll()) {
      this.#end(registration, { type: "lost", path: registration.path, cause });
    }
  }

  /** The client is closed. */
  cancelAll(): void {
    for (const registration of this.#takeAll()) {
      this.#end(registration, { type: "cancelled", path: registration.path });
    }
  }

  /** What a new connection is told first: nothing, or requests whose paths fill at most 128 KiB. */
  *rearm(relativeZxid: Zxid): Generator<SetWatches> {
    let batch: { [K in WatchKind]: string[] } = { data: [], exists: [], children: [] };
    let bytes = 0;
    for (const kind of ["data", "exists", "children"] as const) {
      for (const path of this.#armed[kind].keys()) {
        const pathBytes = Buffer.byteLength(path) + 4;
        if (bytes > 0 && bytes + pathBytes > SET_WATCHES_MAX_BYTES) {
          yield setWatchesOf(relativeZxid, batch);
          batch = { data: [], exists: [], children: [] };
          bytes = 0;
        }
        batch[kind].push(path);
        bytes += pathBytes;
      }
    }
    if (bytes > 0) yield setWatchesOf(relativeZxid, batch);
  }

  #end(registration: WatchRegistration, outcome: WatchOutcome): void {
    registration.phase = "ended";
    this.#keeper.deliver(registration.watcher, outcome);
  }

  #remove(registration: WatchRegistration): void {
    for (const table of Object.values(this.#armed)) {
      const registrations = table.get(registration.serverPath);
      if (registrations?.delete(registration) === true && registrations.size === 0) {
        table.delete(registration.serverPath);
      }
    }
  }

  #take(serverPath: string, kinds: readonly WatchKind[]): WatchRegistration[] {
    const taken: WatchRegistration[] = [];
    for (const kind of kinds) {
      const registrations = this.#armed[kind].get(serverPath);
      if (registrations === undefined) continue;
      taken.push(...registrations);
      this.#armed[kind].delete(serverPath);
    }
    return taken;
  }

  #takeAll(): WatchRegistration[] {
    const taken: WatchRegistration[] = [];
    for (const table of Object.values(this.#armed)) {
      for (const registrations of table.values()) taken.push(...registrations);
      table.clear();
    }
    return taken;
  }

  #dropIfUnused(registration: WatchRegistration): void {
    const { serverPath } = registration;
    const list = watchList(registration.kind);
    if (this.#isWatched(serverPath, list)) return;
    if (this.#reads.isArming(serverPath, list)) {
      this.#postponed.add(listKey(registration));
      return;
    }
    this.#postponed.delete(listKey(registration));
    this.#keeper.drop(serverPath, list === "data" ? WatcherType.data : WatcherType.children);
  }

  #isWatched(serverPath: string, list: WatchList): boolean {
    if (list === "children") return this.#armed.children.has(serverPath);
    return this.#armed.data.has(serverPath) || this.#armed.exists.has(serverPath);
  }
}

function listKey(registration: WatchRegistration): string {
  return `${watchList(registration.kind)}:${registration.serverPath}`;
}

function setWatchesOf(relativeZxid: Zxid, batch: { [K in WatchKind]: string[] }): SetWatches {
  return {
    relativeZxid,
    dataWatches: batch.data,
    existWatches: batch.exists,
    childWatches: batch.children,
  };
}
