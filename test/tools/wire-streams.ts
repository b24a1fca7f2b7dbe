// What passes between the servers of a routed ensemble, kept for a test to read: one stream for each
// direction of each connection.

import type { Ensemble } from "./ensemble.ts";
import type { WirePort } from "./pair-route.ts";

/** One direction of one connection. */
export interface WireStream {
  readonly name: string;
  readonly port: WirePort;
  /** Who said this to whom. */
  readonly from: number;
  readonly to: number;
  /** The one that begins with a handshake on the election port. */
  readonly isDialler: boolean;
  readonly chunks: Buffer[];
}

/** Records from now on, by the streams' names. */
export function recordWires(ensemble: Ensemble): Map<string, WireStream> {
  const streams = new Map<string, WireStream>();
  ensemble.record((dialler, target, { port, connection, direction, bytes }) => {
    const name = `${port} ${dialler}-${target} #${connection} ${direction}`;
    let stream = streams.get(name);
    if (stream === undefined) {
      const isDialler = direction === "there";
      const [from, to] = isDialler ? [dialler, target] : [target, dialler];
      stream = { name, port, from, to, isDialler, chunks: [] };
      streams.set(name, stream);
    }
    stream.chunks.push(Buffer.from(bytes));
  });
  return streams;
}
