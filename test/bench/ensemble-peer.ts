// Three servers of a comparison, all ours or all Apache's as Debian ships it, on this machine.

import { Ensemble } from "../tools/ensemble.ts";
import { type PeerKind, processCpuUs } from "./peer-process.ts";
import type { Contender } from "./speed.ts";

const SERVERS = 3;

export class EnsemblePeer implements Contender {
  readonly kind: PeerKind;
  readonly ensemble: Ensemble;

  private constructor(kind: PeerKind, ensemble: Ensemble) {
    this.kind = kind;
    this.ensemble = ensemble;
  }

  static async start(kind: PeerKind): Promise<EnsemblePeer> {
    const ensemble = await Ensemble.start({
      kinds: Array.from({ length: SERVERS }, () => kind),
      tickTimeMs: 2000,
      initLimit: 10,
      syncLimit: 5,
      settings: { commitLogCount: "500" },
      javaFlags: ["-Xms256m", "-Xmx1g"],
    });
    return new EnsemblePeer(kind, ensemble);
  }

  get hosts(): string {
    return this.ensemble.connectString;
  }

  cpuUs(): number {
    return this.ensemble.members.reduce((sum, { pid }) => sum + processCpuUs(pid), 0);
  }

  remove(): Promise<void> {
    return this.ensemble[Symbol.asyncDispose]();
  }
}
