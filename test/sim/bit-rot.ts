// A bit of a server's log or snapshots flips, where the format can tell.

import type { SimHost, SimRandom } from "../../server/testing/index.ts";
import { payloadsOf } from "./log-reader.ts";
import { LOG_DIR } from "./server-actor.ts";

const TRIES = 8;

/** Flips a bit; what mends it. Undefined: there was nothing that could rot. */
export function flipSomeBit(disk: SimHost["disk"], draw: SimRandom): (() => void) | undefined {
  for (let i = 0; i < TRIES && disk.names(LOG_DIR).length > 0; i++) {
    const path = `${LOG_DIR}/${draw.pick(disk.names(LOG_DIR))}`;
    const position = placeIn(disk, path, draw);
    if (position === undefined) continue;
    const bit = draw.below(8);
    disk.flip(path, position, bit);
    return () => {
      // What the server has cut off or removed meanwhile needs no mending.
      if ((disk.stat(path)?.size ?? 0) > position) disk.flip(path, position, bit);
    };
  }
  return undefined;
}

function placeIn(disk: SimHost["disk"], path: string, draw: SimRandom): number | undefined {
  const size = disk.stat(path)?.size ?? 0;
  if (path.includes("/log.")) {
    // Not in the last record: it would be taken for one that was never finished.
    const payloads = payloadsOf(disk, path).slice(0, -1);
    if (payloads.length === 0) return undefined;
    const payload = draw.pick(payloads);
    return payload.position + draw.below(payload.length);
  }
  return path.includes("/snapshot.") && size > 0 ? draw.below(size) : undefined;
}
