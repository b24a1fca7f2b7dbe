// How long an ensemble acknowledges no write when its leader goes: by SIGKILL, by SIGTERM, by SIGSTOP.
// The generator writes one write at a time, gives a server a second, and goes to the next one. Rounds
// of ours and of Apache's alternate, on a tree of 200,000 znodes each.

import { pause } from "../tools/until.ts";
import { EnsemblePeer } from "./ensemble-peer.ts";
import type { LoadGenerator } from "./load.ts";
import type { PeerKind } from "./peer-process.ts";

export interface LeaderEnd {
  readonly signal: "SIGKILL" | "SIGTERM" | "SIGSTOP";
  readonly rounds: number;
  /** How long is written from before the signal on. */
  readonly seconds: number;
}

/** Of one that hangs nobody knows before syncLimit, which is 10 seconds. */
export const LEADER_ENDS: readonly LeaderEnd[] = [
  { signal: "SIGKILL", rounds: 10, seconds: 7 },
  { signal: "SIGTERM", rounds: 10, seconds: 7 },
  { signal: "SIGSTOP", rounds: 3, seconds: 60 },
];

const ZNODES = 200_000;
const CHILDREN = 1000;
/** Writes before the signal, so that there is something to interrupt. */
const BEFORE_MS = 2000;

/** A server that hangs is no slower than this by chance: nobody wrote again. */
const HANG_MIN_MS = 1000;

/** The longest gaps, one for each round; Infinity: nobody could write again within the round. */
export type Gaps = Readonly<Record<PeerKind, number[]>>;

export class FailoverBench {
  readonly #load: LoadGenerator;
  readonly #peers: readonly EnsemblePeer[];

  private constructor(load: LoadGenerator, peers: readonly EnsemblePeer[]) {
    this.#load = load;
    this.#peers = peers;
  }

  static async start(load: LoadGenerator): Promise<FailoverBench> {
    const peers = [await EnsemblePeer.start("quorate"), await EnsemblePeer.start("apache")];
    for (const { hosts } of peers) {
      await load.run(hosts, { op: "fill", keys: ZNODES, fan: CHILDREN, conns: 1 });
    }
    return new FailoverBench(load, peers);
  }

  async measure({ signal, rounds, seconds }: LeaderEnd): Promise<Gaps> {
    const gaps: Gaps = { quorate: [], apache: [] };
    for (let round = 0; round < rounds; round++) {
      for (const peer of this.#peers)
        gaps[peer.kind].push(await this.#round(peer, signal, seconds));
    }
    return gaps;
  }

  async remove(): Promise<void> {
    for (const each of this.#peers) await each.remove();
  }

  async #round(
    { hosts, ensemble }: EnsemblePeer,
    signal: LeaderEnd["signal"],
    seconds: number,
  ): Promise<number> {
    const leader = await ensemble.awaitServing();
    const writing = this.#load.run(hosts, { op: "failover", seconds });
    await pause(BEFORE_MS);
    if (signal === "SIGKILL") await leader.kill();
    else if (signal === "SIGTERM") await leader.terminate();
    else leader.pause();
    const { longest_gap_ms: gapMs = Number.NaN } = await writing;
    if (signal === "SIGSTOP") leader.resume();
    else leader.start();
    await ensemble.awaitServing();
    return signal === "SIGSTOP" && gapMs < HANG_MIN_MS ? Number.POSITIVE_INFINITY : gapMs;
  }
}
