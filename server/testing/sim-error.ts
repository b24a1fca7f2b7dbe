import type { HostError } from "../../protocol/host.ts";

/** An error of the simulated machine, with the code that Linux would give. */
export class SimError extends Error implements HostError {
  override readonly name = "SimError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}
