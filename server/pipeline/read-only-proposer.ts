/**
 * No txns: a server without a quorum serves its last tree to clients that take that (quorum-protocol
 * 11.3). Their sessions are known here alone; one that all servers know is not to be had here, and
 * its client goes on looking for a server with a quorum.
 */
import { assert } from "../../protocol/assert.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { DataTree } from "../tree/data-tree.ts";
import { type Proposer, ZXID_UNKNOWN } from "./proposer.ts";

const NONE: readonly number[] = [];

export class ReadOnlyProposer implements Proposer {
  readonly isReadOnly = true;
  readonly isFull = false;
  readonly confirmsSyncs = false;
  readonly lastZxid: Zxid = ZXID_UNKNOWN;
  readonly cxid = 0;
  readonly askedTypes: readonly number[] = NONE;
  readonly #tree: DataTree;

  constructor(tree: DataTree) {
    this.#tree = tree;
  }

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

  /** Whether all servers know it. */
  revalidate(high: number, low: number): boolean {
    return this.#tree.sessions.has(high, low);
  }

  applied(_zxid: Zxid): void {}
}

function refuse(): never {
  assert(false, "the pipeline refuses what a read-only server cannot do");
}
