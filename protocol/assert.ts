/** A broken promise of our own code: never caught, the server stops with its message. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/**
 * States what must hold, in production too. The message is a constant, so that a check
 * which holds costs a comparison and nothing else.
 *
 * @throws AssertionError the process is wrong about its own state: let it stop.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
