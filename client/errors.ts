import { ErrorCode, type ErrorName, errorName, errorSentence } from "../protocol/errors.ts";

/**
 * What went wrong, as a closed union: the protocol's names, and what the client itself finds.
 *
 * - `ConnectTimeout`: no usable server within the budget of `connect`.
 * - `Closed`: the client was closed before the outcome was known.
 * - `Timeout`: the call's own `timeoutMs` passed. A write that was sent is `ambiguous`.
 * - `Backpressure`: too much is queued already; nothing was queued.
 * - `PacketTooLarge`: the request, or the reply to it, is longer than the limit.
 * - `AmbiguousResult`: what happened to a write cannot be told from what the server shows.
 * - `NotHeld`: a claim is not, or no longer, assured.
 * - `UnknownError`: a code that no release of ZooKeeper sends; `wireCode` has it.
 */
export type ZooKeeperErrorCode =
  | Exclude<ErrorName, "Ok">
  | "ConnectTimeout"
  | "Closed"
  | "Timeout"
  | "Backpressure"
  | "PacketTooLarge"
  | "AmbiguousResult"
  | "NotHeld"
  | "UnknownError";

/** What is known about a failure besides its code. */
export interface ErrorDetails {
  readonly path?: string | undefined;
  readonly operation?: string | undefined;
  readonly ambiguous?: boolean;
  readonly failedIndex?: number | undefined;
  readonly results?: readonly TransactionVerdict[] | undefined;
  readonly wireCode?: number | undefined;
  readonly cause?: unknown;
}

/** What a failed transaction says of one of its operations. */
export type TransactionVerdict = "Ok" | ZooKeeperErrorCode;

const CLIENT_SENTENCES = {
  ConnectTimeout: "no usable server was reached in time",
  Closed: "the client is closed",
  Timeout: "no answer came within the call's own time",
  Backpressure: "too many requests are queued already",
  PacketTooLarge: "the request or its reply is longer than the limit",
  AmbiguousResult: "the outcome of a write cannot be told from what the server shows",
  NotHeld: "the claim is not assured",
  UnknownError: "the server sent a code that no release of ZooKeeper knows",
} as const;

/** Shared by every copy of this package in a process, unlike a class. */
const BRAND = Symbol.for("quorate.ZooKeeperError");

const RETRYABLE: ReadonlySet<ZooKeeperErrorCode> = new Set<ZooKeeperErrorCode>([
  "ConnectionLoss",
  "OperationTimeout",
  "SessionMoved",
  "SessionExpired",
  "ThrottledOp",
]);

/** The one error of the client. Nobody matches on its message: `code` tells. */
export class ZooKeeperError extends Error {
  override readonly name = "ZooKeeperError";
  readonly code: ZooKeeperErrorCode;
  /** The path as the caller gave it, chroot not included. */
  readonly path: string | undefined;
  readonly operation: string | undefined;
  /** True: a write was sent and no answer came, so it may or may not have taken effect. */
  readonly ambiguous: boolean;
  /** True: the same call can succeed later. Whether a repeat is safe is for `ambiguous` to say. */
  readonly retryable: boolean;
  /** Of a transaction: the operation that failed, counted as the caller wrote them. */
  readonly failedIndex: number | undefined;
  /** Of a transaction: what became of each operation, in order. */
  readonly results: readonly TransactionVerdict[] | undefined;
  /** The number from the wire, where `code` is `UnknownError`. */
  readonly wireCode: number | undefined;

  constructor(code: ZooKeeperErrorCode, details: ErrorDetails = {}) {
    super(
      describe(code, details),
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.code = code;
    this.path = details.path;
    this.operation = details.operation;
    this.ambiguous = details.ambiguous ?? false;
    this.retryable = RETRYABLE.has(code);
    this.failedIndex = details.failedIndex;
    this.results = details.results;
    this.wireCode = details.wireCode;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** Also true for errors of another copy of this package in the same process. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && BRAND in value;
  }
}

/**
 * Whether `error` is a ZooKeeperError, with one of `codes` if any are given.
 * Holds for errors from another copy of this package too.
 */
export function isZooKeeperError<C extends ZooKeeperErrorCode = ZooKeeperErrorCode>(
  error: unknown,
  ...codes: readonly C[]
): error is ZooKeeperError & { readonly code: C } {
  if (!(error instanceof ZooKeeperError)) return false;
  return codes.length === 0 || codes.some((code) => code === error.code);
}

/** The error for a code from the wire that is not 0. */
export function errorFromWire(wireCode: number, details: ErrorDetails): ZooKeeperError {
  const name = errorName(wireCode);
  if (name === undefined || name === "Ok") {
    return new ZooKeeperError("UnknownError", { ...details, wireCode });
  }
  return new ZooKeeperError(name, details);
}

/** What an operation inside a failed transaction reported. */
export function verdictFromWire(wireCode: number): TransactionVerdict {
  return wireCode === ErrorCode.Ok ? "Ok" : (errorName(wireCode) ?? "UnknownError");
}

function describe(code: ZooKeeperErrorCode, details: ErrorDetails): string {
  const sentence =
    code in CLIENT_SENTENCES ? clientSentence(code) : errorSentence(code as ErrorName);
  const subject = [details.operation, details.path].filter((part) => part !== undefined).join(" ");
  const hint = details.ambiguous === true ? " (it may have taken effect)" : "";
  return `${code}${subject === "" ? "" : ` on ${subject}`}: ${sentence}${hint}`;
}

function clientSentence(code: ZooKeeperErrorCode): string {
  return CLIENT_SENTENCES[code as keyof typeof CLIENT_SENTENCES];
}
