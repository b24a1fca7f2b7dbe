/**
 * Which server of an ensemble hears which. A link between two of them is held back where it was
 * dialled, both ways: whoever dialled knows whom.
 */
import type { Address } from "../../protocol/host.ts";

/** What is told when the wires change. */
export interface Wired {
  rewired(): void;
}

export class LiveWires {
  /** Members by the ports on which they hear each other. */
  readonly #ports = new Map<number, number>();
  /** "from>to" of what is swallowed. */
  readonly #cuts = new Set<string>();
  readonly #wired = new Set<Wired>();

  belongs(port: number, sid: number): void {
    this.#ports.set(port, sid);
  }

  /** The member that hears at this address; undefined: it is no port between members. */
  ownerOf({ port }: Address): number | undefined {
    return this.#ports.get(port);
  }

  isCut(from: number, to: number): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  cut(from: number, to: number): void {
    this.#cuts.add(`${from}>${to}`);
    this.#tell();
  }

  heal(): void {
    this.#cuts.clear();
    this.#tell();
  }

  add(wired: Wired): void {
    this.#wired.add(wired);
  }

  remove(wired: Wired): void {
    this.#wired.delete(wired);
  }

  #tell(): void {
    for (const wired of [...this.#wired]) wired.rewired();
  }
}
