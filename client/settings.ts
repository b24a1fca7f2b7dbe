/** The options of a client with every default filled in, and checked. */
import { MAX_BUFFER_DEFAULT } from "../protocol/jute.ts";
import type { OwnershipPolicy } from "./claims.ts";
import { ZooKeeperError } from "./errors.ts";
import type { ConnectOptions } from "./options.ts";

export interface SessionSettings {
  readonly sessionTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly operationTimeoutMs: number;
  readonly readOnly: boolean;
  readonly ownership: OwnershipPolicy;
  readonly lostFactor: number;
  readonly reapOldSession: boolean;
  readonly serverTickTimeMs: number;
  readonly inFlightMax: number;
  readonly queuedMax: number;
  readonly queuedMaxBytes: number;
  readonly requestMaxBytes: number;
  readonly replyMaxBytes: number;
}

const LOST_FACTOR_DEFAULT = 4 / 3;

/** What a signed 32-bit integer on the wire holds. */
const TIMEOUT_MAX_MS = 0x7fff_ffff;

/** @throws ZooKeeperError BadArguments */
export function settingsOf(options: ConnectOptions): SessionSettings {
  const settings: SessionSettings = {
    sessionTimeoutMs: options.sessionTimeoutMs ?? 30_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 5000,
    operationTimeoutMs: options.operationTimeoutMs ?? 15_000,
    readOnly: options.readOnly ?? false,
    ownership: options.ownership ?? "deadline",
    lostFactor: options.lostFactor ?? LOST_FACTOR_DEFAULT,
    reapOldSession: options.reapOldSession ?? true,
    serverTickTimeMs: options.serverTickTimeMs ?? 2000,
    inFlightMax: options.inFlightMax ?? 1000,
    queuedMax: options.queuedMax ?? 10_000,
    queuedMaxBytes: options.queuedMaxBytes ?? 16 * 1024 * 1024,
    requestMaxBytes: options.requestMaxBytes ?? MAX_BUFFER_DEFAULT,
    replyMaxBytes: options.replyMaxBytes ?? 4 * 1024 * 1024,
  };
  for (const [name, value] of Object.entries(settings)) {
    if (typeof value === "number" && !(value > 0)) throw refusal(`${name} must be above 0`);
  }
  if (settings.lostFactor < 1) throw refusal("lostFactor must be at least 1");
  if (settings.sessionTimeoutMs > TIMEOUT_MAX_MS) throw refusal("sessionTimeoutMs is too long");
  return settings;
}

/** With fewer ticks in a session timeout a cut-off leader may outlive the ownership deadline. */
const SAFE_TICKS = 6;

/** What to say of a session timeout that is too short for the promise of the ownership deadline. */
export function shortSessionWarning(timeoutMs: number, tickTimeMs: number): string | undefined {
  if (timeoutMs >= SAFE_TICKS * tickTimeMs) return undefined;
  return (
    `the session timeout of ${timeoutMs} ms is below ${SAFE_TICKS} ticks of ${tickTimeMs} ms: ` +
    "a claim may have two owners while a leader is cut off"
  );
}

function refusal(problem: string): ZooKeeperError {
  return new ZooKeeperError("BadArguments", { cause: new Error(problem) });
}
