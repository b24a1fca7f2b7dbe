/**
 * No txns: a server without a quorum serves its last tree to clients that take that (quorum-protocol
 * 11.3). Their sessions are known here alone; who comes with one that is not is closed without an
 * answer, and goes on looking for a server with a quorum.
 */
import { assert } from "../../protocol/assert.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import { type Proposer, ZXID_UNKNOWN } from "./proposer.ts";

const NONE: readonly number[] = [];

export class ReadOnlyProposer implements Proposer {
  readonly isReadOnly = true;
  readonly isFull = false;
  readonly confirmsSyncs = false;
  readonly lastZxid: Zxid = ZXID_UNKNOWN;
  readonly cxid = 0;
  readonly askedTypes: readonly number[] = NONE;

  request(): never {
    return refuse();
  }

  createSession(): never {
    return refuse();
  }

  closeSession(): never {
    return refuse();
  }

  sync(): never {
    return refuse();
  }

  /** Nobody here knows. */
  revalidate(): boolean {
    return false;
  }

  applied(_zxid: Zxid): void {}
}

function refuse(): never {
  assert(false, "the pipeline refuses what a read-only server cannot do");
}
