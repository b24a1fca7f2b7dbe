// What a differential run sends: rounds of requests, the same bytes to every server. A round ends
// when all that was sent in it has been answered, so that two servers meet the same order of writes
// however fast they are. Any round, and any request of one, may be left out of a script: what is
// left can still be played, which is how a difference is made small.

/** One request as it goes out, behind a header whose xid is mostly the connection's next. */
export interface Request {
  readonly type: number;
  readonly body: Buffer;
  /** Sent instead of the connection's next xid. */
  readonly xid?: number;
  /** The body's first eight bytes become the server's last zxid so many rounds ago. */
  readonly sinceRounds?: number;
  /** An entry of its ACL has no scheme or no id. */
  readonly hasNullInAcl?: boolean;
  /** For the report of a difference. */
  readonly text: string;
}

/** The bytes after which a server ends the connection. */
export interface Ending {
  /** A request, whose reply is the connection's last; or a frame as it is, length and all. */
  readonly last: Request | Buffer;
  /** What is sent ahead of it in the same write. */
  readonly ahead: readonly Request[];
  readonly text: string;
}

export type Round =
  /** One session pipelines; the others listen. */
  | { readonly kind: "burst"; readonly slot: number; readonly requests: readonly Request[] }
  /** Every session pipelines at once, each in a subtree of its own: by slot. */
  | { readonly kind: "together"; readonly bursts: readonly (readonly Request[])[] }
  /** A connection ends; its session comes back, or a new one takes its place. */
  | {
      readonly kind: "ending";
      readonly slot: number;
      readonly requests: readonly Request[];
      readonly ending: Ending;
      readonly timeoutMs: number;
    }
  /** A session moves to a new connection while the old one is open. */
  | {
      readonly kind: "move";
      readonly slot: number;
      /** Somebody tries with another password first, and the owner comes back after it. */
      readonly withIntruder: boolean;
      readonly timeoutMs: number;
    };

/** Sessions of a run. The first is the super user's throughout, so nothing is hidden from it. */
export const SLOTS = 4;
export const SUPER_SLOT = 0;

/** Operations in a round, without what the runner adds. */
export function operationsIn(round: Round): number {
  switch (round.kind) {
    case "burst":
      return round.requests.length;
    case "together":
      return round.bursts.reduce((sum, burst) => sum + burst.length, 0);
    case "ending":
      return round.requests.length + round.ending.ahead.length + 1;
    case "move":
      return 1;
  }
}
