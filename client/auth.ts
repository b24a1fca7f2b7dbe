/**
 * Credentials: kept for the life of a client and sent first on every connection. Answers come in
 * the order of the packets, all under one xid.
 */
import { ZooKeeperError } from "./errors.ts";
import type { AuthInfo } from "./records.ts";

export interface Credential {
  readonly scheme: string;
  readonly auth: Buffer;
  /** Told once, when a server has accepted it or the client is over. */
  settle: ((error: ZooKeeperError | undefined) => void) | undefined;
}

/** What one client may know of itself. */
const CREDENTIALS_MAX = 100;

export class Credentials {
  readonly #known: Credential[] = [];
  /** Sent on the present connection and not answered. */
  #unanswered: Credential[] = [];

  /** Undefined: there are too many, and `settle` was told. */
  add(
    info: AuthInfo,
    settle: ((error: ZooKeeperError | undefined) => void) | undefined,
  ): Credential | undefined {
    if (this.#known.length === CREDENTIALS_MAX) {
      settle?.(new ZooKeeperError("Backpressure", { operation: "addAuth" }));
      return undefined;
    }
    const credential = { scheme: info.scheme, auth: Buffer.from(info.auth as string), settle };
    this.#known.push(credential);
    return credential;
  }

  /** Everything, for a new connection. */
  forNewConnection(): readonly Credential[] {
    this.#unanswered = [];
    return this.#known;
  }

  sent(credential: Credential): void {
    this.#unanswered.push(credential);
  }

  /** The one that an answer belongs to; undefined: nothing was asked. */
  answered(): Credential | undefined {
    return this.#unanswered.shift();
  }

  /** The client is over: whoever still waits hears `error`. */
  end(error: ZooKeeperError): void {
    for (const credential of this.#known) settleCredential(credential, error);
  }
}

export function settleCredential(credential: Credential, error: ZooKeeperError | undefined): void {
  const settle = credential.settle;
  credential.settle = undefined;
  settle?.(error);
}
