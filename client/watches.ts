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
