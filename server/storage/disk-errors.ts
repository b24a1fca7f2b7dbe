/** What the disk refuses synchronously is thrown; anything else that is thrown is a bug of ours. */
import type { HostError } from "../../protocol/host.ts";

/** Errors of the machine carry its code. */
export function isHostError(error: unknown): error is HostError {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}
