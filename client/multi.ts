import type { Claim } from "./claims.ts";
import type { CallOptions, CreateMode } from "./options.ts";
import type { Acl, Stat } from "./records.ts";

export interface TransactionCreateOptions {
  readonly mode?: CreateMode | undefined;
  readonly ttlMs?: number | undefined;
  readonly acl?: readonly Acl[] | undefined;
}

/** Something held that can guard a transaction: a claim, or a recipe's handle around one. */
export type Guard = Pick<Claim, "nodePath" | "lose">;

/**
 * Operations that take effect together or not at all. Each call adds one and returns the builder,
 * typed with one more result. A failed commit rejects with the code of the operation that failed,
 * `failedIndex` and `results`.
 */
export interface Transaction<R extends readonly unknown[] = []> {
  /** Holds if the znode exists and has `version`; -1 (the default) is any. */
  check(path: string, version?: number): Transaction<[...R, undefined]>;
  create(
    path: string,
    data?: Uint8Array | null,
    options?: TransactionCreateOptions,
  ): Transaction<[...R, { readonly path: string; readonly stat: Stat | undefined }]>;
  setData(path: string, data: Uint8Array | null, version?: number): Transaction<[...R, Stat]>;
  delete(path: string, version?: number): Transaction<[...R, undefined]>;
  /**
   * Lets the server refuse everything once the claim's znode is gone. Such a refusal ends the
   * claim and rejects with `NotHeld`.
   */
  guardedBy(guard: Guard): Transaction<R>;
  commit(options?: CallOptions): Promise<R>;
}
