// An ensemble of real processes whose servers are killed under load, round after round on the same
// directories with the same clients. At the end of each round everybody is back: nothing that was
// acknowledged is lost, nobody saw time run backwards, and all trees are the same.

import { Ensemble, type EnsembleMember } from "../../tools/ensemble.ts";
import { RecordedLoad } from "../../tools/recorded-load.ts";
import { readTree, treeDifferences } from "../../tools/tree-dump.ts";
import { pause } from "../../tools/until.ts";

/** Who is killed, all in one moment. */
export const VICTIMS = ["the leader", "a follower", "a majority", "all"] as const;
export type Victims = (typeof VICTIMS)[number];

export interface KillReport {
  readonly victims: Victims;
  readonly sids: readonly number[];
  /** Until the kill, and from then to the end of the round. */
  readonly acknowledged: number;
  /** Writes of this round whose reply was lost. */
  readonly unknown: number;
  /** The longest time in which nobody was acknowledged anything, from the kill on. */
  readonly gapMs: number;
  readonly roundMs: number;
  readonly znodes: number;
}

const CLIENTS = 12;
const WRITES_PER_SECOND = 1500;
/** So that a hundred rounds do not end with a tree that takes minutes to compare. */
const CHILDREN_KEPT = 60;
const WRITES_BEFORE = { least: 100, most: 500 };
/** With some servers down, before they come back. */
const WRITES_WITHOUT = 100;
const KILL_JITTER_MS = 15;
const START_JITTER_MS = 200;
/** Snapshots and new log files come within rounds. */
const SNAP_COUNT = "1500";

export class KillRounds {
  readonly #ensemble: Ensemble;
  readonly #load: RecordedLoad;

  private constructor(ensemble: Ensemble) {
    this.#ensemble = ensemble;
    this.#load = RecordedLoad.start(ensemble.clientPorts, {
      clients: CLIENTS,
      writesPerSecond: WRITES_PER_SECOND,
      childrenKept: CHILDREN_KEPT,
    });
  }

  static async start(servers: number): Promise<KillRounds> {
    const kinds = Array.from({ length: servers }, () => "quorate" as const);
    return new KillRounds(
      await Ensemble.start({ kinds, tickTimeMs: 500, settings: { snapCount: SNAP_COUNT } }),
    );
  }

  /** @throws Error if anything was lost, stepped back, or differs; with the servers' last words. */
  async round(victims: Victims): Promise<KillReport> {
    try {
      return await this.#round(victims);
    } catch (error) {
      const message = `${victims}: ${String(error)}\n${this.#ensemble.logTails()}`;
      throw new Error(message, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#load.stop();
    await this.#ensemble[Symbol.asyncDispose]();
  }

  async #round(victims: Victims): Promise<KillReport> {
    const beganMs = performance.now();
    const load = this.#load;
    const [acknowledgedBefore, unknownBefore] = [load.acknowledged, load.unknown];
    await load.more(between(WRITES_BEFORE.least, WRITES_BEFORE.most));
    const killed = await this.#choose(victims);
    await pause(Math.random() * KILL_JITTER_MS);
    load.takeLongestGapMs();
    await Promise.all(killed.map((each) => each.kill()));
    const isMinority = killed.length * 2 < this.#ensemble.members.length;
    // Sometimes they come back while the others have not seen that they are gone.
    if (isMinority && Math.random() < 0.7) await load.more(WRITES_WITHOUT);
    for (const each of shuffled(killed)) {
      await pause(Math.random() * START_JITTER_MS);
      each.start();
    }
    await this.#ensemble.awaitServing();
    await load.allClients();
    const gapMs = load.takeLongestGapMs();
    await load.pause();
    const znodes = await this.#verify();
    load.resume();
    return {
      victims,
      sids: killed.map(({ sid }) => sid),
      acknowledged: load.acknowledged - acknowledgedBefore,
      unknown: load.unknown - unknownBefore,
      gapMs,
      roundMs: performance.now() - beganMs,
      znodes,
    };
  }

  async #choose(victims: Victims): Promise<readonly EnsembleMember[]> {
    const { members } = this.#ensemble;
    switch (victims) {
      case "the leader":
        return [await this.#ensemble.awaitLeader()];
      case "a follower": {
        const leader = await this.#ensemble.awaitLeader();
        return shuffled(members.filter((each) => each !== leader)).slice(0, 1);
      }
      case "a majority":
        return shuffled(members).slice(0, Math.floor(members.length / 2) + 1);
      case "all":
        return members;
    }
  }

  async #verify(): Promise<number> {
    const { members } = this.#ensemble;
    const [witness] = shuffled(members);
    const tree = await readTree(witness?.address ?? "");
    const problems = [
      ...this.#load.problems(tree),
      ...(await treeDifferences(members.map((each) => each.address))),
      ...members.flatMap((each) => complaints(each)),
    ];
    if (problems.length > 0) throw new Error(problems.join("\n"));
    return tree.size;
  }
}

export function killLine(report: KillReport): string {
  const { victims, sids, acknowledged, unknown, gapMs, roundMs, znodes } = report;
  return (
    `${victims} (${sids.join(", ")}): ${acknowledged} acknowledged, ${unknown} unknown, ` +
    `gap ${Math.round(gapMs)} ms, round ${Math.round(roundMs)} ms, ${znodes} znodes`
  );
}

/** What a server calls an error, a diverged tree among them, is none that a kill excuses. */
function complaints(member: EnsembleMember): string[] {
  return member
    .takeLog()
    .split("\n")
    .filter((line) => /"level":"(error|fatal)"/.test(line))
    .map((line) => `server ${member.sid} says: ${line}`);
}

function between(least: number, most: number): number {
  return least + Math.floor(Math.random() * (most - least));
}

function shuffled<T>(all: readonly T[]): T[] {
  return all
    .map((each) => ({ each, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ each }) => each);
}
