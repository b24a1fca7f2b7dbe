import type { StateEvent } from "./states.ts";

/** Who hears of a session: the client's shell. */
export interface SessionObserver {
  transition(event: StateEvent): void;
  /** `close` was called, or the credentials were refused: nothing is accepted any more. */
  closing(): void;
  warn(code: "session-too-short" | "event-loop-stall", message: string): void;
  /** An error that no call can be told of. */
  backgroundError(error: unknown, context: string): void;
  debug(details: object, message: string): void;
}
