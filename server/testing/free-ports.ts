/** Ports of this machine for servers that come and go. */
import type { Network } from "../../protocol/host.ts";
import type { SimRandom } from "./sim-random.ts";

/** Below those that kernels give to connections: one of these could take a server's while it is down. */
const PORTS = { from: 15_000, to: 32_000 };
const TRIES_MAX = 200;

/** So many ports on which nobody listens now. */
export async function freePorts(
  network: Network,
  host: string,
  draw: SimRandom,
  count: number,
): Promise<readonly number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries === TRIES_MAX) throw new Error("this machine has no free ports");
    const port = draw.between(PORTS.from, PORTS.to);
    if (!found.has(port) && (await isFree(network, host, port))) found.add(port);
  }
  return [...found];
}

function isFree(network: Network, host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    network.listen(
      { host, port, backlog: 1 },
      (link) => link.destroy(),
      (_error, listener) => {
        if (listener === undefined) resolve(false);
        else listener.close(() => resolve(true));
      },
    );
  });
}
