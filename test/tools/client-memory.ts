// What one client has been shown, whichever servers it was connected to: a zxid, and of each znode
// its Stat. For a client time only goes forward; whatever steps back is told.

import type { Stat } from "../../protocol/data.ts";
import { zxidHex } from "../../protocol/zxid.ts";

type Seen = Pick<Stat, "czxid" | "mzxid" | "version">;

export class ClientMemory {
  readonly #surprise: (text: string) => void;
  readonly #znodes = new Map<string, Seen>();
  #zxid = 0;

  constructor(surprise: (text: string) => void) {
    this.#surprise = surprise;
  }

  /** A reply named it. */
  zxid(zxid: number): void {
    if (zxid < this.#zxid) {
      this.#surprise(`a reply of zxid ${zxidHex(zxid)} after one of ${zxidHex(this.#zxid)}`);
    }
    this.#zxid = zxid;
  }

  /** A znode that nobody ever deletes. Undefined: it was not there. */
  znode(path: string, stat: Seen | undefined): void {
    const before = this.#znodes.get(path);
    if (stat === undefined) {
      if (before !== undefined) this.#surprise(`${path} was there and is not`);
      return;
    }
    const { czxid, mzxid, version } = stat;
    this.#znodes.set(path, { czxid, mzxid, version });
    if (before === undefined) return;
    if (czxid !== before.czxid) {
      this.#surprise(`${path}: czxid ${zxidHex(czxid)} after ${zxidHex(before.czxid)}`);
    }
    if (version < before.version || mzxid < before.mzxid) {
      this.#surprise(
        `${path}: version ${version}, mzxid ${zxidHex(mzxid)} after version ` +
          `${before.version}, ${zxidHex(before.mzxid)}`,
      );
    } else if ((version === before.version) !== (mzxid === before.mzxid)) {
      this.#surprise(`${path}: one version, ${version}, of two writes, or two of one`);
    }
  }
}
