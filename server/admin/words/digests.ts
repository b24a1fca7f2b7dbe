/** `hash`: the tree's digest at every 128th zxid, to compare servers by. */
import { wordsToBigInt, zxidHex } from "../../../protocol/zxid.ts";
import type { AdminSource } from "../source.ts";

export function digests(source: AdminSource): string {
  return source
    .digests()
    .map(({ zxid, high, low }) => `${zxidHex(zxid)}: ${wordsToBigInt(high, low)}\n`)
    .join("");
}
