/**
 * The connection states that a user sees, and every way from one to another (recipes A.2):
 *
 *     from                                event            to           told
 *     latent                              attached         connected    connected            ST-1
 *     latent                              attached, r/o    read-only    read-only            ST-2
 *     read-only, never read-write before  attached         connected    connected            ST-2
 *     connected, reconnected, read-only   detached         suspended    suspended            ST-3
 *     suspended                           attached         reconnected  reconnected(same)    ST-4
 *     suspended, lost                     attached, r/o    read-only    read-only            ST-5
 *     read-only                           attached         reconnected  reconnected          ST-6
 *     suspended                           session lost     lost         lost                 ST-7, 8
 *     connected, reconnected, read-only   session lost     lost         lost                 ST-9
 *     lost                                attached         reconnected  reconnected(new)     ST-10
 *     lost                                detached         lost         nothing              ST-11
 *     any                                 closed           closed       [lost,] closed       ST-12, 13
 *
 * Events are told one at a time: one that a listener causes waits until all have heard the one
 * before, so that everybody hears the same order.
 */
import type { ZooKeeperError } from "./errors.ts";

/**
 * Connection states are Curator's. `latent` is before the first connection and is never told.
 *
 * - `connected`: the first usable read-write connection; once in a client's life.
 * - `suspended`: no usable connection; the session may or may not live, ownership is uncertain.
 * - `reconnected`: usable again.
 * - `lost`: the old session is given up, with every ephemeral znode and every watch it had.
 * - `read-only`: attached to a server without a quorum.
 * - `closed`: for good.
 */
export type ConnectionState =
  | "latent"
  | "connected"
  | "suspended"
  | "reconnected"
  | "lost"
  | "read-only"
  | "closed";

/**
 * Why a session was given up: the server said so; this machine's clock said so; `resetSession`
 * was called; every server had lost the data; the credentials were refused.
 */
export type LossCause = "server" | "local-clock" | "reset" | "server-data-loss" | "auth-failed";

export type StateEvent =
  | { readonly state: "connected"; readonly sessionId: bigint }
  | { readonly state: "suspended"; readonly sessionId: bigint }
  | {
      readonly state: "reconnected";
      readonly sessionId: bigint;
      readonly previousSessionId: bigint;
      readonly sameSession: boolean;
    }
  | { readonly state: "lost"; readonly previousSessionId: bigint; readonly cause: LossCause }
  | { readonly state: "read-only"; readonly sessionId: bigint }
  | { readonly state: "closed"; readonly error: ZooKeeperError | undefined };

export class States {
  #state: ConnectionState = "latent";
  /** Whether `connected` was told: that happens once. */
  #wasReadWrite = false;
  /** The session of the last connection, 0n before. */
  #sessionId = 0n;
  readonly #tell: (event: StateEvent) => void;
  readonly #untold: StateEvent[] = [];
  #telling = false;

  constructor(tell: (event: StateEvent) => void) {
    this.#tell = tell;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Whether a server with a quorum ever served this client. */
  get wasReadWrite(): boolean {
    return this.#wasReadWrite;
  }

  get isConnected(): boolean {
    const state = this.#state;
    return state === "connected" || state === "reconnected" || state === "read-only";
  }

  attached(sessionId: bigint, readOnly: boolean): void {
    if (this.#state === "closed") return;
    const previousSessionId = this.#sessionId;
    const sameSession = this.#state !== "lost" && previousSessionId === sessionId;
    this.#sessionId = sessionId;
    if (readOnly) {
      if (this.#state !== "read-only") this.#become({ state: "read-only", sessionId });
    } else if (this.#wasReadWrite) {
      this.#become({ state: "reconnected", sessionId, previousSessionId, sameSession });
    } else {
      this.#wasReadWrite = true;
      this.#become({ state: "connected", sessionId });
    }
  }

  detached(): void {
    if (this.isConnected) this.#become({ state: "suspended", sessionId: this.#sessionId });
  }

  sessionLost(cause: LossCause): void {
    if (this.isConnected || this.#state === "suspended") {
      this.#become({ state: "lost", previousSessionId: this.#sessionId, cause });
    }
  }

  closed(error: ZooKeeperError | undefined): void {
    if (this.#state !== "closed") this.#become({ state: "closed", error });
  }

  #become(event: StateEvent): void {
    this.#state = event.state;
    this.#untold.push(event);
    if (this.#telling) return;
    this.#telling = true;
    try {
      for (let next = this.#untold.shift(); next !== undefined; next = this.#untold.shift()) {
        this.#tell(next);
      }
    } finally {
      this.#telling = false;
    }
  }
}
