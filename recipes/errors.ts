/**
 * What recipes reject with when the ensemble did answer, but what the caller wanted cannot be:
 * the lock was lost, the time is over, the directory is unusable. Trouble with the connection or
 * with an argument stays the client's `ZooKeeperError`.
 */
const SENTENCES = {
  LockLost: "the lock is no longer held",
  LockTimeout: "the lock was not granted in time",
  MixedLayout: "another kind of lock shares the directory, and its holders would not see ours",
  SequenceOverflow:
    "the directory's sequence numbers are used up: remove it while nobody waits there",
} as const;

/** Names of the outcomes, a closed union. */
export type RecipeErrorCode = keyof typeof SENTENCES;

/** Why a claim ended before it was released. */
export type LossReason =
  /** The ownership deadline passed: the session may be over on the server's clock. */
  | "deadline"
  /** The connection was lost, and the client's `ownership` is `suspend`. */
  | "suspended"
  /** The client gave up the session, or the server said that it had ended. */
  | "session-lost"
  /** Somebody deleted the claim's znode. */
  | "node-deleted"
  /** The client was closed. */
  | "client-closed";

export interface RecipeErrorDetails {
  /** The lock's directory. */
  readonly path: string;
  /** For LockLost. */
  readonly reason?: LossReason | undefined;
  /** For LockTimeout and MixedLayout: names of znodes that were ahead, or of the other kind. */
  readonly contenders?: readonly string[] | undefined;
  /** For LockLost from `withLock`: what its function had resolved with. */
  readonly result?: unknown;
  readonly cause?: unknown;
}

export class RecipeError extends Error {
  override readonly name = "RecipeError";
  readonly code: RecipeErrorCode;
  readonly path: string;
  readonly reason: LossReason | undefined;
  readonly contenders: readonly string[] | undefined;
  readonly result: unknown;

  constructor(code: RecipeErrorCode, details: RecipeErrorDetails) {
    const why = details.reason === undefined ? "" : ` (${details.reason})`;
    super(`${code}: ${SENTENCES[code]}${why}: ${details.path}`, { cause: details.cause });
    this.code = code;
    this.path = details.path;
    this.reason = details.reason;
    this.contenders = details.contenders;
    this.result = details.result;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** Also true for errors of another copy of this package in the same process. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && BRAND in value;
  }
}

/** Whether `error` is a RecipeError, with one of `codes` if any are given. */
export function isRecipeError<C extends RecipeErrorCode = RecipeErrorCode>(
  error: unknown,
  ...codes: readonly C[]
): error is RecipeError & { readonly code: C } {
  if (!(error instanceof RecipeError)) return false;
  return codes.length === 0 || codes.some((code) => code === error.code);
}

/** Shared by every copy of this package in a process, unlike a class. */
const BRAND = Symbol.for("quorate.RecipeError");
