import type { ZooKeeperError } from "./errors.ts";

/**
 * Connection states are Curator's. `latent` is before the first connection and is never emitted.
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
