/**
 * Where the servers are: the connect string `host:port,host:port/chroot`, in the order in which
 * this client tries them.
 */
import type { Address, Random } from "../protocol/host.ts";
import { pathProblem } from "../protocol/paths.ts";
import { ZooKeeperError } from "./errors.ts";

/** Gives the connect string, anew for each round over all addresses: SRV records, a file, ... */
export interface EnsembleProvider {
  /** `host:port,host:port`; the chroot of the first answer counts for the client's life. */
  get(): string;
}

export interface ConnectString {
  readonly addresses: readonly Address[];
  /** "" or a path: what is put before every path. */
  readonly chroot: string;
}

const PORT_DEFAULT = 2181;
const PORT_MAX = 65_535;

/** @throws ZooKeeperError BadArguments */
export function parseConnectString(text: string): ConnectString {
  const slash = text.indexOf("/");
  const servers = slash < 0 ? text : text.slice(0, slash);
  const chroot = slash < 0 ? "" : text.slice(slash);
  if (chroot.length > 1) {
    const problem = pathProblem(chroot);
    if (problem !== undefined) throw refusal(`the chroot of "${text}": ${problem}`);
  }
  const addresses = servers.split(",").map((server) => parseAddress(server.trim(), text));
  return { addresses, chroot: chroot === "/" ? "" : chroot };
}

function parseAddress(server: string, text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(server);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) throw refusal(`"${server}" in "${text}" is no host:port`);
  const port = match?.[3] === undefined ? PORT_DEFAULT : Number(match[3]);
  if (port === 0 || port > PORT_MAX) throw refusal(`port ${port} in "${text}"`);
  return { host, port };
}

function refusal(problem: string): ZooKeeperError {
  return new ZooKeeperError("BadArguments", { cause: new Error(problem) });
}

/** The addresses, in a random order that is kept: clients spread over the servers. */
export class Hosts {
  readonly chroot: string;
  readonly #provider: EnsembleProvider;
  readonly #random: Random;
  #text: string;
  #addresses: readonly Address[];
  /** Invariant: 0 <= #next < #addresses.length. */
  #next = 0;

  /** @throws ZooKeeperError BadArguments */
  constructor(provider: EnsembleProvider, random: Random) {
    this.#provider = provider;
    this.#random = random;
    this.#text = provider.get();
    const { addresses, chroot } = parseConnectString(this.#text);
    this.chroot = chroot;
    this.#addresses = this.#shuffled(addresses);
  }

  get count(): number {
    return this.#addresses.length;
  }

  /** The address to try next. */
  next(): Address {
    const address = this.#addresses[this.#next];
    if (address === undefined) throw refusal("no address");
    this.#next = (this.#next + 1) % this.#addresses.length;
    return address;
  }

  /** Asks the provider again, at the start of a round. @throws whatever the provider throws */
  refresh(): void {
    const text = this.#provider.get();
    if (text === this.#text) return;
    const { addresses } = parseConnectString(text);
    this.#text = text;
    this.#addresses = this.#shuffled(addresses);
    this.#next = 0;
  }

  #shuffled(addresses: readonly Address[]): Address[] {
    const shuffled = [...addresses];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = Math.floor(this.#random.fraction() * (i + 1));
      const here = shuffled[i];
      const there = shuffled[j];
      if (here === undefined || there === undefined) continue;
      shuffled[i] = there;
      shuffled[j] = here;
    }
    return shuffled;
  }
}
